"""Tests of the plugin in a real Neovim with the real server and the bundled model."""

import os
import re
import signal

import pytest

from tests.editors.nvim.neovim import QUERY, SEMLS
from tests.support.chat_server import answering, serve_chat

pytestmark = pytest.mark.editors


def test_search_with_bang_fills_the_quickfix_list_by_file(nvim, terminal, folder):
    nvim.nvim.command(f"Semls! search {QUERY}")
    title, rows = nvim.until(lambda: nvim.quickfix if nvim.quickfix[1] else None)
    assert title == QUERY
    printed = terminal.run("search", QUERY, "--path", folder / "shop", "-k", 50, "--vimgrep").stdout
    hits = re.findall(r"^(?:\S+/)?(\S+):(\d+):(\d+):(.+?): (.*)", printed, re.MULTILINE)
    shown = [
        (file, str(line), str(column), *text.split(" ", 1)[1].split("  ", 1))
        for file, line, column, text in rows
    ]
    assert shown == hits
    assert rows[0] == (
        "session.rs",
        27,
        12,
        "[Method] SessionStore.evict_expired  Throw out everybody who was idle for too long.",
    )
    nvim.nvim.command("cc 1")
    assert nvim.location == ("session.rs", 27, 11)


def test_picker_while_typing_lists_hits_and_opens_one(nvim):
    nvim.nvim.command("Semls search")
    nvim.nvim.input(QUERY)
    nvim.until(
        lambda: nvim.picker_lines() and nvim.picker_lines()[0].startswith("SessionStore.evict_expired")
    )
    assert nvim.picker_lines()[0] == "SessionStore.evict_expired  store/session.rs:27"
    nvim.nvim.input("<Down><Up><CR>")
    nvim.until(lambda: nvim.location == ("session.rs", 27, 11))
    assert len(nvim.nvim.windows) == 1


def test_picker_with_modified_buffer_previews_and_opens_it(nvim):
    nvim.nvim.command("edit " + nvim.nvim.current.buffer.name.replace("cart", "timing"))
    nvim.nvim.current.buffer.append(["// not", "// saved"], 0)
    nvim.nvim.command("Semls search call a function once it has been quiet name:debounce")
    nvim.until(lambda: nvim.picker_lines() and nvim.picker_lines()[0] == "debounce  web/src/timing.ts:4")
    assert ["// not", "// saved"] in [buffer[:2] for buffer in nvim.nvim.buffers if not buffer.name]
    nvim.nvim.input("<CR>")
    nvim.until(lambda: nvim.location == ("timing.ts", 4, 16))


def test_picker_with_invalid_filter_shows_the_error_and_closes_on_escape(nvim):
    before = nvim.location
    nvim.nvim.command("Semls search kind:nonsense")
    nvim.until(lambda: "nonsense" in "".join(nvim.picker_lines()))
    nvim.nvim.input("<Esc>")
    nvim.until(lambda: len(nvim.nvim.windows) == 1)
    assert nvim.location == before


def test_live_search_cancels_the_previous_request(nvim):
    clients = "vim.lsp.get_clients({ name = 'semls' })"
    nvim.until(lambda: nvim.lua(f"return #{clients} == 1 and {clients}[1].initialized"))
    nvim.lua(
        """
        _G.names, _G.cancelled = {}, 0
        vim.api.nvim_create_autocmd('LspRequest', {
          callback = function(event)
            _G.cancelled = _G.cancelled + (event.data.request.type == 'cancel' and 1 or 0)
          end,
        })
        local send = require('semls.pickers').live_search()
        for _, query in ipairs({ 'throw', ... }) do
          send(query, function(items)
            table.insert(_G.names, items[1].name)
          end)
        end""",
        QUERY,
    )
    nvim.until(lambda: nvim.lua("return _G.names"))
    assert nvim.lua("return _G.names") == ["SessionStore.evict_expired"]
    assert nvim.lua("return _G.cancelled") == 1


def test_search_with_unknown_picker_names_it(start):
    nvim = start()
    nvim.setup(picker="nonsense")
    nvim.nvim.command("Semls search")
    assert nvim.messages == [
        'semls: unknown picker "nonsense"; available: snacks, mini.pick, telescope, fzf-lua, builtin, select'
    ]


def test_similar_fills_the_quickfix_list(start, folder):
    nvim = start()
    nvim.setup()
    nvim.nvim.command(f"edit {folder}/gpt/model/tokenizer.py")
    nvim.nvim.command("17Semls similar")
    title, rows = nvim.until(lambda: nvim.quickfix if nvim.quickfix[1] else None)
    assert title == "Similar to load_encoder"
    assert rows[0][3].startswith("[Method] Tokenizer.load_decoder")


def test_context_opens_a_markdown_buffer(nvim):
    nvim.nvim.command("Semls context how are expired sessions removed")
    nvim.until(lambda: nvim.lua("return vim.bo.filetype") == "markdown")
    assert "pub fn evict_expired" in "\n".join(nvim.nvim.current.buffer[:])


def test_ask_shows_the_answer_and_fills_the_quickfix_list(start, folder):
    nvim = start()
    with serve_chat(answering("It is in session.rs:27", ", not in session.rs:999.")) as server:
        nvim.lua("vim.env.SEMLS_ASK_URL, vim.env.SEMLS_ASK_MODEL = ...", server.url, "qwen3")
        nvim.setup()
        nvim.nvim.command(f"cd {folder}/shop")
        nvim.nvim.command("Semls ask how are expired sessions removed")
        nvim.until(lambda: nvim.lua("return vim.bo.filetype") == "markdown")
    assert nvim.nvim.current.buffer[:] == ["It is in session.rs:27, not in session.rs:999 [unverified]."]
    title, rows = nvim.quickfix
    assert title == "how are expired sessions removed"
    assert [row[:2] for row in rows] == [("session.rs", 27)]
    assert rows[0][3].startswith("pub fn evict_expired")
    nvim.nvim.command("cc 1")
    assert nvim.location[:2] == ("session.rs", 27)


def test_ask_without_a_language_model_shows_how_to_configure_one(nvim):
    nvim.nvim.command("Semls ask how are expired sessions removed")
    nvim.until(lambda: nvim.messages)
    assert "Set SEMLS_ASK_COMMAND" in nvim.messages[0]


def test_server_runs_once_per_root(nvim, folder):
    nvim.nvim.command(f"edit {folder}/gpt/train.py")
    nvim.nvim.command(f"edit {folder}/shop/store/session.rs")
    nvim.until(lambda: nvim.roots == [str(folder / "gpt"), str(folder / "shop")])


def test_root_without_markers_is_the_current_directory_if_it_contains_the_file(start, tmp_path):
    nvim = start()
    nvim.setup()
    for path in ("plain/store/a.py", "other/b.py"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("def weigh():\n    pass\n")
    nvim.nvim.command(f"cd {tmp_path}/plain")
    nvim.nvim.command("edit store/a.py")
    nvim.until(lambda: nvim.roots == [str(tmp_path / "plain")])
    nvim.nvim.command(f"edit {tmp_path}/other/b.py")
    nvim.until(lambda: nvim.roots == [str(tmp_path / "other"), str(tmp_path / "plain")])


def test_search_without_file_uses_the_current_directory(start, folder):
    nvim = start()
    nvim.setup()
    nvim.nvim.command(f"cd {folder}/shop")
    assert nvim.lua("return #require('semls.client').all()") == 0
    nvim.nvim.command(f"Semls! search {QUERY}")
    assert nvim.until(lambda: nvim.quickfix[1])[0][:3] == ("session.rs", 27, 12)


def test_status_is_shown_and_in_the_status_line(nvim):
    nvim.until(lambda: nvim.lua("return require('semls').statusline()") == "semls")
    nvim.nvim.command("Semls status")
    (message,) = nvim.until(lambda: nvim.messages)
    assert "ready" in message
    assert "all-MiniLM-L6-v2 on cpu" in message


def test_search_without_program_names_it(start, folder):
    nvim = start()
    nvim.setup(cmd=["/no/such/semls", "lsp"])
    nvim.nvim.command(f"cd {folder}/shop")
    nvim.nvim.command("Semls! search anything")
    assert "program /no/such/semls not found" in nvim.messages[-1]


def test_search_after_server_was_killed_restarts_it(nvim):
    nvim.nvim.command(f"Semls! search {QUERY}")
    nvim.until(lambda: nvim.quickfix[1])
    nvim.nvim.funcs.setqflist([])
    pid = nvim.lua("return vim.fn.systemlist({'pgrep', '-P', tostring(vim.fn.getpid()), '-f', 'semls'})[1]")
    os.kill(int(pid), signal.SIGKILL)
    nvim.until(lambda: nvim.lua("return #require('semls.client').all()") == 0)
    # The quickfix list belongs to the root of the previous window.
    assert nvim.nvim.current.buffer.options["buftype"] == "quickfix"
    nvim.nvim.command(f"Semls! search {QUERY}")
    assert nvim.until(lambda: nvim.quickfix[1])[0][:3] == ("session.rs", 27, 12)


def test_lsp_configuration_attaches_to_named_files_only(start, folder):
    nvim = start()
    if nvim.lua("return vim.lsp.enable == nil"):
        pytest.skip("vim.lsp.enable needs Neovim 0.11")
    nvim.lua("require('semls.config').set({cmd = ...}); vim.lsp.enable('semls')", [SEMLS, "lsp"])
    assert nvim.lua("return #vim.lsp.get_clients()") == 0
    nvim.nvim.command("filetype on")
    nvim.nvim.command(f"edit {folder}/shop/web/src/timing.ts")
    nvim.until(lambda: nvim.lua("return #vim.lsp.get_clients({name = 'semls'})") == 1)
    assert nvim.lua("return vim.lsp.get_clients()[1].root_dir") == str(folder / "shop")


def test_command_is_completed_and_unknown_one_named(nvim):
    assert nvim.nvim.funcs.getcompletion("Semls re", "cmdline") == ["resume", "reindex", "restart"]
    nvim.nvim.command("Semls nonsense")
    assert "unknown command" in nvim.messages[-1]


def test_command_without_arguments_shows_a_menu(nvim):
    nvim.lua("""
        vim.ui.select = function(commands, options, choose)
          _G.entries = vim.tbl_map(options.format_item, commands)
          choose(commands[6])
        end""")
    nvim.nvim.command("Semls")
    entries = nvim.lua("return _G.entries")
    assert entries[0] == "search    Search by meaning"
    assert entries[-1] == "clear     Delete the index and rebuild it"
    assert [entry.split()[0] for entry in entries] == nvim.nvim.funcs.getcompletion("Semls ", "cmdline")
    assert "chunks embedded" in nvim.until(lambda: nvim.messages)[0]


def test_last_without_a_search_says_so(nvim):
    nvim.nvim.command("Semls last")
    assert nvim.messages == ["semls: nothing has been searched yet"]


def test_search_with_bang_and_weak_answer_says_so(nvim):
    nvim.nvim.command("Semls! search zebra quantum pancakes")
    nvim.until(lambda: nvim.quickfix[0] == "No strong match; nearest: zebra quantum pancakes")


def test_setup_with_invalid_option_names_it(start):
    nvim = start()
    message = nvim.lua("return select(2, pcall(require('semls').setup, { limits = 3 }))")
    assert message.startswith('semls: unknown option "limits"')
    message = nvim.lua("return select(2, pcall(require('semls').setup, { limit = 'three' }))")
    assert message == "semls: option limit must be a number, not a string"


def test_checkhealth_reports_program_and_servers(nvim):
    nvim.until(lambda: nvim.lua("return #require('semls.client').all()"))
    nvim.nvim.command("checkhealth semls")
    text = "\n".join(nvim.nvim.current.buffer[:])
    assert "semls 0." in text
    assert "Server is running for" in text
