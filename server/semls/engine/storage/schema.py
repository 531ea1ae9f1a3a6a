"""Tables and row types of the index database."""

from typing import NamedTuple, TypeAlias

from semls.engine.storage.database import Layout

# The columns of the table `fulltext`. Names are followed by the words of their identifiers and by synonyms of
# these; the column `body_words` has those of the body.
FULLTEXT_COLUMNS = ("name", "container", "path", "signature", "body", "body_words")

LAYOUT = Layout(
    "catalog",
    application_id=0x53454D4C,  # "SEML"
    version=9,
    schema=f"""
CREATE TABLE files (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    digest TEXT NOT NULL, language TEXT NOT NULL, skipped TEXT NOT NULL, failure TEXT NOT NULL,
    omitted TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL REFERENCES files(path) ON DELETE CASCADE,
    language TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL COLLATE NOCASE, container TEXT NOT NULL,
    signature TEXT NOT NULL, doc TEXT NOT NULL, content_hash TEXT NOT NULL,
    start_byte INTEGER NOT NULL, end_byte INTEGER NOT NULL,
    start_row INTEGER NOT NULL, start_column INTEGER NOT NULL,
    end_row INTEGER NOT NULL, end_column INTEGER NOT NULL,
    name_row INTEGER NOT NULL, name_column INTEGER NOT NULL,
    name_end_row INTEGER NOT NULL, name_end_column INTEGER NOT NULL,
    initials TEXT NOT NULL, is_auxiliary INTEGER NOT NULL
);
CREATE INDEX chunks_by_path ON chunks(path);
CREATE INDEX chunks_by_content_hash ON chunks(content_hash);
CREATE INDEX chunks_by_name ON chunks(name);
CREATE INDEX chunks_by_initials ON chunks(initials);
CREATE TABLE metadata (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE fulltext USING fts5({", ".join(FULLTEXT_COLUMNS)}, tokenize = 'porter unicode61');
CREATE TRIGGER fulltext_after_delete AFTER DELETE ON chunks
BEGIN DELETE FROM fulltext WHERE rowid = old.id; END;
""",
)

DefinitionKey: TypeAlias = tuple[str, str, int, int]  # path, qualified name, row and column of the name


class File(NamedTuple):
    """A file as it was when it was last read.

    `skipped` is the reason why the file has no chunks, or "". `failure` is the error that reading or parsing
    it raised, or "": the file is skipped or chunked by lines then, and read again at the next start.
    `omitted` is what was left out of the file because no person wrote it, or "".
    """

    path: str
    size: int = 0
    mtime_ns: int = 0
    digest: str = ""
    language: str = ""
    skipped: str = ""
    failure: str = ""
    omitted: str = ""


class Entry(NamedTuple):
    """A chunk as the catalog stores it. Rows are zero-based, columns count bytes, ends are exclusive.

    Construct it with keyword arguments, or from a row of the table `chunks` with `Entry._make`.
    """

    path: str
    language: str
    kind: str
    name: str
    container: str
    signature: str
    doc: str
    content_hash: str  # of the text that is embedded
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
        """The container and the name, separated by a dot."""
        return ".".join(filter(None, (self.container, self.name)))

    @property
    def definition(self) -> DefinitionKey:
        """A key that all chunks of one definition share; a chunk without a name shares it with none."""
        return self.path, self.qualified_name, self.name_row, self.name_column

    @property
    def holds_name(self) -> bool:
        """Whether this chunk of the definition contains the definition's name."""
        start, end = (self.start_row, self.start_column), (self.end_row, self.end_column)
        return start <= (self.name_row, self.name_column) < end

    @property
    def precedes_name(self) -> bool:
        """Whether this chunk ends before the definition's name: it is part of a long documentation."""
        return (self.end_row, self.end_column) < (self.name_row, self.name_column)


# The same condition as `Entry.holds_name`.
HOLDS_NAME = """
    (start_row, start_column) <= (name_row, name_column)
    AND (name_row, name_column) < (end_row, end_column)"""


def columns(row: type[File] | type[Entry], table: str) -> str:
    """Return the columns of a row type for a SELECT clause, in the order of its fields."""
    return ", ".join(f"{table}.{name}" for name in row._fields)


def placeholders(count: int) -> str:
    """Return `count` question marks, separated by commas."""
    return ", ".join("?" * count)
