"""Tests of what `semls pick` passes to fzf, with a program in its place that needs no terminal."""

import os
import re
import shlex
import sys
from functools import partial

import pytest

from tests.conftest import FIXTURES
from tests.support.fzf import run_pick

pytestmark = pytest.mark.skipif(os.name == "nt", reason="fzf runs commands in another shell")

SESSION = "store/session.rs"
HOSTILE_CLIENT = """
import os, socket
port, _, token = os.environ["SEMLS_PICKER"].partition(":")
for request in (b"rows\\0evict", b"\\0rows\\0evict", token.upper().encode() + b"\\0rows\\0evict"):
    for size in (len(request), 0, 1 << 31):
        with socket.create_connection(("127.0.0.1", int(port))) as connection:
            connection.sendall(size.to_bytes(4, "big") + request)
            connection.settimeout(60)
            try:
                assert connection.recv(1) == b""
            except ConnectionError:
                pass
"""


@pytest.fixture
def pick(terminal, tmp_path):
    return partial(run_pick, terminal, tmp_path / "tools")


def test_pick_marks_the_line_of_the_hit_and_prints_its_location(pick, shop):
    picked = pick(shop, "evict_expired")
    (marked,) = [line for line in picked.preview.decode().split("\n") if "\x1b" in line]
    assert re.fullmatch(r"   27 (?:\x1b\[\d+m)+    pub fn evict_expired.*\x1b\[0m", marked)
    assert picked.plain.decode() == (FIXTURES / "shop" / SESSION).read_text()
    assert picked.done.stdout == f"{shop}/{SESSION}:27\n"
    assert picked.done.returncode == 0


def test_pick_without_query_has_no_rows(pick, shop):
    picked = pick(shop)
    assert (picked.rows, picked.done.returncode) == (b"", 1)


def test_pick_with_invalid_filter_shows_the_error_as_a_row(pick, shop):
    picked = pick(shop, "lang:nonsense")
    assert "Unknown language 'nonsense'" in picked.rows.decode()
    assert (picked.preview, picked.done.stdout, picked.done.returncode) == (b"", "", 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("pass", r"The file .*/a\.py cannot be read: .*\."),
        ("os.mkfifo({path!r})", r".*/a\.py is not a regular file\."),
        ("os.symlink('/dev/zero', {path!r})", r".*/a\.py is not a regular file\."),
    ],
)
def test_pick_previews_a_file_that_cannot_be_read_as_an_error(pick, tmp_path, change, message):
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "a.py").write_text("def evict():\n    pass\n")
    path = str(folder / "a.py")
    program = f"import os; os.unlink({path!r}); {change.format(path=path)}"
    picked = pick(folder, "evict", before=shlex.join([sys.executable, "-c", program]))
    assert re.fullmatch(message, picked.preview.decode())


def test_pick_escapes_what_the_encoding_lacks(pick, tmp_path):
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "a.py").write_text("def upload():\n    return '\u2713'\n", "utf-8")
    picked = pick(folder, "upload", PYTHONIOENCODING="ascii")
    assert b"return '\\u2713'" in picked.preview


def test_pick_answers_only_its_fzf(pick, shop):
    picked = pick(shop, "evict_expired", before=shlex.join([sys.executable, "-c", HOSTILE_CLIENT]))
    assert (picked.done.returncode, picked.done.stderr) == (0, "")
    assert b"evict_expired" in picked.preview
