"""What a user may set: options as sent become frozen settings and a list of problems."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs


@dataclass(frozen=True, slots=True)
class Settings:
    """What belongs to a workspace: sent along with every request."""

    model: str = "nomic-ai/nomic-embed-text-v1"
    revision: str | None = None

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> tuple["Settings", list[str]]:
        """From options as an editor sends them; a wrong one keeps its default and adds a sentence."""
        problems = [f"There is no setting {key!r}." for key in options if key not in cls.__slots__]
        values = {}
        for key in cls.__slots__:
            value = options.get(key)
            if isinstance(value, str) and value.strip():
                values[key] = value.strip()
            elif value not in (None, ""):
                problems.append(f"The setting {key!r} is a text, not {value!r}.")
        return cls(**values), problems

    @classmethod
    def from_environment(cls) -> "Settings":
        """`SEMLS_MODEL` and `SEMLS_REVISION`."""
        options = {key: os.environ.get(f"SEMLS_{key.upper()}") for key in cls.__slots__}
        return cls.read(options)[0]


@dataclass(frozen=True)
class EngineSettings:
    """What belongs to the engine: read once, when a process starts."""

    cache_directory: Path
    state_directory: Path
    idle_minutes: float = 15.0
    cache_gigabytes: float = 2.0
    threads: int = 0  # 0: as many as the libraries like

    @classmethod
    def from_environment(cls) -> "EngineSettings":
        """`SEMLS_CACHE_DIR`, `SEMLS_STATE_DIR`, `SEMLS_IDLE_MINUTES`, `SEMLS_CACHE_GB`, `SEMLS_THREADS`."""
        cache = os.environ.get("SEMLS_CACHE_DIR") or platformdirs.user_cache_dir("semls", appauthor=False)
        state = os.environ.get("SEMLS_STATE_DIR") or platformdirs.user_state_dir("semls", appauthor=False)
        return cls(
            Path(cache).expanduser().absolute(),
            Path(state).expanduser().absolute(),
            _number("SEMLS_IDLE_MINUTES", cls.idle_minutes),
            _number("SEMLS_CACHE_GB", cls.cache_gigabytes),
            int(_number("SEMLS_THREADS", cls.threads)),
        )


def _number(variable: str, default: float) -> float:
    """A number from the environment that is not negative."""
    try:
        number = float(os.environ.get(variable) or default)
    except ValueError:
        return default
    return number if 0 <= number < math.inf else default
