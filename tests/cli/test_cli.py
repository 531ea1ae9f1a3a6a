"""The command line with the hashing encoder: what it prints, how it leaves, what it refuses."""

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from semls.service.state import EnginePaths
from semls.settings import EngineSettings
from tests.conftest import FIXTURES, HANG


@pytest.fixture
def terminal(shared_terminal):
    """Tests that change the engine, or count what it has embedded, take `own_terminal` instead."""
    return shared_terminal


@pytest.fixture(scope="module")
def shop(shared_terminal, tmp_path_factory):
    """An indexed workspace; tests that change it take `own_shop` instead."""
    root = Path(shutil.copytree(FIXTURES / "shop", tmp_path_factory.mktemp("shared") / "shop"))
    shared_terminal.json("index", root)
    return root


@pytest.fixture
def own_shop(workspace):
    return workspace("shop")


def test_search_indexes_a_new_folder_and_prints_hits(terminal, own_shop):
    done = terminal.run("search", "evict", "expired", cwd=own_shop)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "evict expired"
    assert lines[1].split()[:3] == ["1", "store/session.rs:27", "SessionStore.evict_expired"]
    assert "self.sessions.retain" in done.stdout
    assert "\x1b" not in done.stdout


def test_search_match_deep_in_a_chunk_is_shown_with_its_line(terminal, tmp_path):
    lines = [f"total_{number} = {number}\n" for number in range(60)]
    lines[40] = "\tquarantine = customs.inspect(letter)\n"
    project = tmp_path / "project"
    project.mkdir()
    (project / "script.py").write_text("".join(lines))
    done = terminal.run("search", "customs inspect letters in quarantine", cwd=project)
    answer = [line.strip() for line in done.stdout.splitlines()]
    assert answer[1].split()[1] == "script.py:41"
    assert answer[2:4] == ["… 37 lines above", "total_37 = 37"]
    assert answer[6] == "quarantine = customs.inspect(letter)"
    assert answer[-1] == "… 11 more lines"
    (hit,) = terminal.json("search", "customs inspect", "--path", project)["hits"]
    match = {"line": 40, "character": 1}
    assert hit["selectionRange"] == {"start": match, "end": match}


def test_index_tells_what_it_did(own_terminal, own_shop):
    first = own_terminal.json("index", own_shop)
    assert set(first) == {"files", "chunks", "embedded", "seconds"}
    assert first["files"] == 7
    assert first["embedded"] > 10
    assert own_terminal.json("index", own_shop) == {
        **first,
        "embedded": 0,
        "seconds": pytest.approx(0, abs=60),
    }


def encoded(terminal, root):
    """How many texts the engine has sent through the model, once the index is like the files."""
    terminal.json("index", root)
    return terminal.json("status", root)["encoded"]


def test_a_change_is_found_and_only_it_is_embedded(own_terminal, own_shop):
    before = encoded(own_terminal, own_shop)
    (own_shop / "worker/new.py").write_text("def quarantine_parcel():\n    return 1\n")
    (own_shop / "web/src/timing.ts").unlink()
    assert encoded(own_terminal, own_shop) == before + 1
    answer = own_terminal.json("search", "quarantine_parcel", "--path", own_shop)
    assert answer["hits"][0]["path"] == "worker/new.py"
    assert all(
        hit["path"] != "web/src/timing.ts"
        for hit in own_terminal.json("search", "debounce", "--path", own_shop)["hits"]
    )


def test_renaming_and_reverting_embed_nothing(own_terminal, own_shop):
    original = (own_shop / "worker/thumbnails.py").read_text()
    before = encoded(own_terminal, own_shop)
    (own_shop / "worker").rename(own_shop / "jobs")
    assert encoded(own_terminal, own_shop) == before
    (own_shop / "jobs/thumbnails.py").write_text("def another():\n    pass\n")
    assert encoded(own_terminal, own_shop) == before + 1
    (own_shop / "jobs/thumbnails.py").write_text(original)
    assert encoded(own_terminal, own_shop) == before + 1


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--lang", "go"], {"go"}),
        (["--lang", "rs", "--lang", "py"], {"rust", "python"}),
        (["--in", "web"], {"typescript"}),
        (["--in", "**/*.java"], {"java"}),
        (["--in", "*.md"], {"markdown"}),
    ],
)
def test_filters_keep_the_others_out(terminal, shop, filters, expected):
    answer = terminal.json("search", "the goods of an order of a session", *filters, "-k", 50, cwd=shop)
    assert {hit["language"] for hit in answer["hits"]} == expected


def test_a_kind_keeps_the_others_out(terminal, shop):
    answer = terminal.json("search", "session", "--kind", "struct", cwd=shop)
    assert {hit["kind"] for hit in answer["hits"]} == {"Struct"}


def test_filters_may_be_in_the_question(terminal, shop):
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


def test_a_path_through_a_parent_gives_plain_uris(terminal, shop):
    answer = terminal.json("search", "evict_expired", "--path", "../shop", cwd=shop)
    assert answer["hits"][0]["uri"] == (shop / "store/session.rs").as_uri()


def test_words_alone_need_no_model(terminal, shop):
    answer = terminal.json("search", "evict", "--lexical", cwd=shop)
    assert answer["model"] == ""
    assert answer["hits"][0]["name"] == "evict_expired"


def test_no_hit_is_an_answer_of_its_own(terminal, tmp_path):
    (tmp_path / "empty").mkdir()
    done = terminal.run("search", "anything", cwd=tmp_path / "empty")
    assert done.returncode == 1
    assert "No hits. No file is indexed." in done.stdout


@pytest.mark.parametrize(
    "filters", ["path:nowhere", "lang:zig", "kind:enum", "name:nowhere*", '"no such code"']
)
def test_search_filter_that_nothing_passes_is_named(terminal, shop, filters):
    said = re.compile(rf"No indexed (file|definition|code) matches {re.escape(filters)}\.")
    done = terminal.run("search", f"session {filters}", cwd=shop)
    assert done.returncode == 1
    assert said.fullmatch(done.stdout.splitlines()[-1].removeprefix("No hits. "))
    assert said.fullmatch(terminal.json("search", f"session {filters}", cwd=shop, status=1)["notice"])
    done = terminal.run("context", f"session {filters}", cwd=shop)
    assert said.fullmatch(done.stdout.rstrip().removeprefix("No hits. "))


def test_questions_from_a_file(terminal, shop, tmp_path):
    (tmp_path / "questions").write_text("evict_expired\nreserve\n")
    done = terminal.run("search", "--from", tmp_path / "questions", "--json", cwd=shop)
    names = [json.loads(line)["hits"][0]["name"] for line in done.stdout.splitlines()]
    assert names == ["evict_expired", "reserve"]


def test_similar_prints_copies_and_what_is_alike(terminal, own_shop):
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
    assert (
        lines[0]
        == terminal.run(
            "similar", "thumbnails.py:14", "--path", "..", cwd=own_shop / "worker"
        ).stdout.splitlines()[0]
    )


def test_similar_as_json(terminal, shop):
    answer = terminal.json("similar", "store/session.rs:27", "-k", 3, cwd=shop)
    assert (answer["path"], answer["name"], answer["kind"]) == ("store/session.rs", "evict_expired", "Method")
    assert answer["uri"] == (shop / "store/session.rs").as_uri()
    assert answer["range"]["start"]["line"] <= 26 <= answer["range"]["end"]["line"]
    assert (answer["copies"], answer["model"], len(answer["hits"])) == ([], "hashing", 3)
    assert answer["coverage"]["chunks"] == answer["coverage"]["embedded"] > 10
    assert {hit["count"] for hit in answer["hits"]} == {1}
    assert terminal.json("similar", "store/session.rs:27", "--lexical", cwd=shop)["model"] == ""


def test_nothing_similar_is_an_answer_of_its_own(terminal, tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w/a.py").write_text("def alone():\n    return 1\n")
    done = terminal.run("similar", "a.py:1", cwd=tmp_path / "w")
    assert done.returncode == 1
    assert "No similar code." in done.stdout


def test_context_prints_markdown_within_the_budget(terminal, shop):
    question = ["evict", "expired", "sessions", "--tokens", 300]
    done = terminal.run("context", *question, cwd=shop)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("## `store/session.rs:")
    assert "    pub fn evict_expired" in done.stdout
    answer = terminal.json("context", *question, cwd=shop)
    assert answer["markdown"] == done.stdout
    assert 100 < answer["tokens"] <= 300
    section = answer["sections"][0]
    assert set(section) == {"path", "uri", "language", "tokens", "parts"}
    lines = (shop / section["path"]).read_text().split("\n")
    for part in section["parts"]:
        start, end = part["range"]["start"], part["range"]["end"]
        assert (start["character"], end["character"]) == (0, 0)
        assert part["text"] == "\n".join(lines[start["line"] : end["line"]])


def test_context_keeps_tabs_and_shows_no_control_characters(terminal, tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w/a.go").write_text(
        'package a\n\nfunc Evil() {\n\tprint("\x1b]0;owned\x07\u202e[bold]")\n}\n'
    )
    done = terminal.run("context", "evil", cwd=tmp_path / "w")
    assert "\n\tprint(" in done.stdout
    assert "[bold]" in done.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout)


def test_no_context_is_an_answer_of_its_own(terminal, tmp_path):
    (tmp_path / "empty").mkdir()
    done = terminal.run("context", "anything", cwd=tmp_path / "empty")
    assert (done.returncode, done.stdout) == (1, "No hits. No file is indexed.\n")


def test_status_lists_what_is_left_out_and_why(terminal, own_shop):
    (own_shop / "picture.bin").write_bytes(b"\0" * 100)
    (own_shop / ".gitignore").write_text("*.log\n")
    (own_shop / "a.log").write_text("x")
    (own_shop / "huge.txt").write_text("x" * (1 << 20) + "x")
    terminal.json("index", own_shop)
    status = terminal.json("status", own_shop)
    reasons = {file["path"]: file["reason"] for file in status["skipped_files"]}
    assert reasons.keys() >= {"picture.bin", "a.log", "huge.txt"}
    assert "binary" in reasons["picture.bin"]
    assert ".gitignore" in reasons["a.log"]
    assert "1 MiB" in reasons["huge.txt"]
    assert status["phase"] == "ready"
    assert status["files"] == 8  # those of the shop and .gitignore
    assert "huge.txt" in terminal.run("status", own_shop).stdout


def test_status_empty_folder_after_indexing_is_ready(own_terminal, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "not indexed yet" in own_terminal.run("status", empty).stdout
    assert not own_terminal.json("status", empty)["indexed"]
    own_terminal.json("index", empty)
    assert f"{empty}\n  ready\n  0 files" in own_terminal.run("status", empty).stdout
    own_terminal.stop()
    assert own_terminal.json("status", empty)["indexed"]
    own_terminal.run("clear", empty)
    assert "not indexed yet" in own_terminal.run("status", empty).stdout


def test_status_says_all_about_a_folder_and_its_engine(own_terminal, own_shop, workspace):
    gpt = workspace("gpt")
    assert "not indexed yet: run `semls index`" in own_terminal.run("status", own_shop).stdout
    own_terminal.json("index", gpt)
    own_terminal.json("index", own_shop)
    status = own_terminal.json("status", own_shop)
    assert (status["workspace"], status["phase"], status["error"]) == (str(own_shop), "ready", "")
    assert (status["model"], status["device"]) == ("hashing", "cpu")
    assert status["chunks"] == status["embedded"] > status["files"] == 7
    assert status["queue"] == 0
    assert status["disk"] > 10_000
    assert status["cache"] > 10_000
    assert status["workspaces"] == sorted([str(gpt), str(own_shop)])
    if sys.platform == "linux":
        assert status["memory"] > 10_000_000
    shown = own_terminal.run("status", own_shop).stdout
    for words in (
        f"{own_shop}\n  ready\n",
        f"7 files, {status['chunks']} chunks, {status['embedded']} embedded, 0 queued",
        "model: hashing on cpu",
        "embedding cache of all folders ",
        f"engine: process {status['pid']}",
        "open folders: 2",
        f"    {gpt}\n",
    ):
        assert words in shown


def test_what_is_paused_is_queued_until_it_goes_on(own_terminal, own_shop):
    own_terminal.json("index", own_shop)
    assert own_terminal.run("pause").returncode == 0
    (own_shop / "worker/new.py").write_text("def quarantine_parcel():\n    return 1\n")
    assert own_terminal.json("index", own_shop)["embedded"] == 0
    status = own_terminal.json("status", own_shop)
    assert (status["phase"], status["queue"]) == ("paused", 1)
    assert "1 queued" in own_terminal.run("status", own_shop).stdout
    answer = own_terminal.json("search", "quarantine_parcel", "--no-wait", cwd=own_shop)
    assert answer["hits"][0]["path"] == "worker/new.py"  # by its words
    assert own_terminal.run("resume").returncode == 0
    own_terminal.json("index", own_shop)
    status = own_terminal.json("status", own_shop)
    assert (status["phase"], status["queue"]) == ("ready", 0)


def test_status_tells_the_last_error(terminal, own_shop, tmp_path):
    model = tmp_path / "garbled"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "bert", "hidden_size": 8}')
    (model / "model.safetensors").write_text("no weights at all")
    refused(terminal.run("index", own_shop, SEMLS_MODEL=str(model)), 3, str(model))
    status = terminal.json("status", own_shop, SEMLS_MODEL=str(model))
    assert str(model) in status["error"]
    assert status["error"] in terminal.run("status", own_shop, SEMLS_MODEL=str(model)).stderr
    terminal.json("index", own_shop)
    assert terminal.json("status", own_shop)["error"] == ""


def test_why_and_status_of_a_file_that_crashes_its_parser_say_so(terminal, own_shop):
    (own_shop / "crash.md").write_text("> " * 300 + "found\n")
    terminal.json("index", own_shop)
    assert terminal.json("why", "crash.md", cwd=own_shop)["by_lines"] == "crash"
    assert "  split by lines: crash\n" in terminal.run("why", "crash.md", cwd=own_shop).stdout
    assert "  split by lines 1: crash\n    crash.md\n" in terminal.run("status", own_shop).stdout


def test_why_a_file_is_indexed_or_not(terminal, own_shop):
    (own_shop / ".gitignore").write_text("*.log\nout/\n")
    (own_shop / "out").mkdir()
    for name in ("a.log", "out/made.py"):
        (own_shop / name).write_text("def made():\n    pass\n")
    (own_shop / "picture.bin").write_bytes(b"\0" * 100)
    terminal.json("index", own_shop)
    done = terminal.run("why", "store/session.rs", cwd=own_shop)
    assert done.returncode == 0
    assert done.stdout.startswith("store/session.rs\n  indexed as rust: ")
    told = terminal.json("why", "session.rs", "--path", own_shop, cwd=own_shop / "store")
    assert (told["path"], told["skipped"], told["language"]) == ("store/session.rs", "", "rust")
    assert 0 < told["definitions"] <= told["chunks"] == told["embedded"]
    for name, reason in (
        ("a.log", ".gitignore"),
        ("out/made.py", "out/ is left out"),
        ("picture.bin", "binary"),
    ):
        assert reason in terminal.json("why", name, cwd=own_shop, status=1)["skipped"]
        assert f"{name}\n  not indexed: " in terminal.run("why", name, cwd=own_shop).stdout


@pytest.mark.parametrize("is_indexed", [True, False])
def test_why_folder_that_is_left_out_gives_the_reason(terminal, own_shop, is_indexed):
    (own_shop / ".gitignore").write_text("out/\n")
    (own_shop / "out" / "deep").mkdir(parents=True)
    (own_shop / "out" / "deep" / "made.py").write_text("made = 1\n")
    if is_indexed:
        terminal.json("index", own_shop)
    assert terminal.json("why", "out", cwd=own_shop, status=1)["skipped"] == "ignored by .gitignore"
    done = terminal.run("why", "out/deep", cwd=own_shop)
    assert (done.returncode, done.stdout) == (
        1,
        "out/deep/\n  not indexed: out/ is left out: ignored by .gitignore\n",
    )


@pytest.mark.skipif(os.name == "nt", reason="no named pipes there")
def test_why_named_pipe_is_no_regular_file(terminal, own_shop):
    os.mkfifo(own_shop / "pipe.py")
    assert terminal.json("why", "pipe.py", cwd=own_shop, status=1)["skipped"] == "not a regular file"


def test_why_sees_what_was_changed_just_now(terminal, own_shop):
    terminal.json("index", own_shop)
    (own_shop / "worker/new.py").write_text("def quarantine_parcel():\n    return 1\n")
    assert terminal.json("why", "worker/new.py", cwd=own_shop)["definitions"] == 1
    (own_shop / "worker/new.py").write_bytes(b"\0")
    assert terminal.json("why", "worker/new.py", cwd=own_shop, status=1)["skipped"] == "binary"


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_why_tells_of_a_link_itself(terminal, own_shop, tmp_path):
    (own_shop / "link.py").symlink_to(own_shop / "worker/thumbnails.py")
    (own_shop / "broken.py").symlink_to(own_shop / "nowhere.py")
    (own_shop / "away.py").symlink_to(tmp_path)
    for name in ("link.py", "broken.py", "away.py"):
        assert "link" in terminal.json("why", name, cwd=own_shop, status=1)["skipped"]


def test_clear_deletes_the_index_and_nothing_else(own_terminal, own_shop):
    before = sorted(own_shop.rglob("*"))
    own_terminal.json("index", own_shop)
    assert own_terminal.run("clear", own_shop).returncode == 0
    assert not list(own_terminal.cache.glob("*/index.sqlite"))
    assert sorted(own_shop.rglob("*")) == before
    assert own_terminal.json("index", own_shop)["embedded"] == 0  # the cache still has the vectors


def test_control_characters_of_a_file_do_not_reach_the_terminal(terminal, tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w/a.py").write_text("def evil():\n    return '\x1b]0;owned\x07 \u202e'\n")
    done = terminal.run("search", "evil", cwd=tmp_path / "w")
    assert "def evil" in done.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout)


def test_the_engine_can_be_seen_and_stopped(own_terminal, own_shop):
    assert own_terminal.run("engine", "status").returncode == 1
    own_terminal.json("index", own_shop)
    assert "is running" in own_terminal.run("engine", "status").stdout
    assert own_terminal.run("engine", "stop").returncode == 0
    assert own_terminal.run("engine", "status").returncode == 1


def test_help_and_version(terminal):
    for arguments in (["--help"], ["search", "--help"], ["engine", "--help"]):
        done = terminal.run(*arguments)
        assert done.returncode == 0
        assert "Usage" in done.stdout
    assert terminal.run("--version").stdout.startswith("semls 0.")


def test_the_doctor_finds_this_machine_well(terminal):
    done = terminal.run("doctor")
    assert "still being" not in done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    examined = [
        "python: 3.",
        "FTS5",
        "grammars: ",
        "vectors: Chroma 1.",
        f"cache: {terminal.cache}",
        "model: ",
    ]
    for words in [*examined, *(["watch limit: "] if sys.platform == "linux" else [])]:
        assert words in done.stdout
    assert not list(terminal.cache.glob("doctor-*"))


def test_the_doctor_says_what_to_do(terminal, tmp_path):
    model = tmp_path / "nowhere"
    done = terminal.run("doctor", SEMLS_MODEL=str(model))
    assert done.returncode == 3
    assert f"warn  model: There is no folder {model}" in done.stdout
    assert "Set SEMLS_MODEL to another model" in done.stdout


def refused(done, status, *words):
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    for word in words:
        assert word in done.stderr.replace("\n", " ")


def test_a_missing_path_and_a_file_in_the_place_of_a_folder(terminal, shop):
    refused(terminal.run("index", shop / "nowhere"), 2, "no folder")
    refused(terminal.run("search", "x", "--path", shop / "nowhere"), 2, "no folder")
    refused(terminal.run("index", shop / "api/orders.go"), 2, "is a file")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["search", ""], ["empty"]),
        (["search", "   "], ["empty"]),
        (["search"], ["--from"]),
        (["search", "x" * 100_000], ["10,000"]),
        (["search", "x", "-k", "0"], ["at least 1"]),
        (["search", "x", "--lang", "klingon"], ["klingon"]),
        (["search", "x", "--kind", "thing"], ["thing"]),
        (["search", "x", "--in", ""], ["pattern"]),
        (["search", "kind:klass"], ["class"]),
        (["search", "where", "lang:pyton"], ["python"]),
        (["search", "where is lang:"], ["lang:python"]),
        (["search", "--from", "no-such-file"], ["no-such-file"]),
        (["search", "--from", os.devnull], ["no query"]),
        (["search", "x", "--colour"], ["--colour"]),
        (["similar"], ["FILE:LINE"]),
        (["similar", "api/orders.go"], ["src/http.py:42"]),
        (["similar", "api/orders.go:0"], ["src/http.py:42"]),
        (["similar", f"api/orders.go:{'9' * 5000}"], ["src/http.py:42"]),
        (["similar", "api/orders.go:99999999"], ["no code in line 99999999"]),
        (["similar", "api/orders.go:1", "-k", "0"], ["limit"]),
        (["similar", "nowhere.go:1"], ["no file"]),
        (["similar", "../outside.py:1"], ["outside the workspace"]),
        (["why"], ["FILE"]),
        (["why", "nowhere.go"], ["no file"]),
        (["why", "../outside.py"], ["outside the workspace"]),
        (["why", ".."], ["outside the workspace"]),
        (["why", "api"], ["api is a folder that is indexed: name a file in it"]),
        (["why", "."], ["is a folder that is indexed: name a file in it"]),
        (["similar", "api:1"], ["api is a folder: name a file in it"]),
        (["context"], ["QUESTION"]),
        (["context", " "], ["empty"]),
        (["context", "x", "--lang", "klingon"], ["klingon"]),
        (["context", "session", "--tokens", "0"], ["tokens"]),
        (["context", "session", "--tokens", "9"], ["9 tokens are too few"]),
        (["serach"], ["serach"]),
    ],
)
def test_wrong_use_is_explained(terminal, shop, arguments, words):
    (shop.parent / "outside.py").touch()
    refused(terminal.run(*arguments, cwd=shop), 2, *words)


def test_an_unknown_model_is_explained(terminal, own_shop):
    refused(
        terminal.run("index", own_shop, SEMLS_MODEL="gpt-17"), 2, "gpt-17", "nomic-ai/nomic-embed-text-v1"
    )


def test_pickle_weights_are_refused(terminal, own_shop, tmp_path):
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled/config.json").write_text('{"model_type": "bert", "hidden_size": 8}')
    (tmp_path / "pickled/pytorch_model.bin").write_bytes(b"\x80\x02.")
    done = terminal.run("index", own_shop, SEMLS_MODEL=str(tmp_path / "pickled"))
    refused(done, 3, "safetensors")


def test_a_cache_that_cannot_be_written_to(terminal, shop, tmp_path):
    (tmp_path / "file").write_text("mine")
    done = terminal.run("index", shop, SEMLS_CACHE_DIR=str(tmp_path / "file"))
    refused(done, 3, "SEMLS_CACHE_DIR")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_foreign_file_in_the_place_of_the_catalog(own_terminal, own_shop):
    own_terminal.json("index", own_shop)
    own_terminal.run("engine", "stop")
    (catalog,) = own_terminal.cache.glob("*/index.sqlite")
    for left in catalog.parent.glob("index.sqlite*"):
        left.unlink()
    with sqlite3.connect(catalog) as db:
        db.execute("CREATE TABLE letters (text)")
    db.close()
    before = catalog.read_bytes()
    done = own_terminal.run("index", own_shop)
    assert done.returncode == 0
    assert "being rebuilt" in done.stderr
    assert (
        own_terminal.json("search", "evict_expired", "--path", own_shop)["hits"][0]["name"] == "evict_expired"
    )
    assert catalog.with_name("index.sqlite.broken").read_bytes() == before


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", place], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk(terminal, own_shop, small_disk):
    for number in range(300):
        (own_shop / f"more{number}.py").write_text(f"def more{number}():\n    return {'x' * 3000!r}\n")
    done = terminal.run("index", own_shop, SEMLS_CACHE_DIR=str(small_disk / "cache"))
    terminal.run("engine", "stop", SEMLS_CACHE_DIR=str(small_disk / "cache"))
    refused(done, 3, "free some space")


@pytest.mark.skipif(os.name == "nt", reason="a closed pipe looks otherwise there")
def test_search_whose_reader_leaves_ends_as_by_sigpipe(terminal, shop):
    terminal.json("index", shop)
    with subprocess.Popen(
        [sys.executable, "-m", "semls", "search", "session", "-k", "50"],
        cwd=shop,
        env=terminal.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as search:
        assert search.stdout
        search.stdout.close()
        assert search.stderr
        assert search.stderr.read() == b""
    assert search.returncode == 141  # 1 would mean that there are no hits


def shell(terminal, line, cwd, **environment):
    """Run a shell command in which "$semls" stands for the command line."""
    command = f"{sys.executable} -m semls"
    return subprocess.run(
        ["sh", "-c", line.replace("$semls", command)],
        cwd=cwd,
        env={**terminal.environment, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=HANG,
        check=False,
    )


COMMANDS = [
    "search --lexical evict",
    "search --lexical evict --json",
    "similar --lexical store/session.rs:27",
    "context --lexical evict",
    "index",
    "status",
    "status --json",
    "why store/session.rs",
    "doctor",
    "rows . evict",
    "preview 1 file://$PWD/store/session.rs",
    "engine status",
    "--help",
    "--version",
    "search --help",
]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
def test_commands_whose_output_is_full_or_closed_explain_it(terminal, own_shop):
    terminal.json("index", own_shop)
    for command in COMMANDS:
        done = shell(terminal, f"$semls {command} > /dev/full", own_shop)
        refused(done, 3, "The output cannot be written: No space")
    for command in ("search --lexical evict", "search --lexical evict --json", "--help"):
        refused(shell(terminal, f"$semls {command} >&-", own_shop), 3, "The output cannot be written")
        assert shell(terminal, f"$semls {command} 2> /dev/full", own_shop).returncode == 0
        assert shell(terminal, f"$semls {command} <&- 2>&-", own_shop).returncode == 0
    assert shell(terminal, "$semls clear >&-", own_shop).returncode == 0  # it prints nothing


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_commands_whose_output_lacks_a_character_escape_it(terminal, tmp_path, encoding):
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "a.py").write_text("def upload():\n    return 'L\u00e4dt \u2713'\n", "utf-8")
    for command in (
        "search --lexical upload",
        "context --lexical upload",
        "similar --lexical a.py:1",
        "preview 1 file://$PWD/a.py",
        "--help",
    ):
        done = shell(terminal, f"$semls {command}", folder, PYTHONIOENCODING=encoding)
        assert (done.returncode in (0, 1), done.stderr) == (True, "")
        assert "help" in command or "similar" in command or "\\u2713" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="a folder in use cannot be deleted there")
@pytest.mark.parametrize("command", ["search x", "status", "why a.py", "similar a.py:1", "clear", "pick"])
def test_commands_in_a_deleted_folder_explain_it(terminal, tmp_path, command):
    line = f"mkdir gone && cd gone && rmdir ../gone && $semls {command}"
    refused(shell(terminal, line, tmp_path), 2, "The current folder was deleted")


LATIN = os.fsdecode(b"caf\xe9")


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are not text")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["search", LATIN], "The argument 'caf\\xe9' is not valid UTF-8"),
        (["search", "x", "--lang", LATIN], "not valid UTF-8"),
        (["search", "x", "--in", LATIN], "not valid UTF-8"),
        (["search", "x", "--kind", LATIN], "not valid UTF-8"),
        (["search", "x", "-k", LATIN], "-k"),
        (["search", "--from", LATIN], "cannot be read"),
        (["search", "x", "--path", LATIN], "no folder"),
        (["context", LATIN], "not valid UTF-8"),
        (["pick", LATIN], "not valid UTF-8"),
        (["similar", LATIN], "'caf\\xe9' is not a location"),
        (["similar", f"{LATIN}:1"], "no file"),
        (["why", LATIN], "no file"),
        (["index", LATIN], "no folder"),
        (["status", LATIN], "no folder"),
        (["cache", "import", LATIN], "cannot be imported"),
        (["preview", "1", f"file:///nowhere/{LATIN}"], "cannot be read"),
        ([LATIN], "No such command"),
        (["search", f"--{LATIN}"], "No such option"),
    ],
)
def test_commands_whose_argument_is_not_utf_8_explain_it(terminal, shop, arguments, words):
    done = terminal.run(*arguments, cwd=shop)
    refused(done, 2, words)
    assert LATIN not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="there, arguments are Unicode")
def test_search_in_an_ascii_locale_reads_utf_8(own_terminal, tmp_path):
    folder = tmp_path / "d\u00e9j\u00e0"
    folder.mkdir()
    (folder / "a.py").write_text("def r\u00e9sum\u00e9():\n    pass\n", "utf-8")
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "LANG": "C"}
    answer = own_terminal.json("search", "--lexical", "r\u00e9sum\u00e9", cwd=folder, **plain)
    assert (answer["query"], answer["hits"][0]["name"]) == ("r\u00e9sum\u00e9", "r\u00e9sum\u00e9")
    assert own_terminal.json("status", folder)["workspaces"] == [str(folder)]  # the same one in every locale


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are not text")
def test_folder_whose_name_is_not_utf_8_is_searched(own_terminal, tmp_path):
    folder = tmp_path / LATIN
    folder.mkdir()
    (folder / "a.py").write_text("def inside():\n    return 1\n")
    answer = own_terminal.json("search", "inside", "--path", LATIN, cwd=tmp_path)
    assert [hit["uri"] for hit in answer["hits"]] == [(folder / "a.py").as_uri()]
    assert own_terminal.run("similar", f"{LATIN}/a.py:1", "--path", LATIN, cwd=tmp_path).returncode == 1
    assert own_terminal.json("why", f"{LATIN}/a.py", "--path", LATIN, cwd=tmp_path)["embedded"] == 1
    assert own_terminal.run("context", "inside", cwd=folder).returncode == 0
    assert own_terminal.json("status", folder)["workspaces"] == [str(folder)]
    assert own_terminal.run("cache", "export", folder / "vectors").returncode == 0
    assert own_terminal.run("cache", "import", folder / "vectors").returncode == 0
    assert own_terminal.run("clear", folder).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are not text")
def test_why_about_a_file_whose_name_is_not_utf_8_gives_the_reason(terminal, own_shop):
    (own_shop / LATIN).write_text("x")
    (own_shop / os.fsdecode(b"d\xff")).mkdir()
    (own_shop / os.fsdecode(b"d\xff/x.py")).write_text("x = 1\n")
    told = terminal.json("why", LATIN, cwd=own_shop, status=1)
    assert told == {**told, "path": "caf\\xe9", "skipped": "file name is not valid UTF-8"}
    told = terminal.json("why", os.fsdecode(b"d\xff/x.py"), cwd=own_shop, status=1)
    assert "file name is not valid UTF-8" in told["skipped"]
    refused(
        terminal.run("similar", f"{LATIN}:1", cwd=own_shop),
        2,
        "caf\\xe9 is not indexed: file name is not valid UTF-8",
    )


def test_questions_that_are_not_utf_8_are_refused_with_their_line(terminal, shop, tmp_path):
    (tmp_path / "questions").write_bytes(b"evict_expired\nr\xe9sum\xe9\n")
    refused(
        terminal.run("search", "--from", tmp_path / "questions", cwd=shop), 2, "Line 2 of", "not valid UTF-8"
    )
    line = "printf 'caf\\351\\n' | $semls search --from -"
    for encoding in ("utf-8", "ascii:surrogateescape", "cp1252"):
        refused(
            shell(terminal, line, shop, PYTHONIOENCODING=encoding),
            2,
            "Line 1 of standard input is not valid UTF-8",
        )
    (tmp_path / "questions").write_bytes("\ufeffevict_expired\u2028x\r\n".encode())
    done = terminal.run("search", "--lexical", "--from", tmp_path / "questions", "--json", cwd=shop)
    assert json.loads(done.stdout)["query"] == "evict_expired\u2028x"


@pytest.mark.skipif(os.name == "nt", reason="there, variables are Unicode")
@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"SEMLS_MODEL": LATIN}, "'model'"),
        ({"SEMLS_MODEL": "a\x1b[31mb"}, "'model'"),
        ({"SEMLS_REVISION": LATIN}, "'revision'"),
        ({"SEMLS_STORE_URL": f"http://{LATIN}"}, "'store.url'"),
        ({"SEMLS_STORE_URL": "http://x", "SEMLS_STORE_HEADERS": json.dumps({"a": LATIN})}, "'store.headers'"),
        ({"SEMLS_CACHE_DIR": f"/{LATIN}"}, "SEMLS_CACHE_DIR"),
        ({"SEMLS_CACHE_DIR": "~nobody-is-called-so/x"}, "SEMLS_CACHE_DIR"),
        ({"SEMLS_CACHE_DIR": "", "HOME": f"/{LATIN}", "XDG_CACHE_HOME": ""}, "SEMLS_CACHE_DIR"),
    ],
)
def test_wrong_variables_are_explained(terminal, shop, environment, words):
    refused(terminal.run("search", "x", cwd=shop, **environment), 2, words)


def test_relative_cache_directory_is_one_for_client_and_engine(terminal, shop, tmp_path):
    (tmp_path / "home").mkdir()
    relative = {"SEMLS_CACHE_DIR": "home/cache", "SEMLS_STATE_DIR": "home/state"}
    try:
        terminal.json("index", shop, cwd=tmp_path, **relative)
        assert list((tmp_path / "home/cache").glob("*/index.sqlite"))
    finally:
        assert terminal.run("engine", "stop", cwd=tmp_path, **relative).returncode == 0


@pytest.mark.parametrize("columns", ["0", "1", "-5", "none", "\u00b2"])
def test_impossible_width_is_ignored(own_terminal, columns):
    assert "No engine" in own_terminal.run("engine", "status", COLUMNS=columns, LINES=columns).stdout
    assert "Show this message" in own_terminal.run("--help", COLUMNS=columns).stdout


def read_all(descriptor):
    """Read a pipe or a pseudoterminal to its end, and close it."""
    content = b""
    with contextlib.suppress(OSError):  # the end of a pseudoterminal
        while more := os.read(descriptor, 4096):
            content += more
    os.close(descriptor)
    return content


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudoterminal")
@pytest.mark.parametrize("columns", [5, 30, 80])
def test_search_in_a_narrow_terminal_shows_the_code(terminal, shop, columns):
    import fcntl
    import pty
    import termios

    terminal.json("index", shop)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-m", "semls", "search", "--lexical", "evict_expired", "-k", "1"]
    environment = {**terminal.environment, "TERM": "xterm", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=shop, env=environment, stdout=theirs, timeout=HANG, check=False)
    os.close(theirs)
    shown = read_all(ours)
    assert done.returncode == 0
    assert "pub fn evict_expired" in re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudoterminal")
@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"FORCE_COLOR": "1"}])
def test_search_without_a_terminal_for_progress_shows_none(terminal, shop, environment):
    import pty

    terminal.json("index", shop)
    ours, theirs = pty.openpty() if "TERM" in environment else os.pipe()
    command = [sys.executable, "-m", "semls", "search", "--lexical", "evict_expired", "-k", "1"]
    environment = {**terminal.environment, **environment}
    subprocess.run(command, cwd=shop, env=environment, stdout=subprocess.DEVNULL, stderr=theirs, check=True)
    os.close(theirs)
    shown = read_all(ours).splitlines()
    assert [line for line in shown if not line.startswith(b"Waiting for the engine")] == []  # it may be busy


def test_search_aligns_the_lines_of_a_method(terminal, tmp_path):
    (tmp_path / "a.py").write_text("class A:\n    def odd(self):\n        if self:\n\n            return 2\n")
    (tmp_path / "b.js").write_text("const all = {\n    even() {\n        return 2\n    },\n}\n")
    (tmp_path / "c.sh").write_text("  other() {\necho 1\n  }\n")
    python = "     def odd(self):\n         if self:\n\n             return 2\n"
    javascript = "     even() {\n         return 2\n     },\n"
    shell = "     other() {\n     echo 1\n       }\n"
    for name, snippet in (("odd", python), ("even", javascript), ("other", shell)):
        assert snippet in terminal.run("search", f"name:{name}", "--lexical", cwd=tmp_path).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_ctrl_c_ends_a_command_at_once(own_terminal, own_shop):
    def interrupted(*arguments, when):
        with subprocess.Popen(
            [sys.executable, "-m", "semls", *arguments],
            cwd=own_shop,
            env=own_terminal.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as command:
            deadline = time.monotonic() + HANG
            while not when(command.pid):
                assert command.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)  # between two looks
            command.send_signal(signal.SIGINT)
            assert command.communicate(timeout=20) == (b"", b"")
        assert command.returncode == -signal.SIGINT  # a shell makes 130 of it, and ends its loops

    def has_socket(pid):
        with contextlib.suppress(OSError):
            return any("socket:" in os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir())

    def has_threads(pid):
        return len(list(Path(f"/proc/{pid}/task").iterdir())) > 1

    def maps(name):
        return lambda pid: name in Path(f"/proc/{pid}/maps").read_text()

    interrupted("search", "x", when=maps("_json.cpython"))  # while it is imported
    own_terminal.state.mkdir(parents=True)
    own_terminal.cache.mkdir(parents=True)
    with EnginePaths(EngineSettings(own_terminal.cache, own_terminal.state)).start_lock():
        interrupted("search", "x", when=has_threads)  # while another program starts the engine
    own_terminal.json("index", own_shop)
    pid = own_terminal.json("status", own_shop)["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        interrupted("search", "x", when=has_socket)  # while the engine does not answer
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_front_end_imports_nothing_heavy():
    heavy = ["torch", "transformers", "chromadb", "tree_sitter", "numpy", "sqlite3", "uvicorn", "starlette"]
    for front_end, others in (("semls.cli.main", ["pygls", "lsprotocol"]), ("semls.lsp.server", [])):
        program = f"import sys, {front_end}; print(sorted(sys.modules.keys() & {{*{heavy + others}}}))"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"
