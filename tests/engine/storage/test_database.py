"""Errors of SQLite that rebuild the file, that are translated, and that propagate."""

import contextlib
import sqlite3
import sys

import pytest

from semls.engine.storage.database import Database, Layout
from semls.errors import StoreCorrupted, StoreError

LAYOUT = Layout(
    "sample database",
    application_id=7,
    version=1,
    schema="CREATE TABLE letters (id INTEGER PRIMARY KEY, text TEXT);"
    "CREATE VIRTUAL TABLE words USING fts5(text);",
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "letters.sqlite"


@pytest.fixture
def database(path):
    opened = Database(path, LAYOUT, lambda _: None)
    with opened.transaction():
        for number in range(100):
            opened.connection.execute("INSERT INTO letters VALUES (?, ?)", (number, f"letter {number} " * 50))
            opened.connection.execute("INSERT INTO words VALUES (?)", (f"letter {number}",))
    yield opened
    opened.close()


def count(database):
    with database.translate_errors():
        return database.connection.execute("SELECT count(*) FROM letters").fetchone()[0]


@pytest.mark.parametrize(
    ("kind", "statement", "values"),
    [
        (sqlite3.IntegrityError, "INSERT INTO letters VALUES (1, 'again')", ()),
        (sqlite3.ProgrammingError, "SELECT ?", (1, 2)),
        (sqlite3.ProgrammingError, "SELECT :name", {"other": 1}),
        ((sqlite3.ProgrammingError, sqlite3.Warning), "SELECT 1; SELECT 2", ()),
        ((sqlite3.InterfaceError, sqlite3.ProgrammingError), "SELECT ?", (object(),)),
        (sqlite3.DataError, "SELECT ?", ("x" * 2000,)),
        (sqlite3.OperationalError, "SELECT * FROM nowhere", ()),
        (sqlite3.OperationalError, "SELECT FROM", ()),
        (sqlite3.OperationalError, "SELECT * FROM words WHERE words MATCH '\"'", ()),
        (OverflowError, "SELECT ?", (1 << 70,)),
    ],
)
def test_database_programming_error_propagates_and_keeps_rows(database, path, kind, statement, values):
    if kind is sqlite3.DataError:
        if sys.version_info < (3, 11):
            pytest.skip("Python 3.10 cannot lower SQLite's limits")
        else:
            database.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1000)
    with pytest.raises(kind), database.translate_errors():
        database.connection.execute(statement, values)
    assert count(database) == 100
    assert database.notice == ""
    assert not path.with_name("letters.sqlite.broken").exists()


def test_database_closed_connection_raises_and_keeps_rows(database, path):
    database.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        count(database)
    reopened = Database(path, LAYOUT, lambda _: None)
    assert count(reopened) == 100
    reopened.close()


def malformed_page(path):
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content) - 4096))


def other_header(path):
    path.write_bytes(b"no database at all, but a letter\n" + path.read_bytes()[33:])


def malformed_schema(path):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE letters (' WHERE name = 'letters'")


def malformed_full_text_index(path):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE words_data SET block = x'00ff00ff00ff'")


def undecodable_text(path):
    path.write_bytes(path.read_bytes().replace(b"letter 7 ", b"letter \xff "))


@pytest.mark.parametrize(
    "corrupt",
    [malformed_page, other_header, malformed_schema, malformed_full_text_index, undecodable_text],
)
def test_database_corrupted_file_is_quarantined_and_rebuilt(database, path, corrupt):
    database.close()
    corrupt(path)
    corrupted = path.read_bytes()
    reopened = Database(path, LAYOUT, lambda _: None)
    with (
        contextlib.suppress(StoreCorrupted),
        reopened.translate_errors(),
    ):  # opening may read too little to notice
        reopened.connection.execute("SELECT * FROM letters").fetchall()
        reopened.connection.execute("SELECT * FROM words WHERE words MATCH 'letter'").fetchall()
    assert count(reopened) == 0
    assert str(path) in reopened.notice
    assert path.with_name("letters.sqlite.broken").read_bytes() == corrupted
    reopened.close()


def test_database_locked_by_another_program_raises_store_error_and_keeps_rows(database, path):
    database.connection.execute("PRAGMA busy_timeout = 0")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with (
            pytest.raises(StoreError, match="end the other program"),
            database.translate_errors(),
            database.transaction(),
        ):
            pass
    assert count(database) == 100
