"""SQLite files that hold derived data: created on first use, rebuilt when corrupted or of another version."""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semls.errors import StoreCorrupted, StoreError

log = logging.getLogger(__name__)

# Advice by SQLite's message, for errors that the environment causes: Python 3.10 does not expose error codes.
_ADVICE: Mapping[str, str] = {
    "database or disk is full": "free some space on that disk",
    "disk I/O error": "free some space on that disk, and check it for errors",
    "attempt to write a readonly database": "make it writable or set SEMLS_CACHE_DIR to another directory",
    "unable to open database file": "make its directory writable or set SEMLS_CACHE_DIR to another one",
    "access permission denied": "make it writable or set SEMLS_CACHE_DIR to another directory",
    "database is locked": "end the other program that has it open",
    "locking protocol": "set SEMLS_CACHE_DIR to a directory on a local disk",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """The kind and version of a database file."""

    name: str  # for messages, such as "catalog"
    application_id: int  # SQLite's number for the kind of file
    version: int  # a file of another version is deleted and rebuilt
    schema: str  # SQL that creates the tables


class Database:
    """One SQLite file and its connection.

    A corrupted file is renamed to `….broken` and replaced by an empty one. That loses nothing, because the
    content is derived from other files. Used by one thread at a time. All methods raise StoreError when the
    disk fails, and StoreCorrupted after they have rebuilt the file; bugs raise the errors of `sqlite3`.
    """

    def __init__(self, path: Path, layout: Layout, prepare: Callable[[sqlite3.Connection], None]) -> None:
        """Open or create the file; `prepare` is called with each new connection. Raises StoreError."""
        self.notice = ""  # why the file was rebuilt; empty if it was not
        self._path, self._layout, self._prepare = path, layout, prepare
        self.connection = self._open()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with self.translate_errors():
            return self.connection.execute(sql, parameters).fetchall()

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        """Run one statement in a separate transaction."""
        with self.translate_errors():
            self.connection.execute(sql, parameters)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit the statements of the block together, or none of them if it raises."""
        with self.translate_errors():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
            except BaseException:
                if self.connection.in_transaction:  # SQLite itself rolls back when the disk is full
                    self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Raise StoreError for errors of the disk, and rebuild a corrupted file and raise StoreCorrupted."""
        try:
            yield
        except (sqlite3.DatabaseError, OSError) as error:
            if is_corruption(error):
                self.connection.close()
                self.connection = self._rebuild(error)
                raise StoreCorrupted(self.notice) from error
            self._explain(error)
            raise

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except (sqlite3.DatabaseError, OSError) as error:
            if is_corruption(error):
                connection = self._rebuild(error)
                log.warning("%s", self.notice)
                return connection
            self._explain(error)
            raise

    def _rebuild(self, error: Exception) -> sqlite3.Connection:
        self.notice = f"The {self._layout.name} {self._path} was corrupted ({error}) and is being rebuilt."
        try:
            self._for_each_file(lambda path: os.replace(path, f"{path}.broken"))
            return self._connect()
        except (sqlite3.DatabaseError, OSError) as second:
            self._explain(second)
            raise

    def _explain(self, error: Exception) -> None:
        """Raise StoreError if the user can remove the cause of an error."""
        if isinstance(error, OSError):
            raise StoreError(
                f"The cache directory {self._path.parent} cannot be used ({error.strerror}): "
                "set SEMLS_CACHE_DIR to a directory that you can write to."
            ) from error
        if str(error) in _ADVICE:
            raise StoreError(
                f"The {self._layout.name} {self._path} cannot be used ({error}): {_ADVICE[str(error)]}."
            ) from error

    def _connect(self) -> sqlite3.Connection:
        """Return a connection to a file with the current layout."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._connect_to_current_version()
        try:
            connection.executescript(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
            )
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect_to_current_version(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            if self._has_current_version(connection):
                return connection
        except BaseException:
            connection.close()
            raise
        connection.close()
        self._for_each_file(os.unlink)
        return self._connect_to_current_version()

    def _has_current_version(self, connection: sqlite3.Connection) -> bool:
        """Return whether the file has the current version; an empty file gets it."""
        layout = self._layout
        if _number(connection, "SELECT count(*) FROM sqlite_master") == 0:
            connection.executescript(
                f"BEGIN; {layout.schema} PRAGMA application_id = {layout.application_id};"
                f"PRAGMA user_version = {layout.version}; COMMIT;"
            )
        if _number(connection, "PRAGMA application_id") != layout.application_id:
            raise sqlite3.DatabaseError(f"it is not a {layout.name} of semls")
        return _number(connection, "PRAGMA user_version") == layout.version

    def _for_each_file(self, change: Callable[[str], object]) -> None:
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                change(f"{self._path}{suffix}")


def is_corruption(error: Exception) -> bool:
    """Return whether SQLite found a malformed file.

    Python raises DatabaseError itself for SQLITE_CORRUPT and SQLITE_NOTADB, and its subclasses for other
    codes. It raises OperationalError without a code for text that is not UTF-8; semls stores only UTF-8.
    """
    return type(error) is sqlite3.DatabaseError or (
        isinstance(error, sqlite3.DatabaseError) and str(error).startswith("Could not decode to UTF-8")
    )


def _number(connection: sqlite3.Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0])
