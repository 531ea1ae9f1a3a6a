"""Parses queries: text → filters, phrases and the rest, which is searched for."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from semls.engine.files.globs import AtomicGroups
from semls.engine.storage.filters import Field, Filter, Filters
from semls.engine.syntax import languages
from semls.engine.syntax.chunker import KINDS
from semls.errors import UsageError
from semls.limits import MAX_HITS, MAX_QUERY_LENGTH

MAX_FILTERS = 30  # in the text of a query

# A filter is a word of its own, and unlike code such as `name: str`, `path::Path` or `print("a", "b")`.
_FILTER = re.compile(
    r"""
    (?<!\S) (?P<minus>-?)
    (?: (?P<prefix>lang|language|path|kind|name):
        (?: "(?P<quoted>[^"\n]*)"(?!\S) | (?P<unclosed>"[^"\n]*\Z) | (?P<plain>(?!["=:]|//)\S+|\Z) )
    | "(?P<phrase>(?!\s*")(?:[^"\\\n]|\\.)+)"(?=[.?!]*(?!\S)) )
    """,
    re.VERBOSE,
)
_FIELDS: Mapping[str, tuple[Field, str]] = {  # prefix → field, and an example of a value
    "lang": ("language", "python"),
    "language": ("language", "python"),
    "path": ("path", "src/**"),
    "kind": ("kind", "class"),
    "name": ("name", "parse*"),
}
# The least similarity of a suggestion, from 0 to 1: pyton is similar to python, klingon not to kotlin.
_MIN_SUGGESTION_RATIO = 0.75

_ELLIPSIS = re.compile(r"…|\.\.\.$")
_MEMBER_SEPARATOR = re.compile(r"(?<=\w)(?:::|->|#)(?=[\w*~$])")
_DOUBLE_STAR = re.compile(r"((?:^|(?<=/))\*{2,}/|\*{2,})")


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query. Without text, it asks for all definitions that pass the filters."""

    raw_text: str  # as the user typed it
    text: str  # without the filters
    limit: int  # of hits
    filters: Filters
    lexical_only: bool
    by_chunk: bool = False  # whether each chunk of a definition is a hit of its own
    by_file: bool = False  # whether hits are grouped by file


def parse_query(
    text: str,
    limit: int = 10,
    *,
    languages: Iterable[str] = (),
    paths: Iterable[str] = (),
    kinds: Iterable[str] = (),
    lexical_only: bool = False,
    by_file: bool = False,
) -> Query:
    """Parse a query. Hits pass the filters in its text and those in the other arguments.

    A query without text lists all definitions in the order of their files, so `by_file` does not apply to it.
    Raises UsageError.
    """
    if len(text) > MAX_QUERY_LENGTH:
        raise UsageError(f"The query has {len(text):,} characters. The limit is {MAX_QUERY_LENGTH:,}.")
    if not 1 <= limit <= MAX_HITS:
        raise UsageError(f"Invalid number of hits {limit}. Use a number from 1 to {MAX_HITS:,}.")
    raw_text = text.strip()
    remaining, inline = _extract_filters(raw_text)
    explicit = _make_filters({("language", False): languages, ("path", False): paths, ("kind", False): kinds})
    if not remaining and not inline and not explicit:
        raise UsageError("The query is empty. Type what you search for, such as: where are files read")
    return Query(
        raw_text,
        remaining,
        limit,
        inline + explicit,
        lexical_only=lexical_only or not remaining,
        by_file=by_file and bool(remaining),
    )


def _extract_filters(text: str) -> tuple[str, Filters]:
    """Return a text without its filters, and the filters. Phrases that must occur stay in the text, too."""
    matches = list(_FILTER.finditer(text))
    if len(matches) > MAX_FILTERS:
        raise UsageError(f"The query has {len(matches):,} filters. Use at most {MAX_FILTERS}.")
    phrases: list[Filter] = []
    values: dict[tuple[Field, bool], list[str]] = {}
    for match in matches:
        negated = bool(match["minus"])
        if match["phrase"]:
            phrase = _phrase(match)
            phrases.append(Filter("text", (phrase.casefold(),), negated, raw_values=(phrase,)))
        else:
            field, value = _field_and_value(match)
            values.setdefault((field, negated), []).append(value)
    remaining = _FILTER.sub(lambda match: "" if match["minus"] else _phrase(match), text)
    return remaining.strip(), _make_filters(values) + tuple(dict.fromkeys(phrases))


def _phrase(match: re.Match[str]) -> str:
    return (match["phrase"] or "").replace(r"\"", '"')


def _field_and_value(match: re.Match[str]) -> tuple[Field, str]:
    prefix = match["prefix"]
    field, example = _FIELDS[prefix]
    if match["unclosed"]:
        raise UsageError(f"The quotation mark after {prefix}: is not closed. Close or remove it.")
    value = (match["quoted"] or match["plain"] or "").strip()
    if not value:
        raise UsageError(f"The value after {prefix}: is missing. Example: {prefix}:{example}")
    return field, value


def _make_filters(values_by_field: Mapping[tuple[Field, bool], Iterable[str]]) -> Filters:
    """Return a filter for each field (and for its negation) that has values. Raises UsageError."""
    filters = []
    for (field, negated), values in values_by_field.items():
        raw_values = tuple(dict.fromkeys(values))
        if raw_values:
            parsed = tuple(dict.fromkeys(map(_PARSERS[field], raw_values)))
            filters.append(Filter(field, parsed, negated, raw_values))
    return tuple(filters)


def _parse_language(name: str) -> str:
    language = languages.by_name(name)
    if language is None:
        hint = "Use a name such as python, typescript, c++ or markdown."
        raise UsageError(f"Unknown language {name!r}. {_suggestion(name, languages.NAMES) or hint}")
    return language.name


def _parse_kind(name: str) -> str:
    kinds = {kind.lower(): kind for kind in KINDS}
    if name.lower() not in kinds:
        hint = f"Use one of {', '.join(kinds)}."
        raise UsageError(f"Unknown kind {name!r}. {_suggestion(name, kinds) or hint}")
    return kinds[name.lower()]


def _suggestion(name: str, names: Iterable[str]) -> str:
    matches = difflib.get_close_matches(name.lower(), names, 1, _MIN_SUGGESTION_RATIO)
    return f"Did you mean {matches[0]!r}?" if matches else ""


def _parse_name(name: str) -> str:
    """Return a name as the catalog has it: `A.b` for `A::b`, and `*` for an ellipsis."""
    return _MEMBER_SEPARATOR.sub(".", _ELLIPSIS.sub("*", name))


def _parse_path(glob: str) -> str:
    """Translate a glob into a regular expression. Raises UsageError.

    Without a slash, the glob matches a file or folder at any depth. A folder matches all files in it.
    """
    glob = glob.strip().replace("\\", "/").removeprefix("./").rstrip("/")
    if not glob:
        raise UsageError("The path pattern is empty. Examples: src/**/*.py, src.")
    first, *rest = _DOUBLE_STAR.split(glob.removeprefix("/") if "/" in glob else f"**/{glob}")
    groups = AtomicGroups()
    deeper = [
        ("(?:[^/]*/)*?" if stars.endswith("/") else ".*?") + _translate_without_double_stars(part, groups)
        for stars, part in zip(rest[::2], rest[1::2], strict=True)
    ]
    return groups.concatenate([_translate_without_double_stars(first, groups), *deeper]) + "(?:/.*)?$"


def _translate_without_double_stars(glob: str, groups: AtomicGroups) -> str:
    first, *rest = (re.escape(part).replace(r"\?", "[^/]") for part in glob.split("*"))
    return groups.concatenate([first, *(f"[^/]*?{part}" for part in rest)])


_PARSERS: Mapping[Field, Callable[[str], str]] = {
    "language": _parse_language,
    "path": _parse_path,
    "kind": _parse_kind,
    "name": _parse_name,
}
