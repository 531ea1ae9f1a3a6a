"""How a coding agent finds code, as a series of calls: with `semls mcp`, or with grep.

An agent opens what a call names, in its order, until it has read a part of the answer, which it recognises.
So the strategies differ in nothing but in what they name, and in which order. Grep is given what a good agent
knows: which words of the question are rare, that source code of the repository's language comes before tests
and prose, and what the line of a definition looks like.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from semls.engine.files.auxiliary import is_auxiliary
from semls.engine.search.analysis import AnalyzedQuery
from semls.engine.search.retrieval import Hit
from semls.engine.syntax import languages
from tests.bench.metrics import Row, is_answer

_MAX_CALLS = 30  # after which an agent gives up
_WORDS = 3  # of a question, that one grep searches for
_WINDOW = 50  # lines before and after a match that an agent reads
_READ_LINES = 2_000  # that one call reads of a file
_MAX_LISTED = 100  # files or lines that grep prints
_MAX_COLUMNS = 200  # of a line that a tool prints
_MAX_FILE_BYTES = 1 << 20

_DEFINITION = re.compile(
    r"\b(?:class|def|defp|defmodule|enum|fn|func|function|impl|interface|module|struct|trait|type)\b"
)

Files = dict[str, list[str]]  # the lines of each file by path
Line = tuple[str, int]  # a path and a row


@dataclass(frozen=True)
class Step:
    """A call: what it returns, and which rows of which file, if it reads one."""

    text: str
    path: str = ""
    rows: range = range(0)


@dataclass(frozen=True)
class Cost:
    """What an agent has received until it had the answer, or until it gave up."""

    characters: int
    calls: int
    found: bool


def cost(steps: Iterable[Step], item: Row) -> Cost:
    """Follow the steps until one has read a part of the answer of a question."""
    characters = calls = 0
    for step in islice(steps, _MAX_CALLS):
        characters += len(step.text)
        calls += 1
        if step.path and is_answer(step.path, step.rows.start, step.rows.stop - 1, item):
            return Cost(characters, calls, found=True)
    return Cost(characters, calls, found=False)


def read_files(root: Path) -> Files:
    """Return the text files below a folder, without hidden ones, as ripgrep finds them."""
    files: Files = {}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if any(part.startswith(".") for part in relative.parts) or not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        if len(content) <= _MAX_FILE_BYTES and b"\0" not in content:
            files[relative.as_posix()] = content.decode("utf-8", "replace").split("\n")
    return files


def _is_source(path: str, language: str) -> bool:
    return languages.detect(path, b"").name == language and not is_auxiliary(path)


def search(text: str, hits: Sequence[Hit], files: Files) -> Iterator[Step]:
    """Search with semls, which returns a text, then read the definitions of the hits."""
    yield Step(text)
    for hit in hits:
        yield _read(hit.entry.path, range(hit.entry.start_row, hit.entry.end_row + 1), files)


def grep_files(question: str, files: Files, language: str) -> Iterator[Step]:
    """Count the lines with the rarest words of a question, then read the files, those with most first."""
    for matches in _rounds(question, files, language):
        listed = list(matches)[:_MAX_LISTED]
        yield Step("".join(f"{path}:{len(matches[path])}\n" for path in listed))
        for path in listed:
            for start in range(0, len(files[path]), _READ_LINES):
                yield _read(path, range(start, min(start + _READ_LINES, len(files[path]))), files)


def grep_lines(question: str, files: Files, language: str) -> Iterator[Step]:
    """Print the lines with the rarest words of a question, then read what surrounds them."""
    for matches in _rounds(question, files, language):
        lines = [(path, row) for path, rows in matches.items() for row in rows][:_MAX_LISTED]
        yield _listed(lines, files)
        definitions_first = sorted(lines, key=lambda line: not _DEFINITION.search(files[line[0]][line[1]]))
        yield from _surroundings(definitions_first, files)


def grep_definitions(question: str, files: Files, language: str) -> Iterator[Step]:
    """Print and read the definitions whose name has a word of a question, then go on like `grep_lines`."""
    words = AnalyzedQuery.from_text(question).terms
    name = "|".join(map(re.escape, words))
    pattern = re.compile(rf"{_DEFINITION.pattern}\s+\w*(?:{name})", re.IGNORECASE)
    relevance = {
        (path, row): (_is_source(path, language), sum(word in line.lower() for word in words))
        for path, lines in files.items()
        for row, line in enumerate(lines)
        if pattern.search(line)
    }
    found = sorted(relevance, key=relevance.__getitem__, reverse=True)[:_MAX_LISTED]
    yield _listed(found, files)
    yield from _surroundings(found, files)
    yield from grep_lines(question, files, language)


def _listed(lines: Iterable[Line], files: Files) -> Step:
    return Step("".join(f"{path}:{row + 1}:{files[path][row][:_MAX_COLUMNS]}\n" for path, row in lines))


def _surroundings(lines: Iterable[Line], files: Files) -> Iterator[Step]:
    """Read what surrounds some lines, each line once."""
    read: set[Line] = set()
    for path, row in lines:
        if (path, row) not in read:
            rows = range(max(row - _WINDOW, 0), min(row + _WINDOW + 1, len(files[path])))
            read.update((path, other) for other in rows)
            yield _read(path, rows, files)


def _rounds(question: str, files: Files, language: str) -> Iterator[dict[str, list[int]]]:
    """Yield the matching rows by file for three words of a question at a time, the rarest words first.

    Source code comes first, then the files that have most of the words, then those where most rows match.
    """
    lower = {path: [line.lower() for line in lines] for path, lines in files.items()}
    count = Counter(
        {
            word: sum(word in line for lines in lower.values() for line in lines)
            for word in AnalyzedQuery.from_text(question).terms
        }
    )
    rarest = [word for word, lines in reversed(count.most_common()) if lines]
    for start in range(0, len(rarest), _WORDS):
        words = rarest[start : start + _WORDS]
        pattern = re.compile("|".join(map(re.escape, words)))
        found = {
            path: rows
            for path, lines in lower.items()
            if (rows := [row for row, line in enumerate(lines) if pattern.search(line)])
        }
        relevance = {
            path: (
                _is_source(path, language),
                sum(any(word in lower[path][row] for row in rows) for word in words),
                len(rows),
            )
            for path, rows in found.items()
        }
        yield {path: found[path] for path in sorted(found, key=relevance.__getitem__, reverse=True)}


def _read(path: str, rows: range, files: Files) -> Step:
    return Step("".join(f"{line}\n" for line in files[path][rows.start : rows.stop]), path, rows)
