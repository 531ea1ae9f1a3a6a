"""Write trees of files, run git in them, and list the files that git and semls find."""

import random
import subprocess
from pathlib import Path

from semls.engine.files.scan import Found, Skipped, read_file, scan

Tree = dict[str, str]  # content by path

NAMES = ["a", "b", "ab", "a.b", "foo", "#x", "!y", "a b", "a ", "B", "-", "[a]", "a\\b", "bar.py"]
PATTERN_PARTS = [
    *("a", "b", "ab", "foo", ".", "-", " ", "#", "!", "/", "*", "?", "**", "***", "**/", "/**", "*.py"),
    *("\\", "\\a", "\\*", "\\ ", "\t", "\r", "[", "]", "[ab]", "[!a]", "[^b]", "[a-c]", "[z-a]", "[!-a]"),
    *("[+-0]", "[--b]", "[!]", "[]a]", "[a\\]b]", "[[:alpha:]]", "[[:digit:]x]", "[[:x:]]", "[[:alpha:]"),
]


def write_tree(root: Path, tree: Tree) -> Path:
    for path, content in tree.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content.encode())
    return root


def git(root: Path, *arguments: str | Path) -> str:
    """Run git in a folder, with an identity and `main` as the first branch. Return its output."""
    options = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    command = ["git", "-C", root, *options, *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode()


def git_commit(root: Path) -> None:
    git(root, "commit", "--quiet", "--allow-empty", "-m", "x")


def init_repository(root: Path, tree: Tree) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "--quiet", "--template=")
    return write_tree(root, tree)


def git_listed(root: Path) -> set[str]:
    """Return the files that git tracks or would add."""
    return set(git(root, "ls-files", "-coz", "--exclude-standard").split("\0")) - {""}


def found(root: Path) -> set[str]:
    """Return the files that a scan finds."""
    return {item.path for item in scan(root) if isinstance(item, Found)}


def skipped(root: Path) -> dict[str, str]:
    """Return the reasons of a scan, by path."""
    return {item.path: item.reason for item in scan(root) if isinstance(item, Skipped)}


def read_reason(root: Path, path: str) -> str | None:
    """Return the reason for which `read_file` skips a file, or None if it returns the content."""
    content = read_file(root, path)
    return content.reason if isinstance(content, Skipped) else None


def random_pattern(rng: random.Random) -> str:
    start = rng.choice(["", "", "", "!", "/", "!/"])
    return start + "".join(rng.choices(PATTERN_PARTS, k=rng.randint(1, 4))) + rng.choice(["", "", "/"])


def random_tree(rng: random.Random) -> Tree:
    folders = [""]
    for _ in range(rng.randint(1, 6)):
        folders.append(rng.choice(folders) + rng.choice(NAMES) + "/")
    paths = {rng.choice(folders) + rng.choice(NAMES) for _ in range(rng.randint(4, 20))}
    tree = {path: "" for path in paths if path + "/" not in folders}
    for folder in rng.sample(folders, min(len(folders), 3)):
        lines = [random_pattern(rng) for _ in range(rng.randint(1, 4))]
        tree[folder + ".gitignore"] = "\n".join(lines)
    return tree
