"""One workspace: its open index, and the requests that it answers."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from semls.engine.files import scan
from semls.engine.files.git import repository_id
from semls.engine.indexing import read_pipeline
from semls.engine.indexing.context import IndexContext, Services, Target
from semls.engine.indexing.indexer import Indexer
from semls.engine.indexing.listing import FileLister, ListedFile
from semls.engine.indexing.vector_sync import VectorSync
from semls.engine.models.presets import UNCALIBRATED, Calibration
from semls.engine.results import Comparison, DuplicatesResult, Explanation, SearchResult
from semls.engine.scheduler import Priority, opened
from semls.engine.search import no_hits, similar
from semls.engine.search.analysis import AnalyzedQuery
from semls.engine.search.confidence import confidence
from semls.engine.search.documents import Document, load_documents
from semls.engine.search.duplicates import find_duplicates, find_duplicates_in
from semls.engine.search.query import Query
from semls.engine.search.retrieval import NOTHING_NEAR, Found, nearest_chunks, search
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.embedded_hashes import Coverage
from semls.engine.storage.schema import File
from semls.engine.syntax.stems import plain_stem
from semls.engine.vector_index import VectorIndex
from semls.engine.vector_indexes import VectorIndexes
from semls.errors import StoreCorrupted, StoreError, UsageError

log = logging.getLogger(__name__)

T = TypeVar("T")


class Workspace:
    """A folder and its index. `indexer` keeps the index in sync with the files; the methods read it.

    Hold `reading` while you call a method, so that the index is not closed. Methods are called in the event
    loop.
    """

    @classmethod
    async def open(cls, root: Path, directory: Path, services: Services, default: Target) -> "Workspace":
        """Open the index in a directory and start to keep it in sync. Raises StoreError.

        `default` is the target of clients without settings. Nothing stays open after an error.
        """
        executor = services.executor
        async with contextlib.AsyncExitStack() as stack:
            catalog = await opened(executor.run(Priority.SEARCH, read_pipeline.open_catalog, directory))
            stack.push_async_callback(executor.run, Priority.SEARCH, catalog.close)
            name = await executor.run(Priority.SEARCH, repository_id, root)
            vector_indexes = VectorIndexes(directory, name, catalog, executor)
            stack.push_async_callback(vector_indexes.close)
            context = IndexContext(root, catalog, vector_indexes, services)
            indexer = await Indexer.open(context, default)
            return cls(context, indexer, stack.pop_all())

    def __init__(self, context: IndexContext, indexer: Indexer, stores: contextlib.AsyncExitStack) -> None:
        """Use `open` instead. `stores` closes the catalog and the vector stores."""
        self.root = context.root
        self.indexer = indexer
        self.used = time.monotonic()  # when a request last used it
        self._catalog, self._executor = context.catalog, context.services.executor
        self._parser = context.services.parser
        self._stores = stores
        self._readers = 0
        self._unread = asyncio.Event()  # set while there are no readers
        self._unread.set()

    async def close(self) -> None:
        """Stop indexing, wait for the readers and close all stores."""
        await self.indexer.stop()
        await self._unread.wait()
        await self._stores.aclose()

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Keep the index open within the block. If the block raises StoreCorrupted, rebuild the catalog."""
        self.used = time.monotonic()
        self._readers += 1
        self._unread.clear()
        try:
            yield
        except StoreCorrupted as error:
            self.indexer.catalog_corrupted(error)
            raise
        finally:
            self.used = time.monotonic()
            self._readers -= 1
            if not self._readers:
                self._unread.set()

    @property
    def notice(self) -> str:
        """Why the catalog was rebuilt, "" if it was not."""
        return self._catalog.notice

    # Search

    async def search(self, query: Query, sync: VectorSync) -> SearchResult:
        """Return the best hits, after reading those of their files that have changed. Raises SemlsError."""
        if not self.indexer.complete:
            terms = AnalyzedQuery.from_text(query.text).terms
            await self.indexer.wait_for_first_read(frozenset(map(plain_stem, terms)))
        result = await self._search(query, sync)
        changed = await self.indexer.read_changed({hit.entry.path for hit in result.hits})
        may_wait = query.embedding_timeout and not query.lexical_only
        embedded = may_wait and await sync.wait_for_preferred(query.embedding_timeout)
        if changed or embedded:
            result = await self._search(query, sync)
        if result.hits or not result.complete:
            return result
        notice = await self._executor.run(Priority.SEARCH, no_hits.explain, query, self._catalog)
        unquoted = query.without_phrases()  # of a pasted message, which quotes values
        if unquoted != query:
            result = await self._search(unquoted, sync)
        return replace(result, notice=notice)

    async def _search(self, query: Query, sync: VectorSync) -> SearchResult:
        index = sync.index if query.text and not query.lexical_only else None
        return await self._with_fallback(index, partial(self._search_with, query, sync, sync.coverage))

    async def _search_with(
        self, query: Query, sync: VectorSync, coverage: Coverage, index: VectorIndex | None
    ) -> SearchResult:
        catalog, executor = self._catalog, self._executor
        try:
            nearest = (
                await nearest_chunks(query, catalog, index, coverage, executor) if index else NOTHING_NEAR
            )
        except asyncio.TimeoutError:  # so many searches wait that the model cannot answer all of them
            index, nearest = None, NOTHING_NEAR
        complete = self.indexer.complete  # read first, because files may be added during the search
        found = await executor.run(Priority.SEARCH, search, query, catalog, nearest)
        sync.prefer(reversed(found.promising))
        model = index.encoder.model if index else None
        probability = _probability(found, model.calibration if model else UNCALIBRATED)
        return SearchResult(found.hits, probability, model.name if model else "", coverage, complete)

    async def _with_fallback(
        self, index: VectorIndex | None, search: Callable[[VectorIndex | None], Awaitable[T]]
    ) -> T:
        """Return the result of a search; if its vector store fails, of the search without vectors."""
        try:
            return await search(index)
        except StoreCorrupted:
            raise
        except StoreError as error:
            log.warning("Lexical search answers, because the vector store failed: %s", error)
            if index:
                self.indexer.reopen(index)
            return await search(None)

    async def similar(
        self, path: str, row: int, limit: int, sync: VectorSync, *, lexical_only: bool
    ) -> Comparison:
        """Return code that is similar to the chunk at a row of a file. Raises UsageError if there is none."""
        await self._require_indexed(path)
        await self.indexer.read_changed({path})
        found = await self._similar(path, row, limit, sync, lexical_only)
        if await self.indexer.read_changed({entry.path for entry in found.similar.entries}):
            found = await self._similar(path, row, limit, sync, lexical_only)
        return found

    async def _require_indexed(self, path: str) -> None:
        """Raise UsageError if a file is not in the catalog, after a scan if it is new."""
        known = await self._executor.run(Priority.SEARCH, self._catalog.files, [path])
        if not known:
            await self.indexer.wait_for_catalog(self.indexer.refresh())
            known = await self._executor.run(Priority.SEARCH, self._catalog.files, [path])
        if path not in known:
            raise UsageError(f"{path} is not indexed: `semls status` lists the skipped files.")
        if known[path].skipped:
            raise UsageError(f"{path} is not indexed: {known[path].skipped}.")

    async def _similar(
        self, path: str, row: int, limit: int, sync: VectorSync, lexical_only: bool
    ) -> Comparison:
        index, coverage = sync.index, sync.coverage
        if lexical_only or 2 * coverage.embedded < coverage.chunks:  # then lexical search finds more
            index = None
        return await self._with_fallback(index, partial(self._similar_with, path, row, limit, coverage))

    async def _similar_with(
        self, path: str, row: int, limit: int, coverage: Coverage, index: VectorIndex | None
    ) -> Comparison:
        catalog, executor = self._catalog, self._executor
        reference = await executor.run(Priority.SEARCH, similar.reference_at, catalog, path, row)
        similarities = None
        if index:
            similarities = await similar.nearest_chunks(reference, limit, catalog, index, executor)
        found = await executor.run(
            Priority.SEARCH, similar.find_similar, reference, catalog, similarities, limit
        )
        return Comparison(found, index.encoder.model.name if index else "", coverage)

    async def duplicates(
        self, sync: VectorSync, path: str | None, *, tests: bool, lexical_only: bool
    ) -> DuplicatesResult:
        """Return clusters of functions that are copies of one another, or nearly; with `path`, of its own."""
        if path is None:
            await self.indexer.wait_for_catalog(self.indexer.refresh())
        coverage = sync.coverage

        async def find(index: VectorIndex | None) -> DuplicatesResult:
            if path is not None:
                found = await find_duplicates_in(path, self._catalog, index, self._executor)
            else:
                found = await find_duplicates(self._catalog, index, self._executor, tests=tests)
            return DuplicatesResult(found, index.encoder.model.name if index else "", coverage)

        return await self._with_fallback(None if lexical_only else sync.index, find)

    async def documents(self, root: Path, paths: Iterable[str]) -> dict[str, Document]:
        """Return indexed files with their content, by path, except those that have just changed.

        `root` is the workspace as the client named it.
        """
        return await self._executor.run(Priority.SEARCH, load_documents, root, self._catalog, sorted(paths))

    # Files

    async def skipped(self) -> list[File]:
        """Return the first thousand files that have no chunks, each with the reason."""
        return await self._executor.run(Priority.SEARCH, self._catalog.skipped_files)

    async def by_lines(self) -> list[File]:
        """Return the first thousand files that are chunked by lines because parsing failed."""
        return await self._executor.run(Priority.SEARCH, self._catalog.unparsed_files)

    async def partial(self) -> list[File]:
        """Return the first thousand files of which parts are left out."""
        return await self._executor.run(Priority.SEARCH, self._catalog.partial_files)

    async def list_files(self, lister: FileLister) -> list[ListedFile]:
        """Return the next files of a list. Raises SemlsError."""
        return await lister.next_batch(self._catalog, self._executor, self._parser)

    async def explain(self, path: str, sync: VectorSync) -> Explanation:
        """Return whether and how a file is indexed, or why a folder is skipped. Raises UsageError."""
        if scan.is_folder(self.root, path):
            return await self._executor.run(Priority.SEARCH, _explain_folder, self.root, path)
        readable = path
        while scan.escape_non_utf8(readable) != readable:  # the catalog has no such names: read the folder
            readable = readable.rpartition("/")[0]
        await self.indexer.read_now(readable)
        store = sync.index.name if sync.index else ""
        return await self._executor.run(
            Priority.SEARCH, _explain, self._catalog, store, scan.escape_non_utf8(path)
        )


# Tasks for the executor


def _probability(found: Found, calibration: Calibration) -> float:
    """Return the probability that the first hit is right. A definition that passes all filters is."""
    return confidence(found.evidence, calibration) if found.evidence else float(bool(found.hits))


def _explain_folder(root: Path, path: str) -> Explanation:
    first = next(scan.scan(root, [path]), None)
    if not isinstance(first, scan.Skipped) or not f"{path}/".startswith(first.path):
        raise UsageError(f"{root / path} is a folder that is indexed: name a file in it.")
    reason = _skip_reason(first.path, first.reason, f"{path}/")
    return Explanation(
        f"{path}/", skipped=reason, by_lines="", omitted="", language="", chunks=0, definitions=0, embedded=0
    )


def _skip_reason(skipped_path: str, reason: str, path: str) -> str:
    """Return why a path is skipped: its own reason, or that a folder around it is skipped."""
    return reason if path == skipped_path or not reason else f"{skipped_path} is left out: {reason}"


def _explain(catalog: Catalog, store: str, path: str) -> Explanation:
    folders = [f"{folder}/" for folder in scan.parent_folders(path) if folder]
    known = catalog.files([path, *folders])
    entries = catalog.entries_of_file(path)
    file = known.get(path) or next(iter(known.values()), File(path, skipped="there is no such file"))
    embedded = catalog.embedded.intersection(store, {entry.content_hash for entry in entries})
    return Explanation(
        path,
        skipped=_skip_reason(file.path, file.skipped, path),
        by_lines="" if file.skipped else file.failure,
        omitted=file.omitted,
        language=file.language,
        chunks=len(entries),
        definitions=sum(bool(entry.name) for entry in entries),
        embedded=sum(entry.content_hash in embedded for entry in entries),
    )
