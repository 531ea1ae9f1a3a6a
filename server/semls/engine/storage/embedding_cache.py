"""The embedding cache: content hash → vector, one SQLite file for each model and all workspaces."""

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
_IN_LIST = "IN (SELECT value FROM json_each(?))"  # SQLite limits the number of parameters
_BATCH = 1000  # rows read at once from an imported file


class EmbeddingCache:
    """The vectors that one encoder has computed, in half precision. The least recently used ones are evicted.

    Used by one thread at a time. All methods raise StoreError when the disk fails, and StoreCorrupted when
    the file was corrupted: the cache is empty then.
    """

    def __init__(self, path: Path, fingerprint: str, max_bytes: int) -> None:
        """Open or create the cache of the encoder with this fingerprint."""
        self._path, self._fingerprint, self._max_bytes = path, fingerprint, max_bytes
        self._database = Database(path, _LAYOUT, self._prepare)

    def get(self, hashes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the cached vectors by content hash, `(dimension,) float32`, and mark them as used."""
        wanted, hour = json.dumps(list(hashes)), _hour()
        rows = self._database.query(f"SELECT hash, vector FROM embeddings WHERE hash {_IN_LIST}", (wanted,))
        self._database.execute(
            f"UPDATE embeddings SET hour = ? WHERE hash {_IN_LIST} AND hour < ?", (hour, wanted, hour)
        )
        return {content_hash: _vector(content) for content_hash, content in rows}

    def put(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Store all of the vectors or none. Evicts others if the cache is larger than `max_bytes`."""
        hour = _hour()
        rows = [(key, hour, vector.astype(np.float16).tobytes()) for key, vector in vectors.items()]
        with self._database.transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)", rows)
            if _used_bytes(connection) > self._max_bytes:
                least_recently_used = "SELECT hash FROM embeddings ORDER BY hour LIMIT ?"
                connection.execute(
                    f"DELETE FROM embeddings WHERE hash IN ({least_recently_used})", (2 * len(rows),)
                )

    @property
    def bytes(self) -> int:
        """The size of the vectors on disk."""
        with self._database.translate_errors():
            return _used_bytes(self._database.connection)

    def export(self, file: Path) -> None:
        """Copy the cache to a new file. May be called from another thread while the cache is in use.

        Raises UsageError if the file cannot be written, and StoreError if the cache itself is corrupted.
        """
        try:
            file.open("xb").close()  # SQLite writes to an empty file; its own error would name no reason
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
        """Close the file."""
        self._database.close()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO about SELECT ? WHERE NOT EXISTS (SELECT 1 FROM about)", (self._fingerprint,)
        )


def read_export(file: Path, fingerprint: str, dimension: int) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Yield the vectors of an exported cache of the same model, in batches by content hash.

    The file is not trusted. Raises UsageError.
    """
    try:
        if not os.path.isfile(file):  # SQLite would create it, or block on a pipe
            raise ValueError("it is not a file" if os.path.exists(file) else "there is no such file")
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
            yield from _read_batches(db, fingerprint, dimension)
    except (sqlite3.Error, ValueError) as error:
        raise UsageError(f"{file} cannot be imported ({error}): name a file that semls exported.") from error


def _unwritable(file: Path, reason: str) -> UsageError:
    return UsageError(
        f"The cache cannot be exported to {file} ({reason}): name a new file, in a folder that you can write "
        "to and on a disk with enough space."
    )


def _read_batches(
    db: sqlite3.Connection, fingerprint: str, dimension: int
) -> Iterator[dict[str, NDArray[np.float32]]]:
    db.execute("PRAGMA trusted_schema = OFF")
    application_id, version = _pragma(db, "application_id"), _pragma(db, "user_version")
    if (application_id, version) != (_LAYOUT.application_id, _LAYOUT.version):
        raise ValueError("it was not exported by this version of semls")
    if _tables(db) != _expected_tables():  # a view of that name could compute endlessly
        raise ValueError("its tables differ from those of an export")
    if db.execute("SELECT fingerprint FROM about LIMIT 2").fetchall() != [(fingerprint,)]:
        raise ValueError("its vectors are from another model")
    size = dimension * np.dtype(np.float16).itemsize
    is_vector = f"typeof(vector) = 'blob' AND length(vector) = {size}"  # other values may have any size
    rows = db.execute(f"SELECT hash, CASE WHEN {is_vector} THEN vector END FROM embeddings")
    while batch := rows.fetchmany(_BATCH):
        vectors = {str(key): _vector(content or b"") for key, content in batch}
        if any(vector.shape != (dimension,) or not np.isfinite(vector).all() for vector in vectors.values()):
            raise ValueError("it contains values that are not vectors")
        yield vectors


def _tables(db: sqlite3.Connection) -> list[tuple[str, str]]:
    return db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def _expected_tables() -> list[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript(_LAYOUT.schema)
        return _tables(db)


def _used_bytes(db: sqlite3.Connection) -> int:
    return (_pragma(db, "page_count") - _pragma(db, "freelist_count")) * _pragma(db, "page_size")


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def _vector(content: bytes) -> NDArray[np.float32]:
    return np.frombuffer(content, np.float16).astype(np.float32)


def _hour() -> int:
    return int(time.time() // 3600)
