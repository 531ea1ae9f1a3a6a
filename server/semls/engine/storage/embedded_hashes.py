"""Which content hashes have a vector in each open vector index, so that SQLite can join them with chunks."""

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from semls.engine.storage.database import Database
from semls.engine.storage.schema import placeholders
from semls.engine.syntax.languages import PROSE

_PAGE = 10_000  # chunks that one call of `missing` reads


@dataclass(frozen=True, slots=True)
class Coverage:
    """The number of chunks, and how many of them have a vector."""

    chunks: int = 0
    embedded: int = 0

    @property
    def complete(self) -> bool:
        """Whether all chunks have a vector."""
        return self.embedded == self.chunks


class Use(NamedTuple):
    """How useful a vector is expected to be; the greatest is the most useful one.

    `kind` is 2 for definitions of source code, 1 for other code, and 0 for tests, prose, data and generated
    code. `mtime_ns` is the time of the last change.
    """

    kind: int
    mtime_ns: int


class EmbeddedHashes:
    """A temporary table of the catalog's connection: content hashes with a vector, by vector index.

    It is empty when the catalog is opened and lost when the catalog is rebuilt. `index` is always the name of
    a vector index. Methods raise StoreError.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def replace(self, index: str, hashes: Iterable[str]) -> None:
        """Record that exactly these hashes have a vector in the index."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM embedded WHERE vector_index = ?", (index,))
            _insert(connection, index, hashes)

    def add(self, index: str, hashes: Iterable[str]) -> None:
        """Record that these hashes have a vector in the index, in addition to those recorded before."""
        with self._database.transaction() as connection:
            _insert(connection, index, hashes)

    def intersection(self, index: str, hashes: Collection[str]) -> set[str]:
        """Return those of the hashes that have a vector in the index."""
        among = placeholders(len(hashes))
        query = f"SELECT content_hash FROM embedded WHERE vector_index = ? AND content_hash IN ({among})"
        return {row[0] for row in self._database.query(query, (index, *hashes))}

    def missing(self, index: str, after: int) -> tuple[int, dict[str, Use]]:
        """Examine the next chunks after a chunk id. Return the last id, and the hashes without a vector.

        The last id is `after` when no chunk is left. New chunks have higher ids, so a caller that keeps the
        last id examines each chunk once.
        """
        rows = self._database.query(
            f"""SELECT id, content_hash, mtime_ns,
                CASE WHEN is_auxiliary OR chunks.language IN ({placeholders(len(PROSE))}) THEN 0
                WHEN name = '' THEN 1 ELSE 2 END,
                NOT EXISTS (
                    SELECT 1 FROM embedded
                    WHERE vector_index = ? AND embedded.content_hash = chunks.content_hash
                )
            FROM chunks JOIN files USING (path) WHERE id > ? ORDER BY id LIMIT ?""",
            (*PROSE, index, after, _PAGE),
        )
        last = rows[-1][0] if rows else after
        found = dict[str, Use]()
        for _, content_hash, mtime_ns, kind, is_missing in rows:
            if is_missing:
                use = Use(kind, mtime_ns)
                found[content_hash] = max(use, found.get(content_hash, use))
        return last, found

    def referenced(self, index: str) -> list[str]:
        """Return the hashes with a vector in the index that a chunk still has, in their order."""
        query = """
            SELECT DISTINCT content_hash FROM chunks WHERE content_hash IN (
                SELECT content_hash FROM embedded WHERE vector_index = ?
            ) ORDER BY content_hash"""
        return [row[0] for row in self._database.query(query, (index,))]

    def coverage(self, index: str) -> Coverage:
        """Count the chunks, and those with a vector in the index. Reads all chunks."""
        query = """
            SELECT count(*), count(embedded.content_hash) FROM chunks
            LEFT JOIN embedded
            ON embedded.content_hash = chunks.content_hash AND embedded.vector_index = ?"""
        return Coverage(*self._database.query(query, (index,))[0])


def create_embedded_table(connection: sqlite3.Connection) -> None:
    """Create the temporary table of a new connection."""
    connection.execute(
        """CREATE TEMP TABLE embedded (
            vector_index TEXT, content_hash TEXT, PRIMARY KEY (vector_index, content_hash)
        ) WITHOUT ROWID"""
    )


def _insert(connection: sqlite3.Connection, index: str, hashes: Iterable[str]) -> None:
    rows = ((index, content_hash) for content_hash in hashes)
    connection.executemany("INSERT OR IGNORE INTO embedded VALUES (?, ?)", rows)
