"""The cache that keeps a text from being embedded twice: content hash → vector, a file for each model."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semls.errors import StoreError

APPLICATION_ID = 0x53454D45  # "SEME": tells our files from a stranger's
SCHEMA_VERSION = 1

_SCHEMA = f"""
CREATE TABLE embeddings (hash TEXT PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""


class EmbeddingCache:
    """Used by one thread at a time. Every method raises StoreError when the disk or the file is to blame."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._blame():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def get(self, hashes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors that are known, by hash."""
        query = "SELECT hash, vector FROM embeddings WHERE hash IN (SELECT value FROM json_each(?))"
        with self._blame():
            rows = self._db.execute(query, (json.dumps(list(hashes)),)).fetchall()
        return {key: np.frombuffer(vector, np.float16).astype(np.float32) for key, vector in rows}

    def put(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep vectors, in half precision; all of them or none."""
        rows = [(key, vector.astype(np.float16).tobytes()) for key, vector in vectors.items()]
        with self._blame(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?)", rows)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _prepare(self) -> None:
        if self._scalar("SELECT count(*) FROM sqlite_master") == 0:
            self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        if self._scalar("PRAGMA application_id") != APPLICATION_ID:
            raise StoreError(
                f"{self._path} is not a semls embedding cache: move that file away, then try again."
            )
        if self._scalar("PRAGMA user_version") != SCHEMA_VERSION:
            raise StoreError(
                f"The embedding cache {self._path} was made by another version of semls: "
                "move that file away, then try again."
            )
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")

    def _scalar(self, query: str) -> int:
        number: int = self._db.execute(query).fetchone()[0]
        return number

    @contextmanager
    def _blame(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"The embedding cache {self._path} cannot be used ({error}): "
                "make it writable, free some space, or move that file away."
            ) from error
