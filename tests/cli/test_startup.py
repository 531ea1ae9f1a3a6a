"""Tests of what a command imports, because imports are most of the time that a command takes."""

import subprocess
import sys

import pytest

from tests.conftest import HANG

PROGRAM = """
import sys
from semls.__main__ import main
main()
packages = {name.partition(".")[0] for name in sys.modules}
print(*packages - sys.stdlib_module_names, file=sys.stderr)
"""
SEARCH = "click filelock h11 platformdirs pygments rich semls typing_extensions".split()


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--version"], {"click", "semls"}),
        (["completion", "bash"], {"click", "semls"}),
        (["search", "--lexical", "evict"], set(SEARCH)),
    ],
)
def test_command_imports_no_further_packages(terminal, shop, arguments, allowed):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=shop,
        env=terminal.environment,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    started = {"__main__", "sitecustomize", "usercustomize"}  # by Python itself
    imported = {name for name in done.stderr.split() if not name.startswith("_")} - started
    assert imported <= allowed
    assert "semls" in imported
