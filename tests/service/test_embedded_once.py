"""Nothing is embedded twice: vectors are keyed by content hash."""

import shutil

import pytest

from tests.conftest import Terminal
from tests.support.trees import git

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(workspace, terminal):
    """A repository whose chunks are embedded."""
    root = workspace("shop")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "one")
    assert encoded(terminal, root) > 10
    return root


@pytest.fixture
def other_machine(tmp_path):
    """A terminal with another cache."""
    started = Terminal(tmp_path / "other")
    yield started
    started.stop()


def encoded(terminal, root):
    """Index a workspace and return how many texts were encoded since it was opened."""
    terminal.json("index", root)
    status = terminal.json("status", root)
    assert status["chunks"] == status["embedded"] > 0
    return status["encoded"]


def test_chunks_of_same_workspace_are_embedded_once(terminal, shop):
    before = encoded(terminal, shop)
    original = (shop / "worker/thumbnails.py").read_text()
    (shop / "worker/thumbnails.py").rename(shop / "worker/pictures.py")
    assert encoded(terminal, shop) == before
    (shop / "worker").rename(shop / "web/jobs")
    assert encoded(terminal, shop) == before
    shutil.copytree(shop / "web/jobs", shop / "copies/of/jobs")
    assert encoded(terminal, shop) == before
    (shop / "web/jobs/pictures.py").write_text("def develop():\n    pass\n")
    assert encoded(terminal, shop) == before + 1
    (shop / "web/jobs/pictures.py").write_text(original)
    assert encoded(terminal, shop) == before + 1
    (shop / "web/jobs/pictures.py").write_text("def develop():\n    pass\n")
    assert encoded(terminal, shop) == before + 1


def test_chunks_of_clone_and_worktree_are_embedded_once(terminal, shop, tmp_path):
    git(shop, "clone", "--quiet", shop, tmp_path / "clone")
    assert encoded(terminal, tmp_path / "clone") == 0
    git(shop, "worktree", "add", "--quiet", tmp_path / "worktree")
    assert encoded(terminal, tmp_path / "worktree") == 0


def test_chunks_of_switched_branches_are_embedded_once(terminal, shop):
    git(shop, "checkout", "--quiet", "-b", "other")
    (shop / "worker/thumbnails.py").write_text("def develop():\n    pass\n")
    git(shop, "commit", "--quiet", "-a", "-m", "two")
    before = encoded(terminal, shop)
    for branch in ("main", "other", "main"):
        git(shop, "checkout", "--quiet", branch)
        assert encoded(terminal, shop) == before


def test_chunks_of_recreated_workspace_are_embedded_once(terminal, shop, workspace):
    before = encoded(terminal, shop)
    shutil.rmtree(shop)
    workspace("shop")
    assert encoded(terminal, shop) == before
    assert terminal.run("clear", "--yes", shop).returncode == 0
    assert encoded(terminal, shop) == 0
    terminal.stop()
    shutil.rmtree(shop)
    workspace("shop")
    assert encoded(terminal, shop) == 0


def test_chunks_with_imported_vectors_are_not_embedded(terminal, other_machine, shop, tmp_path):
    file = tmp_path / "team.semls"
    assert terminal.run("cache", "export", file).returncode == 0
    assert other_machine.run("cache", "import", file).returncode == 0
    assert encoded(other_machine, shop) == 0
