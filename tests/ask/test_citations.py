"""Tests of the citations in an answer: which are found, and which are true."""

import pytest

from semls.ask.citations import CitationScanner
from tests.ask.conftest import CONTEXT, excerpt, section


def marked(text, *sections, size=1):
    """Return a text with wrong citations marked, when it arrives in parts of a size."""
    scanner = CitationScanner(sections or CONTEXT["sections"])
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    pieces = [piece for part in parts for piece in scanner.feed(part)] + scanner.end()
    return "".join(piece if isinstance(piece, str) else piece.marked for piece in pieces)


def places(text, *sections):
    scanner = CitationScanner(sections or CONTEXT["sections"])
    pieces = scanner.feed(text) + scanner.end()
    found = [piece.place for piece in pieces if not isinstance(piece, str) and piece.place]
    return [(place.path, place.first, place.last, place.code) for place in found]


def test_citation_of_lines_that_were_sent_is_a_place():
    text = "In `src/shop.py:11` and (src/shop.py:10-11), src/app/page.py#L1-L2; shop.py:30."
    assert places(text) == [
        ("src/shop.py", 11, 11, "return 1"),
        ("src/shop.py", 10, 11, "def sell():"),
        ("src/app/page.py", 1, 2, "```"),
        ("src/shop.py", 30, 30, "def buy(): pass"),
    ]
    assert marked(text) == text


@pytest.mark.parametrize(
    "citation",
    [
        "src/shop.py:12",
        "src/shop.py:11-12",
        "src/shop.py:11-10",
        "src/shop.py:0",
        "src/shop.py:999999999",
        "src/other.py:10",
        "other.py:1",
        "lib/src/shop.py:10",
        "op.py:10",
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_citation_of_other_lines_is_marked(citation, size):
    text = f"See `{citation}`. Or\n{citation}"
    assert marked(text, size=size) == f"See `{citation} [unverified]`. Or\n{citation} [unverified]"


@pytest.mark.parametrize(
    "text",
    [
        "At 12:30.",
        "http://host.example:8080/x.py:3",
        "localhost:8000",
        "a ratio of 3:1",
        "std::vec:2",
        "v1.2:3",
    ],
)
def test_other_text_is_no_citation(text):
    assert marked(text) == text
    assert places(text) == []


def test_white_space_is_kept_except_at_the_end():
    text = "One.\n\n- two  three\n\tfour\r\n"
    assert marked(text) == text.rstrip()


@pytest.mark.parametrize("path", ["My App/main page.py", "app/(group)/[id]/page.py", "a+b.py", "Makefile"])
def test_path_with_unusual_characters_is_found(path):
    sent = section(path, excerpt(5, "x = 1"))
    assert marked(f"Look: {path}:5 and {path}:6 too", sent) == f"Look: {path}:5 and {path}:6 [unverified] too"


def test_path_is_cited_as_it_was_shown():
    sent = section("bad\x1bname.py", excerpt(5, "x = 1"))
    assert places(r"See bad\x1bname.py:5", sent) == [(r"bad\x1bname.py", 5, 5, "x = 1")]


def test_end_of_two_paths_is_ambiguous():
    sent = [section("a/x.py", excerpt(1, "one")), section("b/x.py", excerpt(1, "two"))]
    assert places("x.py:1 but b/x.py:1", *sent) == [("b/x.py", 1, 1, "two")]


def test_same_path_in_two_folders_is_the_one_with_the_line():
    sent = [section("x.py", excerpt(1, "one")), section("x.py", excerpt(9, "two"))]
    assert places("x.py:9", *sent) == [("x.py", 9, 9, "two")]
