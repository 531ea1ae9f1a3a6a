"""Definitions in the examples of tests/fixtures/definitions.

Each example is named after its language: NAME.txt or NAME-variant.txt. It consists of a source, a line of
equals signs, and a line for each chunk: its kind, qualified name, first and last row, and the first line
of its documentation.
"""

import re
from pathlib import Path

import pytest

from semls.engine.syntax.chunker import Chunk
from tests.support.chunks import check_chunks, chunks_of
from tests.support.documents import languages_with_definitions

EXAMPLES = {
    file.stem: file.read_text("utf-8") for file in sorted(Path("tests/fixtures/definitions").glob("*.txt"))
}
SEPARATOR = "\n====\n"


def language_of(example: str) -> str:
    return example.partition("-")[0]


def source_of(example: str) -> str:
    return EXAMPLES[example].partition(SEPARATOR)[0] + "\n"


def describe(chunk: Chunk) -> str:
    description = f"{chunk.kind} {chunk.qualified_name or '-'} {chunk.span.start.row} {chunk.span.end.row}"
    return f"{description} | {chunk.doc.splitlines()[0]}" if chunk.doc else description


@pytest.mark.parametrize("example", EXAMPLES)
def test_chunk_of_example_returns_definitions(example):
    expected = EXAMPLES[example].partition(SEPARATOR)[2]
    found = [describe(one) for one in chunks_of(source_of(example), language_of(example))]
    assert found == expected.splitlines()


@pytest.mark.parametrize("example", EXAMPLES)
def test_chunk_of_example_is_complete_and_disjoint(example):
    source, name = source_of(example).encode(), language_of(example)
    check_chunks(source, name)
    check_chunks(source.replace(b"\n", b"\r\n"), name)
    check_chunks(b"\xef\xbb\xbf" + source, name)
    for half in (source[: len(source) // 2], source[len(source) // 2 :]):
        check_chunks(half.decode(errors="replace").encode(), name)
    check_chunks(source * (20_000 // len(source)), name)


@pytest.mark.parametrize("example", EXAMPLES)
def test_selection_of_definition_is_its_name(example):
    source = source_of(example)
    for chunk in chunks_of(source, language_of(example)):
        selection = source.encode()[chunk.selection.start_byte : chunk.selection.end_byte].decode()
        assert not chunk.name or chunk.name in " ".join(selection.split()) or ":" in chunk.name
        assert selection[:1] not in ("'", '"') or chunk.name.startswith(selection[:1]) or not chunk.name


def test_every_language_with_definitions_has_example():
    tables = "".join(file.read_text("utf-8") for file in Path("tests/engine/syntax").glob("test_*.py"))
    examples = {language_of(example) for example in EXAMPLES} | set(re.findall(r'"(\w+)"', tables))
    assert examples.issuperset(languages_with_definitions())
