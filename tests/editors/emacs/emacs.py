"""Runs a real Emacs in batch mode."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import HANG

PACKAGE = Path(__file__).parents[3] / "editors" / "emacs" / "semls.el"
SEMLS = str(Path(sys.executable).with_name("semls"))
SETUP = "(progn (setq native-comp-deferred-compilation nil) (package-initialize))"


def emacs(*arguments, limit=HANG, **environment):
    """Run Emacs. `-Q` would exclude the packages of the system, so `-q` is used."""
    return subprocess.run(
        ["emacs", "-q", "--batch", "--eval", SETUP, *map(str, arguments)],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=limit,
        check=False,
    )
