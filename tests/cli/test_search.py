"""Tests of `semls search`, `similar` and `context`: hits, filters and the printed text."""

import json
import re
from collections import Counter
from itertools import groupby

import pytest


def test_search_in_new_folder_indexes_it_and_prints_hits(terminal, own_shop):
    done = terminal.run("search", "evict", "expired", cwd=own_shop)
    assert done.returncode == 0, done.stderr
    place, _, line = done.stdout.splitlines()[0].partition(" — ")
    assert place == "  1  store/session.rs:27  SessionStore.evict_expired"
    assert line == "Throw out everybody who was idle for too long."
    assert "\x1b" not in done.stdout


def test_search_groups_hits_by_file_except_in_json(terminal, shop):
    question = "the goods of an order"
    printed = terminal.run("search", question, cwd=shop).stdout
    paths = re.findall(r"^ +\d+  (\S+):\d+  ", printed, re.MULTILINE)
    assert len(paths) == 9
    assert [path for path, _ in groupby(paths)] == list(dict.fromkeys(paths))
    assert max(Counter(paths).values()) == 3
    hits = terminal.json("search", question, cwd=shop)["hits"]
    assert len(hits) == 5
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)


def test_search_shows_the_line_with_most_words_of_the_query(terminal, tmp_path):
    lines = [f"total_{number} = {number}\n" for number in range(60)]
    lines[40] = "\tquarantine = customs.inspect(letter)\n"
    (tmp_path / "script.py").write_text("".join(lines))
    (tmp_path / "doc.go").write_text("// Parcel weighs.\n// It has a postage.\nfunc Parcel(x int) {\n}\n")
    query = "customs inspect letters in quarantine"
    done = terminal.run("search", query, cwd=tmp_path)
    assert (
        done.stdout.splitlines()[0] == "  1  script.py:41  script.py — quarantine = customs.inspect(letter)"
    )
    hit = terminal.json("search", query, cwd=tmp_path)["hits"][0]
    match = {"line": 40, "character": 1}
    assert hit["selectionRange"] == {"start": match, "end": match}
    assert (hit["best"]["line"], hit["best"]["text"]) == (40, "quarantine = customs.inspect(letter)")
    words = [hit["best"]["text"][start:end] for start, end in hit["best"]["words"]]
    assert words == ["quarantine", "customs", "inspect", "letter"]
    hit = terminal.json("search", "the postage of a parcel", cwd=tmp_path)["hits"][0]
    assert (hit["name"], hit["selectionRange"]["start"]["line"]) == ("Parcel", 2)
    assert hit["best"] == {"line": 1, "text": "It has a postage.", "words": [[9, 16]]}


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (["--lines", 1], "def odd(self):\n\n"),
        (["--lines", 2], "def odd(self):\n    if self:\n\n"),
        (["--full"], "def odd(self):\n    if self:\n\n        return 2\n\n"),
    ],
)
def test_search_with_lines_prints_dedented_code(terminal, tmp_path, option, expected):
    (tmp_path / "a.py").write_text("class A:\n    def odd(self):\n        if self:\n\n            return 2\n")
    done = terminal.run("search", "name:odd", "--lexical", *option, cwd=tmp_path)
    assert done.stdout == f"  1  a.py:2  A.odd\n{expected}"


def test_search_full_dedents_by_the_column_of_the_definition(terminal, tmp_path):
    (tmp_path / "b.js").write_text("const all = {\n    even() {\n        return 2\n    },\n}\n")
    (tmp_path / "c.sh").write_text("  other() {\necho 1\n  }\n")
    assert (
        "\neven() {\n    return 2\n},\n" in terminal.run("search", "name:even", "--full", cwd=tmp_path).stdout
    )
    assert "\nother() {\necho 1\n  }\n" in terminal.run("search", "name:other", "--full", cwd=tmp_path).stdout


def test_search_prints_scores_paths_or_locations(terminal, shop):
    def lines(query, *options):
        return terminal.run("search", query, "--lexical", *options, cwd=shop).stdout.splitlines()

    question = "the goods of an order of a session"
    assert re.match(r"  1  \S+:\d+  \S+  \d\.\d\d — ", lines(question, "--scores")[0])
    assert len(lines(question, "-l")) == len(set(lines(question, "-l"))) < len(lines(question))
    assert lines("evict_expired", "-l") == ["store/session.rs"]
    (location,) = lines("name:evict_expired", "--vimgrep")
    assert location.startswith("store/session.rs:27:12:SessionStore.evict_expired: Throw out everybody")
    assert terminal.run("search", "evict", "-l", "--json", cwd=shop).returncode == 2


def test_search_prints_paths_relative_to_the_current_folder(terminal, shop):
    done = terminal.run("search", "evict_expired", "--path", "../shop", "-l", cwd=shop / "store")
    assert done.returncode == 2  # there is no such folder
    done = terminal.run("search", "evict_expired", "--path", "..", "-l", "-k", 1, cwd=shop / "store")
    assert done.stdout == "session.rs\n"
    done = terminal.run("search", "evict_expired", "--path", shop, "-l", "-k", 1, cwd=shop / "web")
    assert done.stdout == "../store/session.rs\n"


def test_search_in_several_folders_merges_their_hits(terminal, shop, tmp_path):
    (tmp_path / "other.py").write_text("def evict_expired_parcels():\n    return 1\n")
    done = terminal.run(
        "search", "evict expired", "--path", shop, "--path", tmp_path, "--vimgrep", cwd=tmp_path
    )
    names = {line.split(":")[3] for line in done.stdout.splitlines()}
    assert {"SessionStore.evict_expired", "evict_expired_parcels"} <= names


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--lang", "go"], {"go"}),
        (["--lang", "rs", "--lang", "py"], {"rust", "python"}),
        (["--in", "web"], {"typescript"}),
        (["--in", "**/*.java"], {"java"}),
        (["--in", "*.md"], {"markdown"}),
        (["--exclude", "*.md", "-e", "web", "-e", "store/**"], {"go", "python"}),
    ],
)
def test_search_with_filter_options_returns_matching_hits_only(terminal, shop, filters, expected):
    answer = terminal.json("search", "the goods of an order of a session", *filters, "-k", 50, cwd=shop)
    assert {hit["language"] for hit in answer["hits"]} == expected


def test_search_with_kind_returns_this_kind_only(terminal, shop):
    answer = terminal.json("search", "session", "--kind", "struct", cwd=shop)
    assert {hit["kind"] for hit in answer["hits"]} == {"Struct"}


def test_search_with_filters_in_the_query_applies_them(terminal, shop):
    answer = terminal.json("search", "lang:rs lang:go -kind:struct session -path:*_test.go", cwd=shop)
    assert answer["query"] == "lang:rs lang:go -kind:struct session -path:*_test.go"
    assert {hit["language"] for hit in answer["hits"]} <= {"rust", "go"}
    assert "Struct" not in {hit["kind"] for hit in answer["hits"]}
    answer = terminal.json("search", 'path:store "sessions.retain"', "--lang", "rs", cwd=shop)
    assert [hit["name"] for hit in answer["hits"]] == ["evict_expired"]
    answer = terminal.json("search", "name:SessionStore::*", "-k", 50, cwd=shop)
    assert {hit["container"] for hit in answer["hits"]} == {"SessionStore"}
    assert [hit["range"]["start"]["line"] for hit in answer["hits"]] == sorted(
        hit["range"]["start"]["line"] for hit in answer["hits"]
    )
    assert terminal.json("search", "lang:rs session", "--lang", "go", cwd=shop, status=1)["hits"] == []


@pytest.mark.parametrize(
    "filters", ["path:nowhere", "lang:zig", "kind:enum", "name:nowhere*", '"no such code"']
)
def test_search_with_filter_without_matches_names_it(terminal, shop, filters):
    expected = re.compile(rf"No indexed (file|definition|code) matches {re.escape(filters)}\.")
    done = terminal.run("search", f"session {filters}", cwd=shop)
    assert done.returncode == 1
    assert expected.fullmatch(done.stdout.splitlines()[-1].removeprefix("No hits. "))
    assert expected.fullmatch(terminal.json("search", f"session {filters}", cwd=shop, status=1)["notice"])
    done = terminal.run("context", f"session {filters}", cwd=shop)
    assert expected.fullmatch(done.stdout.rstrip().removeprefix("No hits. "))


def test_search_for_message_with_quoted_value_finds_the_code_without_it(terminal, shop):
    message = 'panic: evict "user:42" from the expired sessions'
    done = terminal.run("search", "--words", message, cwd=shop)
    assert 'No indexed code matches "user:42". Without quotation marks:' in done.stdout
    assert "store/session.rs:27" in done.stdout
    assert terminal.run("search", "--words", 'evict "user:42"', cwd=shop).returncode == 1


def test_search_with_parent_in_path_returns_normalized_uris(terminal, shop):
    answer = terminal.json("search", "evict_expired", "--path", "../shop", cwd=shop)
    assert answer["hits"][0]["uri"] == (shop / "store/session.rs").as_uri()


def test_search_lexical_uses_no_model(terminal, shop):
    answer = terminal.json("search", "evict", "--lexical", cwd=shop)
    assert answer["model"] == ""
    assert answer["hits"][0]["name"] == "evict_expired"


def test_search_without_hits_says_why_and_exits_with_1(terminal, tmp_path):
    (tmp_path / "empty").mkdir()
    done = terminal.run("search", "anything", cwd=tmp_path / "empty")
    assert done.returncode == 1
    assert "No hits. No file is indexed." in done.stdout


def test_search_from_file_answers_each_query(terminal, shop, tmp_path):
    (tmp_path / "questions").write_text("evict_expired\nreserve\n")
    done = terminal.run("search", "--from", tmp_path / "questions", "--json", cwd=shop)
    names = [json.loads(line)["hits"][0]["name"] for line in done.stdout.splitlines()]
    assert names == ["evict_expired", "reserve"]


def test_similar_prints_copies_and_similar_code(terminal, own_shop):
    source = (own_shop / "worker/thumbnails.py").read_text()
    (own_shop / "worker/again.py").write_text(source.replace("\n\n\n", "\n\n"))
    (own_shop / "worker/border.py").write_text(source.replace("frame", "border"))
    done = terminal.run("similar", "worker/thumbnails.py:14:5", cwd=own_shop)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "worker/thumbnails.py:13  fit_into"
    assert lines[1] == "  =  worker/again.py:11  fit_into"
    assert lines[2].split()[:3] == ["1", "worker/border.py:13", "fit_into"]
    assert "border.width" in done.stdout
    done = terminal.run("similar", "thumbnails.py#L14-L16", "--path", "..", cwd=own_shop / "worker")
    assert done.stdout.splitlines()[1] == "  =  again.py:11  fit_into"


def test_similar_json_has_location_and_hits(terminal, shop):
    answer = terminal.json("similar", "store/session.rs:27", "-k", 3, cwd=shop)
    assert (answer["path"], answer["name"], answer["kind"]) == ("store/session.rs", "evict_expired", "Method")
    assert answer["uri"] == (shop / "store/session.rs").as_uri()
    assert answer["range"]["start"]["line"] <= 26 <= answer["range"]["end"]["line"]
    assert (answer["copies"], answer["model"], len(answer["hits"])) == ([], "hashing", 3)
    assert answer["coverage"]["chunks"] == answer["coverage"]["embedded"] > 10
    assert {hit["count"] for hit in answer["hits"]} == {1}
    assert terminal.json("similar", "store/session.rs:27", "--lexical", cwd=shop)["model"] == ""


def test_similar_without_hits_says_so_and_exits_with_1(terminal, tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w/a.py").write_text("def alone():\n    return 1\n")
    done = terminal.run("similar", "a.py:1", cwd=tmp_path / "w")
    assert done.returncode == 1
    assert "No similar code." in done.stdout


def test_context_prints_markdown_within_the_token_budget(terminal, shop):
    question = ["evict", "expired", "sessions", "--tokens", 300]
    done = terminal.run("context", *question, cwd=shop)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("## `store/session.rs:")
    assert "    pub fn evict_expired" in done.stdout
    answer = terminal.json("context", *question, cwd=shop)
    assert answer["markdown"] == done.stdout
    assert 100 < answer["tokens"] <= 300
    section = answer["sections"][0]
    assert set(section) == {"path", "name", "uri", "language", "tokens", "parts"}
    lines = (shop / section["path"]).read_text().split("\n")
    for part in section["parts"]:
        start, end = part["range"]["start"], part["range"]["end"]
        assert (start["character"], end["character"]) == (0, 0)
        assert part["text"] == "\n".join(lines[start["line"] : end["line"]])


def test_context_keeps_tabs_and_escapes_control_characters(terminal, tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w/a.go").write_text(
        'package a\n\nfunc Evil() {\n\tprint("\x1b]0;owned\x07\u202e[bold]")\n}\n'
    )
    done = terminal.run("context", "evil", cwd=tmp_path / "w")
    assert "\n\tprint(" in done.stdout
    assert "[bold]" in done.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout)


def test_context_without_hits_says_why_and_exits_with_1(terminal, tmp_path):
    (tmp_path / "empty").mkdir()
    done = terminal.run("context", "anything", cwd=tmp_path / "empty")
    assert (done.returncode, done.stdout) == (1, "No hits. No file is indexed.\n")


def test_search_with_former_name_of_lexical_option_succeeds(terminal, shop):
    expected = terminal.json("search", "evict_expired", "--lexical", cwd=shop)
    assert terminal.json("search", "evict_expired", "--words", cwd=shop) == expected
