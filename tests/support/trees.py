"""Trees of files, and what git and semls see in them."""

import random
import subprocess
from pathlib import Path

from semls.engine.files.scan import Found, Skipped, scan

Tree = dict[str, str]

NAMES = ["a", "b", "ab", "a.b", "foo", "#x", "!y", "a b", "a ", "B", "-", "[a]", "a\\b", "bar.py"]
BITS = [
    *("a", "b", "ab", "foo", ".", "-", " ", "#", "!", "/", "*", "?", "**", "***", "**/", "/**", "*.py"),
    *("\\", "\\a", "\\*", "\\ ", "\t", "\r", "[", "]", "[ab]", "[!a]", "[^b]", "[a-c]", "[z-a]", "[!-a]"),
    *("[+-0]", "[--b]", "[!]", "[]a]", "[a\\]b]", "[[:alpha:]]", "[[:digit:]x]", "[[:x:]]", "[[:alpha:]"),
]


def plant(root: Path, tree: Tree) -> Path:
    for path, content in tree.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content.encode())
    return root


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode()


def repository(root: Path, tree: Tree) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "--quiet", "--template=")
    return plant(root, tree)


def git_sees(root: Path) -> set[str]:
    return set(git(root, "ls-files", "-coz", "--exclude-standard").split("\0")) - {""}


def found(root: Path) -> set[str]:
    return {item.path for item in scan(root) if isinstance(item, Found)}


def skipped(root: Path) -> dict[str, str]:
    return {item.path: item.reason for item in scan(root) if isinstance(item, Skipped)}


def random_line(chance: random.Random) -> str:
    start = chance.choice(["", "", "", "!", "/", "!/"])
    return start + "".join(chance.choices(BITS, k=chance.randint(1, 4))) + chance.choice(["", "", "/"])


def random_tree(chance: random.Random) -> Tree:
    folders = [""]
    for _ in range(chance.randint(1, 6)):
        folders.append(chance.choice(folders) + chance.choice(NAMES) + "/")
    paths = {chance.choice(folders) + chance.choice(NAMES) for _ in range(chance.randint(4, 20))}
    tree = {path: "" for path in paths if path + "/" not in folders}
    for folder in chance.sample(folders, min(len(folders), 3)):
        lines = [random_line(chance) for _ in range(chance.randint(1, 4))]
        tree[folder + ".gitignore"] = "\n".join(lines)
    return tree
