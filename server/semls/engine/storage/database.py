"""A SQLite file of ours: opened, rebuilt where it is corrupted; explains errors of the disk."""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from semls.errors import StoreCorrupted, StoreError

log = logging.getLogger(__name__)

# What to do about an error that is no bug of ours, by SQLite's messages: Python 3.10 does not tell its codes.
_ADVICE: Mapping[str, str] = {
    "database or disk is full": "free some space on that disk",
    "disk I/O error": "free some space on that disk, and see that it is sound",
    "attempt to write a readonly database": "make it writable or set SEMLS_CACHE_DIR to another directory",
    "unable to open database file": "make its directory writable or set SEMLS_CACHE_DIR to another one",
    "access permission denied": "make it writable or set SEMLS_CACHE_DIR to another directory",
    "database is locked": "end the other program that has it open",
    "locking protocol": "set SEMLS_CACHE_DIR to a directory on a disk of this machine",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file is for, the number that tells it from a stranger's, its version, and its tables."""

    name: str
    application_id: int
    version: int
    schema: str


class Database:
    """Used by one thread at a time. Nothing in it is the only copy of anything."""

    def __init__(self, path: Path, layout: Layout, prepare: Callable[[sqlite3.Connection], None]) -> None:
        """Open a file; `prepare` is called for each new connection. Raises StoreError."""
        self.notice = ""  # what happened to the file, if anything
        self._path, self._layout, self._prepare = path, layout, prepare
        try:
            with self.blame():
                self._open()
        except StoreCorrupted as error:
            log.warning("%s", error)  # and nobody has lost anything

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    @contextmanager
    def blame(self) -> Iterator[None]:
        """Raise StoreError for an error of the disk, and StoreCorrupted for a corrupted file, now rebuilt.

        All other errors of SQLite are bugs of ours and surface as they are.
        """
        try:
            yield
        except sqlite3.DatabaseError as error:
            if is_corruption(error):
                self.notice = (
                    f"The {self._layout.name} {self._path} was corrupted ({error}) and is being rebuilt."
                )
                self._rebuild()
                raise StoreCorrupted(self.notice) from error
            if str(error) in _ADVICE:
                raise StoreError(
                    f"The {self._layout.name} {self._path} cannot be used ({error}): {_ADVICE[str(error)]}."
                ) from error
            raise
        except OSError as error:
            raise StoreError(
                f"The cache directory {self._path.parent} cannot be used ({error.strerror}): "
                "set SEMLS_CACHE_DIR to a directory that you can write to."
            ) from error

    @contextmanager
    def change(self) -> Iterator[None]:
        """A transaction: all of it or nothing."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self.connection.in_transaction:  # a full disk ends it by itself
                self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._connect()
        if self._number("SELECT count(*) FROM sqlite_master") == 0:
            self.connection.executescript(
                f"BEGIN; {self._layout.schema} PRAGMA application_id = {self._layout.application_id};"
                f"PRAGMA user_version = {self._layout.version}; COMMIT;"
            )
        if self._number("PRAGMA application_id") != self._layout.application_id:
            raise sqlite3.DatabaseError(f"it is no {self._layout.name} of semls")
        if self._number("PRAGMA user_version") != self._layout.version:
            self._leave(os.unlink)
            return self._open()
        self.connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
        )
        return self._prepare(self.connection)

    def _connect(self) -> None:
        self.connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)

    def _number(self, query: str) -> int:
        return int(self.connection.execute(query).fetchone()[0])

    def _rebuild(self) -> None:
        """Create an empty file; the corrupted one is kept as `….broken`."""
        self._leave(lambda path: os.replace(path, f"{path}.broken"))
        with self.blame():
            self._open()

    def _leave(self, what_to_do: Callable[[str], object]) -> None:
        self.connection.close()
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                what_to_do(f"{self._path}{suffix}")


def is_corruption(error: sqlite3.DatabaseError) -> bool:
    """Whether SQLite found a malformed file.

    Python raises DatabaseError itself for SQLITE_CORRUPT and SQLITE_NOTADB, and subclasses of it for other
    codes. It raises OperationalError without a code for a text that is not UTF-8; we store only UTF-8.
    """
    return type(error) is sqlite3.DatabaseError or str(error).startswith("Could not decode to UTF-8")
