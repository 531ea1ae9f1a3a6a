"""The cache that keeps a content from being embedded twice: content hash → vector, for one fingerprint."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semls.errors import StoreError

APPLICATION_ID = 0x53454D45  # "SEME"
SCHEMA_VERSION = 1


class EmbeddingCache:
    """Used by one thread at a time. Every method raises StoreError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._blame():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            if self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                self._db.executescript(
                    f"""BEGIN;
                    CREATE TABLE embeddings (hash TEXT PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
                    PRAGMA application_id = {APPLICATION_ID};
                    PRAGMA user_version = {SCHEMA_VERSION};
                    COMMIT;"""
                )
            ours = self._db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
            if not ours or self._db.execute("PRAGMA user_version").fetchone()[0] != SCHEMA_VERSION:
                self._db.close()
                raise StoreError(f"{path} is not a semls embedding cache: move that file away and try again.")
            self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")

    def get(self, hashes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors that are known."""
        marks = ", ".join("?" * len(hashes))
        with self._blame():
            rows = self._db.execute(f"SELECT hash, vector FROM embeddings WHERE hash IN ({marks})", hashes)
            return {row[0]: np.frombuffer(row[1], np.float16).astype(np.float32) for row in rows}

    def put(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep vectors, in half precision."""
        rows = [(key, vector.astype(np.float16).tobytes()) for key, vector in vectors.items()]
        with self._blame():
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?)", rows)
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def _blame(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, OSError) as error:
            raise StoreError(
                f"The embedding cache {self._path} cannot be used ({error}): make it writable, free some space, "
                "or move that file away."
            ) from error
