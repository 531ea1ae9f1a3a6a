"""The engine: the workspaces of a user, the model and executor that they share, and all requests."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from semls.engine.doctor import Doctor, Finding
from semls.engine.encoder_source import RetryingEncoderSource
from semls.engine.index_directory import delete_index, disk_usage, index_directory
from semls.engine.indexing.context import Services, Target
from semls.engine.indexing.listing import FileLister, ListedFile
from semls.engine.indexing.progress import Progress
from semls.engine.indexing.vector_sync import VectorSync
from semls.engine.lookups import LOOKUP_TIMEOUT
from semls.engine.merging import merge
from semls.engine.models.registry import EncoderRegistry, model_from_settings
from semls.engine.request_paths import RequestPaths, absolute
from semls.engine.results import (
    Answer,
    Comparison,
    DuplicatesResult,
    Explanation,
    SearchResult,
    Status,
    Usage,
)
from semls.engine.scheduler import Priority, PriorityExecutor
from semls.engine.search import context
from semls.engine.search.context import Section
from semls.engine.search.query import Query
from semls.engine.storage.embedded_hashes import Coverage
from semls.engine.storage.embedding_cache import read_export
from semls.engine.syntax.languages.associations import Associations
from semls.engine.syntax.parser_process import ParserProcess
from semls.engine.workspace import Workspace
from semls.engine.workspaces import Workspaces
from semls.settings import Settings

STATUS_TIMEOUT = 1.0  # seconds after which a status is answered without the data in the stores
_ACTIVITIES = {  # of a workspace, by its phase
    "reading": "reading",
    "downloading": "downloading the model for",
    "loading": "loading the model for",
    "embedding": "embedding",
    "paused": "pausing in",
    "ready": "updating",
}
_MIN_INTERVAL = 0.1  # seconds between two states that a follower gets
_BUSY_INTERVAL = 0.5  # seconds, at most, between two states that a follower of a busy workspace gets
_IDLE_INTERVAL = 30.0  # seconds, at most, after which a followed workspace is marked as used again


class Engine:
    """All workspaces of a user. Lives in one event loop, and all methods are called in it."""

    def __init__(self, cache_directory: Path, max_cached: int = 2 << 30) -> None:
        """Keep indexes in a directory, and at most `max_cached` bytes of vectors for each model's cache."""
        self._directory = cache_directory
        executor = PriorityExecutor()
        self._registry = EncoderRegistry(
            cache_directory / "embeddings", executor, max_cached, self._state_changed
        )
        self._encoders = RetryingEncoderSource(self._registry, self._restart_syncs)
        self._embedding_allowed = asyncio.Event()
        self._embedding_allowed.set()
        self._services = Services(executor, ParserProcess(), self._encoders, self._embedding_allowed)
        self._workspaces = Workspaces(self._open_workspace)
        self._paths = RequestPaths()
        self._doctor = Doctor(cache_directory, self._registry)

    # State

    @property
    def busy(self) -> bool:
        """Whether anything is being indexed."""
        return any(workspace.indexer.busy for workspace in self._workspaces)

    @property
    def workspaces(self) -> list[str]:
        """The roots of the open workspaces."""
        return sorted(str(workspace.root) for workspace in self._workspaces)

    @property
    def activities(self) -> list[str]:
        """What the engine is doing, as text for the user, such as "embedding /home/me/project"."""
        opening = [f"opening {root}" for root in self._workspaces.opening]
        loading = [f"loading {model.name}" for model in self._registry.loading]
        busy = [
            f"{_ACTIVITIES[phase]} {workspace.root}"
            for workspace in self._workspaces
            for phase in workspace.indexer.phases
        ]
        return [*opening, *loading, *busy]

    async def status(self, path: str, settings: Settings) -> tuple[Status, Usage]:
        """Return the state of a workspace, its skipped files and its size, within about a second.

        If the engine is busy, the usage is empty and the notice says so. Raises SemlsError.
        """
        try:
            return await asyncio.wait_for(self._status_and_usage(path, settings), STATUS_TIMEOUT)
        except asyncio.TimeoutError:
            root = await self._paths.root(path, STATUS_TIMEOUT / 2)
            return await self._known_status(root, settings), Usage()

    async def _status_and_usage(self, path: str, settings: Settings) -> tuple[Status, Usage]:
        async with self._reading(path, settings) as (workspace, sync):
            skipped, by_lines = await workspace.skipped(), await workspace.by_lines()
            partial_files = await workspace.partial()
        reasons = dict(Counter(file.skipped for file in skipped).most_common())
        index_bytes, cache_bytes = await asyncio.gather(
            asyncio.to_thread(disk_usage, index_directory(self._directory, workspace.root)),
            asyncio.to_thread(disk_usage, self._directory / "embeddings"),
        )
        usage = Usage(
            skipped=reasons,
            skipped_files=skipped,
            by_lines=by_lines,
            partial=partial_files,
            disk=index_bytes,
            cache=cache_bytes,
        )
        return self._status(workspace, sync), usage

    async def _known_status(self, root: Path, settings: Settings) -> Status:
        """Return the part of a workspace's status that needs no task of the executor."""
        workspace = self._workspaces.get(root)
        if workspace is None:
            return Status(
                root,
                indexed=False,
                progress=Progress("reading", 0, Coverage(0, 0), 0),
                model="",
                device="",
                store=settings.store.url if settings.store else "",
                notice="The workspace is still being opened: run this again in a moment.",
                error="",
            )
        target = await self._target(settings, STATUS_TIMEOUT / 2)
        status = self._status(workspace, workspace.indexer.vector_sync(target))
        notice = "The engine is busy: skipped files and sizes are left out."
        return replace(status, notice=f"{status.notice} {notice}".strip())

    def _status(self, workspace: Workspace, sync: VectorSync) -> Status:
        indexer, target = workspace.indexer, sync.target
        encoder = sync.index.encoder if sync.index else None
        notices = (
            self._registry.fallback_notice(target.model),
            sync.former_notice,
            _watch_notice(workspace),
            workspace.notice,
        )
        return Status(
            workspace.root,
            indexed=indexer.indexed,
            progress=self._with_download(indexer.progress(sync), target),
            model=encoder.model.name if encoder else "",
            device=encoder.device if encoder else "",
            store=target.server.url if target.server else "",
            notice=" ".join(filter(None, notices)),
            error=str(indexer.error(sync) or ""),
        )

    def _with_download(self, progress: Progress, target: Target) -> Progress:
        download = self._registry.downloads.get(target.model)
        if download is None or progress.phase != "loading":
            return progress
        return replace(progress, phase="downloading", download=download)

    # Indexing

    async def index(
        self, path: str, settings: Settings, *, lexical_only: bool = False
    ) -> AsyncIterator[Progress]:
        """Scan all files, and yield the progress until they are indexed. Raises SemlsError.

        With `lexical_only`, do not wait for vectors.
        """
        async with self._reading(path, settings) as (workspace, sync):
            ticket = workspace.indexer.refresh()
        async for progress in workspace.indexer.follow(ticket, sync, lexical_only=lexical_only):
            yield self._with_download(progress, sync.target)

    async def follow(self, path: str, settings: Settings) -> AsyncIterator[Status]:
        """Keep a workspace open and in sync. Yield its state when it changes, and often while it is busy.

        Ends when the workspace is closed. Raises SemlsError.
        """
        target = await self._target(settings)
        async with self._reading(path, settings) as (workspace, _):
            workspace.indexer.refresh()
        indexer, last = workspace.indexer, None
        associations = Associations(settings.languages)
        with indexer.followed(target, associations):
            while not indexer.closed:
                await indexer.use_associations(associations)  # again when another client has left
                workspace.used = time.monotonic()
                change = indexer.next_change  # read before the yield, so that no change is missed during it
                sync = indexer.vector_sync(target)
                status, busy = self._status(workspace, sync), indexer.is_busy(sync)
                if busy or status != last:
                    yield status
                last = status
                await asyncio.sleep(_MIN_INTERVAL)
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(change.wait(), _BUSY_INTERVAL if busy else _IDLE_INTERVAL)

    async def refresh_files(self, path: str, settings: Settings, files: Sequence[str]) -> None:
        """Read files that were just saved, in the background. Raises SemlsError."""
        async with self._reading(path, settings) as (workspace, _):
            workspace.indexer.refresh_paths(await self._paths.files(workspace.root, files))

    def pause(self) -> None:
        """Stop embedding until `resume` is called. The lexical sync goes on."""
        self._embedding_allowed.clear()
        self._state_changed()

    def resume(self) -> None:
        """Continue embedding."""
        self._embedding_allowed.set()
        self._state_changed()

    def _state_changed(self) -> None:
        for workspace in self._workspaces:
            workspace.indexer.state_changed()

    def _restart_syncs(self) -> None:
        for workspace in self._workspaces:
            workspace.indexer.restart_syncs()

    # Search

    async def search(self, workspaces: Mapping[str, Settings], query: Query) -> Answer:
        """Return the best hits in some workspaces, each searched with its settings. Raises SemlsError."""
        results = await asyncio.gather(
            *(self._search_in(path, settings, query) for path, settings in workspaces.items())
        )
        return await merge(query, dict(zip(workspaces, results, strict=True)))

    async def _search_in(self, path: str, settings: Settings, query: Query) -> SearchResult:
        async with self._reading(path, settings) as (workspace, sync):
            return await workspace.search(query.relative_to(path, str(workspace.root)), sync)

    async def similar(
        self, path: str, settings: Settings, file: str, row: int, limit: int, *, lexical_only: bool = False
    ) -> Comparison:
        """Return code that is similar to the chunk at a row of a file. Raises SemlsError."""
        async with self._reading(path, settings) as (workspace, sync):
            relative = await self._paths.file(workspace.root, file)
            return await workspace.similar(relative, row, limit, sync, lexical_only=lexical_only)

    async def duplicates(
        self,
        path: str,
        settings: Settings,
        file: str | None = None,
        *,
        tests: bool = True,
        lexical_only: bool = False,
    ) -> DuplicatesResult:
        """Return clusters of functions that are copies of one another, or nearly. Raises SemlsError.

        With `file`, there is a cluster for each of its functions that has copies, and `tests` does not count.
        """
        async with self._reading(path, settings) as (workspace, sync):
            relative = await self._paths.file(workspace.root, file) if file else None
            return await workspace.duplicates(sync, relative, tests=tests, lexical_only=lexical_only)

    async def context(
        self, workspaces: Mapping[str, Settings], query: Query, budget: int
    ) -> tuple[Answer, list[Section]]:
        """Return the best hits and the code that answers a query, of at most `budget` tokens.

        Raises SemlsError.
        """
        answer = await self.search(workspaces, replace(query, limit=context.MAX_HITS, by_chunk=True))
        settings_of = {Path(path): settings for path, settings in workspaces.items()}
        documents = {}
        for root in {root for root, _ in answer.hits}:
            paths = {hit.entry.path for other, hit in answer.hits if other == root}
            async with self._reading(str(root), settings_of[root]) as (workspace, _):
                documents[root] = await workspace.documents(root, paths)
        found = [(documents[root].get(hit.entry.path), hit) for root, hit in answer.hits]
        current = [(document, hit) for document, hit in found if document and hit.entry in document.entries]
        return answer, await asyncio.to_thread(context.pack, current, budget, settings_of)

    async def explain(self, path: str, settings: Settings, file: str) -> Explanation:
        """Return whether and how a file is indexed. Raises SemlsError."""
        async with self._reading(path, settings) as (workspace, sync):
            return await workspace.explain(await self._paths.entry(workspace.root, file), sync)

    async def files(self, path: str, settings: Settings, *, skipped: bool) -> AsyncIterator[list[ListedFile]]:
        """Yield the files of a workspace that are indexed, or the skipped ones, ordered by path.

        Files that are not indexed yet are read and chunked, but neither stored nor embedded. Raises
        SemlsError.
        """
        lister = FileLister(await self._paths.root(path), skipped=skipped)
        while not lister.done:
            async with self._reading(path, settings) as (workspace, _):
                files = await workspace.list_files(lister)
            yield files

    # The embedding cache and the machine

    async def export_cache(self, settings: Settings, file: str) -> None:
        """Write the embedding cache of the settings' model to a file. Raises SemlsError."""
        _, cache = await self._registry.get(await self._paths.model(settings))
        await asyncio.to_thread(cache.export, absolute(file))

    async def import_cache(self, settings: Settings, file: str) -> int:
        """Add an exported embedding cache to that of the settings' model. Return the number of vectors.

        Raises SemlsError.
        """
        encoder, cache = await self._registry.get(await self._paths.model(settings))
        executor = self._services.executor
        batches = read_export(absolute(file), encoder.fingerprint, encoder.model.dimension)
        count = 0
        while vectors := await executor.run(Priority.SEMANTIC, next, batches, None):
            await executor.run(Priority.SEMANTIC, cache.put, vectors)
            count += len(vectors)
        return count

    async def examine(self, settings: Settings) -> list[Finding]:
        """Return the findings of the doctor, within about a second."""
        return await self._doctor.examine(settings)

    # Workspaces

    async def refuse_broad(self, path: str, timeout: float = LOOKUP_TIMEOUT) -> None:
        """Raise BroadWorkspaceError for a folder that is too broad to index, or another SemlsError."""
        await self._paths.refuse_broad(path, timeout)

    async def clear(self, path: str) -> None:
        """Delete the index of a workspace; the embedding cache keeps its vectors. Raises SemlsError."""
        root = await self._paths.root(path)
        directory = index_directory(self._directory, root)
        delete = partial(self._services.executor.run, Priority.LEXICAL, delete_index, directory)
        await self._workspaces.close(root, then=delete)

    async def close_unused(self, seconds: float) -> None:
        """Close the workspaces and vector syncs that no request has used for so many seconds."""
        since = time.monotonic() - seconds
        for workspace in self._workspaces:
            if workspace.used < since and not workspace.indexer.busy:
                await self._workspaces.close(workspace.root)
            else:
                await workspace.indexer.close_unused(since)

    async def close(self) -> None:
        """Stop all work and close all stores."""
        self._encoders.close()
        self._doctor.close()
        await self._workspaces.close_all()
        await self._registry.close()
        self._services.parser.close()
        self._paths.close()

    @contextlib.asynccontextmanager
    async def _reading(self, path: str, settings: Settings) -> AsyncIterator[tuple[Workspace, VectorSync]]:
        """Open a workspace, and keep it open within the block. Raises SemlsError.

        Yield it with the vector sync of the settings.
        """
        root, target = await self._paths.root(path), await self._target(settings)
        associations = Associations(settings.languages)
        async with self._workspaces.use(root) as workspace:
            await workspace.indexer.use_associations(associations)
            sync = workspace.indexer.vector_sync(target)
            with sync.in_use():
                yield workspace, sync

    async def _target(self, settings: Settings, timeout: float = LOOKUP_TIMEOUT) -> Target | None:
        """Return the target of a client, None if its settings name none. Raises SemlsError."""
        if not (settings.model or settings.revision or settings.store):
            return None
        return Target(await self._paths.model(settings, timeout), settings.store)

    async def _open_workspace(self, root: Path) -> Workspace:
        directory = index_directory(self._directory, root)
        return await Workspace.open(root, directory, self._services, Target(model_from_settings(Settings())))


def _watch_notice(workspace: Workspace) -> str:
    reason = workspace.indexer.watch_failure
    return f"File watching is unavailable ({reason}); polling for changes instead." if reason else ""
