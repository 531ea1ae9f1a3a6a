"""Indexed files with their content and chunks, from which a context is packed."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path

from semls.engine.files import machine_written, scan
from semls.engine.files.digest import digest
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import Entry
from semls.engine.syntax import languages
from semls.engine.syntax.notebook import read_source
from semls.engine.syntax.source import Source, normalized_text

_CLOSING_LINE = re.compile(r"\s*(?:[)}\]]+[;,]?|end)\s*")
_MAX_SIGNATURE_ROWS = 8  # above or below the row of the name


def load_documents(root: Path, catalog: Catalog, paths: Sequence[str]) -> dict[str, "Document"]:
    """Return files with their content and chunks, by path, without those that have changed since indexing.

    Runs in the executor. Raises StoreError.
    """
    documents = {}
    for path, file in catalog.files(paths).items():
        content = scan.read_file(root, path)
        if isinstance(content, bytes) and digest(content) == file.digest:
            if file.omitted:
                content = machine_written.blank(content, machine_written.find(content, file.language))
            entries = catalog.entries_of_file(path)
            documents[path] = Document(root, path, file.language, content, entries, bool(file.omitted))
    return documents


@dataclass(frozen=True)
class Document:
    """A file with its content and its chunks, which are ordered by position. Rows are zero-based."""

    root: Path
    path: str
    language: str
    content: bytes
    entries: Sequence[Entry]
    is_partial: bool = False  # spaces stand for parts that are left out of the index

    @cached_property
    def _source(self) -> Source:
        return read_source(self.content, languages.by_name(self.language) or languages.TEXT)[0]

    @cached_property
    def lines(self) -> list[str]:
        """The rows of the file, without line ends."""
        rows = self._source.rows()
        return [machine_written.shorten(row) for row in rows] if self.is_partial else rows

    def text(self, rows: range) -> str:
        """Return the text of some rows."""
        return "\n".join(self.lines[rows.start : rows.stop])

    def normalized_texts(self, rows: frozenset[int]) -> set[str]:
        """Return the normalized texts of the chunks that lie entirely in `rows`."""
        return {
            normalized_text(self._source.text_of_span(entry.start_byte, entry.end_byte))
            for entry in self.entries
            if rows.issuperset(rows_between(entry, entry))
        }

    def definition_rows(self, entry: Entry) -> range:
        """Return the rows of all chunks of the definition that a chunk belongs to."""
        chunks = self._chunks_of_definition(entry)
        return rows_between(chunks[0], chunks[-1])

    def definition_rows_with_members(self, entry: Entry) -> range:
        """Return the rows of the definition with all its members, and with the line that closes it."""
        chunks, members = self._chunks_of_definition(entry), list(self._members(entry))
        end = [*chunks, *members][-1].end_row + 1
        is_closed_after = members and end < len(self.lines) and _CLOSING_LINE.fullmatch(self.lines[end])
        return range(chunks[0].start_row, end + 1 if is_closed_after else end)

    def signature_rows(self, entry: Entry) -> set[int]:
        """Return the rows of the signatures of a chunk's definition and of the definitions around it."""
        names = entry.qualified_name.split(".")
        enclosing = {".".join(names[:depth]) for depth in range(1, len(names) + 1)}
        before = takewhile(lambda other: other.start_byte <= entry.start_byte, self.entries)
        last = {
            other.qualified_name: other
            for other in before
            if other.signature and other.qualified_name in enclosing
        }
        return {row for other in last.values() for row in self._find_signature(other)}

    def _chunks_of_definition(self, entry: Entry) -> list[Entry]:
        if not entry.name:
            return [entry]
        return [other for other in self.entries if other.definition == entry.definition]

    def _members(self, entry: Entry) -> Iterator[Entry]:
        if not entry.name:
            return iter(())
        last = self._chunks_of_definition(entry)[-1]
        after = (other for other in self.entries if other.start_byte > last.start_byte)
        prefix = f"{entry.qualified_name}."
        return takewhile(lambda other: f"{other.container}.".startswith(prefix), after)

    def _find_signature(self, entry: Entry) -> range:
        """Return the fewest rows around the name that contain the signature, or else the row of the name."""
        name = entry.name_row
        last_row = min(entry.end_row, name + _MAX_SIGNATURE_ROWS)
        first_row = max(entry.start_row, name - _MAX_SIGNATURE_ROWS)
        for end in range(name + 1, last_row + 2):
            for start in range(name, first_row - 1, -1):
                rows = range(start, end)
                if entry.signature in normalized_text(self.text(rows)):
                    return rows
        return range(name, name + 1)


def rows_between(first: Entry, last: Entry) -> range:
    """Return the rows from the first row of one chunk to the last row of another."""
    return range(first.start_row, last.end_row + 1)
