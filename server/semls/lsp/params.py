"""Validates what commands and requests are given."""

from collections.abc import Mapping, Sequence
from typing import Any

from pygls.exceptions import JsonRpcInvalidParams

from semls.lsp import convert


def search(given: Sequence[Any]) -> dict[str, Any]:
    """Return what to look for, and how many hits. Raises JsonRpcInvalidParams, as all of these do."""
    return _options(_validated(given, "SearchParams"))


def best(given: Sequence[Any]) -> dict[str, Any]:
    """Return what to look for where one hit is wanted."""
    return _options(_validated(given, "QueryParams"))


def similar(given: Sequence[Any]) -> tuple[str, int, dict[str, Any]]:
    """Return the file and the row to compare with, and how many hits."""
    terms = _validated(given, "SimilarParams")
    file = convert.path(terms.uri)
    if file is None:
        raise JsonRpcInvalidParams("'uri' must name a file of this machine, such as file:///home/me/main.py.")
    return file, terms.position.line, {"limit": terms.limit}


def context(given: Sequence[Any]) -> dict[str, Any]:
    """Return what to look for, and how many tokens to pack."""
    return _options(_validated(given, "ContextParams"))


def nothing(given: Sequence[Any]) -> None:
    """Accept no argument, or one without anything in it."""
    if len(given) > 1 or not all(one in (None, {}, []) for one in given):
        raise JsonRpcInvalidParams("This takes no arguments: it is about all open folders.")


def _options(terms: Any) -> dict[str, Any]:  # noqa: ANN401
    return dict(terms.model_dump(exclude_unset=True))


def _validated(given: Sequence[Any], name: str) -> Any:  # noqa: ANN401 - an instance of the schema
    from pydantic import ValidationError

    from semls.service import schemas  # both take 60 ms to import: `initialize` must not wait for them

    if len(given) != 1 or not isinstance(given[0], Mapping):
        raise JsonRpcInvalidParams("Give one object, such as {query: 'where are files read'}.")
    schema = getattr(schemas, name)
    try:
        return schema.model_validate({key: value for key, value in given[0].items() if value is not None})
    except ValidationError as error:
        raise JsonRpcInvalidParams(schemas.error_message(error, schema)) from error
