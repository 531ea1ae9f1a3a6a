"""The index database of a workspace: its files and chunks, in SQLite."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

from semls.engine.files.auxiliary import is_auxiliary
from semls.engine.storage.database import Database
from semls.engine.storage.embedded_hashes import EmbeddedHashes, create_embedded_table
from semls.engine.storage.filters import FilterCompiler, Filters, register_functions
from semls.engine.storage.fulltext import FullTextIndex, insert_text
from semls.engine.storage.schema import HOLDS_NAME, LAYOUT, Entry, File, columns, placeholders
from semls.engine.storage.vocabulary import Vocabulary, create_vocabulary_table
from semls.engine.syntax import identifiers

_PAGE = 10_000  # files that one call of `files_after` reads
_FUNCTIONS = ("Function", "Method", "Constructor")  # kinds
_MAX_LISTED = 1000  # skipped, partial or unparsed files
_MAX_LENGTH_DIFFERENCE = 3  # of names that are compared
_MAX_NAMES = 5000  # that are compared
_MAX_CHARACTER = "\U0010ffff"  # sorts after all others

_SELECT_FILES = f"SELECT {columns(File, 'files')} FROM files"
_INSERT_FILE = f"INSERT INTO files VALUES ({placeholders(len(File._fields))})"
_INSERT_CHUNK = f"""
    INSERT INTO chunks ({", ".join(Entry._fields)}, initials, is_auxiliary)
    VALUES ({placeholders(len(Entry._fields))}, ?, ?)"""


class Catalog:
    """The files and chunks of one workspace, with their full-text index.

    Used by one thread at a time. All methods raise StoreError when the disk fails, and StoreCorrupted when
    the file was corrupted: the catalog is empty then.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, LAYOUT, _prepare)
        self._filters = FilterCompiler(self._database)
        self.fulltext = FullTextIndex(self._database, self._filters)
        self.vocabulary = Vocabulary(self._database)
        self.embedded = EmbeddedHashes(self._database)

    @property
    def notice(self) -> str:
        """Why the file was rebuilt; empty if it was not."""
        return self._database.notice

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # Files

    def files(self, paths: Sequence[str]) -> dict[str, File]:
        """Return the known files among `paths`, skipped ones included, by path."""
        return self._files(f"WHERE path IN ({placeholders(len(paths))})", paths)

    def files_after(self, path: str) -> dict[str, File]:
        """Return the next files in the order of paths, skipped ones included, by path; {} at the end."""
        return self._files("WHERE path > ? ORDER BY path LIMIT ?", (path, _PAGE))

    def files_under(self, paths: Iterable[str]) -> dict[str, File]:
        """Return the files at these paths and in these folders, skipped ones included, by path.

        The empty path is the whole workspace.
        """
        found: dict[str, File] = {}
        for path in paths:
            # All paths in the folder are before `path` + "0", the character after "/".
            bounds = (path, f"{path}/", f"{path}0") if path else ("", "", _MAX_CHARACTER)
            found |= self._files("WHERE path = ? OR path >= ? AND path < ?", bounds)
        return found

    def skipped_files(self) -> list[File]:
        """Return the first thousand files without chunks, each with the reason, in the order of paths."""
        return list(self._files("WHERE skipped != '' ORDER BY path LIMIT ?", (_MAX_LISTED,)).values())

    def unparsed_files(self) -> list[File]:
        """Return the first thousand files, by path, that are chunked by lines because parsing failed."""
        condition = "WHERE skipped = '' AND failure != '' ORDER BY path LIMIT ?"
        return list(self._files(condition, (_MAX_LISTED,)).values())

    def partial_files(self) -> list[File]:
        """Return the first thousand files, by path, of which parts are left out."""
        return list(self._files("WHERE omitted != '' ORDER BY path LIMIT ?", (_MAX_LISTED,)).values())

    def count_files(self) -> int:
        """Return the number of files that are not skipped."""
        return int(self._database.query("SELECT count(*) FROM files WHERE skipped = ''")[0][0])

    def _files(self, clauses: str, parameters: Sequence[object]) -> dict[str, File]:
        rows = self._database.query(f"{_SELECT_FILES} {clauses}", parameters)
        return {row[0]: File._make(row) for row in rows}

    def replace(self, file: File, chunks: Sequence[tuple[Entry, str]] = ()) -> None:
        """Store a file and its chunks, each with its text, instead of the previous version of the file."""
        self.replace_all([(file, chunks)])

    def replace_all(self, files: Iterable[tuple[File, Sequence[tuple[Entry, str]]]]) -> None:
        """Replace several files in one transaction: each transaction adds a segment to the FTS5 index."""
        with self._database.transaction() as connection:
            for file, chunks in files:
                _replace_file(connection, file, chunks)

    def touch(self, files: Iterable[File]) -> None:
        """Update the sizes and modification times of files whose contents have not changed."""
        rows = ((file.size, file.mtime_ns, file.path) for file in files)
        with self._database.transaction() as connection:
            connection.executemany("UPDATE files SET size = ?, mtime_ns = ? WHERE path = ?", rows)

    def invalidate_all(self) -> None:
        """Mark all files as stale, so that they are read again. Searches find their chunks until then."""
        self._database.execute("UPDATE files SET mtime_ns = -1, digest = ''")

    def invalidate(self, paths: Iterable[str]) -> None:
        """Mark some files as stale, so that they are read again."""
        with self._database.transaction() as connection:
            query = "UPDATE files SET mtime_ns = -1, digest = '' WHERE path = ?"
            connection.executemany(query, ((path,) for path in paths))

    def invalidate_failures(self) -> None:
        """Mark the files that could not be read or parsed as stale, so that they are read again."""
        self._database.execute("UPDATE files SET mtime_ns = -1, digest = '' WHERE failure != ''")

    def remove(self, paths: Iterable[str]) -> None:
        """Delete files and their chunks."""
        with self._database.transaction() as connection:
            connection.executemany("DELETE FROM files WHERE path = ?", ((path,) for path in paths))

    # Chunks

    def entries(self, ids: Sequence[int]) -> dict[int, Entry]:
        """Return chunks by their ids."""
        rows = self._database.query(
            f"SELECT id, {columns(Entry, 'chunks')} FROM chunks WHERE id IN ({placeholders(len(ids))})", ids
        )
        return {row[0]: Entry._make(row[1:]) for row in rows}

    def texts(self, ids: Sequence[int]) -> dict[int, str]:
        """Return the source texts of chunks by their ids."""
        query = f"SELECT rowid, body FROM fulltext WHERE rowid IN ({placeholders(len(ids))})"
        return dict(self._database.query(query, ids))

    def entries_of_file(self, path: str) -> list[Entry]:
        """Return the chunks of a file in their order."""
        query = f"SELECT {columns(Entry, 'chunks')} FROM chunks WHERE path = ? ORDER BY start_byte"
        return [Entry._make(row) for row in self._database.query(query, (path,))]

    def chunk_counts(self, paths: Sequence[str]) -> dict[str, int]:
        """Return the number of chunks of each of these files that has any, by path."""
        query = f"SELECT path, count(*) FROM chunks WHERE path IN ({placeholders(len(paths))}) GROUP BY path"
        return dict(self._database.query(query, paths))

    def chunk_at(self, path: str, row: int) -> int | None:
        """Return the id of the chunk at a row of a file, or None.

        Of several chunks a definition is preferred, and of several definitions the one that begins last.
        """
        query = """
            SELECT id FROM chunks WHERE path = ? AND start_row <= ? AND end_row >= ?
            ORDER BY name = '', start_byte DESC LIMIT 1"""
        return next(iter(self._ids(query, (path, row, row))), None)

    def samples(self, hashes: Sequence[str]) -> dict[str, tuple[Entry, str]]:
        """Return one chunk with its source text for each of these content hashes that a chunk has."""
        rows = self._database.query(
            f"""SELECT {columns(Entry, "chunks")}, fulltext.body
            FROM chunks JOIN fulltext ON fulltext.rowid = chunks.id
            WHERE chunks.content_hash IN ({placeholders(len(hashes))}) GROUP BY chunks.content_hash""",
            hashes,
        )
        entries = ((Entry._make(row[:-1]), row[-1]) for row in rows)
        return {entry.content_hash: (entry, text) for entry, text in entries}

    def functions_after(self, chunk_id: int, limit: int, *, tests: bool) -> list[tuple[int, Entry, str]]:
        """Return the next functions in the order of ids: id, chunk with the name, and source text.

        Without `tests`, those in test files and other auxiliary files are left out.
        """
        condition = "chunks.id > ? AND (? OR NOT chunks.is_auxiliary)"
        return self._functions(condition, (chunk_id, tests), limit)

    def functions_among(self, ids: Sequence[int]) -> list[tuple[int, Entry, str]]:
        """Return those of the chunks that are functions, in the form of `functions_after`."""
        return self._functions(f"chunks.id IN ({placeholders(len(ids))})", ids, len(ids))

    def functions_of_file(self, path: str, limit: int) -> list[tuple[int, Entry, str]]:
        """Return the first functions of a file, in the form of `functions_after`."""
        return self._functions("chunks.path = ?", (path,), limit)

    def _functions(
        self, condition: str, parameters: Sequence[object], limit: int
    ) -> list[tuple[int, Entry, str]]:
        rows = self._database.query(
            f"""SELECT chunks.id, {columns(Entry, "chunks")}, fulltext.body
            FROM chunks JOIN fulltext ON fulltext.rowid = chunks.id
            WHERE {condition} AND chunks.kind IN ({placeholders(len(_FUNCTIONS))}) AND {HOLDS_NAME}
            ORDER BY chunks.id LIMIT ?""",
            (*parameters, *_FUNCTIONS, limit),
        )
        return [(row[0], Entry._make(row[1:-1]), row[-1]) for row in rows]

    # Search by columns

    def find_by_name(self, names: Sequence[str], filters: Filters, limit: int) -> list[int]:
        """Return the ids of chunks with one of these names, ignoring case."""
        return self._find(f"name IN ({placeholders(len(names))})", names, filters, limit)

    def names_like(self, name: str) -> list[str]:
        """Return names that begin like this one and are about as long, at most a few thousand."""
        first = name[:1]
        query = """SELECT DISTINCT name FROM chunks
            WHERE name >= ? AND name < ? AND abs(length(name) - ?) <= ? LIMIT ?"""
        bounds = (first, first + _MAX_CHARACTER, len(name), _MAX_LENGTH_DIFFERENCE, _MAX_NAMES)
        return [name for (name,) in self._database.query(query, bounds)]

    def find_by_prefix(self, prefix: str, filters: Filters, limit: int) -> list[int]:
        """Return the ids of chunks whose name starts with `prefix`, or whose words start with its words.

        `parHead` and `pHH` find `parseHTTPHeader`. The shortest names come first.
        """
        words = identifiers.prefixes(prefix)
        if not words:
            return []
        initials = "".join(word[0] for word in words).lower()
        condition = "(name >= ? AND name < ? OR initials >= ? AND initials < ? AND name LIKE ?)"
        like = "%".join([*words, ""])
        bounds = (prefix, prefix + _MAX_CHARACTER, initials, initials + _MAX_CHARACTER)
        return self._find(condition, (*bounds, like), filters, limit)

    def _find(self, condition: str, parameters: Sequence[str], filters: Filters, limit: int) -> list[int]:
        passing, values = self._filters.compile(filters)
        query = f"SELECT id FROM chunks WHERE {condition} AND {passing} ORDER BY length(name), id LIMIT ?"
        return self._ids(query, (*parameters, *values, limit))

    def find_by_text(self, filters: Filters, limit: int) -> list[int]:
        """Return the ids of chunks that pass the filters, if these require a text; else none."""
        if not any(each.field == "text" and not each.negated for each in filters):
            return []
        passing, values = self._filters.compile(filters)
        return self._ids(f"SELECT id FROM chunks WHERE {passing} ORDER BY id LIMIT ?", (*values, limit))

    def find_by_hash(self, hashes: Sequence[str], filters: Filters) -> dict[str, list[int]]:
        """Return the ids of chunks that pass the filters, by content hash."""
        passing, values = self._filters.compile(filters)
        rows = self._database.query(
            f"""SELECT content_hash, id FROM chunks
            WHERE content_hash IN ({placeholders(len(hashes))}) AND {passing} ORDER BY id""",
            (*hashes, *values),
        )
        found: dict[str, list[int]] = {}
        for content_hash, chunk_id in rows:
            found.setdefault(content_hash, []).append(chunk_id)
        return found

    def find_definitions(self, filters: Filters, limit: int) -> list[int]:
        """Return the ids of definitions that pass the filters, ordered by path and position.

        A definition of several chunks has one id: that of the chunk with its name, if that chunk passes.
        """
        passing, values = self._filters.compile(filters)
        query = f"""
            SELECT coalesce(min(CASE WHEN {HOLDS_NAME} THEN id END), min(id)) FROM chunks
            WHERE name != '' AND {passing}
            GROUP BY path, name_row, name_column ORDER BY path, name_row, name_column LIMIT ?"""
        return self._ids(query, (*values, limit))

    def chunk_with_name(self, entry: Entry, filters: Filters) -> int | None:
        """Return the id of the chunk that contains the name of an entry's definition, if it passes."""
        passing, values = self._filters.compile(filters)
        query = f"""
            SELECT id FROM chunks
            WHERE path = ? AND name_row = ? AND name_column = ? AND name != '' AND {HOLDS_NAME} AND {passing}
            LIMIT 1"""
        return next(iter(self._ids(query, (entry.path, entry.name_row, entry.name_column, *values))), None)

    def content_hashes(self, filters: Filters) -> set[str]:
        """Return the content hashes of the chunks that pass the filters."""
        passing, values = self._filters.compile(filters)
        rows = self._database.query(f"SELECT content_hash FROM chunks WHERE {passing}", values)
        return {row[0] for row in rows}

    def few_hashes(self, filters: Filters, limit: int) -> set[str] | None:
        """Return the content hashes of the chunks that pass the filters, None if more than `limit` do."""
        passing, values = self._filters.compile(filters)
        query = f"SELECT content_hash FROM chunks WHERE {passing} LIMIT ?"
        rows = self._database.query(query, (*values, limit + 1))
        return {row[0] for row in rows} if len(rows) <= limit else None

    def has_chunk(self, filters: Filters) -> bool:
        """Return whether any chunk passes the filters."""
        passing, values = self._filters.compile(filters)
        query = f"SELECT EXISTS (SELECT 1 FROM chunks WHERE {passing})"
        return bool(self._database.query(query, values)[0][0])

    def _ids(self, query: str, parameters: Sequence[object]) -> list[int]:
        return [row[0] for row in self._database.query(query, parameters)]

    # Metadata: values that other modules keep in the index database

    def set_metadata(self, key: str, value: str) -> None:
        """Store a value under a key."""
        self._database.execute("INSERT OR REPLACE INTO metadata VALUES (?, ?)", (key, value))

    def get_metadata(self, key: str) -> str:
        """Return the value of a key, or "" if there is none."""
        rows = self._database.query("SELECT value FROM metadata WHERE key = ?", (key,))
        return rows[0][0] if rows else ""


def _prepare(connection: sqlite3.Connection) -> None:
    register_functions(connection)
    create_embedded_table(connection)
    create_vocabulary_table(connection)


def _replace_file(connection: sqlite3.Connection, file: File, chunks: Sequence[tuple[Entry, str]]) -> None:
    connection.execute("DELETE FROM files WHERE path = ?", (file.path,))
    connection.execute(_INSERT_FILE, file)
    for entry, text in chunks:
        initials = "".join(part[0] for part in identifiers.split(entry.name)).lower()
        cursor = connection.execute(_INSERT_CHUNK, (*entry, initials, is_auxiliary(entry.path)))
        chunk_id = cast("int", cursor.lastrowid)  # None only before the first INSERT
        insert_text(connection, chunk_id, entry, text)
