"""Explains why a query found nothing: an empty index, or filters that no indexed code passes."""

from collections.abc import Mapping

from semls.engine.search.query import Query
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.filters import Field, Filter, Filters

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
            return _sentence(filters)
    return ""


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
