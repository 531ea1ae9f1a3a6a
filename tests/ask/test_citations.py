"""Tests of the citations in an answer: which are found, and which are true."""

from unittest.mock import ANY

import pytest

from semls.ask.citations import Citation, CitationScanner
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
        "LICENSE:2",
        ".gitignore:2",
        "/etc/passwd:1",
        "../../etc/passwd:1",
        "src/shop.py:12",
        "src/shop.py:11-12",
        "src/shop.py:11-10",
        "src/shop.py:0",
        "src/shop.py:999999999",
        "src/other.py:10",
        "other.py:1",
        "lib/src/shop.py:10",
        "op.py:10",
        "/w/src/shop.py:999",
        "/v/src/shop.py:10",
        "file:///w/src/shop.py:12",
        "../src/shop.py:10",
        "~/src/shop.py:10",
        "src/shop.py:11,999",
        "src/shop.py:10-11,30-31",
        "src/shop.py:11-30",
        "src/shop.py:12:5",
        "src/shop.py#L10-L12",
        "src/shop.py:" + "1" * 20,
        "src/shop.py, line 999",
        "src/shop.py (line 999",
        "src/shop.py line 12",
        "src/shop.py at lines 10 to 12",
        "src/shop.py (lines 10 and 12",
        "src/shop.py`, line 12",
        "Makefile:3",
        "app/Dockerfile:3",
        "src/noextension:3",
        r"src\nothere.py:3",
        r"src\shop.py:12",
        r"C:\w\nothere.py:3",
        "__init__.py:3",
        "page.unknown.tsx:3",
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_citation_of_other_lines_is_marked(citation, size):
    text = f"See `{citation}`. Or\n{citation}"
    assert marked(text, size=size) == f"See `{citation} [unverified]`. Or\n{citation} [unverified]"


@pytest.mark.parametrize(
    "citation",
    [
        "/w/src/shop.py:11",
        "file:///w/src/shop.py:11",
        "w/src/shop.py:10-11",
        "./src/shop.py:11",
        "src/shop.py:10-11,30",
        "src/shop.py:11:5",
        "src/shop.py, line 11",
        "src/shop.py (line 30",
        "`src/shop.py` (lines 10\N{EN DASH}11",
        "**src/shop.py**, lines 10 to 11",
        "src/shop.py lines 11 and 30",
        "src/shop.py: line 11",
        r"src\shop.py:11",
        "_src/shop.py:11_",
        "__src/shop.py:11__",
        "_`src/shop.py:11`_",
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_citation_in_another_form_is_found(citation, size):
    text = f"See {citation}) and more. ({citation})"
    assert marked(text, size=size) == text
    assert [place[0] for place in places(text)] == ["src/shop.py"] * 2


@pytest.mark.parametrize(
    "text",
    [
        "At 12:30.",
        "http://host.example:8080/x.py:3",
        "localhost:8000",
        "a ratio of 3:1",
        "std::vec:2",
        "v1.2:3",
        "example.com:443",
        "foo.bar:1",
        "ghcr.io/foo/bar:1",
        "registry.io/x/y:2.0",
        "registry.io/src/y:2",
        "1/2:3",
        "and/or:2",
        "and/or, line 2",
        "src/shop.py:2.0",
        "src/shop.py:3rd",
        "src/shop.py in line with 3",
    ],
)
def test_other_text_is_no_citation(text):
    assert marked(text) == text
    assert places(text) == []


def test_white_space_is_kept_except_at_the_end():
    text = "One.\n\n- two  three\n\tfour\r\n"
    assert marked(text) == text.rstrip()


@pytest.mark.parametrize(
    "path",
    [
        "My App/main page.py",
        "app/(group)/[id]/page.py",
        "a+b.py",
        "Makefile",
        "src/$(touch x)/$HOME.py",
        "_a.py",
    ],
)
def test_path_with_unusual_characters_is_found(path):
    sent = section(path, excerpt(5, "x = 1"))
    name = path.rpartition("/")[2]
    for cited in (path, name, f"/w/{path}", f"w/{path}", f"_{path}"):
        text = f"Look: {cited}:5 and {cited}:6 too, _{cited}:6_, {cited}"
        assert marked(text, sent) == text.replace(":6", ":6 [unverified]")


def test_path_is_cited_as_it_was_shown():
    sent = section("bad\x1bname.py", excerpt(5, "x = 1"))
    assert places(r"See bad\x1bname.py:5", sent) == [(r"bad\x1bname.py", 5, 5, "x = 1")]


def test_end_of_two_paths_is_ambiguous():
    sent = [section("a/x.py", excerpt(1, "one")), section("b/x.py", excerpt(1, "two"))]
    assert places("x.py:1 but b/x.py:1", *sent) == [("b/x.py", 1, 1, "two")]


def test_same_path_in_two_workspaces_is_distinguished_by_their_names():
    sent = [
        section("s.py", excerpt(1, "one"), root="/w/wa", name="wa/s.py"),
        section("s.py", excerpt(1, "two", "three"), root="/w/wb", name="wb/s.py"),
    ]
    text = "wa/s.py:1 wb/s.py:1 /w/wb/s.py:2 s.py:1 wa/s.py:2 s.py:2"
    assert marked(text, *sent) == (
        "wa/s.py:1 wb/s.py:1 /w/wb/s.py:2 s.py:1 [unverified] wa/s.py:2 [unverified] s.py:2"
    )
    assert [code for *_, code in places(text, *sent)] == ["one", "two", "three", "three"]


def test_path_relative_to_the_current_folder_is_found(tmp_path, monkeypatch):
    (tmp_path / "wa").mkdir()
    monkeypatch.chdir(tmp_path / "wa")
    sent = section("My s.py", excerpt(1, "one"), root=f"{tmp_path.as_posix()}/wb")
    text = "See ../wb/My s.py:1, ../wb/My s.py:2, ../wa/My s.py:1."
    assert marked(text, sent) == (
        "See ../wb/My s.py:1, ../wb/My s.py:2 [unverified], ../wa/My s.py:1 [unverified]."
    )


def test_words_after_a_path_are_held_until_they_are_no_citation():
    scanner = CitationScanner(CONTEXT["sections"])
    assert scanner.feed("It is src/shop.py ") == ["It is"]
    assert scanner.feed("that sells more than ") == []
    assert scanner.feed("one thing ") == [" src/shop.py that sells more than one thing"]
    assert scanner.feed("(src/shop.py:11) and ") == [" (", Citation("src/shop.py:11", ANY), ") and"]
