"""What the tools return to an agent."""

import os
import re
import shutil
import subprocess

import pytest

from semls.limits import DEFAULT_TOKENS
from tests.conftest import FIXTURES


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another folder."""
    other = tmp_path_factory.mktemp("other")
    shutil.copy(FIXTURES / "shop/store/session.rs", other / "one.rs")
    shutil.copy(FIXTURES / "shop/store/session.rs", other / "two.rs")
    body = "".join(f"    value_{line} = {line} + '{'x' * 150}'\n" for line in range(12))
    (other / "lib").mkdir()
    (other / "lib/many.py").write_text("".join(f"def handle_widget_{n}():\n{body}\n" for n in range(20)))
    (other / "evil\u202e.py").write_text("def trojan_source():\n    return '\u202e'\n", "utf-8")
    return other


def locations(result):
    """Return the locations of hits without their lines, and the files."""
    found = re.findall(r"^(\S+:\d+(?:-\d+)?) .+ \(\w+\)$", result, re.MULTILINE)
    return found, {location.rpartition(":")[0] for location in found}


def test_search_of_eight_hits_with_four_lines_is_short(agent):
    result = agent.call("search", query="evict expired sessions", limit=8, lines=4)
    assert len(locations(result)[0]) == 8
    assert len(result) < 2500


def test_search_dedents_code_and_respects_lines(agent):
    result = agent.call("search", query="name:evict_expired", lines=2)
    heading, first, second, *_ = result.splitlines()
    assert heading == "store/session.rs:26-31 SessionStore.evict_expired (method)"
    assert first == "pub fn evict_expired(&mut self, limit: Duration) -> usize {"
    assert second == "    let before = self.sessions.len();"
    only = agent.call("search", query="name:evict_expired", lines=0)
    assert only.splitlines() == [heading]


def test_search_with_filters_in_the_query(agent):
    result = agent.call("search", query="session lang:typescript -path:timing.ts", lines=0)
    assert locations(result)[1] == {"web/src/cart.ts"}


def test_search_without_hits_says_what_is_indexed(agent, shop):
    result = agent.call("search", query="session lang:cobol")
    assert result.startswith("No hits. No indexed file matches lang:cobol.")
    assert f"{shop} has 7 indexed files" in result


def test_long_lines_leave_less_code_for_the_last_hits(agent, other):
    result = agent.call("search", path=str(other), query="handle widget", limit=8, lines=4)
    assert len(locations(result)[0]) == 8
    assert len(result) < 2500
    longest = agent.call("search", path=str(other), query="handle widget", limit=20, lines=12)
    assert len(locations(longest)[0]) == 20
    assert 10_000 < len(longest) < 12_200
    single = agent.call("search", path=str(other), query="handle widget", limit=1, lines=4)
    assert "value_2" in single


def test_answer_of_too_long_paths_is_cut_with_a_hint(agent, tmp_path):
    folder = tmp_path.joinpath(*(["a" * 240] * 4))
    folder.mkdir(parents=True)
    for number in range(14):
        (folder / f"{number}.py").write_text(f"def handle_widget_{number}(): ...\n")
    result = agent.call("search", path=str(tmp_path), query="handle widget", limit=14, lines=1)
    assert len(result) < 13_200
    assert re.search(r"^… \d+ more; narrow with path:aaa", result, re.MULTILINE)


def test_similar_compares_with_a_location(agent, shop):
    result = agent.call("similar", place="store/session.rs:27")
    assert result.startswith("Similar to store/session.rs:26-31 SessionStore.evict_expired (method)\n\n")
    assert "SessionStore.sign_in (method)" in result
    assert agent.call("similar", place=f"{shop}/store/session.rs:27:3") == result


def test_similar_in_a_part_of_the_project_returns_only_its_code(agent, shop):
    result = agent.call("similar", place="store/session.rs:27", path=f"{shop}/web", limit=3)
    _, files = locations(result.partition("\n\n")[2])
    assert files
    assert all(file.startswith("src/") for file in files)


def test_error_does_not_repeat_a_long_argument(agent):
    result = agent.fail("search", query="session", path="x" * 300_000)
    assert result.startswith("There is no folder")
    assert len(result) < 1100


def test_similar_reports_copies(agent, other):
    result = agent.call("similar", path=str(other), place="one.rs:27", lines=0)
    assert "\nExact copy: two.rs:26-31 SessionStore.evict_expired (method)\n" in result


def test_context_packs_code_within_its_budget(agent):
    small = agent.call("context", question="how do sessions expire", tokens=300)
    assert small.startswith("store/session.rs:")
    assert len(small) < 1200
    assert len(agent.call("context", question="how do sessions expire", tokens=DEFAULT_TOKENS)) > len(small)
    assert "too few" in agent.fail("context", question="how do sessions expire", tokens=1)


def test_path_may_be_a_folder_a_file_or_several(agent, shop):
    def files(path):
        return locations(agent.call("search", query="session", path=path, lines=0, limit=30))[1]

    store = (shop / "store").as_posix()
    assert files("web") == {"src/cart.ts", "src/timing.ts"}
    assert files(str(shop / "web/src/cart.ts")) == {"cart.ts"}
    both = {
        "web/src/cart.ts",
        "web/src/timing.ts",
        f"{store}/session.rs",
        f"{store}/Inventory.java",
    }
    assert files(os.pathsep.join(["web", str(shop / "store")])) == both
    assert files(["web", str(shop / "store")]) == both


def test_several_folders_are_searched_together(agent, shop, other):
    result = agent.call("search", query="name:trojan_source", path=f"{shop}{os.pathsep}{other}", lines=0)
    assert result.startswith(f"{other.as_posix()}/evil")


def test_path_of_a_worktree_is_searched_alone(agent, shop):
    git = ["git", "-C", shop, "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "all"], check=True)
    worktree = shop / "worktrees" / "fix"
    subprocess.run([*git, "worktree", "add", "--quiet", worktree], check=True)
    (worktree / "store/session.rs").write_text("/// Only here.\npub fn forget_everything() {}\n")
    result = agent.call("search", query="name:forget_everything", path="worktrees/fix/store", lines=0)
    assert locations(result)[0] == ["session.rs:1-2"]
    assert "forget_everything" not in agent.call("search", query="forget everything", lines=0)
    subprocess.run([*git, "worktree", "remove", "--force", worktree], check=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "The argument 'query' is invalid: Field required."),
        ({"query": "a", "limit": "many"}, "The argument 'limit' is invalid"),
        ({"query": "a", "limit": 0}, "'limit' must be at least 1."),
        ({"query": "a", "lang": "go"}, "There is no parameter 'lang'. Use query, path, limit, lines."),
        ({"query": "a lang:pyton"}, "Did you mean 'python'?"),
        ({"query": "a", "path": "/nowhere"}, "nowhere: pass an existing one as `path`."),
        ({"query": "a", "path": "/"}, "it is the root of a file system"),
    ],
)
def test_problem_is_explained_in_a_sentence(agent, arguments, message):
    error = agent.fail("search", **arguments)
    assert message in error
    assert "\n" not in error


def test_location_of_no_file_is_explained(agent):
    assert "There is no file" in agent.fail("similar", place="nowhere.rs:1")
    assert "in no repository: pass its folder" in agent.fail("similar", place="/etc/passwd:1")
    assert "write FILE:LINE" in agent.fail("similar", place="store/session.rs")


def test_control_characters_of_files_are_escaped(agent, other):
    result = agent.call("search", query="name:trojan_source", path=str(other))
    assert result.startswith("evil\\u202e.py:1-2 trojan_source (function)\n")
    assert "return '\\u202e'" in result
