"""List which files of a workspace are indexed or skipped, also before it is indexed."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from semls.engine.files import scan
from semls.engine.indexing import read_pipeline
from semls.engine.indexing.language_settings import stored_associations
from semls.engine.scheduler import Priority, PriorityExecutor
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import File
from semls.engine.syntax.parser_process import ParserProcess

_TASK_SECONDS = 0.1  # that one task of the executor should take at most
_MAX_BYTES = 300_000  # of the files that are chunked for one batch


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file with its language and the number of its chunks, or a file or folder and why it is skipped."""

    path: str
    language: str
    chunks: int
    skipped: str


class FileLister:
    """Lists files in the order of their paths, batch by batch. Nothing is stored in the catalog.

    Files that the catalog has in their current version are not read again.
    """

    def __init__(self, root: Path, *, skipped: bool) -> None:
        """List the skipped files or the others. Raises UsageError if the root is not a folder."""
        self.done = False
        self._root, self._skipped = root, skipped
        self._scan = scan.scan(root)
        self._pending = deque[read_pipeline.ScanItem]()
        self._known: Mapping[str, File] = {}
        self._chunk_counts: Mapping[str, int] = {}

    async def next_batch(
        self, catalog: Catalog, executor: PriorityExecutor, parser: ParserProcess
    ) -> list[ListedFile]:
        """Return the next files, possibly none; `done` is True after the last batch. Raises SemlsError."""
        listed, unparsed = await executor.run(Priority.LEXICAL, self._read, catalog)
        if self._skipped:
            listed += await asyncio.to_thread(_without_chunks, unparsed)
        elif unparsed:
            for file, chunks in await asyncio.to_thread(read_pipeline.chunk_files, parser, unparsed):
                listed.append(_listed(file, len(chunks)))
        return sorted((file for file in listed if bool(file.skipped) == self._skipped), key=_path)

    def _read(self, catalog: Catalog) -> tuple[list[ListedFile], list[read_pipeline.OpenedFile]]:
        """Return the next files whose chunks are known, and those that have to be chunked to count them."""
        deadline, size, associations = time.monotonic() + _TASK_SECONDS, 0, stored_associations(catalog)
        listed, unparsed = list[ListedFile](), list[read_pipeline.OpenedFile]()
        if not self._pending:
            self._scan_next(catalog)
        while self._pending and size < _MAX_BYTES and time.monotonic() < deadline:
            item = self._pending.popleft()
            known = self._known.get(item.path)
            if known and not read_pipeline.has_changed(item, known):
                listed.append(_listed(known, self._chunk_counts.get(item.path, 0)))
                continue
            file, content = read_pipeline.open_file(self._root, item, associations)
            if file.skipped:
                listed.append(_listed(file, 0))
            else:
                unparsed.append((file, content))
                size += len(content)
        return listed, unparsed

    def _scan_next(self, catalog: Catalog) -> None:
        self._pending.extend(read_pipeline.next_batch(self._scan))
        self.done = not self._pending
        paths = [item.path for item in self._pending]
        self._known, self._chunk_counts = catalog.files(paths), catalog.chunk_counts(paths)


def _without_chunks(files: Sequence[read_pipeline.OpenedFile]) -> list[ListedFile]:
    return [_listed(read_pipeline.without_omissions(file, content)[0], 0) for file, content in files]


def _listed(file: File, chunks: int) -> ListedFile:
    return ListedFile(file.path, file.language, chunks, file.skipped)


def _path(file: ListedFile) -> str:
    return file.path
