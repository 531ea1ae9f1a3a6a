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
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.editors.nvim.neovim import QUERY, Screen

PLUGINS = os.environ.get("SEMLS_NVIM_PLUGINS")

pytestmark = [
    pytest.mark.editors,
    pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed"),
]


class Picker(NamedTuple):
    name: str
    plugins: tuple[str, ...]
    setup: str
    split: str
    quickfix: tuple[str, ...]
    preview: tuple[str, ...] = ()


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
        preview=("Tab",),
    ),
    Picker(
        "telescope",
        ("plenary.nvim", "telescope.nvim"),
        "require('telescope').setup({})",
        split="C-x",
        quickfix=("C-q",),
    ),
    Picker("fzf-lua", ("fzf-lua",), "require('fzf-lua').setup({})", split="C-s", quickfix=("M-a", "M-q")),
)
BUILTIN = Picker("builtin", (), "", split="C-x", quickfix=("C-q",))


@pytest.fixture(params=[BUILTIN, *OTHERS], ids=lambda picker: picker.name)
def picker(request):
    if request.param.plugins and not PLUGINS:
        pytest.skip("SEMLS_NVIM_PLUGINS is not set")
    return request.param


@pytest.fixture
def screen(picker, folder, tmp_path, terminal):
    """Return a Neovim that has a file of the shop open and only this picker installed."""
    screen = Screen(tmp_path, terminal, [Path(PLUGINS or "") / name for name in picker.plugins])
    try:
        screen.lua(picker.setup)
        screen.setup()
        screen.nvim.command(f"edit {folder}/shop/web/src/cart.ts")
        yield screen
    finally:
        screen.close()


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
    assert [row[:2] for row in rows] == [
        (Path(hit["path"]).name, hit["selectionRange"]["start"]["line"] + 1) for hit in hits
    ]
    assert rows[0][:3] == ("session.rs", 27, 12)


def test_picker_with_invalid_filter_shows_the_error(screen):
    screen.type(":Semls search kind:nonsense\r")
    screen.shows("Unknown kind")
