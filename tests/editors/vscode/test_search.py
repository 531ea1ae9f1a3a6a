"""The extension in a real VS Code, as a person uses it."""

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

QUESTION = "throw out visitors who were idle for too long"


@pytest.fixture
def person(at, terminal, shop):
    """At a folder that is indexed."""
    assert terminal.run("index", shop).returncode == 0
    return at(shop)


def best(terminal, folder):
    """What the terminal says of the question."""
    hits = terminal.json("search", QUESTION, "--path", folder, "-k", 5)["hits"]
    return [".".join(filter(None, (hit["container"], hit["name"]))) for hit in hits]


def test_the_status_bar_follows_the_first_indexing(at, tmp_path):
    for number in range(900):
        text = f"def number_{number}(x):\n    return x + {number} * {time.time_ns()}\n"
        (tmp_path / f"m{number}.py").write_text(text)
    person = at(tmp_path)
    expect(person.status).to_have_text(re.compile(r"semls \d+ %"), timeout=HANG * 1000)
    person.ask("number")
    expect(person.title).to_have_text(re.compile(r"Search Code by Meaning \(\d+ % embedded\)"))
    expect(person.title).to_have_text("Search Code by Meaning", timeout=HANG * 1000)
    expect(person.rows.first).to_contain_text("semantic")  # the answer is a better one now
    person.page.keyboard.press("Escape")
    expect(person.status).to_have_text("semls", timeout=HANG * 1000)
    person.status.click()
    expect(person.rows.first).to_contain_text("900 files, 900 of 900 chunks embedded")
    expect(person.rows.first).to_contain_text("all-MiniLM-L6-v2 on cpu")


def test_indexing_is_paused_and_resumed_from_the_status_bar(person, shop):
    person.status.click()
    person.rows.filter(has_text="Pause Indexing").click()
    (shop / "late.py").write_text("def arrives_late(train):\n    return train.delay > 0\n")
    person.is_told("semls: paused")
    person.status.click()
    expect(person.rows.first).to_contain_text("paused")
    person.picture("status")
    person.rows.filter(has_text="Resume Indexing").click()
    person.is_told("semls: ready")
    (shop / "late.py").unlink()


def test_the_hits_have_the_servers_order_and_enter_jumps_to_the_name(person, terminal, shop):
    person.ask(QUESTION)
    expect(person.rows.first).to_contain_text("SessionStore.evict_expired")
    expect(person.rows.first).to_contain_text("store/session.rs:27")
    expect(person.rows.first).to_contain_text("pub fn evict_expired(&mut self, limit: Duration) -> usize {")
    expect(person.rows.first).to_contain_text("lexical, semantic")
    person.lists(*best(terminal, shop))
    person.page.keyboard.press("Enter")
    person.is_at("session.rs", 27, 12)


def test_a_place_is_shown_while_one_passes_it_and_escape_leads_back(person):
    person.open_file("web/src/cart.ts", 12)
    person.is_at("cart.ts", 12, 1)
    person.ask("")
    person.box.fill(QUESTION)  # at once: there is no answer to a part of it, which the next would replace
    expect(person.rows.first).to_contain_text("evict_expired")
    person.page.keyboard.press("ArrowDown")
    person.page.keyboard.press("ArrowUp")
    expect(person.tab("session.rs")).to_be_visible()
    assert person.box.is_visible()
    person.picture("search")
    person.page.keyboard.press("Escape")
    person.is_at("cart.ts", 12, 1)
    expect(person.tab("session.rs")).to_have_count(0)


def test_a_hit_opens_to_the_side(person):
    person.open_file("web/src/cart.ts")
    person.ask(QUESTION)
    first = person.rows.filter(has_text="evict_expired").first
    first.hover()
    first.get_by_role("button", name="Open to the Side").click()
    person.is_at("session.rs", 27, 12)
    expect(person.tab("cart.ts")).to_be_visible()


def test_filters_are_hinted_at_and_what_is_wrong_with_one_is_said(person):
    person.ask("")
    expect(person.rows.filter(has_text="lang:")).to_contain_text("only this language")
    person.rows.filter(has_text="kind:").click()
    expect(person.box).to_have_value("kind:")
    person.page.keyboard.type("nonsense")
    expect(person.rows.first).to_contain_text("nonsense")
    person.box.fill("session lang:rust")
    expect(person.rows.first).to_contain_text("session.rs")
    assert not person.rows.filter(has_text="cart.ts").count()


def test_what_was_asked_last_is_offered_again(person):
    person.ask(QUESTION)
    expect(person.rows.first).to_contain_text("evict_expired")
    person.page.keyboard.press("Escape")
    person.ask("")
    person.rows.filter(has_text=QUESTION).click()
    expect(person.rows.first).to_contain_text("evict_expired")


def test_results_stay_and_are_walked_through(person, terminal, shop):
    person.ask(QUESTION)
    names = best(terminal, shop)
    person.lists(*names)
    person.page.get_by_role("button", name="Send to Results").click()
    expect(person.results.first).to_contain_text("SessionStore.evict_expired")
    for number, name in enumerate(names):
        expect(person.results.nth(number)).to_contain_text(name)
    person.command("semls: Next Result")
    person.is_at("session.rs", 27, 12)
    person.command("semls: Next Result")
    person.is_at("orders.go", 36, 17)
    person.command("semls: Previous Result")
    person.is_at("session.rs", 27, 12)
    person.command("semls: Copy Results")
    person.clipboard_has("pub fn evict_expired")
    person.command("semls: Group by File")
    expect(person.results.first).to_contain_text("store/session.rs")
    expect(person.results.nth(1)).to_contain_text("evict_expired")
    person.picture("results")
    person.command("semls: Sort by Rank")
    person.results.first.hover()
    person.results.first.get_by_role("button", name="Dismiss").click()
    expect(person.results.filter(has_text="evict_expired")).to_have_count(0)
    person.command("semls: Search Again")
    expect(person.results.first).to_contain_text("evict_expired")
    person.command("semls: Clear Results")
    expect(person.results).to_have_count(0)


def test_similar_code_is_found_for_the_function_at_the_cursor(at, terminal, tmp_path):
    folder = Path(shutil.copytree(FIXTURES / "gpt", tmp_path / "gpt"))
    assert terminal.run("index", folder).returncode == 0
    person = at(folder)
    person.open_file("model/tokenizer.py", 17)
    person.command("semls: Find Similar Code")
    expect(person.results.first).to_contain_text("Tokenizer.load_decoder")
    person.results.first.click()
    expect(person.tab("tokenizer.py")).to_be_visible()


def test_a_context_is_opened_and_copied(person):
    person.command("semls: Open Context for a Question")
    person.answer("Context for a Question", "how are expired sessions removed")
    expect(person.page.locator(".view-lines")).to_contain_text("pub fn evict_expired")
    person.command("semls: Copy Context for a Question")
    person.answer("Context for a Question", "how are expired sessions removed")
    expect(person.message).to_contain_text("Copied about")
    person.clipboard_has("pub fn evict_expired")


def test_a_setting_counts_at_once(code, person):
    try:
        code.set(path=SEMLS, model="no-such-model")
        expect(person.message).to_contain_text("Unknown model 'no-such-model'")
    finally:
        code.set(path=SEMLS)
    person.ask(QUESTION)
    expect(person.rows.first).to_contain_text("evict_expired")


def test_a_server_that_is_killed_comes_back(person, terminal):
    person.ask(QUESTION)
    expect(person.rows.first).to_contain_text("evict_expired")
    person.page.keyboard.press("Escape")
    for server in servers(terminal):
        os.kill(server, signal.SIGKILL)
    person.ask("render a button")
    expect(person.rows.first).to_contain_text(re.compile("lexical|semantic"))
    person.page.keyboard.press("Escape")
    before = set(servers(terminal))  # those of the windows before this one leave when it suits them
    person.command("semls: Restart Server")
    person.ask(QUESTION)
    expect(person.rows.first).to_contain_text("evict_expired")
    assert set(servers(terminal)) - before


def servers(terminal):
    """The processes `semls lsp` with the places of this terminal."""
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


def test_several_folders_of_which_one_is_closed(at, terminal, tmp_path):
    for name in ("shop", "gpt"):
        shutil.copytree(FIXTURES / name, tmp_path / name)
        assert terminal.run("index", tmp_path / name).returncode == 0
    (tmp_path / "both.code-workspace").write_text('{"folders": [{"path": "shop"}, {"path": "gpt"}]}')
    person = at(tmp_path / "both.code-workspace")
    person.has_folders("shop", "gpt")
    person.ask(QUESTION)
    expect(person.rows.first).to_contain_text("shop/store/session.rs:27")
    person.box.fill("load the decoder of the tokenizer")
    expect(person.rows.first).to_contain_text("gpt/model/tokenizer.py")
    person.is_told("semls: ready, ready")
    person.page.keyboard.press("Escape")
    person.command("Workspaces: Remove Folder from Workspace...")
    person.rows.filter(has_text="gpt").first.click()
    person.is_told("semls: ready")
    person.ask("load the decoder of the tokenizer")
    expect(person.rows.first).to_contain_text("store/")
    expect(person.rows.filter(has_text="tokenizer.py")).to_have_count(0)
