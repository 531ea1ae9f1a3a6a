"""What semls needs of a machine, examined one by one."""

import platform
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from semls.engine import languages
from semls.engine.catalogue import Catalogue, File
from semls.engine.chunker import Chunker

_ROOM = 1 << 30  # bytes: a large workspace with its vectors


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined; `advice` says what to do where it is not well."""

    name: str
    well: bool
    detail: str
    advice: str = ""


def examine(cache_directory: Path, chunker: Chunker) -> list[Finding]:
    """Everything but the model."""
    return [
        Finding("python", True, platform.python_version()),
        _try(
            "word index", _catalogue, "Use a Python whose SQLite has FTS5, such as the one from python.org."
        ),
        _try(
            "grammars",
            lambda: _grammars(chunker),
            "Install semls anew: tree-sitter-language-pack is not whole.",
        ),
        _disk(cache_directory),
    ]


def _try(name: str, examination: Callable[[], str], advice: str) -> Finding:
    try:
        return Finding(name, True, examination())
    except Exception as error:  # noqa: BLE001 - whatever is wrong is the finding
        return Finding(name, False, str(error), advice)


def _catalogue() -> str:
    with tempfile.TemporaryDirectory() as directory:
        catalogue = Catalogue(Path(directory) / "catalogue.sqlite")
        catalogue.replace(File("a.py"))
        catalogue.close()
    return "SQLite with FTS5"


def _grammars(chunker: Chunker) -> str:
    language = languages.detect("a.py", b"")
    if [chunk.name for chunk in chunker.chunk(b"def f():\n    pass\n", language)] != ["f"]:
        raise RuntimeError("Python source is not recognised")
    return f"{len(languages.NAMES)} languages"


def _disk(directory: Path) -> Finding:
    free = shutil.disk_usage(directory).free
    detail = f"{directory} ({free / (1 << 30):.1f} GB free)"
    return Finding("cache", free > _ROOM, detail, "" if free > _ROOM else "Free some space on that disk.")
