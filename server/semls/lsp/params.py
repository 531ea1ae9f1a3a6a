"""Validates the parameters of requests and the arguments of commands.

pydantic and the schemas take 60 ms to import, so they are imported by the first request: the response to
`initialize` must not wait for them.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from pygls.exceptions import JsonRpcInvalidParams

from semls.limits import EMBEDDING_TIMEOUT
from semls.lsp import convert

if TYPE_CHECKING:
    from pydantic import BaseModel

Schema = TypeVar("Schema", bound="BaseModel")


def parse_search(arguments: Sequence[object]) -> dict[str, Any]:
    """Return the arguments of a search, as far as given. Raises JsonRpcInvalidParams."""
    from semls.service.schemas import SearchParams

    params = _parse(arguments, SearchParams).model_dump(exclude_unset=True)
    if params.pop("wait", False):
        params["embedding_timeout"] = EMBEDDING_TIMEOUT
    return params


def parse_query(arguments: Sequence[object]) -> dict[str, Any]:
    """Return the query and its filters, as far as given. Raises JsonRpcInvalidParams."""
    from semls.service.schemas import QueryParams

    return _parse(arguments, QueryParams).model_dump(exclude_unset=True)


def parse_context(arguments: Sequence[object]) -> dict[str, Any]:
    """Return the query, its filters and token budget, as far as given. Raises JsonRpcInvalidParams."""
    from semls.service.schemas import ContextParams

    return _parse(arguments, ContextParams).model_dump(exclude_unset=True)


def parse_similar(arguments: Sequence[object]) -> tuple[str, int, int]:
    """Return the path of the file, the row and the limit. Raises JsonRpcInvalidParams."""
    from semls.service.schemas import SimilarParams

    params = _parse(arguments, SimilarParams)
    path = convert.uri_to_path(params.uri)
    if path is None:
        raise JsonRpcInvalidParams("'uri' must be a file on this machine, such as file:///home/me/main.py.")
    return path, params.position.line, params.limit


def parse_duplicates(arguments: Sequence[object]) -> tuple[str | None, dict[str, Any]]:
    """Return the URI of the file or None, and limit and whether tests count. Raises JsonRpcInvalidParams."""
    from semls.service.schemas import DuplicatesParams

    params = _parse(arguments, DuplicatesParams)
    return params.uri, params.model_dump(exclude={"uri"})


def check_no_arguments(arguments: Sequence[object]) -> None:
    """Accept no argument, or one that is null or empty. Raises JsonRpcInvalidParams."""
    if len(arguments) > 1 or any(argument not in (None, {}, []) for argument in arguments):
        raise JsonRpcInvalidParams("Expected no arguments: the command applies to all open folders.")


def _parse(arguments: Sequence[object], schema: type[Schema]) -> Schema:
    """Validate a single object; a member that is null counts as absent."""
    from pydantic import ValidationError

    from semls.service.schemas import error_message

    if len(arguments) != 1 or not isinstance(arguments[0], Mapping):
        raise JsonRpcInvalidParams("Expected one object, such as {query: 'where are files read'}.")
    members = {key: value for key, value in arguments[0].items() if value is not None}
    try:
        return schema.model_validate(members)
    except ValidationError as error:
        raise JsonRpcInvalidParams(error_message(error, schema)) from error
