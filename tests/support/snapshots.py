"""Compares the index of an engine with one that a new engine builds."""

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from semls.engine.engine import Engine
from semls.settings import Settings


def snapshot(cache_directory: Path) -> dict[str, Any]:
    """Return the contents of the index databases without times and row numbers."""
    tables = {}
    for path in cache_directory.glob("*/index.sqlite"):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            chunks = connection.execute("SELECT * FROM chunks").fetchall()
            files = connection.execute("SELECT path, size, digest, language, skipped FROM files")
            tables["files"] = sorted(files)
            tables["chunks"] = sorted(row[1:] for row in chunks)
            tables["fulltext"] = connection.execute("SELECT count(*) FROM fulltext").fetchone()
    return tables


async def reference_snapshot(root: Path, directory: Path) -> dict[str, Any]:
    """Return the snapshot of a new index of a workspace, which is built in a directory that is replaced."""
    shutil.rmtree(directory, ignore_errors=True)
    engine = Engine(directory)
    async for _ in engine.index(str(root), Settings(model="hashing"), lexical_only=True):
        pass
    await engine.close()
    return snapshot(directory)
