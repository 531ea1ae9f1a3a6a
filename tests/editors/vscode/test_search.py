"""Tests of the extension in the window of a real VS Code."""

import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import FIXTURES, HANG
from tests.editors.vscode.conftest import SEMLS

pytestmark = pytest.mark.editors

QUERY = "throw out visitors who were idle for too long"


@pytest.fixture
def window(open_window, terminal, shop):
    """A window on an indexed folder."""
    assert terminal.run("index", shop).returncode == 0
    return open_window(shop)


def best_names(terminal, folder):
    """Return the names of the best hits that `semls search` prints for QUERY."""
    hits = terminal.json("search", QUERY, "--path", folder, "-k", 5)["hits"]
    return [".".join(filter(None, (hit["container"], hit["name"]))) for hit in hits]


def grouped_rows(terminal, folder):
    """Return the paths of the files that `semls search` prints for QUERY, each before the names in it."""
    printed = terminal.run("search", QUERY, "--path", folder, "-k", 50).stdout
    hits = re.findall(r"^ +\d+  (\S+):\d+  (.+)  \d\.\d\d$", printed, re.MULTILINE)
    files = {path: [name for other, name in hits if other == path] for path, _ in hits}
    return [row for path, names in files.items() for row in (path, *names)]


def test_status_bar_while_indexing_shows_the_progress(open_window, tmp_path):
    for number in range(900):
        text = f"def number_{number}(x):\n    return x + {number} * {time.time_ns()}\n"
        (tmp_path / f"m{number}.py").write_text(text)
    window = open_window(tmp_path)
    expect(window.status).to_have_text(re.compile(r"semls \d+ %"), timeout=HANG * 1000)
    window.search("number")
    expect(window.title).to_have_text(re.compile(r"Search Code by Meaning \(\d+ % embedded\)"))
    expect(window.title).to_have_text("Search Code by Meaning", timeout=HANG * 1000)
    expect(window.rows.first).to_contain_text("semantic")  # the search was repeated with the embeddings
    window.page.keyboard.press("Escape")
    expect(window.status).to_have_text("semls", timeout=HANG * 1000)
    window.status.click()
    expect(window.rows.first).to_contain_text("900 files, 900 of 900 chunks embedded")
    expect(window.rows.first).to_contain_text("all-MiniLM-L6-v2 on cpu")


def test_status_menu_pauses_and_resumes_indexing(window, shop):
    window.status.click()
    window.rows.filter(has_text="Pause Indexing").click()
    (shop / "late.py").write_text("def arrives_late(train):\n    return train.delay > 0\n")
    window.has_status("semls: paused")
    window.status.click()
    expect(window.rows.first).to_contain_text("paused")
    window.picture("status")
    window.rows.filter(has_text="Resume Indexing").click()
    window.has_status("semls: ready")
    (shop / "late.py").unlink()


def test_search_lists_hits_in_ranking_order_and_enter_opens_one(window, terminal, shop):
    window.search(QUERY)
    expect(window.rows.first).to_contain_text("SessionStore.evict_expired")
    expect(window.rows.first).to_contain_text("store/session.rs:27")
    expect(window.rows.first).to_contain_text("pub fn evict_expired(&mut self, limit: Duration) -> usize {")
    expect(window.rows.first).to_contain_text("lexical, semantic")
    window.has_rows(*best_names(terminal, shop))
    window.page.keyboard.press("Enter")
    window.is_at("session.rs", 27, 12)


def test_search_previews_the_active_hit_and_escape_restores_the_editor(window):
    window.open_file("web/src/cart.ts", 12)
    window.is_at("cart.ts", 12, 1)
    window.search("")
    window.box.fill(QUERY)  # at once, so that there is no answer to a prefix of it
    expect(window.rows.first).to_contain_text("evict_expired")
    window.page.keyboard.press("ArrowDown")
    window.page.keyboard.press("ArrowUp")
    expect(window.tab("session.rs")).to_be_visible()
    assert window.box.is_visible()
    window.picture("search")
    window.page.keyboard.press("Escape")
    window.is_at("cart.ts", 12, 1)
    expect(window.tab("session.rs")).to_have_count(0)


def test_search_button_opens_the_hit_to_the_side(window):
    window.open_file("web/src/cart.ts")
    window.search("")
    window.box.fill(QUERY)  # at once, so that there is no answer to a prefix of it
    expect(window.rows.first).to_contain_text("evict_expired")
    window.page.keyboard.press("ArrowDown")
    window.page.keyboard.press("ArrowUp")
    expect(window.tab("session.rs")).to_be_visible()  # as a preview, in the group of the cart
    first = window.rows.filter(has_text="evict_expired").first
    first.hover()
    first.get_by_role("button", name="Open to the Side").click()
    window.is_at("session.rs", 27, 12)
    expect(window.tab("cart.ts")).to_be_visible()


def test_search_suggests_filters_and_reports_an_invalid_one(window):
    window.search("")
    expect(window.rows.filter(has_text="lang:")).to_contain_text("only this language")
    window.rows.filter(has_text="kind:").click()
    expect(window.box).to_have_value("kind:")
    window.page.keyboard.type("nonsense")
    expect(window.rows.first).to_contain_text("nonsense")
    window.box.fill("session lang:rust")
    expect(window.rows.first).to_contain_text("session.rs")
    assert not window.rows.filter(has_text="cart.ts").count()


def test_search_suggests_the_last_query(window):
    window.search(QUERY)
    expect(window.rows.first).to_contain_text("evict_expired")
    window.page.keyboard.press("Escape")
    window.search("")
    window.rows.filter(has_text=QUERY).click()
    expect(window.rows.first).to_contain_text("evict_expired")


def test_results_view_commands_step_copy_group_and_dismiss(window, terminal, shop):
    window.search(QUERY)
    names = best_names(terminal, shop)
    window.has_rows(*names)
    window.page.get_by_role("button", name="Send to Results").click()
    rows = grouped_rows(terminal, shop)
    assert rows[:2] == ["store/session.rs", "SessionStore.evict_expired"]
    for number, text in enumerate(rows):
        expect(window.results.nth(number)).to_contain_text(text)
    window.command("semls: Next Result")
    window.is_at("session.rs", 27, 12)
    window.picture("results")
    window.command("semls: Copy Results")
    window.clipboard_has("pub fn evict_expired")
    window.command("semls: Sort by Rank")
    for number, name in enumerate(names):
        expect(window.results.nth(number)).to_contain_text(name)
    window.command("semls: Next Result")
    window.is_at("session.rs", 27, 12)
    window.command("semls: Next Result")
    window.is_at("orders.go", 36, 17)
    window.command("semls: Previous Result")
    window.is_at("session.rs", 27, 12)
    window.results.first.hover()
    window.results.first.get_by_role("button", name="Dismiss").click()
    expect(window.results.filter(has_text="evict_expired")).to_have_count(0)
    window.command("semls: Search Again")
    expect(window.results.first).to_contain_text("evict_expired")
    window.command("semls: Group by File")
    expect(window.results.first).to_contain_text("store/session.rs")
    expect(window.results.nth(1)).to_contain_text("evict_expired")
    window.command("semls: Clear Results")
    expect(window.results).to_have_count(0)


def test_find_similar_lists_code_similar_to_that_at_the_cursor(open_window, terminal, tmp_path):
    folder = Path(shutil.copytree(FIXTURES / "gpt", tmp_path / "gpt"))
    assert terminal.run("index", folder).returncode == 0
    window = open_window(folder)
    window.open_file("model/tokenizer.py", 17)
    window.command("semls: Find Similar Code")
    expect(window.results.first).to_contain_text("model/tokenizer.py")
    expect(window.results.nth(1)).to_contain_text("Tokenizer.load_decoder")
    window.results.nth(1).click()
    expect(window.tab("tokenizer.py")).to_be_visible()


def test_context_is_opened_and_copied(window):
    window.command("semls: Open Context for a Question")
    window.answer("Context for a Question", "how are expired sessions removed")
    expect(window.page.locator(".view-lines")).to_contain_text("pub fn evict_expired")
    window.command("semls: Copy Context for a Question")
    window.answer("Context for a Question", "how are expired sessions removed")
    expect(window.message).to_contain_text("Copied about")
    window.clipboard_has("pub fn evict_expired")


def test_setting_change_is_applied_at_once(code, window):
    try:
        code.set(path=SEMLS, model="no-such-model")
        expect(window.message).to_contain_text("Unknown model 'no-such-model'")
    finally:
        code.set(path=SEMLS)
    window.search(QUERY)
    expect(window.rows.first).to_contain_text("evict_expired")


def test_server_after_kill_is_restarted(window, terminal):
    window.search(QUERY)
    expect(window.rows.first).to_contain_text("evict_expired")
    window.page.keyboard.press("Escape")
    for server in servers(terminal):
        os.kill(server, signal.SIGKILL)
    window.search("render a button")
    expect(window.rows.first).to_contain_text(re.compile("lexical|semantic"))
    window.page.keyboard.press("Escape")
    before = set(servers(terminal))  # servers of closed windows may still be running
    window.command("semls: Restart Server")
    window.search(QUERY)
    expect(window.rows.first).to_contain_text("evict_expired")
    assert set(servers(terminal)) - before


def servers(terminal):
    """Return the IDs of the processes `semls lsp` that use the state directory of this terminal."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if b"lsp" in command and str(terminal.state).encode() in environment:
            found.append(int(process.name))
    assert found
    return found


def test_search_in_several_folders_ignores_a_closed_one(open_window, terminal, tmp_path):
    for name in ("shop", "gpt"):
        shutil.copytree(FIXTURES / name, tmp_path / name)
        assert terminal.run("index", tmp_path / name).returncode == 0
    (tmp_path / "both.code-workspace").write_text('{"folders": [{"path": "shop"}, {"path": "gpt"}]}')
    window = open_window(tmp_path / "both.code-workspace")
    window.has_folders("shop", "gpt")
    window.search(QUERY)
    expect(window.rows.first).to_contain_text("shop/store/session.rs:27")
    window.box.fill("load the decoder of the tokenizer")
    expect(window.rows.first).to_contain_text("gpt/model/tokenizer.py")
    window.has_status("semls: ready, ready")
    window.page.keyboard.press("Escape")
    window.command("Workspaces: Remove Folder from Workspace...")
    window.rows.filter(has_text="gpt").first.click()
    window.has_status("semls: ready")
    window.search("load the decoder of the tokenizer")
    expect(window.rows.first).to_contain_text("store/")
    expect(window.rows.filter(has_text="tokenizer.py")).to_have_count(0)
