"""What semls needs of a machine, examined one by one."""

import contextlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from semls.engine.files import watch
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import File
from semls.engine.storage.vectors_local import LocalVectors
from semls.engine.storage.vectors_remote import server_version
from semls.engine.syntax import languages
from semls.engine.syntax.parser_process import ParserProcess
from semls.settings import Server

STORE_ADVICE = "See that it runs, and that SEMLS_STORE_URL and SEMLS_STORE_TOKEN are right."

_ROOM = 1 << 30  # bytes: a large workspace with its vectors
_WATCHES = 20_000  # folders of a large workspace
_INSTANCES = 16  # workspaces at once
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined; `advice` says what to do where it is not well.

    `pending` tells that the examination is still under way: the next one may find more.
    """

    name: str
    well: bool
    detail: str
    advice: str = ""
    pending: bool = False


def examinations(cache_directory: Path, server: Server | None) -> dict[str, Callable[[], list[Finding]]]:
    """Return the examinations of all but the model, by name. Each runs in a thread, and may take seconds."""

    def attempt(name: str, examination: Callable[[], str], advice: str) -> Callable[[], list[Finding]]:
        return lambda: [_try(name, examination, advice)]

    python = Finding("python", True, platform.python_version())
    watching = attempt("file watching", _watching, "semls polls instead. The limits below may be too low.")
    every = {
        "python": lambda: [python],
        "word index": attempt(
            "word index", _catalog, "Use a Python whose SQLite has FTS5, such as the one from python.org."
        ),
        "grammars": attempt(
            "grammars", _grammars, "Reinstall semls: tree-sitter-language-pack is incomplete."
        ),
        "vectors": attempt(
            "vectors",
            lambda: _vectors(cache_directory),
            f"Make {cache_directory} writable, or reinstall semls: chromadb is incomplete.",
        ),
        "cache": lambda: [_disk(cache_directory)],
        "file watching": lambda: [*watching(), *_watch_limits()],
    }
    if server:
        every["store"] = attempt(
            "store", lambda: f"Chroma {server_version(server)} at {server.url}", STORE_ADVICE
        )
    return every


def _try(name: str, examination: Callable[[], str], advice: str) -> Finding:
    try:
        return Finding(name, True, examination())
    except Exception as error:  # noqa: BLE001 - whatever is wrong is the finding
        return Finding(name, False, str(error), advice)


def _catalog() -> str:
    with tempfile.TemporaryDirectory() as directory:
        catalog = Catalog(Path(directory) / "index.sqlite")
        catalog.replace(File("a.py"))
        catalog.close()
    return "SQLite with FTS5"


def _grammars() -> str:
    language = languages.detect("a.py", b"")
    with contextlib.closing(ParserProcess()) as chunker:  # that of the engine may be busy with a file
        found = chunker.chunk(b"def f():\n    pass\n", language)
    if [chunk.name for chunk in found] != ["f"]:
        raise RuntimeError("Python source is not recognised")
    return f"{len(languages.NAMES)} languages"


def _vectors(cache_directory: Path) -> str:
    with tempfile.TemporaryDirectory(dir=cache_directory, prefix="doctor-") as directory:
        store = LocalVectors(Path(directory) / "vectors", "doctor", "doctor", 2)
        east, north = np.eye(2, dtype=np.float32)
        store.upsert({"east": east, "north": north})
        (found, _), *_ = store.query(north, 1)
        store.close()
    if found != "north":
        raise RuntimeError("a vector does not find itself")
    return f"Chroma {version('chromadb')}"


def _disk(directory: Path) -> Finding:
    free = shutil.disk_usage(directory).free
    detail = f"{directory} ({free / (1 << 30):.1f} GB free)"
    return Finding("cache", free > _ROOM, detail, "" if free > _ROOM else "Free some space on that disk.")


def _watching() -> str:
    with tempfile.TemporaryDirectory() as directory:
        watch.probe(Path(directory))
    return "changes are reported"


def _watch_limits() -> Iterator[Finding]:
    """Compare what Linux allows a user to watch with the need; other systems have no such limit."""
    if (_PROC / "sys/fs/inotify").is_dir():
        watchers = list(_watchers())
        yield _watch_limit("watches", sum(watchers), _WATCHES)
        yield _watch_limit("instances", len(watchers), _INSTANCES)


def _watch_limit(resource: str, used: int, needed: int) -> Finding:
    """The lower one of the system's limit and the user namespace's counts."""
    names = f"fs.inotify.max_user_{resource}", f"user.max_inotify_{resource}"
    files = {name: _PROC / "sys" / name.replace(".", "/") for name in names}
    most, name = min((int(file.read_text()), name) for name, file in files.items() if file.exists())
    detail = f"{used:,} of {most:,} inotify {resource} used"
    well = most - used >= needed
    return Finding(
        "watch limit", well, detail, "" if well else f"Run `sudo sysctl {name}={2 * (used + needed)}`."
    )


def _watchers() -> Iterator[int]:
    """How many folders each watcher of this user's programs watches, as far as can be seen."""
    if sys.platform == "win32":
        return
    for process in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir() if process.stat().st_uid == os.getuid() else ():
                with contextlib.suppress(OSError):
                    if os.readlink(descriptor) == "anon_inode:inotify":
                        yield (process / "fdinfo" / descriptor.name).read_text().count("inotify wd:")
