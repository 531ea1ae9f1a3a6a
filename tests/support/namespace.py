"""Run a test in a process with fewer permissions, on Linux."""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import HANG

USER_LIMITS = Path("/proc/sys/user")  # limits of a user namespace, which its root user may lower
_INSIDE = "SEMLS_TEST_INSIDE"


def in_user_namespace(test: Callable[..., Any]) -> Callable[..., Any]:
    """Run a test as root of a new user namespace, where it may write to `USER_LIMITS`."""
    return _through(["unshare", "--user", "--map-root-user"], test)


def without_override(test: Callable[..., Any]) -> Callable[..., Any]:
    """Run a test in a process where file permissions apply to root, too."""
    bounds = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    return _through(bounds if hasattr(os, "geteuid") and os.geteuid() == 0 else [], test)


def _through(command: list[str], test: Callable[..., Any]) -> Callable[..., Any]:
    if not command or _INSIDE in os.environ:
        return test

    @functools.wraps(test)
    def rerun(request: pytest.FixtureRequest, tmp_path: Path) -> None:
        if not shutil.which(command[0]) or subprocess.run([*command, "true"], check=False).returncode:
            pytest.skip(f"{command[0]} is not permitted here")
        options = ["-q", "-n0", "-m", "", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'inside'}"]
        done = subprocess.run(
            [*command, sys.executable, "-m", "pytest", *options, request.node.nodeid],
            cwd=request.config.rootpath,
            env={**os.environ, _INSIDE: "1"},
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    del rerun.__wrapped__  # pytest would ask for the fixtures of the test itself
    return rerun
