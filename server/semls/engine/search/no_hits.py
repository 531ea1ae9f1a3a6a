"""Explains why a query found nothing: an empty index, or filters that no indexed code passes."""

import difflib
from collections.abc import Mapping

from semls.engine.search.query import Query
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.filters import Field, Filter, Filters

_MIN_SIMILARITY = 0.75  # of a name to one that is suggested, from 0 to 1
# Field of a filter → what it selects, and what precedes its value in a query.
_FORMS: Mapping[Field, tuple[str, str]] = {
    "path": ("file", "path:"),
    "language": ("file", "lang:"),
    "kind": ("definition", "kind:"),
    "name": ("definition", "name:"),
    "text": ("code", ""),
}


def explain(query: Query, catalog: Catalog) -> str:
    """Return a sentence for the user, or "" if neither the index nor the filters are the reason.

    Raises StoreError.
    """
    if not catalog.has_chunk(()):
        return "No file is indexed."
    for filters in _filter_groups(query.filters):
        if not catalog.has_chunk(filters):
            return _sentence(filters) + _similar_name(filters, catalog)
    return ""


def _similar_name(filters: Filters, catalog: Catalog) -> str:
    """Return a sentence that suggests a name that is similar to that of the only filter, or ""."""
    only = filters[0]
    if len(filters) > 1 or only.field != "name" or only.negated or "*" in only.values[0]:
        return ""
    wanted = only.values[0].rpartition(".")[2].lower()
    names = {name.lower(): name for name in catalog.names_like(wanted)}
    similar = difflib.get_close_matches(wanted, names, 1, _MIN_SIMILARITY)
    return f" Did you mean name:{names[similar[0]]}?" if similar else ""


def _filter_groups(filters: Filters) -> list[Filters]:
    """Return groups of filters to try, the smallest first: each filter, all texts, all filters.

    Filters on the text form one group, because each of them reads all chunks.
    """
    texts = tuple(each for each in filters if each.field == "text")
    singles = [(each,) for each in filters if each.field != "text"]
    return [group for group in (*singles, texts, filters) if group]


def _sentence(filters: Filters) -> str:
    if len(filters) > 1:
        return f"No indexed code passes these filters together: {' '.join(map(_typed, filters))}."
    (only,) = filters
    if only.negated:
        return f"All indexed code is excluded by {_typed(only)}."
    return f"No indexed {_FORMS[only.field][0]} matches {_typed(only)}."


def _typed(wanted: Filter) -> str:
    """Return a filter as it is typed in a query."""
    prefix = ("-" if wanted.negated else "") + _FORMS[wanted.field][1]
    return " or ".join(prefix + _quoted(value, wanted.field) for value in wanted.raw_values)


def _quoted(value: str, field: Field) -> str:
    """Return a value with quotation marks if it needs them in a query."""
    if field == "text":
        value = value.replace('"', r"\"")
    return f'"{value}"' if field == "text" or " " in value else value
