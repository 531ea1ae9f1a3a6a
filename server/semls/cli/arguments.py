"""Parse command-line arguments: shared options, paths, code locations and query files."""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from semls.errors import UsageError

_LOCATION = re.compile(r"(?P<file>.+?):0*(?P<line>[1-9][0-9]{0,8})(?::[0-9]*)?:?", re.DOTALL)
_MAX_QUERY_FILE_BYTES = 1 << 20


def decode_argument(argument: str) -> str:
    """Decode an argument as UTF-8. In another locale, Python has decoded its bytes with another encoding.

    Raises UsageError.
    """
    try:
        return os.fsencode(argument).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"The argument '{argument}' is not valid UTF-8: pass it as UTF-8.") from error


IndexedFolder = Annotated[
    Path, typer.Argument(help="The folder to index.", show_default="the current folder")
]
SearchedFolder = Annotated[
    Path, typer.Option(help="The folder to search.", show_default="the current folder")
]
Limit = Annotated[int, typer.Option("-k", help="Maximum number of hits.")]
Languages = Annotated[
    list[str] | None,
    typer.Option(parser=decode_argument, metavar="LANGUAGE", help="Search only this language. Repeatable."),
]
PathPatterns = Annotated[
    list[str] | None,
    typer.Option(
        "--in",
        parser=decode_argument,
        metavar="GLOB",
        help="Search only matching files, such as 'src/**/*.py'. Repeatable.",
    ),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option(
        parser=decode_argument,
        metavar="KIND",
        help="Search only this kind of definition, such as class or function. Repeatable.",
    ),
]
LexicalOnly = Annotated[bool, typer.Option("--lexical", help="Use full-text search only, without the model.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait until all code is embedded.")]
Force = Annotated[bool, typer.Option("--force", help="Allow the home folder and the root of a drive.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def parse_location(location: str) -> tuple[str, int]:
    """Return the absolute path and the zero-based row of FILE:LINE.

    FILE:LINE:COLUMN, which compilers and grep print, is accepted too. Raises UsageError.
    """
    match = _LOCATION.fullmatch(location)
    if match is None:
        raise UsageError(f"'{location}' is not a location: write FILE:LINE, for example src/http.py:42.")
    return engine_path(match["file"]), int(match["line"]) - 1


def engine_path(path: str | Path) -> str:
    """Return the absolute path as the engine spells it: decoded from UTF-8, whatever the locale is."""
    return os.fsencode(absolute_path(path)).decode("utf-8", "surrogateescape")


def absolute_path(path: str | Path) -> str:
    """Return the absolute path. Raises UsageError if the current folder was deleted."""
    try:
        return os.path.abspath(path)
    except FileNotFoundError as error:
        raise UsageError("The current folder was deleted: change to another one.") from error


def read_queries(words: Sequence[str], source: str | None) -> list[str]:
    """Return the query that was typed, or the queries in the file `source`, one per line.

    `source` is "-" for stdin. Raises UsageError.
    """
    if bool(words) == bool(source):
        raise UsageError("Pass either a query, or a file of queries with --from.")
    return _read_query_file(source) if source else [" ".join(words)]


def _read_query_file(source: str) -> list[str]:
    name = "standard input" if source == "-" else source
    try:
        content = _read_prefix(source, _MAX_QUERY_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"The queries in {name} cannot be read: {error.strerror}.") from error
    if len(content) > _MAX_QUERY_FILE_BYTES:
        raise UsageError(f"The queries in {name} exceed 1 MiB: split them into several files.")
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"Line {line:,} of {name} is not valid UTF-8: save the file as UTF-8.") from error
    queries = [line.strip() for line in lines if line.strip()]
    if not queries:
        raise UsageError(f"There is no query in {name}: write one per line.")
    return queries


def _read_prefix(source: str, size: int) -> bytes:
    """Return the first `size` bytes of a file or of stdin. A pipe is allowed, as in `--from <(command)`."""
    if source == "-":
        return sys.stdin.buffer.read(size)
    with open(source, "rb") as stream:
        return stream.read(size)
