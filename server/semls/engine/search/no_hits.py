"""Explain why a query found nothing: an empty index, or filters that no indexed code passes."""

from collections.abc import Mapping

from semls.engine.search.query import Query
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.filters import Field, Filter, Filters

# What a filter is about, and what is written before its value.
_FORMS: Mapping[Field, tuple[str, str]] = {
    "path": ("file", "path:"),
    "language": ("file", "lang:"),
    "kind": ("definition", "kind:"),
    "name": ("definition", "name:"),
    "text": ("code", ""),
}


def explain(asked: Query, catalog: Catalog) -> str:
    """Return a sentence for a person, or "" where neither the index nor the filters are the reason."""
    if not catalog.has_chunk(()):
        return "No file is indexed."
    texts = tuple(each for each in asked.filters if each.field == "text")  # together: each reads all chunks
    groups = [*((each,) for each in asked.filters if each.field != "text"), texts, asked.filters]
    impassable = (group for group in groups if group and not catalog.has_chunk(group))
    return next(map(_sentence, impassable), "")


def _sentence(filters: Filters) -> str:
    first, *more = filters
    if more:
        return f"No indexed code passes these filters together: {' '.join(map(_shown, filters))}."
    if first.negated:
        return f"All indexed code is left out by {_shown(first)}."
    return f"No indexed {_FORMS[first.field][0]} matches {_shown(first)}."


def _shown(one: Filter) -> str:
    start = "-" * one.negated + _FORMS[one.field][1]
    return " or ".join(start + _quoted(value, one.field) for value in one.raw_values)


def _quoted(value: str, field: Field) -> str:
    """A value as it is written in a question."""
    if field == "text":
        value = value.replace('"', r"\"")
    return f'"{value}"' if field == "text" or " " in value else value
