"""Tests of reading files that semls did not write: special files, symbolic links and endless input."""

import contextlib
import os
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from semls.engine.files import scan
from semls.engine.models.presets import resolve
from semls.errors import ModelError
from semls.limits import MAX_FILE_BYTES
from semls.reading import read_inside, read_regular
from tests.conftest import HANG

posix = pytest.mark.skipif(os.name == "nt", reason="needs pipes and devices")


def test_read_regular_returns_at_most_one_byte_more_than_limit(tmp_path):
    file = tmp_path / "file"
    for size in (0, 9, 10, 11, 1000):
        file.write_bytes(b"x" * size)
        assert read_regular(file, 10) == b"x" * min(size, 11)


@posix
def test_read_regular_of_special_file_returns_none(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for path in ("", "/dev/zero", "/dev/tty", "pipe", "link", "socket"):
            assert read_regular(tmp_path / path, 10) is None


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="needs /proc")
def test_read_regular_of_proc_file_returns_nothing():
    assert read_regular(Path("/proc/self/environ"), 10) == b""


def test_read_regular_of_path_with_null_character_raises_value_error(tmp_path):
    with pytest.raises(ValueError, match="null"):
        read_regular(tmp_path / "a\0b", 10)


def swap(path, others, stop):
    """Rename each of the other paths to `path` and back until `stop` is set."""
    while not stop.is_set():
        for other in others:
            other.rename(path)
            path.rename(other)


@posix
def test_read_regular_of_path_that_becomes_pipe_does_not_hang(tmp_path):
    (tmp_path / "file").write_text("text")
    os.mkfifo(tmp_path / "pipe")
    read_while_swapping(
        tmp_path / "path",
        [tmp_path / "file", tmp_path / "pipe"],
        lambda: read_regular(tmp_path / "path", 10) in (b"text", None),
    )


@posix
def test_read_inside_folder_that_becomes_symlink_returns_no_outside_file(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder, text in ((root / "real", "inside"), (outside, "secret")):
        folder.mkdir(parents=True)
        (folder / "file.py").write_text(text)
    (root / "linked").symlink_to(outside, target_is_directory=True)

    def is_inside():
        with contextlib.suppress(NotADirectoryError):  # a symbolic link
            return read_inside(root, Path("folder/file.py"), 10) == b"inside"
        return True

    def is_not_secret():
        return scan.read_file(root, "folder/file.py") != b"secret"

    for read in (is_inside, is_not_secret):
        read_while_swapping(root / "folder", [root / "real", root / "linked"], read)


def read_while_swapping(path, others, is_correct):
    """Read repeatedly while another thread renames the paths."""
    stop = threading.Event()
    thread = threading.Thread(target=swap, args=(path, others, stop))
    thread.start()
    try:
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError):  # between two names
                assert is_correct()
    finally:
        stop.set()
        thread.join(HANG)


@posix
def test_resolve_model_with_device_as_configuration_file_ignores_it(tmp_path):
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "config.json").write_text('{"hidden_size": 8}')
    for name in ("sentence_bert_config.json", "config_sentence_transformers.json"):
        (tmp_path / name).symlink_to("/dev/zero")
    assert resolve(str(tmp_path)).dimension == 8
    (tmp_path / "config.json").write_text(" " * MAX_FILE_BYTES + '{"hidden_size": 8}')
    with pytest.raises(ModelError, match="hidden_size"):
        resolve(str(tmp_path))


@posix
def test_search_with_endless_query_fails(terminal, tmp_path):
    done = terminal.run("search", "--from", "/dev/zero", "--path", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "1 MiB" in done.stderr
    with subprocess.Popen(["cat", "/dev/zero"], stdout=subprocess.PIPE) as endless:
        assert endless.stdout
        done = terminal.run("search", "--from", f"/proc/{os.getpid()}/fd/{endless.stdout.fileno()}")
        endless.kill()
    assert "1 MiB" in done.stderr
