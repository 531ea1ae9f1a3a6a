"""Tests of the pickers in a terminal, with the keys that a user types.

The pickers of other plugins are tested if SEMLS_NVIM_PLUGINS names a folder with clones of them:

    cd FOLDER
    git clone https://github.com/folke/snacks.nvim
    git clone https://github.com/nvim-telescope/telescope.nvim
    git clone https://github.com/nvim-lua/plenary.nvim
    git clone https://github.com/ibhagwan/fzf-lua         # and the program fzf
    git clone https://github.com/echasnovski/mini.pick
    SEMLS_NVIM_PLUGINS=FOLDER pytest tests/editors/nvim/test_pickers.py
"""

import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.editors.nvim.neovim import QUERY, Screen

PLUGINS = os.environ.get("SEMLS_NVIM_PLUGINS")
REVERSE = re.compile(r"\x1b\[(?:\d+;)*7(?:;\d+)*m")  # of a terminal

pytestmark = [
    pytest.mark.editors,
    pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed"),
]


class Picker(NamedTuple):
    name: str
    plugins: tuple[str, ...]
    setup: str
    split: str
    quickfix: tuple[str, ...]  # all hits
    mark: tuple[str, ...] = ("Tab",)  # marks a hit and selects the next one
    marked_quickfix: tuple[str, ...] = ("C-q",)
    next: str = "Down"
    preview: tuple[str, ...] = ()
    # Is shown if the second hit is selected; "" if a search is reopened at its first hit.
    second: str = "o.Refused = true"


OTHERS = (
    Picker(
        "snacks",
        ("snacks.nvim",),
        "require('snacks').setup({ picker = { enabled = true } })",
        split="C-s",
        quickfix=("C-q",),
    ),
    Picker(
        "mini.pick",
        ("mini.pick",),
        "require('mini.pick').setup()",
        split="C-s",
        quickfix=("C-a", "M-Enter"),
        mark=("C-x", "C-n"),
        marked_quickfix=("M-Enter",),
        next="C-n",
        second="2|27|27",
        preview=("Tab",),
    ),
    Picker(
        "telescope",
        ("plenary.nvim", "telescope.nvim"),
        "require('telescope').setup({})",
        split="C-x",
        quickfix=("C-q",),
        mark=("Tab",),
        marked_quickfix=("M-q",),
        next="Up",
    ),
    Picker(
        "fzf-lua",
        ("fzf-lua",),
        "require('fzf-lua').setup({})",
        split="C-s",
        quickfix=("M-a", "M-q"),
        marked_quickfix=("M-q",),
        second="",
    ),
)
BUILTIN = Picker("builtin", (), "", split="C-x", quickfix=("C-q",))


@pytest.fixture(params=[BUILTIN, *OTHERS], ids=lambda picker: picker.name)
def picker(request):
    if request.param.plugins and not PLUGINS:
        pytest.skip("SEMLS_NVIM_PLUGINS is not set")
    return request.param


@pytest.fixture
def start_screen(folder, tmp_path, terminal):
    """Return a function that starts a Neovim with a file of the shop open and only one picker installed."""
    started = []

    def start(picker, size=(120, 36)):
        screen = Screen(tmp_path, terminal, [Path(PLUGINS or "") / name for name in picker.plugins], size)
        started.append(screen)
        screen.lua(picker.setup)
        screen.setup()
        screen.nvim.command(f"edit {folder}/shop/web/src/cart.ts")
        return screen

    yield start
    for screen in started:
        screen.close()


@pytest.fixture
def screen(picker, start_screen):
    return start_screen(picker)


def place(hit):
    """Return file and line of a hit that the terminal has printed as JSON."""
    return Path(hit["path"]).name, hit["selectionRange"]["start"]["line"] + 1


def test_picker_name_is_the_installed_one(picker, screen):
    assert screen.lua("return require('semls.pickers').name()") == picker.name


def test_picker_while_typing_previews_and_opens_the_hit(picker, screen):
    screen.type(":Semls search\r")
    screen.shows("Search by meaning")
    for word in QUERY.split(" "):
        screen.type(word + " ")
    screen.shows("SessionStore.evict_expired")
    screen.press(*picker.preview)
    screen.shows("before - self.sessions.len()")
    screen.picture(f"nvim-{picker.name}")
    screen.press("Enter")
    screen.until(lambda: screen.location == ("session.rs", 27, 11))
    assert len(screen.nvim.windows) == 1


def test_picker_split_key_opens_a_split(picker, screen):
    screen.type(f":Semls search {QUERY}\r")
    screen.shows("SessionStore.evict_expired")
    screen.press(picker.split)
    screen.until(lambda: screen.location == ("session.rs", 27, 11))
    assert len(screen.nvim.windows) == 2


def test_picker_quickfix_key_keeps_the_ranking_order(picker, screen, folder, terminal):
    hits = terminal.json("search", QUERY, "--path", folder / "shop", "-k", 50)["hits"]
    screen.type(f":Semls search {QUERY}\r")
    screen.shows("SessionStore.evict_expired")
    for key in picker.quickfix:
        screen.press(key)
    rows = screen.until(lambda: screen.quickfix[1])
    assert [row[:2] for row in rows] == [place(hit) for hit in hits]
    assert rows[0][:3] == ("session.rs", 27, 12)


def test_picker_marked_hits_fill_the_quickfix_list(picker, screen, folder, terminal):
    hits = terminal.json("search", QUERY, "--path", folder / "shop", "-k", 2)["hits"]
    screen.type(f":Semls search {QUERY}\r")
    screen.shows("SessionStore.evict_expired")
    for key in (*picker.mark, *picker.mark, *picker.marked_quickfix):
        screen.press(key)
    rows = screen.until(lambda: screen.quickfix[1])
    assert {row[:2] for row in rows} == {place(hit) for hit in hits}


def test_last_reopens_the_search_with_its_selection(picker, screen, folder, terminal):
    _, hit = terminal.json("search", QUERY, "--path", folder / "shop", "-k", 2)["hits"]
    screen.type(f":Semls search {QUERY}\r")
    screen.shows("SessionStore.evict_expired")
    screen.press(picker.next)
    screen.press("Enter")
    screen.until(lambda: screen.location[:2] == place(hit))
    screen.nvim.command(f"edit {folder}/gpt/train.py")
    screen.type(":Semls last\r")
    screen.shows(QUERY)
    screen.shows("SessionStore.evict_expired")
    if picker.second:
        screen.shows(picker.second)
        screen.picture(f"nvim-{picker.name}-last")
        screen.press("Enter")
        screen.until(lambda: screen.location[:2] == place(hit))


def test_picker_asks_again_while_the_code_is_embedded(picker, screen, control_embedding, new_code):
    if picker.name == "fzf-lua":
        pytest.skip("fzf asks only when its prompt changes")
    control_embedding("pause")
    screen.nvim.command(f"edit {new_code}/sessions.py")
    screen.type(":Semls search evict sessions\r")
    screen.shows("evict_sessions")
    screen.shows("(0 % embedded)")
    assert "item_" not in screen.text
    control_embedding("resume")
    screen.until(lambda: "item_" in screen.text and "% embedded" not in screen.text)


def test_weak_answer_is_marked(screen):
    screen.type(":Semls search zebra quantum pancakes\r")
    screen.shows("No strong match; nearest:")


def test_telescope_and_snacks_list_the_source(picker, screen):
    openers = {"telescope": "Telescope semls", "snacks": "lua Snacks.picker.semls()"}
    if picker.name not in openers:
        pytest.skip("the picker has no sources with names")
    screen.type(f":{openers[picker.name]}\r")
    screen.shows("Search by meaning")
    screen.type(QUERY)
    screen.shows("SessionStore.evict_expired")


@pytest.mark.parametrize("background", ["dark", "light"])
@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=str)
def test_builtin_picker_selected_row_is_visible_in_few_colors(start_screen, size, background):
    screen = start_screen(BUILTIN, size)
    screen.nvim.command(f"set notermguicolors background={background}")
    screen.type(f":Semls search {QUERY}\r")
    screen.shows("SessionStore.evict_expired")
    screen.press("Down")
    screen.until(lambda: REVERSE.search(next(row for row in screen.colors if "Order.Cancel" in row)))
    assert not REVERSE.search(next(row for row in screen.colors if "SessionStore.evict_expired" in row))
    screen.picture(f"nvim-builtin-{size[0]}-{background}")


def test_builtin_picker_location_that_does_not_fit_is_cut(start_screen):
    screen = start_screen(BUILTIN)
    rows = screen.lua(
        """
        local item = { name = 'Inventory.reserve', path = 'shop/store/Inventory.java', lnum = 11 }
        return vim.tbl_map(function(width)
          return table.concat({ require('semls.pickers.rows').fit(item, width) }, '  ')
        end, { 60, 40, 34, 20 })"""
    )
    assert rows == [
        "Inventory.reserve  shop/store/Inventory.java:11",
        "Inventory.reserve  …/Inventory.java:11",
        "…reserve  …/Inventory.java:11",
        "…reserve  …/Invento…",
    ]


def test_builtin_picker_query_that_does_not_fit_shows_its_end(start_screen):
    screen = start_screen(BUILTIN, (100, 26))
    screen.type(":Semls search\r")
    screen.shows("Search by meaning")
    screen.type(f"{QUERY} today")
    screen.shows("who were idle for too long today")


def test_picker_with_invalid_filter_shows_the_error(screen):
    screen.type(":Semls search kind:nonsense\r")
    screen.shows("Unknown kind")


@pytest.mark.parametrize("setting", ["require('semls').setup({ picker = 'select' })", "vim.g.vscode = 1"])
def test_select_asks_for_a_question_and_opens_the_selected_hit(start_screen, setting):
    screen = start_screen(BUILTIN)
    screen.lua(setting)
    assert screen.lua("return require('semls.pickers').name()") == "select"
    screen.type(":Semls search\r")
    screen.shows("Search by meaning:")
    screen.type(f"{QUERY}\r")
    screen.shows("1: SessionStore.evict_expired  store/session.rs:27  Throw out everybody")
    screen.picture("nvim-select")
    screen.type("1\r")
    screen.until(lambda: screen.location == ("session.rs", 27, 11))
    screen.type(":Semls last\r")
    screen.shows("1: SessionStore.evict_expired")
    screen.press("Enter")


def test_select_without_hits_says_so(start_screen):
    screen = start_screen(BUILTIN)
    screen.lua("require('semls').setup({ picker = 'select' })")
    screen.nvim.command("Semls search name:there_is_no_such_name")
    screen.until(lambda: screen.messages)
    assert screen.messages == ["semls: No hits"]
