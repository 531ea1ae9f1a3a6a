"""Settings of the user: options of an editor or of the environment, checked and frozen."""

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
_MAX_LENGTH = 10_000  # characters of a setting
_MAX_PATTERNS = 1000  # in the setting `languages`


def _documented(variable: str, default: str, description: str) -> dict[str, str]:
    """Return a field's metadata, which the reference and the VS Code extension show."""
    return {"variable": variable, "default": default, "description": description}


@dataclass(frozen=True)
class Server:
    """A Chroma server that stores the vectors of a team."""

    url: str  # http or https, without a user name
    token: str = field(default="", repr=False)
    # Sent with every request.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    tenant: str = "default_tenant"
    database: str = "default_database"

    @classmethod
    def parse(cls, options: object) -> tuple["Server | None", list[str]]:
        """Return the server that an editor's options describe, and what is wrong with them.

        One invalid option invalidates all, because the vectors must not go to another server.
        """
        if not isinstance(options, Mapping):
            actual = json_type(options)
            return None, [f"The setting 'store' must be an object with a 'url', not {actual}."]
        strings, problems = _parse_strings(
            options, ("url", "token", "tenant", "database"), prefix="store.", ignored=("headers",)
        )
        headers = options.get("headers") or {}
        if not isinstance(headers, Mapping) or not all(map(is_printable, [*headers, *headers.values()])):
            problems.append("The setting 'store.headers' must be an object of printable strings.")
        if "url" in strings and not is_http_url(strings["url"]):
            problems.append(
                "The setting 'store.url' must be a URL like https://chroma.example:8000 without a password: "
                "use 'store.token' or 'store.headers' for that."
            )
        elif "url" not in strings and (strings or headers):
            problems.append("The setting 'store.url' is missing.")
        if problems or "url" not in strings:
            return None, problems
        return cls(**strings, headers=dict(headers)), []


@dataclass(frozen=True)
class Settings:
    """The settings of a workspace, which clients send with every request. None means "not set"."""

    model: str | None = field(
        default=None,
        metadata=_documented(
            "`SEMLS_MODEL`",
            f"`{DEFAULT_MODEL}`",
            "the embedding model: [one of these](#models), or the absolute path of a folder with a model",
        ),
    )
    revision: str | None = field(
        default=None,
        metadata=_documented(
            "`SEMLS_REVISION`", "a pinned one for each model", "the commit of the model's repository"
        ),
    )
    store: Server | None = field(
        default=None,
        metadata=_documented(
            "`SEMLS_STORE_URL` and others",
            "none: this machine",
            "[a team's server](#a-chroma-server-for-a-team) that stores the vectors",
        ),
    )

    languages: Mapping[str, str] = field(
        default_factory=dict,
        hash=False,
        metadata=_documented(
            "`SEMLS_LANGUAGES`",
            "`{}`",
            "the languages of files that semls takes for another one, by pattern of their paths, such as "
            '`{"*.inc": "php", "templates/**": "html"}`. If several match, the one with '
            "the most characters other than `*` and `?` decides",
        ),
    )

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> tuple["Settings", list[str]]:
        """Return the settings that an editor's options describe, and what is wrong with the options.

        An invalid option counts as not set. The engine checks the names of languages.
        """
        others = ("store", "languages")
        strings, problems = _parse_strings(options, ("model", "revision"), prefix="", ignored=others)
        store, store_problems = Server.parse(options["store"]) if options.get("store") else (None, [])
        languages, language_problems = _parse_languages(options.get("languages"))
        problems += [*store_problems, *language_problems]
        return cls(**strings, store=store, languages=languages), problems

    @classmethod
    def from_environment(cls) -> tuple["Settings", list[str]]:
        """Return the settings of `SEMLS_MODEL`, `SEMLS_REVISION`, `SEMLS_STORE_URL`, `SEMLS_STORE_TOKEN` etc.

        The second value is what is wrong with them. `SEMLS_STORE_HEADERS` and `SEMLS_LANGUAGES` are JSON
        objects.
        """
        values = {key: environment_variable(f"SEMLS_{key.upper()}") for key in ("model", "revision")}
        names = ("url", "token", "headers", "tenant", "database")
        store: dict[str, Any] = {key: environment_variable(f"SEMLS_STORE_{key.upper()}") for key in names}
        if store["headers"]:
            store["headers"] = _parse_json(store["headers"])
        languages = environment_variable("SEMLS_LANGUAGES")
        return cls.parse({**values, "store": store, "languages": languages and _parse_json(languages)})


def json_type(value: object) -> str:
    """Return the JSON type of a value, for messages: "a string", "an object"."""
    types = ((type(None), "null"), (bool, "true or false"), (int | float, "a number"), (str, "a string"))
    for kind, name in types:
        if isinstance(value, kind):
            return name
    return "an object" if isinstance(value, Mapping) else "a list"


def merge_options(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge layers of options, nested objects included. Later layers take precedence; empty values do not."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            option = merge_options(value) if isinstance(value, Mapping) else value
            if option not in (None, "", {}):
                merged[key] = option
    return merged


def _parse_strings(
    options: Mapping[str, Any], keys: tuple[str, ...], *, prefix: str, ignored: tuple[str, ...]
) -> tuple[dict[str, str], list[str]]:
    """Return the non-empty strings under `keys`, and what is wrong with the options.

    `prefix` precedes the keys in messages; the keys in `ignored` are known, but not parsed here.
    """
    unknown = [key[:100] for key in options if key not in (*keys, *ignored)]
    problems = [f"There is no setting {prefix + key!r}." for key in unknown]
    strings = {}
    for key in keys:
        value = options.get(key)
        if isinstance(value, str) and not is_printable(value.strip()):
            problems.append(f"The setting {prefix + key!r} is too long or contains unprintable characters.")
        elif isinstance(value, str) and value.strip():
            strings[key] = value.strip()
        elif value not in (None, ""):
            problems.append(f"The setting {prefix + key!r} must be a string, not {json_type(value)}.")
    return strings, problems


def _parse_languages(option: object) -> tuple[dict[str, str], list[str]]:
    """Return the non-empty names of languages by pattern, and what is wrong with the option."""
    if option in (None, "", []):  # an empty table of Lua, and so of Neovim, is a list
        return {}, []
    if not isinstance(option, Mapping):
        example = '{"*.inc": "php"}'
        return {}, [f"The setting 'languages' must be an object such as {example}, not {json_type(option)}."]
    if len(option) > _MAX_PATTERNS or not all(map(is_printable, [*option, *option.values()])):
        problem = f"must consist of at most {_MAX_PATTERNS} patterns and languages, all printable strings."
        return {}, [f"The setting 'languages' {problem}"]
    return {pattern.strip(): name.strip() for pattern, name in option.items() if name.strip()}, []


def is_printable(value: object) -> bool:
    """Return whether a value is a string that may be a setting: without control characters, and not long."""
    return isinstance(value, str) and len(value) <= _MAX_LENGTH and value.isprintable()


def environment_variable(name: str) -> str | None:
    """Return a variable decoded as UTF-8, or None; Python decodes it with the encoding of the locale."""
    value = os.environ.get(name)
    return os.fsencode(value).decode("utf-8", "surrogateescape") if value else None


def is_http_url(url: str) -> bool:
    """Return whether a text is the URL of a server, without a user name and a password."""
    try:
        parts = urlsplit(url)
        is_valid_port = parts.port != 0  # raises ValueError unless it is a number up to 65535
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and is_valid_port
            and "@" not in parts.netloc
        )
    except ValueError:
        return False


def _parse_json(text: str) -> object:
    """Return the JSON value, or the text itself if it is not JSON, which `Server.parse` then refuses."""
    try:
        return json.loads(text)
    except ValueError:
        return text


@dataclass(frozen=True)
class EngineSettings:
    """The settings of the engine, which a process reads once when it starts."""

    cache_directory: Path = field(
        metadata=_documented("`SEMLS_CACHE_DIR`", "the system's", "the directory of the index")
    )
    state_directory: Path = field(
        metadata=_documented("`SEMLS_STATE_DIR`", "the system's", "the directory of the engine's log")
    )
    idle_minutes: float = field(
        default=15.0,
        metadata=_documented(
            "`SEMLS_IDLE_MINUTES`",
            "`15`",
            "the engine stops after this many minutes without a request and without an open editor or agent",
        ),
    )
    cache_gigabytes: float = field(
        default=2.0,
        metadata=_documented(
            "`SEMLS_CACHE_GB`",
            "`2`",
            "the maximum size of each model's embedding cache in gigabytes; the least recently used vectors "
            "are evicted",
        ),
    )
    threads: int = field(
        default=0,
        metadata=_documented(
            "`SEMLS_THREADS`",
            "`0`",
            "the number of threads that compute embeddings; `0` leaves one core free if there are more than "
            "two. The engine runs at low priority",
        ),
    )

    @classmethod
    def from_environment(cls) -> "EngineSettings":
        """Return the settings of the `SEMLS_` variables that the fields name. Raises UsageError."""
        cache_directory = platformdirs.user_cache_dir("semls", appauthor=False)
        state_directory = platformdirs.user_state_dir("semls", appauthor=False)
        return cls(
            cache_directory=_directory("SEMLS_CACHE_DIR", cache_directory),
            state_directory=_directory("SEMLS_STATE_DIR", state_directory),
            idle_minutes=_number("SEMLS_IDLE_MINUTES", cls.idle_minutes),
            cache_gigabytes=_number("SEMLS_CACHE_GB", cls.cache_gigabytes),
            threads=int(_number("SEMLS_THREADS", cls.threads)),
        )


def _directory(variable: str, default: str) -> Path:
    """Return the absolute path in an environment variable, or the default. Raises UsageError."""
    value = os.environ.get(variable)
    problem = f"{variable} is {value!r}" if value else "The home folder is unknown or not absolute"
    try:
        path = Path(value or default).expanduser()
        if value or path.is_absolute():
            os.fsencode(path).decode("utf-8")
            return path.absolute()
    except UnicodeDecodeError:
        problem = f"The folder {path} is not valid UTF-8"
    except (OSError, RuntimeError):  # the current folder was deleted, or "~" cannot be expanded
        pass
    raise UsageError(f"{problem}: set {variable} to an absolute path.")


def _number(variable: str, default: float) -> float:
    """Return the number in an environment variable, or the default if it is invalid or negative."""
    try:
        number = float(os.environ.get(variable) or default)
    except ValueError:
        return default
    return number if 0 <= number < math.inf else default
