"""Filters of a search, and the SQL conditions that they stand for."""

import dataclasses
import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from semls.decoding import normalize
from semls.engine.storage.database import Database
from semls.engine.storage.schema import placeholders

Field: TypeAlias = Literal["language", "kind", "path", "name", "text"]

_MATCHES_PATH = "chunks.path IN (SELECT path FROM files WHERE matches_any(?, path))"
# A text that is injected into a file has its own language and also counts as one of the file's.
_HAS_LANGUAGE = "chunks.language IN ({0}) OR chunks.path IN (SELECT path FROM files WHERE language IN ({0}))"
# Of a selector in Objective-C (`add:to:`), the first part suffices.
_HAS_NAME = r"""
    chunks.name LIKE ? ESCAPE '\'
    OR (chunks.name LIKE ? ESCAPE '\' OR chunks.name LIKE ? ESCAPE '\' AND chunks.name NOT LIKE '% %')
    AND '.' || chunks.container LIKE ? ESCAPE '\'"""
# Between a container and its member, as people write it in some languages.
_SEPARATOR = re.compile(r"(?<=[\w*?!])(?:::|->|[#:/\\])(?=[\w*~$])")
_ARITY = re.compile(r"(?<=\w)/\d+$")  # of a function of Erlang or Elixir
_SCOPE = re.compile(r"^[abglstvw]:(?=\w)")  # of a name of Vim
_CACHED_PATHS = 1 << 14  # results of `matches_any` that are remembered
_CACHED_SCANS = 4  # text filters whose chunks are remembered: one search uses them several times


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on hits: a field has one of the values or, negated, none of them.

    All values are in normalization form C. A path is a regular expression that matches from the start of the
    path. A name may contain `*` and follow its container, as in `A.b*` and `A::b*`. A text is case-folded and
    occurs in the chunk or its path.
    """

    field: Field
    values: tuple[str, ...]
    negated: bool = False
    raw_values: tuple[str, ...] = dataclasses.field(default=(), compare=False)  # as the user typed them


Filters: TypeAlias = tuple[Filter, ...]  # a hit passes all of them


class FilterCompiler:
    """Compiles filters to conditions on the table `chunks`.

    SQLite evaluates all filters but those on the text: these are evaluated here, on every chunk that passes
    the others. Used by the database's thread.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._scan_cached = lru_cache(_CACHED_SCANS)(self._scan)

    def compile(self, filters: Filters) -> tuple[str, Sequence[str]]:
        """Return a condition for a WHERE clause and its parameters. Raises StoreError."""
        texts = tuple(each for each in filters if each.field == "text")
        others = tuple(each for each in filters if each.field != "text")
        if not texts:
            return _compile(others)
        connection = self._database.connection
        ids = self._scan_cached(texts, others, connection, connection.total_changes)
        return "chunks.id IN (SELECT value FROM json_each(?))", [ids]

    def _scan(
        self, texts: Filters, others: Filters, _connection: sqlite3.Connection, _total_changes: int
    ) -> str:
        """Return the ids of the chunks that pass the filters, as a JSON array.

        The last two arguments belong to the key of the cache: any change of the database invalidates it.
        """
        condition, parameters = _compile(others)
        rows = self._database.query(
            f"""SELECT chunks.id, chunks.path, fulltext.body
            FROM chunks JOIN fulltext ON fulltext.rowid = chunks.id WHERE {condition}""",
            parameters,
        )
        searched = ((chunk_id, f"{normalize(path)}\n{body}".casefold()) for chunk_id, path, body in rows)
        return json.dumps([chunk_id for chunk_id, text in searched if _passes(text, texts)])


def register_functions(connection: sqlite3.Connection) -> None:
    """Define the SQL functions that the conditions call."""
    connection.create_function("matches_any", 2, lru_cache(_CACHED_PATHS)(_matches_any), deterministic=True)


def _matches_any(patterns: str, path: str) -> bool:
    path = normalize(path)
    return any(re.match(pattern, path) for pattern in json.loads(patterns))


def _passes(text: str, filters: Filters) -> bool:
    return all(any(value in text for value in each.values) != each.negated for each in filters)


def _compile(filters: Filters) -> tuple[str, list[str]]:
    conditions, parameters = ["TRUE"], list[str]()
    for each in filters:
        condition, values = _condition(each)
        conditions.append(f"NOT ({condition})" if each.negated else f"({condition})")
        parameters += values
    return " AND ".join(conditions), parameters


def _condition(wanted: Filter) -> tuple[str, Sequence[str]]:
    match wanted.field:
        case "path":
            return _MATCHES_PATH, [json.dumps(wanted.values)]
        case "name":
            names = list(dict.fromkeys(name for value in wanted.values for name in _spellings(value)))
            patterns = [pattern for name in names for pattern in _name_patterns(name)]
            return " OR ".join([_HAS_NAME] * len(names)), patterns
        case "language":
            marks = placeholders(len(wanted.values))
            return _HAS_LANGUAGE.format(marks), [*wanted.values, *wanted.values]
        case column:
            return f"chunks.{column} IN ({placeholders(len(wanted.values))})", wanted.values


def _spellings(name: str) -> Iterator[str]:
    """Yield a name as it is, and as the catalog may have it: `A.b` for `A::b`, `A#b`, `a:b/2` or `A/b`."""
    yield name
    yield _SEPARATOR.sub(".", _ARITY.sub("", name))
    yield _SCOPE.sub("", name)


def _name_patterns(name: str) -> tuple[str, str, str, str]:
    """Return the patterns of `_HAS_NAME`: for the name alone; for name, selector and container."""
    like = re.sub(r"[\\%_]", r"\\\g<0>", name).replace("*", "%")
    container, dot, member = like.rpartition(".")
    return like, member, f"{member}:%", f"%.{container}" if dot else "%"
