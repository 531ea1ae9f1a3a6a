"""The index database of a workspace: files, chunks and full text, in SQLite with FTS5.

Used by one thread at a time. Every method raises StoreError when the disk fails, and StoreCorrupted when
the file is: it is empty then.
"""

import json
import math
import re
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from semls.engine.storage.database import Database, Layout
from semls.engine.syntax import identifiers

# bm25 weights of the columns of `words`, in their order.
_WEIGHTS = {"name": 8.0, "scope": 2.0, "path": 4.0, "about": 2.0, "body": 1.0, "parts": 0.5}

_LAYOUT = Layout(
    "catalog",
    application_id=0x53454D4C,  # "SEML"
    version=4,
    schema=f"""
CREATE TABLE files (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    digest TEXT NOT NULL, language TEXT NOT NULL, skipped TEXT NOT NULL, failure TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL REFERENCES files(path) ON DELETE CASCADE,
    language TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL COLLATE NOCASE, container TEXT NOT NULL,
    signature TEXT NOT NULL, doc TEXT NOT NULL, hash TEXT NOT NULL,
    start_byte INTEGER NOT NULL, end_byte INTEGER NOT NULL,
    start_row INTEGER NOT NULL, start_column INTEGER NOT NULL,
    end_row INTEGER NOT NULL, end_column INTEGER NOT NULL,
    name_row INTEGER NOT NULL, name_column INTEGER NOT NULL,
    name_end_row INTEGER NOT NULL, name_end_column INTEGER NOT NULL,
    initials TEXT NOT NULL
);
CREATE INDEX chunks_of_path ON chunks(path);
CREATE INDEX chunks_of_hash ON chunks(hash);
CREATE INDEX chunks_of_name ON chunks(name);
CREATE INDEX chunks_of_initials ON chunks(initials);
CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5({", ".join(_WEIGHTS)}, tokenize = 'porter unicode61');
CREATE TRIGGER words_follow_chunks AFTER DELETE ON chunks BEGIN DELETE FROM words WHERE rowid = old.id; END;
""",
)

_IN_PATHS = "chunks.path IN (SELECT path FROM files WHERE in_paths(?, path))"
_NAMED = r"""
    chunks.name LIKE ? ESCAPE '\'
    OR chunks.name LIKE ? ESCAPE '\' AND '.' || chunks.container LIKE ? ESCAPE '\'"""
_ADDED = 10  # frequent terms that count; a question has fewer, a piece of code has hundreds
_LOOKED_AT = 4000  # chunks that bm25 looks at; it takes two or three microseconds for each
_WALKED = 10_000  # rows in one step of a walk through all
_LAST = "\U0010ffff"  # behind all other letters
_VERDICTS = 1 << 14  # on paths, that are remembered


class File(NamedTuple):
    """A file as it was when it was last read; `skipped` is the reason why it has no chunks, or "".

    `failure` says what went wrong, or "": then the file is cut by lines or skipped until it is read again.
    """

    path: str
    size: int = 0
    mtime_ns: int = 0
    digest: str = ""
    language: str = ""
    skipped: str = ""
    failure: str = ""


DefinitionKey: TypeAlias = tuple[str, str, int, int]  # path, qualified name, and where that stands


class Entry(NamedTuple):
    """A chunk as catalogd. Rows are zero-based, columns count bytes, ends are exclusive."""

    path: str
    language: str
    kind: str
    name: str
    container: str
    signature: str
    doc: str
    hash: str  # of the text that is embedded
    start_byte: int
    end_byte: int
    start_row: int
    start_column: int
    end_row: int
    end_column: int
    name_row: int
    name_column: int
    name_end_row: int
    name_end_column: int

    @property
    def qualified_name(self) -> str:
        """The name after its container's."""
        return ".".join(filter(None, (self.container, self.name)))

    @property
    def definition(self) -> DefinitionKey:
        """A key that all chunks of one definition share; without a name, a chunk is alone."""
        return self.path, self.qualified_name, self.name_row, self.name_column

    @property
    def holds_name(self) -> bool:
        """Whether the name of the definition lies in this chunk of it."""
        start, end = (self.start_row, self.start_column), (self.end_row, self.end_column)
        return start <= (self.name_row, self.name_column) < end


_HOLDS_NAME = """
    (start_row, start_column) <= (name_row, name_column)
    AND (name_row, name_column) < (end_row, end_column)"""
_ADD_FILE = f"INSERT INTO files VALUES ({', '.join('?' * len(File._fields))})"
_ADD_CHUNK = f"""
    INSERT INTO chunks ({", ".join(Entry._fields)}, initials)
    VALUES ({", ".join("?" * len(Entry._fields))}, ?)"""
_ADD_WORDS = f"INSERT INTO words (rowid, {', '.join(_WEIGHTS)}) VALUES (?, ?, ?, ?, ?, ?, ?)"

Field: TypeAlias = Literal["language", "kind", "path", "name", "text"]


@dataclass(frozen=True, slots=True)
class Filter:
    """What a hit must be, one of the values, or, negated, must not be.

    A path is a regular expression. A name may hold `*` and stand behind its container: `A.b*`. A text, which
    is case-folded, must occur in the chunk or its path.
    """

    field: Field
    values: tuple[str, ...]
    negated: bool = False
    typed: tuple[str, ...] = dataclass_field(default=(), compare=False)  # the values as the user wrote them


Filters: TypeAlias = tuple[Filter, ...]  # a hit passes all of them


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many chunks there are, and how many of them have a vector."""

    chunks: int = 0
    embedded: int = 0


class Catalog:
    """One workspace's catalog."""

    def __init__(self, path: Path) -> None:
        self._file = Database(path, _LAYOUT, self._prepare)

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.create_function("in_paths", 2, lru_cache(_VERDICTS)(_in_paths), deterministic=True)
        db.execute(
            "CREATE TEMP TABLE vectors (store TEXT, hash TEXT, PRIMARY KEY (store, hash)) WITHOUT ROWID"
        )
        self._holders = lru_cache(4)(self._find_holders)  # which one search asks for several times

    @property
    def _db(self) -> sqlite3.Connection:
        return self._file.connection

    @property
    def notice(self) -> str:
        """What happened to the file, if anything."""
        return self._file.notice

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    # Files

    def files(self, paths: Sequence[str]) -> dict[str, File]:
        """Those of these files that are known, the skipped ones too, by path."""
        query = f"SELECT {_names(File)} FROM files WHERE path IN ({_list(paths)})"
        with self._file.blame():
            return {row[0]: File(*row) for row in self._db.execute(query, paths)}

    def files_behind(self, path: str) -> dict[str, File]:
        """The next files in the order of paths, the skipped ones too, by path."""
        query = f"SELECT {_names(File)} FROM files WHERE path > ? ORDER BY path LIMIT {_WALKED}"
        with self._file.blame():
            return {row[0]: File(*row) for row in self._db.execute(query, (path,))}

    def at_and_below(self, places: Sequence[str]) -> dict[str, File]:
        """The files known at some paths and below them, the skipped ones too, by path."""
        query = f"SELECT {_names(File)} FROM files WHERE path = ? OR path >= ? AND path < ?"
        found: dict[str, File] = {}
        with self._file.blame():
            for place in places:
                within = (place, f"{place}/", f"{place}0") if place else ("", "", _LAST)
                found.update((row[0], File(*row)) for row in self._db.execute(query, within))
        return found

    def skipped(self, limit: int = 1000) -> list[File]:
        """Files that have no chunks, each with the reason."""
        query = f"SELECT {_names(File)} FROM files WHERE skipped != '' ORDER BY path LIMIT ?"
        with self._file.blame():
            return [File(*row) for row in self._db.execute(query, (limit,))]

    def by_lines(self, limit: int = 1000) -> list[File]:
        """Files that are cut by lines because parsing failed."""
        query = f"SELECT {_names(File)} FROM files WHERE skipped = '' AND failure != '' ORDER BY path LIMIT ?"
        with self._file.blame():
            return [File(*row) for row in self._db.execute(query, (limit,))]

    def count_files(self) -> int:
        """How many files have been cut into chunks."""
        with self._file.blame():
            return int(self._db.execute("SELECT count(*) FROM files WHERE skipped = ''").fetchone()[0])

    def replace(self, file: File, entries: Sequence[tuple[Entry, str]] = ()) -> None:
        """Put a file and its chunks, each with its text, in the place of what was known of it."""
        self.replace_all([(file, entries)])

    def replace_all(self, files: Iterable[tuple[File, Sequence[tuple[Entry, str]]]]) -> None:
        """The same for several files, all of them or none: with each transaction FTS5 begins a new part."""
        with self._file.blame(), self._file.change():
            for file, entries in files:
                self._replace(file, entries)

    def _replace(self, file: File, entries: Sequence[tuple[Entry, str]]) -> None:
        self._db.execute("DELETE FROM files WHERE path = ?", (file.path,))
        self._db.execute(_ADD_FILE, file)
        for entry, text in entries:
            row = self._db.execute(_ADD_CHUNK, (*entry, _initials(entry.name)))
            self._db.execute(_ADD_WORDS, (row.lastrowid, *_words(entry, text)))

    def touch(self, files: Iterable[File]) -> None:
        """Note the new sizes and times of files whose contents are as they were."""
        rows = ((file.size, file.mtime_ns, file.path) for file in files)
        with self._file.blame(), self._file.change():
            self._db.executemany("UPDATE files SET size = ?, mtime_ns = ? WHERE path = ?", rows)

    def doubt(self) -> None:
        """Let every file be read again as if it had changed; until then it is found as it was."""
        with self._file.blame():
            self._db.execute("UPDATE files SET mtime_ns = -1, digest = ''")

    def invalidate_failures(self) -> None:
        """Let the files that could not be read or parsed be read again."""
        with self._file.blame():
            self._db.execute("UPDATE files SET mtime_ns = -1, digest = '' WHERE failure != ''")

    def remove(self, paths: Iterable[str]) -> None:
        """Forget files and their chunks."""
        with self._file.blame(), self._file.change():
            self._db.executemany("DELETE FROM files WHERE path = ?", ((path,) for path in paths))

    # Vectors: which contents have one, in each of the open stores

    def know_vectors(self, store: str, hashes: Iterable[str]) -> None:
        """From now on, exactly these contents have a vector in the store."""
        with self._file.blame(), self._file.change():
            self._db.execute("DELETE FROM vectors WHERE store = ?", (store,))
            self._add_vectors(store, hashes)

    def add_vectors(self, store: str, hashes: Iterable[str]) -> None:
        """These contents have a vector in the store, too."""
        with self._file.blame(), self._file.change():
            self._add_vectors(store, hashes)

    def _add_vectors(self, store: str, hashes: Iterable[str]) -> None:
        rows = ((store, content) for content in hashes)
        self._db.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)

    def having_vectors(self, store: str, hashes: Collection[str]) -> set[str]:
        """Those of the contents that have a vector in the store."""
        query = f"SELECT hash FROM vectors WHERE store = ? AND hash IN ({_list(hashes)})"
        with self._file.blame():
            return {row[0] for row in self._db.execute(query, (store, *hashes))}

    def without_vector(self, store: str, behind: int) -> tuple[int, dict[str, int]]:
        """Looks at the next chunks behind an id, which only grow: the last id, and those without a vector.

        These are contents, each with the time of its file.
        """
        query = f"""
            SELECT id, hash, mtime_ns, NOT EXISTS (
                SELECT 1 FROM vectors WHERE store = ? AND vectors.hash = chunks.hash
            ) FROM chunks JOIN files USING (path) WHERE id > ? ORDER BY id LIMIT {_WALKED}"""
        with self._file.blame():
            rows = self._db.execute(query, (store, behind)).fetchall()
        last = rows[-1][0] if rows else behind
        return last, {content: mtime_ns for _, content, mtime_ns, missing in rows if missing}

    def living(self, store: str) -> list[str]:
        """Contents that have a vector and a chunk."""
        query = """
            SELECT DISTINCT hash FROM chunks
            WHERE hash IN (SELECT hash FROM vectors WHERE store = ?) ORDER BY hash"""
        with self._file.blame():
            return [row[0] for row in self._db.execute(query, (store,))]

    def coverage(self, store: str) -> Coverage:
        """Counted anew: a walk through all chunks."""
        query = """
            SELECT count(*), count(vectors.hash) FROM chunks
            LEFT JOIN vectors ON vectors.hash = chunks.hash AND vectors.store = ?"""
        with self._file.blame():
            return Coverage(*self._db.execute(query, (store,)).fetchone())

    # Search

    def match(self, terms: Sequence[str], filters: Filters, limit: int) -> list[tuple[int, float]]:
        """Ids of the chunks that have any of the rarer terms, best first, with their bm25 as a share.

        1 is what bm25 nears in a chunk that has every term again and again. Frequent terms only add to what
        the rarer ones find, which then count twice, as FTS5 scores each mention.
        """
        frequencies = self.frequencies(terms, _LOOKED_AT)
        rarer = _rarer(frequencies)
        if not rarer:
            return []
        frequent = [term for term in frequencies if frequencies[term] and term not in rarer][:_ADDED]
        expression = " OR ".join(map(_quoted, rarer))
        if frequent:
            expression = f"({expression}) AND ({expression} OR {' OR '.join(map(_quoted, frequent))})"
        weights = ", ".join(map(str, _WEIGHTS.values()))
        condition, values = self._condition(filters)
        passing = f"AND rowid IN (SELECT id FROM chunks WHERE {condition})" if filters else ""
        query = f"""
            SELECT rowid, score FROM (
                SELECT rowid, -bm25(words, {weights}) AS score
                FROM words WHERE words MATCH ? {passing} LIMIT {_LOOKED_AT}
            ) ORDER BY score DESC, rowid LIMIT ?"""
        with self._file.blame():
            (chunks,) = self._db.execute("SELECT max(id) FROM chunks").fetchone()
            again = [frequencies[term] for term in rarer] if frequent else []
            most = _most(chunks, [*frequencies.values(), *again])
            return [(row[0], row[1] / most) for row in self._db.execute(query, (expression, *values, limit))]

    def named(self, names: Sequence[str], filters: Filters, limit: int) -> list[int]:
        """Ids of the chunks with one of these names, in any case."""
        return self._where(f"name IN ({_list(names)})", names, filters, limit)

    def beginning(self, typed: str, filters: Filters, limit: int) -> list[int]:
        """Ids of the chunks whose name begins as typed, or its humps as those of what is typed."""
        wanted = identifiers.humps(typed)
        if not wanted:
            return []
        initials = "".join(part[0] for part in wanted).lower()
        condition = "name >= ? AND name < ? OR initials >= ? AND initials < ? AND name LIKE ?"
        within = (typed, typed + _LAST, initials, initials + _LAST, "%".join([*wanted, ""]))
        return self._where(f"({condition})", within, filters, limit)

    def _where(self, condition: str, values: Sequence[str], filters: Filters, limit: int) -> list[int]:
        passing, wanted = self._condition(filters)
        query = f"SELECT id FROM chunks WHERE {condition} AND {passing} ORDER BY length(name), id LIMIT ?"
        with self._file.blame():
            return [row[0] for row in self._db.execute(query, (*values, *wanted, limit))]

    def holding(self, hashes: Sequence[str], filters: Filters) -> dict[str, list[int]]:
        """Ids of the chunks that have these contents, by content."""
        condition, values = self._condition(filters)
        query = f"SELECT hash, id FROM chunks WHERE hash IN ({_list(hashes)}) AND {condition} ORDER BY id"
        found: dict[str, list[int]] = {}
        with self._file.blame():
            for content, number in self._db.execute(query, (*hashes, *values)):
                found.setdefault(content, []).append(number)
        return found

    def contents(self, filters: Filters) -> set[str]:
        """The contents that pass the filters."""
        condition, values = self._condition(filters)
        with self._file.blame():
            query = f"SELECT hash FROM chunks WHERE {condition}"
            return {row[0] for row in self._db.execute(query, values)}

    def definitions(self, filters: Filters, limit: int) -> list[int]:
        """Ids of the definitions that pass the filters, by path and position.

        One in parts counts once: the part with its name, if that passes.
        """
        condition, values = self._condition(filters)
        query = f"""
            SELECT coalesce(min(CASE WHEN {_HOLDS_NAME} THEN id END), min(id)) FROM chunks
            WHERE name != '' AND {condition}
            GROUP BY path, name_row, name_column ORDER BY path, name_row, name_column LIMIT ?"""
        with self._file.blame():
            return [row[0] for row in self._db.execute(query, (*values, limit))]

    def containing(self, filters: Filters, limit: int) -> list[int]:
        """Ids of the chunks that pass the filters, where these ask for a text."""
        if not any(each.field == "text" and not each.negated for each in filters):
            return []
        condition, values = self._condition(filters)
        with self._file.blame():
            query = f"SELECT id FROM chunks WHERE {condition} ORDER BY id LIMIT ?"
            return [row[0] for row in self._db.execute(query, (*values, limit))]

    def has_chunk(self, filters: Filters) -> bool:
        """Whether any chunk passes the filters."""
        condition, values = self._condition(filters)
        with self._file.blame():
            query = f"SELECT EXISTS (SELECT 1 FROM chunks WHERE {condition})"
            return bool(self._db.execute(query, values).fetchone()[0])

    def entries(self, ids: Sequence[int]) -> dict[int, Entry]:
        """The chunks with these ids."""
        query = f"SELECT id, {_names(Entry)} FROM chunks WHERE id IN ({_list(ids)})"
        with self._file.blame():
            return {row[0]: Entry(*row[1:]) for row in self._db.execute(query, ids)}

    def texts(self, ids: Sequence[int]) -> dict[int, str]:
        """The chunks' source texts."""
        query = f"SELECT rowid, body FROM words WHERE rowid IN ({_list(ids)})"
        with self._file.blame():
            return dict(self._db.execute(query, ids).fetchall())

    def at(self, path: str, row: int) -> int | None:
        """The id of the chunk at a row; of several, a definition, and of these the one that begins last."""
        query = """
            SELECT id FROM chunks WHERE path = ? AND start_row <= ? AND end_row >= ?
            ORDER BY name = '', start_byte DESC LIMIT 1"""
        with self._file.blame():
            found = self._db.execute(query, (path, row, row)).fetchone()
        return found[0] if found else None

    def chunks_of(self, path: str) -> list[Entry]:
        """A file's chunks in their order."""
        query = f"SELECT {_names(Entry)} FROM chunks WHERE path = ? ORDER BY start_byte"
        with self._file.blame():
            return [Entry(*row) for row in self._db.execute(query, (path,))]

    def with_phrase(self, text: str, limit: int) -> dict[int, str]:
        """Ids and source texts of the chunks that have the words of a text in a row."""
        phrase = text.replace("\0", " ").replace('"', '""')
        query = "SELECT rowid, body FROM words WHERE words MATCH ? ORDER BY rowid LIMIT ?"
        with self._file.blame():
            return dict(self._db.execute(query, (f'body : "{phrase}"', limit)).fetchall())

    def frequencies(self, terms: Sequence[str], most: int) -> dict[str, int]:
        """By term, how many chunks have it, counted up to `most`."""
        query = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
        with self._file.blame():
            return {term: self._db.execute(query, (_quoted(term), most)).fetchone()[0] for term in terms}

    def samples(self, hashes: Sequence[str]) -> dict[str, tuple[Entry, str]]:
        """For each content one chunk that has it, with its source text."""
        query = f"""
            SELECT chunks.hash, {_names(Entry, "chunks.")}, words.body
            FROM chunks JOIN words ON words.rowid = chunks.id
            WHERE chunks.hash IN ({_list(hashes)}) GROUP BY chunks.hash"""
        with self._file.blame():
            return {row[0]: (Entry(*row[1:-1]), row[-1]) for row in self._db.execute(query, hashes)}

    def _condition(self, filters: Filters) -> tuple[str, Sequence[str]]:
        texts = tuple(each for each in filters if each.field == "text")
        others = tuple(each for each in filters if each.field != "text")
        if texts:
            return "chunks.id IN (SELECT value FROM json_each(?))", [
                self._holders(texts, others, self._db.total_changes)
            ]
        return _condition(others)

    def _find_holders(self, texts: Filters, others: Filters, _changes: int) -> str:
        """Ids of the chunks that pass the filters, as JSON. Reads all that pass the others."""
        condition, values = _condition(others)
        query = f"""
            SELECT chunks.id, chunks.path, words.body
            FROM chunks JOIN words ON words.rowid = chunks.id WHERE {condition}"""
        with self._file.blame():
            rows = self._db.execute(query, values)
            return json.dumps(
                [number for number, *parts in rows if _holds("\n".join(parts).casefold(), texts)]
            )

    # Notes: small facts that outlive the process

    def note(self, key: str, value: str) -> None:
        """Keep a fact."""
        with self._file.blame():
            self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (key, value))

    def noted(self, key: str) -> str:
        """A fact kept before, or an empty text."""
        with self._file.blame():
            row = self._db.execute("SELECT value FROM notes WHERE key = ?", (key,)).fetchone()
        return row[0] if row else ""


def _rarer(frequencies: Mapping[str, int]) -> list[str]:
    """The rarest terms, as far as bm25 can look at all chunks that have them in a few milliseconds."""
    rarer: list[str] = []
    looked_at = 0
    for term in sorted(frequencies, key=frequencies.__getitem__):
        looked_at += frequencies[term]
        if rarer and looked_at > _LOOKED_AT:
            break
        rarer += [term] if frequencies[term] else []
    return rarer


def _most(chunks: int, frequencies: Iterable[int]) -> float:
    """What bm25 nears: k1 + 1 for each term, times its inverse document frequency as FTS5 computes it."""
    ratios = ((chunks - each + 0.5) / (each + 0.5) for each in frequencies)
    return 2.2 * sum(max(1e-6, math.log(ratio)) for ratio in ratios)


def _words(entry: Entry, text: str) -> tuple[str, ...]:
    """The columns of `words`."""
    about = f"{entry.signature}\n{entry.doc}"
    return (
        f"{entry.name} {' '.join(identifiers.split(entry.name))}",
        f"{entry.container} {identifiers.split_all(entry.container)}",
        f"{entry.path} {identifiers.split_all(entry.path)}",
        f"{about} {identifiers.split_all(about)}",
        text,
        identifiers.split_all(text),
    )


def _holds(text: str, filters: Filters) -> bool:
    return all(any(part in text for part in each.values) != each.negated for each in filters)


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'


def _initials(name: str) -> str:
    return "".join(part[0] for part in identifiers.split(name)).lower()


def _condition(filters: Filters) -> tuple[str, list[str]]:
    conditions, values = ["TRUE"], list[str]()
    for each in filters:
        condition, wanted = _passing(each)
        conditions.append(f"{'NOT ' * each.negated}({condition})")
        values += wanted
    return " AND ".join(conditions), values


def _passing(wanted: Filter) -> tuple[str, Sequence[str]]:
    match wanted.field:
        case "path":
            return _IN_PATHS, [json.dumps(wanted.values)]
        case "name":
            patterns = [pattern for name in wanted.values for pattern in _patterns(name)]
            return " OR ".join([_NAMED] * len(wanted.values)), patterns
        case column:
            return f"chunks.{column} IN ({_list(wanted.values)})", wanted.values


def _in_paths(patterns: str, path: str) -> bool:
    return any(re.match(pattern, path) for pattern in json.loads(patterns))


def _patterns(name: str) -> tuple[str, str, str]:
    """What LIKE compares with a name, or with a name and its container."""
    like = re.sub(r"[\\%_]", r"\\\g<0>", name).replace("*", "%")
    container, _, member = like.rpartition(".")
    return like, member, f"%.{container}"


def _names(row: type[File] | type[Entry], prefix: str = "") -> str:
    return ", ".join(prefix + name for name in row._fields)


def _list(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))
