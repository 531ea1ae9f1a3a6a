"""Tests of `semls index`, `status`, `why`, `pause`, `resume` and `clear`."""

import os
import re
import sqlite3
import sys

import pytest

from tests.support.commands import assert_fails


def test_index_reports_counts(own_terminal, own_shop):
    first = own_terminal.json("index", own_shop)
    assert set(first) == {"files", "chunks", "embedded", "seconds"}
    assert first["files"] == 7
    assert first["embedded"] > 10
    assert own_terminal.json("index", own_shop) == {
        **first,
        "embedded": 0,
        "seconds": pytest.approx(0, abs=60),
    }


def encoded_count(terminal, root):
    """Update the index and return how many texts the engine has encoded so far."""
    terminal.json("index", root)
    return terminal.json("status", root)["encoded"]


def test_index_after_change_embeds_only_the_change(own_terminal, own_shop):
    before = encoded_count(own_terminal, own_shop)
    (own_shop / "worker/new.py").write_text("def quarantine_parcel():\n    return 1\n")
    (own_shop / "web/src/timing.ts").unlink()
    assert encoded_count(own_terminal, own_shop) == before + 1
    answer = own_terminal.json("search", "quarantine_parcel", "--path", own_shop)
    assert answer["hits"][0]["path"] == "worker/new.py"
    assert all(
        hit["path"] != "web/src/timing.ts"
        for hit in own_terminal.json("search", "debounce", "--path", own_shop)["hits"]
    )


def test_index_after_rename_or_revert_embeds_nothing(own_terminal, own_shop):
    original = (own_shop / "worker/thumbnails.py").read_text()
    before = encoded_count(own_terminal, own_shop)
    (own_shop / "worker").rename(own_shop / "jobs")
    assert encoded_count(own_terminal, own_shop) == before
    (own_shop / "jobs/thumbnails.py").write_text("def another():\n    pass\n")
    assert encoded_count(own_terminal, own_shop) == before + 1
    (own_shop / "jobs/thumbnails.py").write_text(original)
    assert encoded_count(own_terminal, own_shop) == before + 1


def test_index_with_foreign_database_quarantines_it_and_rebuilds(own_terminal, own_shop):
    own_terminal.json("index", own_shop)
    own_terminal.run("engine", "stop")
    (catalog,) = own_terminal.cache.glob("*/index.sqlite")
    for file in catalog.parent.glob("index.sqlite*"):
        file.unlink()
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


def test_status_lists_skipped_files_with_reasons(terminal, own_shop):
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
    assert status["files"] == 8  # the files of the shop and .gitignore
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
    own_terminal.run("clear", "--yes", empty)
    assert "not indexed yet" in own_terminal.run("status", empty).stdout


def test_status_describes_the_folder_and_its_engine(own_terminal, own_shop, workspace):
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
    output = own_terminal.run("status", own_shop).stdout
    for text in (
        f"{own_shop}\n  ready\n",
        f"7 files, {status['chunks']} chunks, {status['embedded']} embedded, 0 queued",
        "model: hashing on cpu",
        "embedding cache of all folders ",
        f"engine: process {status['pid']}",
        "open folders: 2",
        f"    {gpt}\n",
    ):
        assert text in output


def add_skipped_files(root):
    (root / ".gitignore").write_text("*.log\nout/\n")
    (root / "a.log").write_text("x")
    (root / "out").mkdir()
    (root / "out/made.py").write_text("made = 1\n")
    (root / "pb.py").write_text("# Code generated by protoc. DO NOT EDIT.\nx = 1\n")
    (root / "picture").write_bytes(b"\0")


def test_files_of_folder_that_is_not_indexed_lists_them_without_indexing(own_terminal, own_shop):
    add_skipped_files(own_shop)
    listed = own_terminal.json("files", own_shop)["files"]
    skipped = own_terminal.json("files", "--skipped", own_shop)["files"]
    status = own_terminal.json("status", own_shop)
    assert (status["indexed"], status["files"], status["chunks"], status["model"]) == (False, 0, 0, "")
    assert status["skipped_files"] == []
    assert [file["path"] for file in listed] == sorted(file["path"] for file in listed)
    own_terminal.json("index", own_shop)
    status = own_terminal.json("status", own_shop)
    assert (len(listed), sum(file["chunks"] for file in listed)) == (status["files"], status["chunks"])
    assert {(file["path"], file["reason"]) for file in skipped} == {
        (file["path"], file["reason"]) for file in status["skipped_files"]
    }
    assert {file["path"]: file["reason"] for file in skipped} == {
        "a.log": "ignored by .gitignore",
        "out/": "ignored by .gitignore",
        "pb.py": "generated",
        "picture": "binary",
    }
    assert listed[-1].items() >= {"path": "worker/thumbnails.py", "language": "python", "reason": ""}.items()
    assert own_terminal.json("files", own_shop)["files"] == listed
    assert own_terminal.json("files", "--skipped", own_shop)["files"] == skipped


def test_files_after_change_is_current(terminal, own_shop):
    terminal.json("index", own_shop)
    (own_shop / "worker/new.py").write_text("def quarantine_parcel():\n    return 1\n")
    (own_shop / "worker/thumbnails.py").unlink()
    paths = {file["path"]: file["chunks"] for file in terminal.json("files", own_shop)["files"]}
    assert paths["worker/new.py"] == 1
    assert "worker/thumbnails.py" not in paths


def test_files_prints_one_line_for_each_file(terminal, own_shop):
    add_skipped_files(own_shop)
    done = terminal.run("files", cwd=own_shop)
    assert done.returncode == 0
    assert re.fullmatch(r"8 files, \d+ chunks\n", done.stderr)
    assert re.search(r"^worker/thumbnails\.py  python, \d+ chunks$", done.stdout, re.MULTILINE)
    done = terminal.run("files", "--skipped", cwd=own_shop)
    assert (done.returncode, done.stderr) == (0, "4 files\n")
    assert done.stdout.splitlines() == [
        "a.log  ignored by .gitignore",
        "out/  ignored by .gitignore",
        "pb.py  generated",
        "picture  binary",
    ]


def test_status_and_why_name_parts_and_files_that_no_person_wrote(own_terminal, own_shop):
    blob = "".join(f"{number * number * 7919:x}" for number in range(9000))
    (own_shop / "logo.py").write_text(f'LOGO = "{blob}"\n\ndef company_logo():\n    return LOGO\n')
    (own_shop / "bundle.lua").write_text("function a(b,c)return b+c end local d=a(1,2);" * 3000)
    rows = "".join(f"INSERT INTO users VALUES ({number}, 'User {number}');\n" for number in range(9000))
    (own_shop / "seed.sql").write_text(f"CREATE TABLE users (id int, name text);\n{rows}")
    own_terminal.json("index", own_shop)
    status = own_terminal.json("status", own_shop)
    assert {file["path"]: file["reason"] for file in status["partial"]} == {
        "logo.py": "encoded data",
        "seed.sql": "rows of data",
    }
    assert status["skipped_files"] == [{"path": "bundle.lua", "reason": "minified"}]
    assert "left out in part 1: rows of data\n    seed.sql" in own_terminal.run("status", own_shop).stdout
    why = own_terminal.json("why", "logo.py", cwd=own_shop)
    assert (why["omitted"], why["definitions"], why["chunks"]) == ("encoded data", 1, 2)
    assert own_terminal.json("why", "seed.sql", cwd=own_shop)["chunks"] < 10  # of about 200
    hit = own_terminal.json("search", "company_logo", cwd=own_shop)["hits"][0]
    assert (hit["path"], hit["range"]["start"]["line"]) == ("logo.py", 2)
    hits = own_terminal.json("search", "path:logo.py LOGO", cwd=own_shop)["hits"]
    (hit,) = [hit for hit in hits if hit["range"]["start"]["line"] == 0]
    assert hit["snippet"] == 'LOGO = "…"'
    assert hit["range"]["end"] == {"line": 0, "character": len(blob) + 9}
    context = own_terminal.json("context", "path:logo.py LOGO", cwd=own_shop)
    assert 'LOGO = "…"' in context["markdown"]


def test_pause_queues_changes_until_resume(own_terminal, own_shop):
    own_terminal.json("index", own_shop)
    assert own_terminal.run("pause").returncode == 0
    (own_shop / "worker/new.py").write_text("def quarantine_parcel():\n    return 1\n")
    paused = own_terminal.run("index", own_shop)
    assert ", 1 chunk not embedded, " in paused.stdout
    assert_fails(paused, 3, "Embedding is paused")
    status = own_terminal.json("status", own_shop)
    assert (status["phase"], status["queue"]) == ("paused", 1)
    assert "1 queued" in own_terminal.run("status", own_shop).stdout
    answer = own_terminal.json("search", "quarantine_parcel", "--no-wait", cwd=own_shop)
    assert answer["hits"][0]["path"] == "worker/new.py"  # found by full-text search
    assert own_terminal.run("resume").returncode == 0
    own_terminal.json("index", own_shop)
    status = own_terminal.json("status", own_shop)
    assert (status["phase"], status["queue"]) == ("ready", 0)


def test_status_after_error_shows_it_until_an_index_succeeds(terminal, own_shop, tmp_path):
    model = tmp_path / "garbled"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "bert", "hidden_size": 8}')
    (model / "model.safetensors").write_text("no weights at all")
    assert_fails(terminal.run("index", own_shop, SEMLS_MODEL=str(model)), 3, str(model))
    status = terminal.json("status", own_shop, SEMLS_MODEL=str(model))
    assert str(model) in status["error"]
    assert status["error"] in terminal.run("status", own_shop, SEMLS_MODEL=str(model)).stderr
    terminal.json("index", own_shop)
    assert terminal.json("status", own_shop)["error"] == ""


def test_why_and_status_of_file_that_crashes_the_parser_give_the_reason(terminal, own_shop):
    (own_shop / "crash.md").write_text("> " * 300 + "found\n")
    terminal.json("index", own_shop)
    assert terminal.json("why", "crash.md", cwd=own_shop)["by_lines"] == "crash"
    assert "  split by lines: crash\n" in terminal.run("why", "crash.md", cwd=own_shop).stdout
    assert "  split by lines 1: crash\n    crash.md\n" in terminal.run("status", own_shop).stdout


def test_why_explains_indexed_and_skipped_files(terminal, own_shop):
    (own_shop / ".gitignore").write_text("*.log\nout/\n")
    (own_shop / "out").mkdir()
    for name in ("a.log", "out/made.py"):
        (own_shop / name).write_text("def made():\n    pass\n")
    (own_shop / "picture.bin").write_bytes(b"\0" * 100)
    terminal.json("index", own_shop)
    done = terminal.run("why", "store/session.rs", cwd=own_shop)
    assert done.returncode == 0
    assert done.stdout.startswith("store/session.rs\n  indexed as rust: ")
    message = terminal.json("why", "session.rs", "--path", own_shop, cwd=own_shop / "store")
    assert (message["path"], message["skipped"], message["language"]) == ("store/session.rs", "", "rust")
    assert 0 < message["definitions"] <= message["chunks"] == message["embedded"]
    for name, reason in (
        ("a.log", ".gitignore"),
        ("out/made.py", "out/ is left out"),
        ("picture.bin", "binary"),
    ):
        assert reason in terminal.json("why", name, cwd=own_shop, status=1)["skipped"]
        assert f"{name}\n  not indexed: " in terminal.run("why", name, cwd=own_shop).stdout


@pytest.mark.parametrize("is_indexed", [True, False])
def test_why_skipped_folder_gives_the_reason(terminal, own_shop, is_indexed):
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


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes")
def test_why_named_pipe_says_that_it_is_not_a_regular_file(terminal, own_shop):
    os.mkfifo(own_shop / "pipe.py")
    assert terminal.json("why", "pipe.py", cwd=own_shop, status=1)["skipped"] == "not a regular file"


def test_why_after_change_is_current(terminal, own_shop):
    terminal.json("index", own_shop)
    (own_shop / "worker/new.py").write_text("def quarantine_parcel():\n    return 1\n")
    assert terminal.json("why", "worker/new.py", cwd=own_shop)["definitions"] == 1
    (own_shop / "worker/new.py").write_bytes(b"\0")
    assert terminal.json("why", "worker/new.py", cwd=own_shop, status=1)["skipped"] == "binary"


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_why_symlink_describes_the_link(terminal, own_shop, tmp_path):
    (own_shop / "link.py").symlink_to(own_shop / "worker/thumbnails.py")
    (own_shop / "broken.py").symlink_to(own_shop / "nowhere.py")
    (own_shop / "away.py").symlink_to(tmp_path)
    for name in ("link.py", "broken.py", "away.py"):
        assert "link" in terminal.json("why", name, cwd=own_shop, status=1)["skipped"]


def test_clear_deletes_the_index_but_keeps_files_and_cache(own_terminal, own_shop):
    before = sorted(own_shop.rglob("*"))
    own_terminal.json("index", own_shop)
    assert own_terminal.run("clear", "--yes", own_shop).returncode == 0
    assert not list(own_terminal.cache.glob("*/index.sqlite"))
    assert sorted(own_shop.rglob("*")) == before
    assert own_terminal.json("index", own_shop)["embedded"] == 0  # the embedding cache still has the vectors
