"""What a user may set: options as sent become frozen settings and a list of problems."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from semls.errors import UsageError

DEFAULT_MODEL = "nomic-ai/nomic-embed-text-v1"
_LONGEST = 10_000  # characters of a setting


def _says(variable: str, shown: str, says: str) -> dict[str, str]:
    """What the documentation says of a setting: its variable, its default, and what it is."""
    return {"variable": variable, "shown": shown, "says": says}


@dataclass(frozen=True)
class Server:
    """A Chroma server that keeps the vectors of a team."""

    url: str  # http or https, without a user's name
    token: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)  # of every request
    tenant: str = "default_tenant"
    database: str = "default_database"

    @classmethod
    def read(cls, options: object) -> tuple["Server | None", list[str]]:
        """From options as an editor sends them. One that is wrong in any way is not used at all."""
        if not isinstance(options, Mapping):
            return None, [f"The setting 'store' must be an object with a 'url', not {kind_of(options)}."]
        texts, problems = _texts(options, ("url", "token", "tenant", "database"), "store.", ("headers",))
        headers = options.get("headers") or {}
        if not isinstance(headers, Mapping) or not all(map(_is_sound, [*headers, *headers.values()])):
            problems.append("The setting 'store.headers' must be an object of strings that can be printed.")
        if "url" in texts and not _is_address(texts["url"]):
            problems.append(
                "The setting 'store.url' is an address like https://chroma.example:8000 without a password: "
                "that belongs into 'store.token' or 'store.headers'."
            )
        elif "url" not in texts and (texts or headers):
            problems.append("The setting 'store.url' is missing.")
        if problems or "url" not in texts:
            return None, problems
        return cls(**texts, headers=dict(headers)), []


@dataclass(frozen=True)
class Settings:
    """What a client has set for a workspace: sent along with every request. None is not set."""

    model: str | None = field(
        default=None,
        metadata=_says(
            "`SEMLS_MODEL`",
            f"`{DEFAULT_MODEL}`",
            "the embedding model; also `nomic-ai/nomic-embed-text-v1.5`, `nomic-ai/CodeRankEmbed`, "
            "`sentence-transformers/all-MiniLM-L6-v2`, or a folder with one",
        ),
    )
    revision: str | None = field(
        default=None,
        metadata=_says(
            "`SEMLS_REVISION`", "a fixed one for each model", "the commit of the model's repository"
        ),
    )
    store: Server | None = field(
        default=None,
        metadata=_says(
            "`SEMLS_STORE_URL` and others",
            "none: this machine",
            "[a team's server](#a-chroma-server-for-a-team) that keeps the vectors",
        ),
    )

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> tuple["Settings", list[str]]:
        """From options as an editor sends them; a wrong one keeps its default and adds a sentence."""
        texts, problems = _texts(options, ("model", "revision"), "", ("store",))
        store, more = Server.read(options["store"]) if options.get("store") else (None, [])
        return cls(**texts, store=store), [*problems, *more]

    @classmethod
    def from_environment(cls) -> tuple["Settings", list[str]]:
        """`SEMLS_MODEL`, `SEMLS_REVISION`, and `SEMLS_STORE_URL` with `_TOKEN`, `_HEADERS` and so on."""
        values = {key: _variable(f"SEMLS_{key.upper()}") for key in ("model", "revision")}
        names = ("url", "token", "headers", "tenant", "database")
        store: dict[str, Any] = {key: _variable(f"SEMLS_STORE_{key.upper()}") for key in names}
        if store["headers"]:
            store["headers"] = _table(store["headers"])
        return cls.read({**values, "store": store})


def kind_of(value: object) -> str:
    """Say which kind of JSON a value is."""
    kinds = ((type(None), "null"), (bool, "true or false"), (int | float, "a number"), (str, "a string"))
    fallback = "an object" if isinstance(value, Mapping) else "a list"
    return next((name for kind, name in kinds if isinstance(value, kind)), fallback)


def given(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Several layers of options as one, in which the later count more; what is empty is not given."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            one = given(value) if isinstance(value, Mapping) else value
            if one not in (None, "", {}):
                merged[key] = one
    return merged


def _texts(
    options: Mapping[str, Any], keys: tuple[str, ...], prefix: str, others: tuple[str, ...]
) -> tuple[dict[str, str], list[str]]:
    """Those of the options that are texts, and what is wrong with the options; the others are no concern."""
    unknown = [key[:100] for key in options if key not in (*keys, *others)]
    problems = [f"There is no setting {prefix + key!r}." for key in unknown]
    texts = {}
    for key in keys:
        value = options.get(key)
        if isinstance(value, str) and not _is_sound(value.strip()):
            problems.append(
                f"The setting {prefix + key!r} is too long, or has characters that cannot be printed."
            )
        elif isinstance(value, str) and value.strip():
            texts[key] = value.strip()
        elif value not in (None, ""):
            problems.append(f"The setting {prefix + key!r} must be a string, not {kind_of(value)}.")
    return texts, problems


def _is_sound(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST and value.isprintable()


def _variable(name: str) -> str | None:
    """Return a variable as text: where the locale is not UTF-8, Python has decoded it as something else."""
    value = os.environ.get(name)
    return value and os.fsencode(value).decode("utf-8", "surrogateescape")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


def _table(text: str) -> object:
    """JSON, or the text itself, which is no table."""
    try:
        return json.loads(text)
    except ValueError:
        return text


@dataclass(frozen=True)
class EngineSettings:
    """What belongs to the engine: read once, when a process starts."""

    cache_directory: Path = field(
        metadata=_says("`SEMLS_CACHE_DIR`", "the system's", "where the index is kept")
    )
    state_directory: Path = field(
        metadata=_says(
            "`SEMLS_STATE_DIR`",
            "the system's",
            "where the engine's log is kept",
        )
    )
    idle_minutes: float = field(
        default=15.0,
        metadata=_says(
            "`SEMLS_IDLE_MINUTES`",
            "`15`",
            "how long the engine stays when no editor is open and nobody asks",
        ),
    )
    cache_gigabytes: float = field(
        default=2.0,
        metadata=_says(
            "`SEMLS_CACHE_GB`",
            "`2`",
            "how many gigabytes each model's vectors may take in the cache that keeps them from being "
            "computed twice; those unused for longest make room",
        ),
    )
    threads: int = field(
        default=0,
        metadata=_says(
            "`SEMLS_THREADS`",
            "`0`",
            "how many threads compute vectors; `0` takes the cores but one, where there are more than two. "
            "The engine always lets other programs go first",
        ),
    )

    @classmethod
    def from_environment(cls) -> "EngineSettings":
        """`SEMLS_CACHE_DIR`, `SEMLS_STATE_DIR`, `SEMLS_IDLE_MINUTES`, `SEMLS_CACHE_GB`, `SEMLS_THREADS`.

        Raises UsageError.
        """
        return cls(
            _directory("SEMLS_CACHE_DIR", platformdirs.user_cache_dir("semls", appauthor=False)),
            _directory("SEMLS_STATE_DIR", platformdirs.user_state_dir("semls", appauthor=False)),
            _number("SEMLS_IDLE_MINUTES", cls.idle_minutes),
            _number("SEMLS_CACHE_GB", cls.cache_gigabytes),
            int(_number("SEMLS_THREADS", cls.threads)),
        )


def _directory(variable: str, default: str) -> Path:
    """An absolute path from the environment. Raises UsageError."""
    named = os.environ.get(variable)
    problem = f"{variable} is {named!r}" if named else "The home folder is unknown or not absolute"
    try:
        path = Path(named or default).expanduser()
        if named or path.is_absolute():
            os.fsencode(path).decode("utf-8")
            return path.absolute()
    except UnicodeDecodeError:
        problem = f"The folder {path} is not valid UTF-8"
    except (OSError, RuntimeError):  # the current folder was deleted, or "~" cannot be expanded
        pass
    raise UsageError(f"{problem}: set {variable} to an absolute path.")


def _number(variable: str, default: float) -> float:
    """A number from the environment that is not negative."""
    try:
        number = float(os.environ.get(variable) or default)
    except ValueError:
        return default
    return number if 0 <= number < math.inf else default
