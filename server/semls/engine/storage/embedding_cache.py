"""The cache that keeps a text from being embedded twice: content hash → vector, a file for each model."""

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semls.engine.storage.database import Database, Layout, is_corruption
from semls.errors import StoreError, UsageError

_LAYOUT = Layout(
    "embedding cache",
    application_id=0x53454D45,  # "SEME"
    version=2,
    schema="""
CREATE TABLE embeddings (hash TEXT PRIMARY KEY, hour INTEGER NOT NULL, vector BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX embeddings_by_hour ON embeddings(hour);
CREATE TABLE about (fingerprint TEXT NOT NULL);
""",
)
_ALL = "IN (SELECT value FROM json_each(?))"
_BATCH = 1000  # rows read at once from a file that is imported


class EmbeddingCache:
    """Used by one thread at a time. Every method raises StoreError when the disk is to blame.

    Raises StoreCorrupted when the file is: it is empty then.
    """

    def __init__(self, path: Path, fingerprint: str, most_bytes: int) -> None:
        self._path, self._fingerprint, self._most = path, fingerprint, most_bytes
        self._file = Database(path, _LAYOUT, self._prepare)

    def get(self, hashes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors that are known, by hash; they are the last to be forgotten."""
        wanted, hour = json.dumps(list(hashes)), _hour()
        with self._file.blame():
            rows = self._db.execute(
                f"SELECT hash, vector FROM embeddings WHERE hash {_ALL}", (wanted,)
            ).fetchall()
            self._db.execute(
                f"UPDATE embeddings SET hour = ? WHERE hash {_ALL} AND hour < ?", (hour, wanted, hour)
            )
        return {key: _vector(content) for key, content in rows}

    def put(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep vectors, in half precision; all of them or none. Those unused for longest make room."""
        hour = _hour()
        rows = [(key, hour, vector.astype(np.float16).tobytes()) for key, vector in vectors.items()]
        with self._file.blame(), self._file.change():
            self._db.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)", rows)
            if self.bytes > self._most:
                self._forget(2 * len(rows))

    @property
    def bytes(self) -> int:
        """What the vectors take on disk."""
        with self._file.blame():
            pages, free, size = (
                self._db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)

    def export(self, file: Path) -> None:
        """Copy everything to a new file. May run beside the thread that uses the cache.

        Raises UsageError, and StoreError where the cache itself is corrupted.
        """
        try:
            file.open("xb").close()  # SQLite writes to an empty file, but does not say why it cannot make one
        except OSError as error:
            raise _unwritable(file, error.strerror or str(error)) from error
        try:
            with contextlib.closing(sqlite3.connect(self._path)) as db:
                db.execute("VACUUM INTO CAST(? AS TEXT)", (os.fsencode(file),))  # a name may be undecodable
        except sqlite3.DatabaseError as error:
            file.unlink(missing_ok=True)
            if is_corruption(error):
                raise StoreError(
                    f"The embedding cache {self._path} is corrupted ({error}): `semls index` rebuilds it."
                ) from error
            raise _unwritable(file, str(error)) from error

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    @property
    def _db(self) -> sqlite3.Connection:
        return self._file.connection

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO about SELECT ? WHERE NOT EXISTS (SELECT 1 FROM about)", (self._fingerprint,))

    def _forget(self, count: int) -> None:
        oldest = "SELECT hash FROM embeddings ORDER BY hour LIMIT ?"
        self._db.execute(f"DELETE FROM embeddings WHERE hash IN ({oldest})", (count,))


def exported(file: Path, fingerprint: str, dimension: int) -> Iterator[dict[str, NDArray[np.float32]]]:
    """The vectors of a file that a cache of the same model exported, in batches. Raises UsageError."""
    try:
        if not os.path.isfile(file):  # SQLite would create it, or wait for what comes out of a pipe
            raise ValueError("it is no file" if os.path.exists(file) else "there is no such file")
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
            yield from _exported(db, fingerprint, dimension)
    except (sqlite3.Error, ValueError) as error:
        raise UsageError(f"{file} cannot be imported ({error}): name a file that semls exported.") from error


def _unwritable(file: Path, why: str) -> UsageError:
    return UsageError(
        f"The cache cannot be exported to {file} ({why}): name a new file, in a folder that you can write to "
        "and on a disk with enough space."
    )


def _exported(
    db: sqlite3.Connection, fingerprint: str, dimension: int
) -> Iterator[dict[str, NDArray[np.float32]]]:
    db.execute("PRAGMA trusted_schema = OFF")
    ours = (_LAYOUT.application_id, _LAYOUT.version)
    if (
        tuple(db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        != ours
    ):
        raise ValueError("this version of semls made no such file")
    if _tables(db) != _our_tables():  # a view of that name could compute for ever
        raise ValueError("its tables are others")
    if db.execute("SELECT fingerprint FROM about LIMIT 2").fetchall() != [(fingerprint,)]:
        raise ValueError("its vectors are another model's")
    size = dimension * np.dtype(np.float16).itemsize
    is_one = f"typeof(vector) = 'blob' AND length(vector) = {size}"  # what is none may be of any size
    rows = db.execute(f"SELECT hash, CASE WHEN {is_one} THEN vector END FROM embeddings")
    while batch := rows.fetchmany(_BATCH):
        vectors = {str(key): _vector(content or b"") for key, content in batch}
        if any(vector.shape != (dimension,) or not np.isfinite(vector).all() for vector in vectors.values()):
            raise ValueError("not all in it are vectors")
        yield vectors


def _tables(db: sqlite3.Connection) -> list[tuple[str, str]]:
    return db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def _our_tables() -> list[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript(_LAYOUT.schema)
        return _tables(db)


def _vector(content: bytes) -> NDArray[np.float32]:
    return np.frombuffer(content, np.float16).astype(np.float32)


def _hour() -> int:
    return int(time.time() // 3600)
