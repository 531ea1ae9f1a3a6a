"""The server of the plugin: beside others, for several roots and for none, and from its start to its end."""

import subprocess
import sys

import pytest

from tests.conftest import HANG
from tests.editors.nvim.neovim import NVIM, PLUGIN, QUESTION, SEMLS, environment

OTHER = """
from lsprotocol import types
from pygls.lsp.server import LanguageServer

pytestmark = pytest.mark.editors

server = LanguageServer("other", "0")


@server.feature(types.WORKSPACE_SYMBOL)
def symbols(params):
    raise ValueError("this one is asked as well")


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
    """A folder without a root."""
    place = tmp_path / "loose"
    place.mkdir()
    (place / "door.py").write_text("def close_the_door():\n    pass\n")
    return place


@pytest.fixture
def progress(nvim):
    """What the editor is told of the work that is done."""
    nvim.lua("""
        _G.progress = {}
        vim.api.nvim_create_autocmd('LspProgress', {
          callback = function(event)
            table.insert(_G.progress, event.data.params.value.kind)
          end,
        })""")
    return lambda: nvim.lua("return _G.progress")


def phase(nvim):
    """Of the folder."""
    (state,) = nvim.lua("return vim.tbl_values(require('semls.client').states)") or [{}]
    return state.get("phase")


def test_another_server_at_the_same_file_is_not_asked(nvim, tmp_path):
    (tmp_path / "other.py").write_text(OTHER)
    nvim.lua(
        "vim.lsp.start({ name = 'other', cmd = {...}, root_dir = vim.fn.getcwd() }, { bufnr = 0 })",
        sys.executable,
        str(tmp_path / "other.py"),
    )
    names = "return vim.tbl_map(function(one) return one.name end, vim.lsp.get_clients({ bufnr = 0 }))"
    nvim.until(lambda: sorted(nvim.lua(names)) == ["other", "semls"])
    nvim.until(lambda: nvim.lua("return vim.lsp.get_clients({ name = 'other' })[1].initialized"))
    nvim.nvim.command(f"Semls! search {QUESTION}")
    rows = nvim.until(lambda: nvim.quickfix[1])
    assert rows[0][:3] == ("session.rs", 27, 12)
    assert nvim.nvim.funcs.getqflist({"nr": "$"})["nr"] == 1  # no second list
    assert nvim.told == []


def test_a_search_asks_the_server_of_the_file_that_is_shown(nvim, folder):
    nvim.nvim.command(f"edit {folder}/gpt/model/tokenizer.py")
    nvim.nvim.command("Semls! search turn text into numbers")
    rows = nvim.until(lambda: nvim.quickfix[1])
    assert "tokenizer.py" in {row[0] for row in rows}
    assert "session.rs" not in {row[0] for row in rows}
    nvim.nvim.command("cclose")
    nvim.nvim.command(f"edit {folder}/shop/store/session.rs")
    nvim.nvim.command(f"Semls! search {QUESTION}")
    nvim.until(lambda: nvim.quickfix[0] == QUESTION)
    assert nvim.quickfix[1][0][:3] == ("session.rs", 27, 12)


def test_a_file_without_a_root_is_served_with_its_folder(start, loose):
    nvim = start()
    nvim.setup()
    nvim.nvim.command(f"edit {loose}/door.py")
    nvim.nvim.command("Semls! search close the door")
    assert nvim.until(lambda: nvim.quickfix[1])[0][:3] == ("door.py", 1, 5)
    assert nvim.roots == [str(loose)]


def test_columns_count_the_bytes_before_a_name(start, loose):
    before = "/* schließt 𝄞 die Tür */ export function "
    (loose / "door.ts").write_text(f"{before}closeTheDoor() {{}}\n")
    nvim = start()
    nvim.setup()
    nvim.nvim.command(f"cd {loose}")
    nvim.nvim.command("Semls! search close the door lang:typescript")
    row = nvim.until(lambda: nvim.quickfix[1])[0]
    assert row[:3] == ("door.ts", 1, len(before.encode()) + 1)


def test_an_unnamed_buffer_starts_no_server(start):
    nvim = start()
    nvim.setup()
    nvim.nvim.command("filetype on | enew | setfiletype python")
    assert nvim.roots == []


def test_a_server_starts_again(nvim, folder):
    ids = "return vim.tbl_map(function(one) return one.id end, require('semls.client').all())"
    (before,) = nvim.until(lambda: nvim.lua(ids))
    nvim.nvim.command("Semls restart")
    assert nvim.until(lambda: nvim.lua(ids)) != [before]
    assert nvim.roots == [str(folder / "shop")]
    attached = "return #vim.lsp.get_clients({ bufnr = 0, name = 'semls' })"
    nvim.until(lambda: nvim.lua(attached) == 1)


def test_the_index_is_paused_resumed_read_again_and_cleared(start, loose):
    nvim = start()
    nvim.setup()
    nvim.nvim.command(f"edit {loose}/door.py")
    nvim.until(lambda: phase(nvim) == "ready")
    nvim.nvim.command("Semls pause")
    nvim.until(lambda: nvim.told)
    nvim.nvim.command(f"edit {loose}/window.py")
    nvim.nvim.current.buffer[:] = ["def open_the_window():", "    pass"]
    nvim.nvim.command("write")
    nvim.until(lambda: phase(nvim) == "paused")
    nvim.nvim.command("Semls resume")
    nvim.until(lambda: phase(nvim) == "ready")
    nvim.nvim.command("Semls reindex")
    nvim.until(lambda: len(nvim.told) == 3)
    nvim.nvim.command("Semls clear")
    nvim.until(lambda: len(nvim.told) == 4)
    nvim.until(lambda: phase(nvim) == "ready")
    assert [told.removeprefix("semls: ") for told in nvim.told] == [
        "nothing is embedded until `:Semls resume`",
        "embedding goes on",
        "all files are looked at again",
        "the index is made anew",
    ]


def test_a_long_indexing_is_seen_as_progress(nvim, progress, loose):
    lines = (f"def number_{number}():\n    return {number}\n\n" for number in range(1000))
    (loose / "numbers.py").write_text("".join(lines))
    nvim.nvim.command(f"edit {loose}/numbers.py")
    nvim.until(lambda: "end" in progress())
    assert progress()[0] == "begin"


def test_the_state_ends_with_the_server(nvim):
    nvim.until(lambda: nvim.lua("return require('semls').statusline()") == "semls")
    nvim.lua("vim.lsp.stop_client(vim.lsp.get_clients())")
    nvim.until(lambda: nvim.lua("return require('semls').statusline()") == "")


def test_a_script_may_search(tmp_path, terminal, folder):
    script = tmp_path / "script.lua"
    script.write_text(SCRIPT % (SEMLS, QUESTION, HANG * 1000))
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
    assert done.stdout.startswith(f"{QUESTION}: [Method] SessionStore.evict_expired")
