"""Parse command-line arguments: shared options, paths, code locations and query files."""

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from semls.errors import UsageError
from semls.locations import split_location

Command = TypeVar("Command", bound=Callable[..., Any])

_MAX_QUERY_FILE_BYTES = 1 << 20


class _Text(click.ParamType[str, str]):
    """Text in UTF-8. In another locale, Python has decoded its bytes with another encoding."""

    name = "text"

    def convert(self, value: str, _param: click.Parameter | None, _ctx: click.Context | None) -> str:
        """Return the text. Raises UsageError."""
        try:
            return os.fsencode(value).decode("utf-8")
        except UnicodeDecodeError as error:
            raise UsageError(f"The argument '{value}' is not valid UTF-8: pass it as UTF-8.") from error


class TypedQuery(NamedTuple):
    """A query, and where it is written: FILE:LINE, or "" for an argument."""

    text: str
    place: str


TEXT = _Text()
PATH = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which code a command searches."""

    languages: Sequence[str] = ()
    paths: Sequence[str] = ()
    excluded: Sequence[str] = ()
    kinds: Sequence[str] = ()
    tests: bool = True


folder_argument = click.argument("folder", type=PATH, default=Path(), metavar="[FOLDER]")
path_option = click.option(
    "--path",
    type=PATH,
    default=Path(),
    metavar="FOLDER",
    help="Search this folder instead of the current one.",
)
workspace_option = click.option(
    "--path", "folder", type=PATH, metavar="FOLDER", help="The workspace. By default, the repository of FILE."
)
paths_option = click.option(
    "--path",
    "folders",
    type=PATH,
    multiple=True,
    default=(Path(),),
    metavar="FOLDER",
    help="Search this folder instead of the current one. Repeatable.",
)
lexical_option = click.option(
    "--lexical", "lexical_only", is_flag=True, help="Use full-text search only, without the model."
)
force_option = click.option("--force", is_flag=True, help="Allow the home folder and the root of a drive.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def wait_option(command: Command) -> Command:
    """Add `--wait`. Its former opposite, `--no-wait`, is accepted and does nothing."""
    command = click.option("--wait", is_flag=True, help="Wait until all code is embedded.")(command)
    return click.option("--no-wait", is_flag=True, hidden=True, expose_value=False)(command)


def filter_options(command: Command) -> Command:
    """Add the options of `Filters`, and pass them to the command as `filters`."""

    @functools.wraps(command)
    def with_filters(
        *,
        languages: Sequence[str],
        paths: Sequence[str],
        excluded: Sequence[str],
        kinds: Sequence[str],
        tests: bool,
        **arguments: object,
    ) -> object:
        filters = Filters(languages, paths, excluded, kinds, tests)
        return command(filters=filters, **arguments)

    wrapped: Any = with_filters
    for option in reversed(_FILTER_OPTIONS):
        wrapped = option(wrapped)
    result: Command = wrapped
    return result


def _complete_language(_context: click.Context, _parameter: click.Parameter, prefix: str) -> list[str]:
    from semls.service.vocabulary import LANGUAGES

    return [name for name in LANGUAGES if name.startswith(prefix.lower())]


def _complete_kind(_context: click.Context, _parameter: click.Parameter, prefix: str) -> list[str]:
    from semls.service.vocabulary import KINDS

    return [kind for kind in KINDS if kind.startswith(prefix.lower())]


def _repeatable(*names: str, metavar: str, text: str, complete: Any = None) -> Callable[[Any], Any]:  # noqa: ANN401
    return click.option(
        *names,
        type=TEXT,
        multiple=True,
        metavar=metavar,
        help=f"{text} Repeatable.",
        shell_complete=complete,
    )


_FILTER_OPTIONS = (
    _repeatable(
        "--lang",
        "languages",
        metavar="LANGUAGE",
        text="Search only this language.",
        complete=_complete_language,
    ),
    _repeatable("--in", "paths", metavar="GLOB", text="Search only matching files, such as 'src/**/*.py'."),
    _repeatable("-e", "--exclude", "excluded", metavar="GLOB", text="Search no matching files."),
    click.option(
        "--no-tests", "tests", flag_value=False, default=True, help="Search no tests and test data."
    ),
    _repeatable(
        "--kind",
        "kinds",
        metavar="KIND",
        text="Search only this kind of definition, such as class or function.",
        complete=_complete_kind,
    ),
)


def parse_location(location: str) -> tuple[str, int]:
    """Return the absolute path and the zero-based row of FILE:LINE. Raises UsageError."""
    file, row = split_location(location)
    return engine_path(file), row


def file_of_location(location: str) -> str:
    """Return the file of a location, or the argument itself if it is only a file."""
    if not os.path.exists(location):
        with contextlib.suppress(UsageError):
            return split_location(location)[0]
    return location


def workspace_of(file: str) -> Path:
    """Return the workspace of a file: the current folder, or else the repository or the folder around it."""
    places = (Path(file), *Path(file).parents)  # `semls why` accepts a folder, too
    here = Path(absolute_path("."))
    if here in places:
        return here
    return next((folder for folder in places if (folder / ".git").exists()), places[0].parent)


def engine_path(path: str | Path) -> str:
    """Return the absolute path as the engine spells it: decoded from UTF-8, whatever the locale is."""
    return os.fsencode(absolute_path(path)).decode("utf-8", "surrogateescape")


def absolute_path(path: str | Path) -> str:
    """Return the absolute path. Raises UsageError if the current folder was deleted."""
    try:
        return os.path.abspath(path)
    except FileNotFoundError as error:
        raise UsageError("The current folder was deleted: change to another one.") from error


def read_queries(words: Sequence[str], source: str | None) -> list[TypedQuery]:
    """Return the query that was typed, or the queries in the file `source`, one per line.

    `source` is "-" for stdin. Raises UsageError.
    """
    if bool(words) == bool(source):
        raise UsageError("Pass either a query, or a file of queries with --from.")
    return _read_query_file(source) if source else [TypedQuery(" ".join(words), "")]


def _read_query_file(source: str) -> list[TypedQuery]:
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
    file = "stdin" if source == "-" else source
    queries = [
        TypedQuery(line.strip(), f"{file}:{number}") for number, line in enumerate(lines, 1) if line.strip()
    ]
    if not queries:
        raise UsageError(f"There is no query in {name}: write one per line.")
    return queries


def _read_prefix(source: str, size: int) -> bytes:
    """Return the first `size` bytes of a file or of stdin. A pipe is allowed, as in `--from <(command)`."""
    if source == "-":
        return sys.stdin.buffer.read(size)
    with open(source, "rb") as stream:
        return stream.read(size)
