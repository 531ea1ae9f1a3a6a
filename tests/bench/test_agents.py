"""Tests of what agents read, on a small repository."""

import subprocess
import sys

import pytest

from semls.engine.search.retrieval import Hit
from tests.bench.agents import within
from tests.bench.strategies import (
    Cost,
    Step,
    cost,
    grep_definitions,
    grep_files,
    grep_lines,
    read_files,
    search,
)
from tests.bench.test_bench import make_benchmark
from tests.conftest import FIXTURES, HANG
from tests.support.entries import make_entry

QUESTION = "where is the postage of a parcel"
POSTAGE = "def postage(parcel):\n    return parcel.weight\n"
TARGET = {"relevant": [{"path": "src/post.py", "start_line": 201, "end_line": 202}]}


@pytest.fixture
def files(tmp_path):
    contents = {
        "src/post.py": "\n" * 200 + POSTAGE,
        "src/other.py": "# parcel\n",
        "tests/test_post.py": "parcel postage\n" * 9,
        ".hidden/post.py": POSTAGE,
        "logo.png": "\0",
    }
    for path, content in contents.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(content)
    return read_files(tmp_path)


def test_read_files_leaves_out_hidden_and_binary_ones(files):
    assert sorted(files) == ["src/other.py", "src/post.py", "tests/test_post.py"]


def test_search_reads_the_definitions_of_hits_in_their_order(files):
    place = {"start_row": 200, "end_row": 201, "name_row": 200, "name_end_row": 200, "name_end_column": 11}
    right = Hit(make_entry("src/post.py", "postage", **place), 1.0, POSTAGE)
    wrong = Hit(make_entry("src/other.py", "other"), 2.0, "# parcel\n")
    assert cost(search("printed", [wrong, right], files), TARGET) == Cost(
        len("printed") + len("# parcel\n") + len(POSTAGE), 3, found=True
    )


def test_grep_for_files_reads_source_code_first(files):
    listed = "src/post.py:2\nsrc/other.py:1\ntests/test_post.py:9\n"
    expected = Cost(len(listed) + 200 + len(POSTAGE) + 1, 2, found=True)  # the file ends with an empty line
    assert cost(grep_files(QUESTION, files, "python"), TARGET) == expected


def test_grep_for_lines_reads_what_surrounds_definitions_first(files):
    steps = list(grep_lines(QUESTION, files, "python"))
    assert steps[0].text.startswith("src/post.py:201:def postage(parcel):\nsrc/post.py:202:")
    assert (steps[1].path, steps[1].rows) == ("src/post.py", range(150, 203))
    assert cost(steps, TARGET).calls == 2


def test_grep_for_definitions_reads_those_with_most_words_first(files):
    steps = list(grep_definitions(QUESTION, files, "python"))
    assert steps[0].text == "src/post.py:201:def postage(parcel):\n"
    assert (steps[1].path, steps[1].rows) == ("src/post.py", range(150, 203))


def test_agent_gives_up():
    assert cost([Step("12345")] * 99, TARGET) == Cost(150, 30, found=False)


def test_within_counts_the_questions_without_an_answer():
    assert within([30, 10, 20], 50, 4) == "20"
    assert within([30, 10, 20], 75, 4) == "30"
    assert within([30, 10, 20], 100, 4) == "-"


def test_agents_bench_prints_a_row_for_each_strategy(tmp_path):
    folder = make_benchmark(tmp_path / "questions")
    arguments = [folder, "--lexical", "--cache", tmp_path / "cache"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.agents", *arguments],
        cwd=FIXTURES.parents[1],
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for text in ("symbol", "semantic", "semls", "grep, lines", "grep, files"):
        assert text in done.stdout
