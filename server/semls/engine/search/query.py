"""What is asked: text → filters, phrases and a question."""

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

MOST_FILTERS = 30  # in the text of a question

# A word of its own, unlike what code is likely to hold: `name: str`, `path::Path`, `print("a", "b")`.
_FILTER = re.compile(
    r"""
    (?<!\S) (?P<minus>-?)
    (?: (?P<word>lang|language|path|kind|name):
        (?: "(?P<quoted>[^"\n]*)"(?!\S) | (?P<unclosed>"[^"\n]*\Z) | (?P<plain>(?!["=:]|//)\S+|\Z) )
    | "(?P<phrase>(?!\s*")(?:[^"\\\n]|\\.)+)"(?=[.?!]*(?!\S)) )
    """,
    re.VERBOSE,
)
_FIELDS: Mapping[str, tuple[Field, str]] = {  # with an example
    "lang": ("language", "python"),
    "language": ("language", "python"),
    "path": ("path", "src/**"),
    "kind": ("kind", "class"),
    "name": ("name", "parse*"),
}
_NEAR = 0.75  # of 1: pyton is near python, klingon is not near kotlin

_ELLIPSIS = re.compile(r"…|\.\.\.$")
_MEMBER_OF = re.compile(r"(?<=\w)(?:::|->|#)(?=[\w*~$])")
_DEEP = re.compile(r"((?:^|(?<=/))\*{2,}/|\*{2,})")


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked, and for how many hits; without any text, for the definitions that pass the filters."""

    typed: str
    text: str  # what is left of it without the filters
    limit: int
    filters: Filters
    lexical_only: bool
    by_chunk: bool = False  # whether a long definition may be found once for each of its chunks


def query(
    text: str,
    limit: int = 10,
    *,
    languages: Iterable[str] = (),
    paths: Iterable[str] = (),
    kinds: Iterable[str] = (),
    lexical_only: bool = False,
) -> Query:
    """A checked query; filters in its text and those given beside it hold together.

    Raises UsageError with a sentence about what is wrong.
    """
    if len(text) > MAX_QUERY_LENGTH:
        raise UsageError(
            f"The question has {len(text):,} characters: ask with at most {MAX_QUERY_LENGTH:,} of them."
        )
    if not 1 <= limit <= MAX_HITS:
        raise UsageError(f"The number of hits is {limit}: it must be from 1 to {MAX_HITS:,}.")
    typed = text.strip()
    question, within = _parse(typed)
    beside = _filters({("language", False): languages, ("path", False): paths, ("kind", False): kinds})
    if not question and not within and not beside:
        raise UsageError("The question is empty: ask for something, for example: where are files read")
    return Query(typed, question, limit, within + beside, lexical_only or not question)


def _parse(text: str) -> tuple[str, Filters]:
    """A text without its filters, and these. A phrase that must occur is a part of the question, too."""
    matches = list(_FILTER.finditer(text))
    if len(matches) > MOST_FILTERS:
        raise UsageError(f"The question has {len(matches):,} filters: use at most {MOST_FILTERS} of them.")
    phrases: list[Filter] = []
    values: dict[tuple[Field, bool], list[str]] = {}
    for match in matches:
        negated = bool(match["minus"])
        if match["phrase"]:
            phrase = _phrase(match)
            phrases.append(Filter("text", (phrase.casefold(),), negated, raw_values=(phrase,)))
        else:
            field, value = _value(match)
            values.setdefault((field, negated), []).append(value)
    question = _FILTER.sub(lambda match: "" if match["minus"] else _phrase(match), text)
    return question.strip(), _filters(values) + tuple(dict.fromkeys(phrases))


def _phrase(match: re.Match[str]) -> str:
    return (match["phrase"] or "").replace(r"\"", '"')


def _value(match: re.Match[str]) -> tuple[Field, str]:
    word = match["word"]
    field, example = _FIELDS[word]
    if match["unclosed"]:
        raise UsageError(f"The quotation mark behind {word}: has no second one: close it, or leave it out.")
    value = (match["quoted"] or match["plain"] or "").strip()
    if not value:
        raise UsageError(f"There is nothing behind {word}: write, for example, {word}:{example}.")
    return field, value


def _filters(given: Mapping[tuple[Field, bool], Iterable[str]]) -> Filters:
    """Of the values for one field, a hit must have any."""
    filters = []
    for (field, negated), values in given.items():
        typed = tuple(dict.fromkeys(values))
        checked = tuple(dict.fromkeys(map(_CHECKS[field], typed)))
        filters += [Filter(field, checked, negated, typed)] if typed else []
    return tuple(filters)


def _language(name: str) -> str:
    language = languages.by_name(name)
    if language is None:
        raise UsageError(
            f"There is no language {name!r}: "
            + _advice(name, languages.NAMES, "use a name such as python, typescript, c++ or markdown")
        )
    return language.name


def _kind(name: str) -> str:
    kinds = {kind.lower(): kind for kind in KINDS}
    if name.lower() not in kinds:
        raise UsageError(
            f"There is no kind {name!r}: " + _advice(name, kinds, f"use one of {', '.join(kinds)}")
        )
    return kinds[name.lower()]


def _advice(name: str, names: Iterable[str], otherwise: str) -> str:
    near = difflib.get_close_matches(name.lower(), names, 1, _NEAR)
    return f"did you mean {near[0]}?" if near else f"{otherwise}."


def _name(name: str) -> str:
    """As the catalog has it: `A.b` for `A::b`, and `*` for an ellipsis."""
    return _MEMBER_OF.sub(".", _ELLIPSIS.sub("*", name))


def _path(glob: str) -> str:
    """A glob as a regular expression.

    Without a slash it names a file or folder at any depth; a folder stands for all that is in it.
    """
    glob = glob.strip().replace("\\", "/").removeprefix("./").rstrip("/")
    if not glob:
        raise UsageError("A path pattern is empty: give one such as src/**/*.py or src.")
    first, *rest = _DEEP.split(glob.removeprefix("/") if "/" in glob else f"**/{glob}")
    groups = AtomicGroups()
    deeper = [
        ("(?:[^/]*/)*?" if stars.endswith("/") else ".*?") + _shallow(part, groups)
        for stars, part in zip(rest[::2], rest[1::2], strict=True)
    ]
    return groups.concatenate([_shallow(first, groups), *deeper]) + "(?:/.*)?$"


def _shallow(glob: str, groups: AtomicGroups) -> str:
    first, *rest = (re.escape(part).replace(r"\?", "[^/]") for part in glob.split("*"))
    return groups.concatenate([first, *(f"[^/]*?{part}" for part in rest)])


_CHECKS: Mapping[Field, Callable[[str], str]] = {
    "language": _language,
    "path": _path,
    "kind": _kind,
    "name": _name,
}
