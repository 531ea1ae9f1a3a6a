"""Parses queries: text → filters, phrases and the rest, which is searched for."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from semls.decoding import normalize
from semls.engine.files import auxiliary
from semls.engine.storage.filters import Field, Filter, Filters
from semls.engine.syntax import languages
from semls.engine.syntax.chunker import KINDS
from semls.errors import UsageError, suggestion
from semls.globs import translate_path_filter
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
_UNKNOWN_FILTER = re.compile(r"(?<!\S)-?(?P<prefix>[a-z]{3,10}):(?![:/])[^\s:]+(?!\S)")
_FIELDS: Mapping[str, tuple[Field, str]] = {  # prefix → field, and an example of a value
    "lang": ("language", "python"),
    "language": ("language", "python"),
    "path": ("path", "src/**"),
    "kind": ("kind", "class"),
    "name": ("name", "parse*"),
}

_ELLIPSIS = re.compile(r"…|\.\.\.$")


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query. Without text, it asks for all definitions that pass the filters."""

    raw_text: str  # as the user typed it, in normalization form C
    text: str  # without the filters
    limit: int  # of hits
    filters: Filters
    lexical_only: bool
    by_chunk: bool = False  # whether each chunk of a definition is a hit of its own
    by_file: bool = False  # whether hits are grouped by file
    embedding_timeout: float = 0.0  # seconds that the caller waits for vectors of what the query has found

    def relative_to(self, *roots: str) -> "Query":
        """Return the query whose filters also match absolute paths in a workspace, which has these paths."""
        filters = tuple(
            _relative_filter(each, roots) if each.field == "path" else each for each in self.filters
        )
        return replace(self, filters=filters)

    def without_phrases(self) -> "Query":
        """Return the query without the phrases that must occur; itself if it begins or ends with one.

        A phrase with words on both sides may be a value in a pasted message.
        """
        if '"' in (self.raw_text[:1], self.raw_text[-1:]):
            return self
        filters = tuple(each for each in self.filters if each.field != "text" or each.negated)
        return replace(self, filters=filters)


def parse_query(
    text: str,
    limit: int = 10,
    *,
    languages: Iterable[str] = (),
    paths: Iterable[str] = (),
    excluded: Iterable[str] = (),
    kinds: Iterable[str] = (),
    tests: bool = True,
    lexical_only: bool = False,
    by_file: bool = False,
    embedding_timeout: float = 0.0,
) -> Query:
    """Parse a query. Hits pass the filters in its text and those in the other arguments.

    A query without text lists all definitions in the order of their files, so `by_file` does not apply to it.
    Raises UsageError.
    """
    if len(text) > MAX_QUERY_LENGTH:
        raise UsageError(f"The query has {len(text):,} characters. The limit is {MAX_QUERY_LENGTH:,}.")
    if not 1 <= limit <= MAX_HITS:
        raise UsageError(f"Invalid number of hits {limit}. Use a number from 1 to {MAX_HITS:,}.")
    raw_text = normalize(text.strip())
    remaining, inline = _extract_filters(raw_text)
    explicit = _make_filters(
        {
            ("language", False): languages,
            ("path", False): paths,
            ("path", True): excluded,
            ("kind", False): kinds,
        }
    )
    if not tests:
        explicit += (Filter("path", (auxiliary.TESTS,), negated=True, raw_values=("tests",)),)
    if not remaining and not inline and not explicit:
        raise UsageError("The query is empty. Type what you search for, such as: where are files read")
    return Query(
        raw_text,
        remaining,
        limit,
        inline + explicit,
        lexical_only=lexical_only or not remaining,
        by_file=by_file and bool(remaining),
        embedding_timeout=embedding_timeout,
    )


def _extract_filters(text: str) -> tuple[str, Filters]:
    """Return a text without its filters, and the filters. Phrases that must occur stay in the text, too."""
    matches = list(_FILTER.finditer(text))
    if len(matches) > MAX_FILTERS:
        raise UsageError(f"The query has {len(matches):,} filters. Use at most {MAX_FILTERS}.")
    _refuse_misspelled_filter(text)
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


def _refuse_misspelled_filter(text: str) -> None:
    """Raise UsageError for a word like `langu:go`, which no code would be searched for by."""
    for match in _UNKNOWN_FILTER.finditer(text):
        prefix = match["prefix"]
        similar = [name for name in _FIELDS if prefix not in _FIELDS and _is_misspelling(prefix, name)]
        if similar:
            raise UsageError(f"Unknown filter '{prefix}:'. Did you mean '{similar[0]}:'?")


def _is_misspelling(word: str, name: str) -> bool:
    """Return whether a word differs from a name by a letter, or by the order of two letters."""
    if sorted(word) == sorted(name):
        return True
    shorter, longer = sorted((word, name), key=len)
    return len(longer) - len(shorter) == 1 and any(
        longer[:index] + longer[index + 1 :] == shorter for index in range(len(longer))
    )


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
            parsed = tuple(dict.fromkeys(map(_PARSERS[field], map(normalize, raw_values))))
            filters.append(Filter(field, parsed, negated, raw_values))
    return tuple(filters)


def _parse_language(name: str) -> str:
    return languages.require(name).name


def _parse_kind(name: str) -> str:
    kinds = {kind.lower(): kind for kind in KINDS}
    if name.lower() not in kinds:
        hint = f"Use one of {', '.join(kinds)}."
        raise UsageError(f"Unknown kind {name!r}. {suggestion(name, kinds) or hint}")
    return kinds[name.lower()]


def _parse_name(name: str) -> str:
    """Return a name with `*` for an ellipsis."""
    return _ELLIPSIS.sub("*", name)


def _relative_filter(wanted: Filter, roots: Iterable[str]) -> Filter:
    """Return a filter for paths that also matches those that are written with the path of their workspace."""
    globs = [glob.strip().replace("\\", "/") for glob in map(normalize, wanted.raw_values)]
    roots = {normalize(root).replace("\\", "/").rstrip("/") for root in roots}
    relative = [
        glob.removeprefix(root).strip("/")
        for glob in globs
        for root in roots
        if f"{glob}/".startswith(f"{root}/")
    ]
    values = (_parse_path(f"/{path or '**'}") for path in relative)
    return replace(wanted, values=tuple(dict.fromkeys([*wanted.values, *values])))


def _parse_path(glob: str) -> str:
    pattern = translate_path_filter(glob)
    if not pattern:
        raise UsageError("The path pattern is empty. Examples: src/**/*.py, src.")
    return pattern


_PARSERS: Mapping[Field, Callable[[str], str]] = {
    "language": _parse_language,
    "path": _parse_path,
    "kind": _parse_kind,
    "name": _parse_name,
}
