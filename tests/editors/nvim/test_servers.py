"""Tests of the plugin's servers: start, restart, roots, progress, and other servers for the same buffer."""

import subprocess
import sys

import pytest

from tests.conftest import HANG
from tests.editors.nvim.neovim import NVIM, PLUGIN, QUERY, SEMLS, environment

pytestmark = pytest.mark.editors

OTHER = """
from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("other", "0")


@server.feature(types.WORKSPACE_SYMBOL)
def symbols(params):
    raise ValueError("this server must not be asked")


server.start_io()
"""

SCRIPT = """
require('semls').setup({ cmd = { '%s', 'lsp' }, auto = false })
local title
require('semls').quickfix('%s')
vim.wait(%d, function()
  title = vim.fn.getqflist({ title = 1 }).title
  return title ~= ''
end)
io.stdout:write(title, ': ', vim.fn.getqflist()[1].text)
"""


@pytest.fixture
def loose(tmp_path):
    """Return a folder without a root marker."""
    folder = tmp_path / "loose"
    folder.mkdir()
    (folder / "door.py").write_text("def close_the_door():\n    pass\n")
    return folder


@pytest.fixture
def progress(nvim):
    """Record the kinds of progress notifications; return a function that reads them."""
    nvim.lua("""
        _G.progress = {}
        vim.api.nvim_create_autocmd('LspProgress', {
          callback = function(event)
            table.insert(_G.progress, event.data.params.value.kind)
          end,
        })""")
    return lambda: nvim.lua("return _G.progress")


def phase(nvim):
    """Return the phase of the only folder."""
    (state,) = nvim.lua("return vim.tbl_values(require('semls.client').states)") or [{}]
    return state.get("phase")


def test_search_with_other_server_attached_asks_semls_only(nvim, tmp_path):
    (tmp_path / "other.py").write_text(OTHER)
    nvim.lua(
        "vim.lsp.start({ name = 'other', cmd = {...}, root_dir = vim.fn.getcwd() }, { bufnr = 0 })",
        sys.executable,
        str(tmp_path / "other.py"),
    )
    names = "return vim.tbl_map(function(client) return client.name end, vim.lsp.get_clients({ bufnr = 0 }))"
    nvim.until(lambda: sorted(nvim.lua(names)) == ["other", "semls"])
    nvim.until(lambda: nvim.lua("return vim.lsp.get_clients({ name = 'other' })[1].initialized"))
    nvim.nvim.command(f"Semls! search {QUERY}")
    rows = nvim.until(lambda: nvim.quickfix[1])
    assert rows[0][:3] == ("session.rs", 27, 12)
    assert nvim.nvim.funcs.getqflist({"nr": "$"})["nr"] == 1  # no second list
    assert nvim.messages == []


def test_search_uses_the_server_of_the_current_file(nvim, folder):
    nvim.nvim.command(f"edit {folder}/gpt/model/tokenizer.py")
    nvim.nvim.command("Semls! search turn text into numbers")
    rows = nvim.until(lambda: nvim.quickfix[1])
    assert "tokenizer.py" in {row[0] for row in rows}
    assert "session.rs" not in {row[0] for row in rows}
    nvim.nvim.command("cclose")
    nvim.nvim.command(f"edit {folder}/shop/store/session.rs")
    nvim.nvim.command(f"Semls! search {QUERY}")
    nvim.until(lambda: nvim.quickfix[0] == QUERY)
    assert nvim.quickfix[1][0][:3] == ("session.rs", 27, 12)


def test_search_without_root_marker_uses_the_files_folder(start, loose):
    nvim = start()
    nvim.setup()
    nvim.nvim.command(f"edit {loose}/door.py")
    nvim.nvim.command("Semls! search close the door")
    assert nvim.until(lambda: nvim.quickfix[1])[0][:3] == ("door.py", 1, 5)
    assert nvim.roots == [str(loose)]


def test_quickfix_column_counts_bytes(start, loose):
    before = "/* schließt 𝄞 die Tür */ export function "
    (loose / "door.ts").write_text(f"{before}closeTheDoor() {{}}\n")
    nvim = start()
    nvim.setup()
    nvim.nvim.command(f"cd {loose}")
    nvim.nvim.command("Semls! search close the door lang:typescript")
    row = nvim.until(lambda: nvim.quickfix[1])[0]
    assert row[:3] == ("door.ts", 1, len(before.encode()) + 1)


def test_unnamed_buffer_starts_no_server(start):
    nvim = start()
    nvim.setup()
    nvim.nvim.command("filetype on | enew | setfiletype python")
    assert nvim.roots == []


def test_restart_starts_a_new_server(nvim, folder):
    ids = "return vim.tbl_map(function(client) return client.id end, require('semls.client').all())"
    (before,) = nvim.until(lambda: nvim.lua(ids))
    nvim.nvim.command("Semls restart")
    assert nvim.until(lambda: nvim.lua(ids)) != [before]
    assert nvim.roots == [str(folder / "shop")]
    attached = "return #vim.lsp.get_clients({ bufnr = 0, name = 'semls' })"
    nvim.until(lambda: nvim.lua(attached) == 1)


def test_restart_while_the_server_starts_replaces_it(start, folder):
    nvim = start()
    nvim.setup()
    ids = """
        vim.cmd.edit(...)
        local ids = {}
        for _ = 1, 2 do
          table.insert(ids, require('semls.client').start(require('semls.client').root(0)).id)
          vim.cmd('Semls restart')
        end
        return ids"""
    first, second = nvim.lua(ids, f"{folder}/shop/web/src/cart.ts")
    assert first != second
    attached = "return vim.tbl_map(function(client) return client.id end, vim.lsp.get_clients({ bufnr = 0 }))"
    (last,) = nvim.until(lambda: nvim.lua(attached))
    assert last not in (first, second)


def test_index_commands_change_the_state_and_confirm(start, loose):
    nvim = start()
    nvim.setup()
    nvim.nvim.command(f"edit {loose}/door.py")
    nvim.until(lambda: phase(nvim) == "ready")
    nvim.nvim.command("Semls pause")
    nvim.until(lambda: nvim.messages)
    nvim.nvim.command(f"edit {loose}/window.py")
    nvim.nvim.current.buffer[:] = ["def open_the_window():", "    pass"]
    nvim.nvim.command("write")
    nvim.until(lambda: phase(nvim) == "paused")
    nvim.nvim.command("Semls resume")
    nvim.until(lambda: phase(nvim) == "ready")
    nvim.nvim.command("Semls reindex")
    nvim.until(lambda: len(nvim.messages) == 3)
    nvim.nvim.command("Semls clear")
    nvim.until(lambda: len(nvim.messages) == 4)
    nvim.until(lambda: phase(nvim) == "ready")
    assert [message.removeprefix("semls: ") for message in nvim.messages] == [
        "embedding paused until `:Semls resume`",
        "embedding resumed",
        "updating the index",
        "rebuilding the index",
    ]


def test_indexing_reports_progress(nvim, progress, loose):
    lines = (f"def number_{number}():\n    return {number}\n\n" for number in range(1000))
    (loose / "numbers.py").write_text("".join(lines))
    nvim.nvim.command(f"edit {loose}/numbers.py")
    nvim.until(lambda: "end" in progress())
    assert progress()[0] == "begin"


def test_statusline_after_server_exit_is_empty(nvim):
    nvim.until(lambda: nvim.lua("return require('semls').statusline()") == "semls")
    nvim.lua("vim.lsp.stop_client(vim.lsp.get_clients())")
    nvim.until(lambda: nvim.lua("return require('semls').statusline()") == "")


def test_script_can_search(tmp_path, terminal, folder):
    script = tmp_path / "script.lua"
    script.write_text(SCRIPT % (SEMLS, QUERY, HANG * 1000))
    done = subprocess.run(
        [NVIM, "--headless", "--clean", "--cmd", f"set rtp^={PLUGIN}", "-l", str(script)],
        cwd=folder / "shop",
        env=environment(tmp_path, terminal),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=True,
    )
    assert done.stdout.startswith(f"{QUERY}: [Method] SessionStore.evict_expired")
