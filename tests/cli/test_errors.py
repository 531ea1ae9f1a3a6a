"""Tests of error messages and exit statuses: invalid arguments, environment variables, files and disks."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.support.commands import assert_fails, run_shell

LATIN1_NAME = os.fsdecode(b"caf\xe9")


def test_index_of_missing_folder_or_file_is_refused(terminal, shop):
    assert_fails(terminal.run("index", shop / "nowhere"), 2, "no folder")
    assert_fails(terminal.run("search", "x", "--path", shop / "nowhere"), 2, "no folder")
    assert_fails(terminal.run("index", shop / "api/orders.go"), 2, "is a file")


@pytest.mark.parametrize(
    ("arguments", "texts"),
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
        (["similar", "../outside.py:1", "--path", "."], ["outside the workspace"]),
        (["why"], ["FILE"]),
        (["why", "nowhere.go"], ["no file"]),
        (["why", "../outside.py", "--path", "."], ["outside the workspace"]),
        (["why", "..", "--path", "."], ["outside the workspace"]),
        (["why", "api"], ["api is a folder that is indexed: name a file in it"]),
        (["why", "."], ["is a folder that is indexed: name a file in it"]),
        (["similar", "api:1"], ["api is a folder: name a file in it"]),
        (["context"], ["QUESTION"]),
        (["context", " "], ["empty"]),
        (["context", "x", "--lang", "klingon"], ["klingon"]),
        (["context", "session", "--tokens", "0"], ["tokens"]),
        (["context", "session", "--tokens", "9"], ["9 tokens are too few"]),
        (["serach"], ["'serach'", "Did you mean 'search'?"]),
    ],
)
def test_usage_error_is_explained(terminal, shop, arguments, texts):
    (shop.parent / "outside.py").touch()
    assert_fails(terminal.run(*arguments, cwd=shop), 2, *texts)


def test_index_with_unknown_model_names_it(terminal, own_shop):
    assert_fails(
        terminal.run("index", own_shop, SEMLS_MODEL="gpt-17"), 2, "gpt-17", "nomic-ai/nomic-embed-text-v1"
    )


def test_index_with_pickle_weights_is_refused(terminal, own_shop, tmp_path):
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled/config.json").write_text('{"model_type": "bert", "hidden_size": 8}')
    (tmp_path / "pickled/pytorch_model.bin").write_bytes(b"\x80\x02.")
    done = terminal.run("index", own_shop, SEMLS_MODEL=str(tmp_path / "pickled"))
    assert_fails(done, 3, "safetensors")


def test_search_with_broken_model_answers_by_full_text_search_and_says_so(own_terminal, own_shop, tmp_path):
    (tmp_path / "garbled").mkdir()
    (tmp_path / "garbled/config.json").write_text('{"model_type": "bert", "hidden_size": 8}')
    (tmp_path / "garbled/model.safetensors").write_text("no weights at all")
    model = {"SEMLS_MODEL": str(tmp_path / "garbled")}
    assert own_terminal.run("search", "evict_expired", cwd=own_shop, **model).returncode == 0
    assert_fails(own_terminal.run("index", cwd=own_shop, **model), 3, "garbled")
    done = own_terminal.run("search", "evict_expired", cwd=own_shop, **model)
    assert done.stdout.startswith("  1  store/session.rs:27  SessionStore.evict_expired")
    assert "garbled" in done.stderr
    assert_fails(own_terminal.run("search", "--wait", "evict_expired", cwd=own_shop, **model), 3, "garbled")


def test_index_with_unwritable_cache_names_the_variable(terminal, shop, tmp_path):
    (tmp_path / "file").write_text("mine")
    done = terminal.run("index", shop, SEMLS_CACHE_DIR=str(tmp_path / "file"))
    assert_fails(done, 3, "SEMLS_CACHE_DIR")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", disk], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("mounting a disk requires root")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_index_on_full_disk_says_so(terminal, own_shop, small_disk):
    for number in range(300):
        (own_shop / f"more{number}.py").write_text(
            f'def more{number}():\n    """{"The price of a parcel. " * 80}"""\n'
        )
    done = terminal.run("index", own_shop, SEMLS_CACHE_DIR=str(small_disk / "cache"))
    terminal.run("engine", "stop", SEMLS_CACHE_DIR=str(small_disk / "cache"))
    assert_fails(done, 3, "free some space")


@pytest.mark.skipif(os.name == "nt", reason="Windows does not delete a folder in use")
@pytest.mark.parametrize(
    "command", ["search x", "status", "files", "why a.py", "similar a.py:1", "clear --yes", "pick"]
)
def test_command_in_deleted_folder_says_so(terminal, tmp_path, command):
    line = f"mkdir gone && cd gone && rmdir ../gone && $semls {command}"
    assert_fails(run_shell(terminal, line, tmp_path), 2, "The current folder was deleted")


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names that are not UTF-8")
@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (["search", LATIN1_NAME], "The argument 'caf\\xe9' is not valid UTF-8"),
        (["search", "x", "--lang", LATIN1_NAME], "not valid UTF-8"),
        (["search", "x", "--in", LATIN1_NAME], "not valid UTF-8"),
        (["search", "x", "--kind", LATIN1_NAME], "not valid UTF-8"),
        (["search", "x", "-k", LATIN1_NAME], "-k"),
        (["search", "--from", LATIN1_NAME], "cannot be read"),
        (["search", "x", "--path", LATIN1_NAME], "no folder"),
        (["context", LATIN1_NAME], "not valid UTF-8"),
        (["pick", LATIN1_NAME], "not valid UTF-8"),
        (["similar", LATIN1_NAME], "'caf\\xe9' is not a location"),
        (["similar", f"{LATIN1_NAME}:1"], "no file"),
        (["why", LATIN1_NAME], "no file"),
        (["index", LATIN1_NAME], "no folder"),
        (["status", LATIN1_NAME], "no folder"),
        (["files", LATIN1_NAME], "no folder"),
        (["cache", "import", LATIN1_NAME], "cannot be imported"),
        ([LATIN1_NAME], "There is no command"),
        (["search", f"--{LATIN1_NAME}"], "No such option"),
    ],
)
def test_command_with_argument_that_is_not_utf_8_says_so(terminal, shop, arguments, texts):
    done = terminal.run(*arguments, cwd=shop)
    assert_fails(done, 2, texts)
    assert LATIN1_NAME not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="arguments are Unicode on Windows")
def test_search_in_ascii_locale_decodes_utf_8(own_terminal, tmp_path):
    folder = tmp_path / "d\u00e9j\u00e0"
    folder.mkdir()
    (folder / "a.py").write_text("def r\u00e9sum\u00e9():\n    pass\n", "utf-8")
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "LANG": "C"}
    answer = own_terminal.json("search", "--lexical", "r\u00e9sum\u00e9", cwd=folder, **plain)
    assert (answer["query"], answer["hits"][0]["name"]) == ("r\u00e9sum\u00e9", "r\u00e9sum\u00e9")
    assert own_terminal.json("status", folder)["workspaces"] == [
        str(folder)
    ]  # the same workspace in every locale


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names that are not UTF-8")
def test_search_in_folder_whose_name_is_not_utf_8_succeeds(own_terminal, tmp_path):
    folder = tmp_path / LATIN1_NAME
    folder.mkdir()
    (folder / "a.py").write_text("def inside():\n    return 1\n")
    answer = own_terminal.json("search", "inside", "--path", LATIN1_NAME, cwd=tmp_path)
    assert [hit["uri"] for hit in answer["hits"]] == [(folder / "a.py").as_uri()]
    assert (
        own_terminal.run("similar", f"{LATIN1_NAME}/a.py:1", "--path", LATIN1_NAME, cwd=tmp_path).returncode
        == 1
    )
    assert (
        own_terminal.json("why", f"{LATIN1_NAME}/a.py", "--path", LATIN1_NAME, cwd=tmp_path)["embedded"] == 1
    )
    assert own_terminal.run("context", "inside", cwd=folder).returncode == 0
    assert own_terminal.json("status", folder)["workspaces"] == [str(folder)]
    assert own_terminal.run("cache", "export", folder / "vectors").returncode == 0
    assert own_terminal.run("cache", "import", folder / "vectors").returncode == 0
    assert own_terminal.run("clear", "--yes", folder).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names that are not UTF-8")
def test_why_file_whose_name_is_not_utf_8_gives_the_reason(terminal, own_shop):
    (own_shop / LATIN1_NAME).write_text("x")
    (own_shop / os.fsdecode(b"d\xff")).mkdir()
    (own_shop / os.fsdecode(b"d\xff/x.py")).write_text("x = 1\n")
    message = terminal.json("why", LATIN1_NAME, cwd=own_shop, status=1)
    assert message == {**message, "path": "caf\\xe9", "skipped": "file name is not valid UTF-8"}
    message = terminal.json("why", os.fsdecode(b"d\xff/x.py"), cwd=own_shop, status=1)
    assert "file name is not valid UTF-8" in message["skipped"]
    assert_fails(
        terminal.run("similar", f"{LATIN1_NAME}:1", cwd=own_shop),
        2,
        "caf\\xe9 is not indexed: file name is not valid UTF-8",
    )


def test_search_from_file_that_is_not_utf_8_names_the_line(terminal, shop, tmp_path):
    (tmp_path / "questions").write_bytes(b"evict_expired\nr\xe9sum\xe9\n")
    assert_fails(
        terminal.run("search", "--from", tmp_path / "questions", cwd=shop), 2, "Line 2 of", "not valid UTF-8"
    )
    line = "printf 'caf\\351\\n' | $semls search --from -"
    for encoding in ("utf-8", "ascii:surrogateescape", "cp1252"):
        assert_fails(
            run_shell(terminal, line, shop, PYTHONIOENCODING=encoding),
            2,
            "Line 1 of standard input is not valid UTF-8",
        )
    (tmp_path / "questions").write_bytes("\ufeffevict_expired\u2028x\r\n".encode())
    done = terminal.run("search", "--lexical", "--from", tmp_path / "questions", "--json", cwd=shop)
    assert json.loads(done.stdout)["query"] == "evict_expired\u2028x"


def test_search_from_file_with_invalid_queries_names_their_lines(terminal, shop, tmp_path):
    file = tmp_path / "questions"
    file.write_text("evict\n\nx lang:pyton\nreserve\nkind:clas\n")
    done = terminal.run("search", "--from", file, cwd=shop)
    assert_fails(done, 2, f"{file}:3: Unknown language 'pyton'", f"{file}:5: Unknown kind 'clas'")
    line = "echo 'lang:pyton' | $semls search --from -"
    assert_fails(run_shell(terminal, line, shop), 2, "stdin:1: Unknown language 'pyton'")


@pytest.mark.skipif(os.name == "nt", reason="variables are Unicode on Windows")
@pytest.mark.parametrize(
    ("environment", "texts"),
    [
        ({"SEMLS_MODEL": LATIN1_NAME}, "'model'"),
        ({"SEMLS_MODEL": "a\x1b[31mb"}, "'model'"),
        ({"SEMLS_REVISION": LATIN1_NAME}, "'revision'"),
        ({"SEMLS_STORE_URL": f"http://{LATIN1_NAME}"}, "'store.url'"),
        (
            {"SEMLS_STORE_URL": "http://x", "SEMLS_STORE_HEADERS": json.dumps({"a": LATIN1_NAME})},
            "'store.headers'",
        ),
        ({"SEMLS_CACHE_DIR": f"/{LATIN1_NAME}"}, "SEMLS_CACHE_DIR"),
        ({"SEMLS_CACHE_DIR": "~nobody-is-called-so/x"}, "SEMLS_CACHE_DIR"),
        ({"SEMLS_CACHE_DIR": "", "HOME": f"/{LATIN1_NAME}", "XDG_CACHE_HOME": ""}, "SEMLS_CACHE_DIR"),
    ],
)
def test_invalid_environment_variable_is_named(terminal, shop, environment, texts):
    assert_fails(terminal.run("search", "x", cwd=shop, **environment), 2, texts)
