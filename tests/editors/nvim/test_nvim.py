"""The plugin in a real Neovim, against the real server with the bundled model."""

import os
import signal
from pathlib import Path

import pytest

from tests.editors.nvim.neovim import QUESTION, SEMLS

pytestmark = pytest.mark.editors


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


def test_the_picker_previews_and_jumps_in_what_is_not_saved(nvim):
    nvim.nvim.command("edit " + nvim.nvim.current.buffer.name.replace("cart", "timing"))
    nvim.nvim.current.buffer.append(["// not", "// saved"], 0)
    nvim.nvim.command("Semls search call a function once it has been quiet name:debounce")
    nvim.until(lambda: nvim.picked() and nvim.picked()[0] == "debounce  web/src/timing.ts:4")
    assert ["// not", "// saved"] in [buffer[:2] for buffer in nvim.nvim.buffers if not buffer.name]
    nvim.nvim.input("<CR>")
    nvim.until(lambda: nvim.place == ("timing.ts", 4, 16))


def test_the_picker_says_what_is_wrong_with_a_filter_and_leaves_on_escape(nvim):
    before = nvim.place
    nvim.nvim.command("Semls search kind:nonsense")
    nvim.until(lambda: "nonsense" in "".join(nvim.picked()))
    nvim.nvim.input("<Esc>")
    nvim.until(lambda: len(nvim.nvim.windows) == 1)
    assert nvim.place == before


def test_a_newer_question_cancels_the_one_before(nvim):
    clients = "vim.lsp.get_clients({ name = 'semls' })"
    nvim.until(lambda: nvim.lua(f"return #{clients} == 1 and {clients}[1].initialized"))
    nvim.lua(
        """
        _G.found, _G.cancelled = {}, 0
        vim.api.nvim_create_autocmd('LspRequest', {
          callback = function(event)
            _G.cancelled = _G.cancelled + (event.data.request.type == 'cancel' and 1 or 0)
          end,
        })
        local ask = require('semls.pickers').live()
        for _, question in ipairs({ 'throw', ... }) do
          ask(question, function(items)
            table.insert(_G.found, items[1].name)
          end)
        end""",
        QUESTION,
    )
    nvim.until(lambda: nvim.lua("return _G.found"))
    assert nvim.lua("return _G.found") == ["SessionStore.evict_expired"]
    assert nvim.lua("return _G.cancelled") == 1


def test_an_unknown_picker_is_named(start):
    nvim = start()
    nvim.setup(picker="nonsense")
    nvim.nvim.command("Semls search")
    assert nvim.told == [
        'semls: there is no picker "nonsense", but snacks, mini.pick, telescope, fzf-lua, builtin'
    ]


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
    nvim.until(lambda: nvim.roots == [str(folder / "gpt"), str(folder / "shop")])


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
    if nvim.lua("return vim.lsp.enable == nil"):
        pytest.skip("before Neovim 0.11 there is no plain configuration")
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


def test_the_commands_are_a_menu(nvim):
    nvim.lua("vim.ui.select = function(names, _, choose) _G.names = names; choose('status') end")
    nvim.nvim.command("Semls")
    assert nvim.lua("return _G.names") == nvim.nvim.funcs.getcompletion("Semls ", "cmdline")
    assert "chunks embedded" in nvim.until(lambda: nvim.told)[0]


def test_a_wrong_option_is_named(start):
    nvim = start()
    told = nvim.lua("return select(2, pcall(require('semls').setup, { limits = 3 }))")
    assert told.startswith('semls: there is no option "limits"')
    told = nvim.lua("return select(2, pcall(require('semls').setup, { limit = 'three' }))")
    assert told == "semls: the option limit is a number, not a string"


def test_the_health_is_checked(nvim):
    nvim.until(lambda: nvim.lua("return #require('semls.client').all()"))
    nvim.nvim.command("checkhealth semls")
    text = "\n".join(nvim.nvim.current.buffer[:])
    assert "semls 0." in text
    assert "A server runs for" in text
