"""The MCP SDK, which only `semls mcp` needs."""

import importlib.util
import shlex
import sys

from semls.errors import UsageError


def require_sdk() -> None:
    """Raise UsageError with the command that installs the SDK if it is missing."""
    if importlib.util.find_spec("mcp") is None:
        pip = [sys.executable, "-m", "pip", "install"]
        if importlib.util.find_spec("pip") is None:  # environments of uv have no pip
            pip = ["uv", "pip", "install", "--python", sys.executable]
        raise UsageError(f"The package mcp is missing. Install it: {shlex.join([*pip, 'mcp'])}")
