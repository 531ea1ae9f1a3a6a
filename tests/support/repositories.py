"""Runs git in tests."""

import subprocess
from pathlib import Path


def git(root: Path, *arguments: str | Path) -> None:
    """Run git in a directory, with an identity and `main` as the first branch."""
    options = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", "-C", root, *options, *arguments], check=True, capture_output=True)
