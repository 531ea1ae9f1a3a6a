"""What commands and requests are given → checked, or refused with a sentence for a person."""

from collections.abc import Mapping, Sequence
from typing import Any

from pygls.exceptions import JsonRpcInvalidParams

from semls.lsp import convert

_FILTERS = ("languages", "paths", "kinds")


def search(given: Sequence[Any]) -> dict[str, Any]:
    """What is asked for. Raises JsonRpcInvalidParams, as all of these do."""
    return _checked(_only(given), ("query",), ("limit", *_FILTERS))


def best(given: Sequence[Any]) -> dict[str, Any]:
    """The same where one hit is wanted."""
    return _checked(_only(given), ("query",), _FILTERS)


def similar(given: Sequence[Any]) -> tuple[str, int, dict[str, Any]]:
    """The file and the row that are meant, and how many hits."""
    options = _checked(_only(given), ("uri", "position"), ("limit",))
    position = options.pop("position")
    file = convert.path(options.pop("uri"))
    row = position.get("line") if isinstance(position, Mapping) else None
    if not file or not isinstance(row, int):
        raise JsonRpcInvalidParams("Give the `uri` of a file and a `position` in it: {line, character}.")
    return file, row, options


def context(given: Sequence[Any]) -> dict[str, Any]:
    """What is asked about."""
    return _checked(_only(given), ("query",), ("tokens", *_FILTERS))


def nothing(given: Sequence[Any]) -> None:
    """No argument, or one object without anything in it."""
    if len(given) > 1 or any(map(_plain, given)):
        raise JsonRpcInvalidParams("This takes no arguments: it is about all open folders.")


def _only(given: Sequence[Any]) -> Mapping[str, Any]:
    """The one object among the arguments."""
    if len(given) == 1:
        plain = _plain(given[0])
        if isinstance(plain, Mapping):
            return plain
    raise JsonRpcInvalidParams("Give one object as the argument, such as {query: 'where are files read'}.")


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Mappings for the named tuples that pygls makes of objects."""
    given = value._asdict() if hasattr(value, "_asdict") else value
    return {key: _plain(one) for key, one in given.items()} if isinstance(given, Mapping) else given


def _checked(arguments: Mapping[str, Any], needed: Sequence[str], others: Sequence[str]) -> dict[str, Any]:
    given = {key: value for key, value in arguments.items() if value is not None}
    if not set(needed) <= given.keys() <= {*needed, *others} or not isinstance(given[needed[0]], str):
        names, more = " and ".join(needed), ", ".join(others)
        raise JsonRpcInvalidParams(f"Give one object with {names} and, if you like, {more}.")
    return given
