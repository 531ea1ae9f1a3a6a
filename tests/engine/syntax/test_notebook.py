"""Chunks of Jupyter notebooks."""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from semls.engine.syntax.chunker import Chunk, chunk
from semls.engine.syntax.notebook import read_source
from tests.support.chunks import expected_summaries, find_chunk, language, summaries

HANG = 10  # seconds of CPU time; a file that takes longer is chunked by lines

Cells: TypeAlias = Sequence[tuple[str, str | list[str]]]

CELLS: Cells = [
    ("markdown", ["Some é😀 words.\n", "\n", '# The "title"\n', "Prose."]),
    (
        "code",
        [
            "%%time\n",
            "import os\n",
            "!pip install x\n",
            "\n",
            "class Model:\n",
            "    size = 1\n",
            "    def fit(self, x):\n",
            '        """Fits é😀."""\n',
            '        return "\\t\\n"\n',
            "%matplotlib inline\n",
            "def later(): return 1",
        ],
    ),
    ("code", []),
    ("code", " \n"),
    ("markdown", "No heading,\ntwo lines."),
    ("code", 'def one():\n    return 1\n\ndef two():\n    return "a\\n"\n'),
    ("code", "%%bash\nbuild_all() {\n  make\n}\n"),
    ("raw", "Raw."),
    ("markdown", ["## Second\n", "```py\n", "# no heading\n", "```\n"]),
    ("code", ["x = 1\n"]),
]

EXPECTED = """
    Module - 6 6
    Module The "title" 8 9
    Module The "title" 26 28
    Class Model 30 31
    Method Model.fit 32 34
    Module The "title" 35 35
    Function later 36 36
    Module The "title" 72 72
    Function one 87 87
    Function two 87 87
    Module The "title" 102 102
    Function build_all 102 102
    Module The "title" 107 107
    Module The "title".Second 113 116
    Module The "title".Second 133 133
"""


def notebook(cells: Cells, kernel: str = "python", **options: Any) -> bytes:
    """Return the file of a notebook in which each code cell has a picture as its output."""
    output = {"data": {"image/png": "iVBOR" * 100, "text/plain": ["def output(): pass\n"]}}
    described: list[dict[str, Any]] = []
    for kind, source in cells:
        outputs = {"outputs": [output]} if kind == "code" else {}
        described.append({"cell_type": kind, "metadata": {}, **outputs, "source": source})
    metadata = {"kernelspec": {"name": "python3"}, "language_info": {"name": kernel}}
    return json.dumps({"cells": described, "metadata": metadata, "nbformat": 4}, **options).encode()


def chunks_of(content: bytes) -> list[Chunk]:
    return chunk(content, language("jupyter"))


def decoded(content: bytes, found: Chunk) -> str:
    """Return the text in the span of a chunk, without the JSON around it."""
    text = content[found.span.start_byte : found.span.end_byte].decode()
    joined = re.sub(r'",\s*"', "", text)
    return str(json.loads(f'"{joined}"'))


def test_chunk_of_notebook_returns_cells_at_their_rows():
    found = chunks_of(notebook(CELLS, indent=1))
    assert summaries(found) == expected_summaries(EXPECTED)
    fit = find_chunk(found, "Model.fit")
    assert fit.text == 'def fit(self, x):\n        """Fits é😀."""\n        return "\\t\\n"'
    assert fit.doc == "Fits é😀."
    assert fit.language == "python"
    assert find_chunk(found, "build_all").language == "bash"
    assert found[1].language == "markdown"


@pytest.mark.parametrize(
    "options", [{"indent": 1}, {"indent": None}, {"separators": (",", ":")}, {"ensure_ascii": False}]
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_chunk_of_notebook_has_spans_in_the_file(options, mark):
    content = mark + notebook(CELLS, **options)
    found = chunks_of(content)
    assert [one.qualified_name for one in found] == [
        line.split(" ", 1)[1].rsplit(" ", 2)[0].replace("-", "") for line in expected_summaries(EXPECTED)
    ]
    source, _ = read_source(content, language("jupyter"))
    row_starts = [len(mark), *(match.end() for match in re.finditer(rb"\n", content))]
    end = 0
    for one in found:
        assert end <= one.span.start_byte < one.span.end_byte
        assert decoded(content, one) == one.text
        assert source.text_of_span(one.span.start_byte, one.span.end_byte) == one.text
        for span in (one.span, one.selection):
            assert row_starts[span.start.row] + span.start.column == span.start_byte
            assert row_starts[span.end.row] + span.end.column == span.end_byte
        if one.name:
            name = content[one.selection.start_byte : one.selection.end_byte].decode()
            assert json.loads(f'"{name}"') == one.name
        end = one.span.end_byte


@pytest.mark.parametrize(
    ("kernel", "source", "name", "chunk_language"),
    [
        ("R", "load <- function(path) {\n  read.csv(path)\n}", "load", "r"),
        ("julia", "function load(path)\n  1\nend", "load", "julia"),
        ("C#", "class Loader { }", "Loader", "csharp"),
        ("C++17", "int load(int a) { return a; }", "load", "cpp"),
        ("scala", "def load(path: String): Int = {\n  1\n}", "load", "scala"),
        ("no such language", "load data", "", "text"),
        ("python", "%%javascript\nfunction load() { return 1; }", "load", "javascript"),
        ("python", "%%capture\ndef load(): pass", "load", "python"),
    ],
)
def test_chunk_of_notebook_with_kernel_uses_its_language(kernel, source, name, chunk_language):
    found = chunks_of(notebook([("code", source)], kernel))[-1]
    assert (found.name, found.language) == (name, chunk_language)


def test_chunk_of_notebook_without_grammar_parses_nothing():
    found = chunk(notebook(CELLS, indent=1), replace(language("jupyter"), grammar=None))
    assert [one.name for one in found] == [""]
    assert "def fit(self, x):" in found[0].text
    assert "iVBOR" not in found[0].text


def test_chunk_of_notebook_that_starts_with_byte_order_mark_has_name():
    (found,) = chunks_of(notebook([("code", "\ufeffdef load(): pass")]))
    assert (found.name, found.text) == ("load", "\ufeffdef load(): pass")


def test_chunk_of_old_notebook_returns_cells():
    cells = [
        {"cell_type": "heading", "level": 1, "source": ["Loading"]},
        {"cell_type": "code", "input": ["def load():\n", "    pass"], "language": "python", "outputs": []},
    ]
    content = json.dumps({"metadata": {"name": ""}, "worksheets": [{"cells": cells}]}, indent=1).encode()
    assert [one.qualified_name for one in chunks_of(content)] == ["Loading", "load"]


def test_rows_of_notebook_contain_text_without_json():
    content = notebook(CELLS, indent=1)
    source, _ = read_source(content, language("jupyter"))
    rows = source.rows()
    assert len(rows) == len(content.splitlines())
    assert rows[8:10] == ['# The "title"', "Prose."]
    assert rows[32] == "    def fit(self, x):"
    assert rows[72] == "No heading,\ntwo lines."
    assert rows[0] == rows[12] == ""
    assert not any("iVBOR" in row for row in rows)


def test_chunk_of_broken_notebook_returns_what_is_readable():
    content = notebook(CELLS, indent=1)
    assert chunks_of(b"") == chunks_of(b"[]") == chunks_of(b"{}") == chunks_of(b"]}") == []
    assert chunks_of(b'{"cells": [{"source": ["\\') == []
    for size in range(0, len(content), 97):
        for one in chunks_of(content[:size]):
            assert one.span.end_byte <= size
    assert chunks_of(rb'{"cells": [{"source": "\ud800 \q \u12"}]}')[0].text.startswith("\ufffd q")


HOSTILE = {
    "escapes": b'{"cells": [{"source": "' + rb"\n\"\u0041" * 80_000 + b'"}]}',
    "brackets": b'{"cells": ' + b'["a"' * 250_000,
    "quotes": rb'{"cells": [{"source": "\"' + rb"\"" * 500_000,
    "numbers": b'{"cells": [{"outputs": [' + b"[1, 2.5]," * 100_000 + b"]}]}",
    "cells": b'{"cells": [' + b'{"source": "f()"},' * 20_000 + b"]}",
    "headings": b'{"cells": [' + b'{"cell_type": "markdown", "source": "# a"},' * 20_000 + b"]}",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_chunk_of_hostile_notebook_is_fast(case):
    began = time.process_time()
    chunks_of(HOSTILE[case])
    assert time.process_time() - began < HANG
