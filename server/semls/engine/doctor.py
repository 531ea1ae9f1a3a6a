"""Checks of the installation: Python, SQLite, grammars, vectors, model, disk, watching, vector server."""

import asyncio
import contextlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import numpy as np

from semls.engine.files import watch
from semls.engine.models import presets
from semls.engine.models.registry import EncoderRegistry, model_from_settings
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import File
from semls.engine.storage.vectors_local import LocalVectors
from semls.engine.storage.vectors_remote import server_version
from semls.engine.syntax import languages
from semls.engine.syntax.parser_process import ParserProcess
from semls.errors import SemlsError
from semls.settings import DEFAULT_MODEL, Server, Settings

_TIMEOUT = 1.0  # seconds after which a check is reported as pending
_STORE_ADVICE = "Check that the server runs, and that SEMLS_STORE_URL and SEMLS_STORE_TOKEN are right."
_MIN_FREE = 1 << 30  # bytes: a large workspace with its vectors
_MIN_WATCHES = 20_000  # folders of a large workspace
_MIN_INSTANCES = 16  # workspaces at once
_PROC = Path("/proc")
_RECOMMENDATION = (
    f"For code, {presets.CODE.name} is better: by semantic search alone, its NDCG@10 is 0.765 on a public "
    "benchmark, and that of nomic-embed-text 0.561. It costs a download of 550 MB once, and all code is "
    f"embedded again, as fast as with nomic-embed-text. Set SEMLS_MODEL to {presets.CODE.name}."
)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `advice` says what to do if it has failed.

    `pending` means that the check is still running: the next report may have its result.
    """

    name: str
    well: bool
    detail: str
    advice: str = ""
    pending: bool = False


class Doctor:
    """Runs all checks. A slow check continues in the background, and a later report has its result."""

    def __init__(self, cache_directory: Path, encoders: EncoderRegistry) -> None:
        self._cache_directory, self._encoders = cache_directory, encoders
        self._running: dict[str, tuple[Settings, asyncio.Task[list[Finding]]]] = {}  # by the check's name

    async def examine(self, settings: Settings) -> list[Finding]:
        """Return the findings of all checks, within about a second."""
        tasks = {
            name: self._start(name, settings, partial(asyncio.to_thread, check))
            for name, check in checks(self._cache_directory, settings.store).items()
        }
        tasks["model"] = self._start("model", settings, partial(self._check_model, settings))
        await asyncio.wait(tasks.values(), timeout=_TIMEOUT)
        findings = (
            task.result() if task.done() else [_pending(name, settings)] for name, task in tasks.items()
        )
        return list(chain.from_iterable(findings))

    def close(self) -> None:
        """Cancel the checks that are running."""
        for _, task in self._running.values():
            task.cancel()

    def _start(
        self, name: str, settings: Settings, check: Callable[[], Coroutine[None, None, list[Finding]]]
    ) -> "asyncio.Task[list[Finding]]":
        """Start a check, unless it is still running with the same settings."""
        if name in self._running:
            last_settings, last_task = self._running[name]
            if not last_task.done():
                if last_settings == settings:
                    return last_task
                last_task.cancel()
        task = asyncio.create_task(check())
        self._running[name] = settings, task
        return task

    async def _check_model(self, settings: Settings) -> list[Finding]:
        try:
            model = await asyncio.to_thread(model_from_settings, settings)
            found = await self._encoders.get_or_fallback(model)
        except SemlsError as error:
            return [Finding("model", False, str(error), "Set SEMLS_MODEL to another model.")]
        name = found[0].model.name if found else "lexical search only"
        notice = self._encoders.fallback_notice(model)
        recommendation = _RECOMMENDATION if name in presets.PRESETS and name != presets.CODE.name else ""
        facts = presets.FACTS.get(found[0].model) if found else None
        detail = f"{name}. {facts}" if facts else name
        return [Finding("model", not notice, detail, notice or recommendation)]


def _pending(name: str, settings: Settings) -> Finding:
    if name == "store" and settings.store:
        silent = f"{settings.store.url} has not answered for {_TIMEOUT:.0f} s"
        return Finding(name, False, silent, _STORE_ADVICE, pending=True)
    model = settings.model or DEFAULT_MODEL
    detail = f"{model} is still being loaded" if name == "model" else "still being checked"
    return Finding(name, False, detail, "Run `semls doctor` again in a moment.", pending=True)


def checks(cache_directory: Path, server: Server | None) -> dict[str, Callable[[], list[Finding]]]:
    """Return all checks except that of the model, by name. Each runs in a thread and may take seconds."""

    def attempt(name: str, check: Callable[[], str], advice: str) -> Callable[[], list[Finding]]:
        return lambda: [_try(name, check, advice)]

    python = Finding("python", True, platform.python_version())
    watching = attempt("file watching", _check_watching, "semls polls instead. A limit below may be too low.")
    named = {
        "python": lambda: [python],
        "full-text index": attempt(
            "full-text index",
            _check_full_text,
            "Use a Python whose SQLite has FTS5, such as python.org's.",
        ),
        "grammars": attempt(
            "grammars", _check_grammars, "Reinstall semls: tree-sitter-language-pack is incomplete."
        ),
        "vectors": attempt(
            "vectors",
            lambda: _check_vectors(cache_directory),
            f"Make {cache_directory} writable, or reinstall semls: chromadb is incomplete.",
        ),
        "cache": lambda: [_check_disk(cache_directory)],
        "file watching": lambda: [*watching(), *_check_watch_limits()],
    }
    if server:
        named["store"] = attempt(
            "store", lambda: f"Chroma {server_version(server)} at {server.url}", _STORE_ADVICE
        )
    return named


def _try(name: str, check: Callable[[], str], advice: str) -> Finding:
    """Return what a check returns, or its error with advice."""
    try:
        return Finding(name, True, check())
    except Exception as error:  # noqa: BLE001 - any error is a finding
        return Finding(name, False, str(error), advice)


def _check_full_text() -> str:
    with tempfile.TemporaryDirectory() as directory:
        catalog = Catalog(Path(directory) / "index.sqlite")
        catalog.replace(File("a.py"))
        catalog.close()
    return "SQLite with FTS5"


def _check_grammars() -> str:
    language = languages.detect("a.py", b"")
    with contextlib.closing(ParserProcess()) as parser:  # the engine's may be busy with a file
        chunks = parser.chunk(b"def f():\n    pass\n", language)
    if [chunk.name for chunk in chunks] != ["f"]:
        raise RuntimeError("Python source is not recognised")
    return f"{len(languages.NAMES)} languages"


def _check_vectors(cache_directory: Path) -> str:
    with tempfile.TemporaryDirectory(dir=cache_directory, prefix="doctor-") as directory:
        path = Path(directory) / "vectors"
        store = LocalVectors(path, fingerprint="doctor", model="doctor", dimension=2)
        east, north = np.eye(2, dtype=np.float32)
        store.upsert({"east": east, "north": north})
        (found, _), *_ = store.query(north, 1)
        store.close()
    if found != "north":
        raise RuntimeError("a vector does not find itself")
    return f"Chroma {version('chromadb')}"


def _check_disk(directory: Path) -> Finding:
    free = shutil.disk_usage(directory).free
    detail = f"{directory} ({free / (1 << 30):.1f} GB free)"
    if free > _MIN_FREE:
        return Finding("cache", True, detail)
    return Finding("cache", False, detail, "Free some space on this disk.")


def _check_watching() -> str:
    with tempfile.TemporaryDirectory() as directory:
        watch.probe(Path(directory))
    return "changes are reported"


def _check_watch_limits() -> Iterator[Finding]:
    """Check the limits of inotify on Linux; other systems have none."""
    if (_PROC / "sys/fs/inotify").is_dir():
        watches = list(_watches_by_instance())
        yield _check_watch_limit("watches", sum(watches), _MIN_WATCHES)
        yield _check_watch_limit("instances", len(watches), _MIN_INSTANCES)


def _check_watch_limit(resource: str, used: int, needed: int) -> Finding:
    """Check whether enough of a resource is free, under the limits of the system and the user namespace."""
    names = f"fs.inotify.max_user_{resource}", f"user.max_inotify_{resource}"
    files = {name: _PROC / "sys" / name.replace(".", "/") for name in names}
    limit, name = min((int(file.read_text()), name) for name, file in files.items() if file.exists())
    detail = f"{used:,} of {limit:,} inotify {resource} used"
    if limit - used >= needed:
        return Finding("watch limit", True, detail)
    return Finding("watch limit", False, detail, f"Run `sudo sysctl {name}={2 * (used + needed)}`.")


def _watches_by_instance() -> Iterator[int]:
    """Yield the number of watches of each inotify instance of this user, as far as /proc shows them."""
    if sys.platform == "win32":
        return
    for process in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if process.stat().st_uid != os.getuid():
                continue
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if os.readlink(descriptor) == "anon_inode:inotify":
                        yield (process / "fdinfo" / descriptor.name).read_text().count("inotify wd:")
