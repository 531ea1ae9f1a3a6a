"""The engine: workspaces, the encoders that they share, and what a front-end may ask of them."""

import asyncio
import contextlib
import hashlib
import logging
import os
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

from semls.engine import doctor
from semls.engine.doctor import Finding
from semls.engine.files.roots import refuse_broad
from semls.engine.files.scan import escape_non_utf8
from semls.engine.indexing.vector_sync import Target, Tools, VectorSync
from semls.engine.lookups import SLOW, Lookups
from semls.engine.models.encoder import Encoder
from semls.engine.models.registry import Encoders, model_of
from semls.engine.scheduler import Priority, PriorityExecutor
from semls.engine.search import context
from semls.engine.search.context import Section
from semls.engine.search.query import Query
from semls.engine.search.retrieval import Hit
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.embedded_hashes import Coverage
from semls.engine.storage.embedding_cache import read_export
from semls.engine.storage.schema import File
from semls.engine.syntax.parser_process import ParserProcess
from semls.engine.workspace import Comparison, Explanation, Progress, Result, Workspace
from semls.engine.workspaces import Workspaces
from semls.errors import SemlsError, StoreError, UsageError
from semls.settings import DEFAULT_MODEL, Settings

log = logging.getLogger(__name__)

_AGAIN = 300.0  # seconds until weights that could not be had are looked for again
SOON = 1.0  # seconds within which the state is told, whatever the engine is busy with
_DOING = {  # by phase
    "reading": "reading",
    "downloading": "downloading the model for",
    "loading": "loading the model for",
    "embedding": "embedding",
    "paused": "pausing in",
    "ready": "updating",
}
_SAME_REQUEST = 0.1  # seconds for which a folder that was found is not looked up again
_NEWS = 0.1  # seconds between two states of a workspace, at least
_BUSY = 0.5  # and at most, while it is busy
_FOLLOWED = 30.0  # seconds after which a workspace that is followed still counts as used


@dataclass(frozen=True, slots=True)
class Answer:
    """Hits, best first, with the model that helped to find them ("" for words alone) and its coverage.

    `complete` is False while files of one of the workspaces are still being read for the first time.
    `notice` says why there are no hits, where that is known.
    """

    query: str
    model: str
    coverage: Coverage
    complete: bool
    notice: str
    hits: tuple[tuple[Path, Hit], ...]  # with the workspace, by the name that was asked for


@dataclass(frozen=True, slots=True)
class Status:
    """A workspace's state."""

    root: Path
    indexed: bool  # whether all files have been read once
    progress: Progress
    model: str
    device: str
    store: str  # the address of the server that keeps the vectors, "" where they are on this machine
    notice: str
    error: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What a workspace leaves out and takes."""

    skipped: dict[str, int]  # reason → files
    files: list[File]  # of these, the first thousand
    by_lines: list[File]  # files that are cut by lines because parsing failed, the first thousand
    disk: int  # bytes of its index
    cache: int  # bytes of what was ever embedded, for all workspaces


class Engine:
    """All workspaces of a user. Lives on one event loop."""

    def __init__(self, cache_directory: Path, most_cached: int = 2 << 30) -> None:
        self._directory = cache_directory
        self._executor, self._chunker, self._lookups = PriorityExecutor(), ParserProcess(), Lookups()
        self._roots: dict[str, tuple[Path, float]] = {}  # path → what it names, and when that was found
        self._encoders = Encoders(cache_directory / "embeddings", self._executor, most_cached, self._tell_all)
        self._workspaces = Workspaces(self._make)
        self._running = asyncio.Event()
        self._running.set()
        self._retry: asyncio.Task[None] | None = None
        self._examinations: dict[str, tuple[Settings, asyncio.Task[list[Finding]]]] = {}

    @property
    def busy(self) -> bool:
        """Whether anything is being indexed."""
        return any(workspace.busy for workspace in self._workspaces)

    @property
    def workspaces(self) -> list[str]:
        """The open ones."""
        return sorted(str(workspace.root) for workspace in self._workspaces)

    @property
    def doing(self) -> list[str]:
        """What the engine is busy with, for a person who waits."""
        opening = [f"opening {root}" for root in self._workspaces.opening]
        loading = [f"loading {model.name}" for model in self._encoders.loading]
        busy = [
            f"{_DOING[phase]} {workspace.root}"
            for workspace in self._workspaces
            for phase in workspace.phases
        ]
        return [*opening, *loading, *busy]

    async def refuse_broad(self, path: str, seconds: float = SLOW) -> None:
        """Refuse a folder that is too broad to be a workspace. Raises SemlsError."""
        self._roots[path] = await self._lookups.run(_narrow, path, seconds=seconds), time.monotonic()

    async def _find_root(self, path: str, seconds: float = SLOW) -> Path:
        """The folder that a path names, as it was found for the same request. Raises SemlsError."""
        root, found_at = self._roots.pop(path, (None, 0.0))
        if root is None or time.monotonic() - found_at > _SAME_REQUEST:
            return await self._lookups.run(_root, path, seconds=seconds)
        return root

    async def index(
        self, path: str, settings: Settings, *, lexical_only: bool = False
    ) -> AsyncIterator[Progress]:
        """Look at all files and follow until they are catalogd (and embedded). Raises SemlsError."""
        async with self._reading(path, settings) as (workspace, sync):
            ticket = workspace.refresh()
        async for progress in workspace.follow(ticket, sync, lexical_only=lexical_only):
            yield self._with_download(progress, sync)

    async def follow(self, path: str, settings: Settings) -> AsyncIterator[Status]:
        """Keep a workspace up to date; its state whenever that changes, and often while it is busy.

        Raises SemlsError.
        """
        target = _target(settings)
        async with self._reading(path, settings) as (workspace, _):
            workspace.refresh()
        told = None
        with workspace.followed(target):
            while not workspace.closed:
                workspace.used = time.monotonic()
                news = workspace.news  # read before the yield: nothing is missed while it lasts
                sync = workspace.vector_sync(target)
                status, busy = self._status(workspace, sync), workspace.is_busy(sync)
                if busy or status != told:
                    yield status
                told = status
                await asyncio.sleep(_NEWS)
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(news.wait(), _BUSY if busy else _FOLLOWED)

    async def changed(self, path: str, settings: Settings, saved: Sequence[str]) -> None:
        """Look at files that were just saved. Raises SemlsError."""
        async with self._reading(path, settings) as (workspace, _):
            workspace.changed(await self._lookups.run(_all_inside, tuple(saved), workspace.root))

    def pause(self) -> None:
        """Embed nothing until told to go on; words stay up to date."""
        self._running.clear()
        self._tell_all()

    def resume(self) -> None:
        """Go on embedding."""
        self._running.set()
        self._tell_all()

    def _tell_all(self) -> None:
        for workspace in self._workspaces:
            workspace.tell()

    async def search(self, workspaces: Mapping[str, Settings], query: Query) -> Answer:
        """The best hits in some workspaces, each with its settings. Raises SemlsError."""
        searches = (self._search_in(path, settings, query) for path, settings in workspaces.items())
        found = await asyncio.gather(*searches)
        hits = [(Path(path), hit) for path, some in zip(workspaces, found, strict=True) for hit in some.hits]
        hits.sort(key=lambda item: -item[1].score)
        models_used = [some.model for some in found if some.model]
        return Answer(
            query.typed,
            models_used[0] if models_used and not query.lexical_only else "",
            Coverage(
                sum(some.coverage.chunks for some in found), sum(some.coverage.embedded for some in found)
            ),
            all(some.complete for some in found),
            _notice(found),
            tuple((await asyncio.to_thread(_once, hits) if len(found) > 1 else hits)[: query.limit]),
        )

    async def _search_in(self, path: str, settings: Settings, query: Query) -> Result:
        async with self._reading(path, settings) as (workspace, sync):
            return await workspace.search(query, sync)

    async def similar(
        self, path: str, settings: Settings, file: str, row: int, limit: int, *, lexical_only: bool = False
    ) -> Comparison:
        """What is like the chunk at a row of a file. Raises SemlsError."""
        async with self._reading(path, settings) as (workspace, sync):
            inside = escape_non_utf8(await self._lookups.run(_inside, workspace.root, file))
            return await workspace.similar(inside, row, limit, sync, lexical_only=lexical_only)

    async def context(
        self, workspaces: Mapping[str, Settings], query: Query, budget: int
    ) -> tuple[Answer, list[Section]]:
        """What a language model should read to answer, within a budget of tokens. Raises SemlsError."""
        answer = await self.search(workspaces, replace(query, limit=context.CANDIDATES, by_chunk=True))
        settings = {Path(path): one for path, one in workspaces.items()}
        documents = {}
        for root in {root for root, _ in answer.hits}:
            wanted = {hit.entry.path for other, hit in answer.hits if other == root}
            async with self._reading(str(root), settings[root]) as (workspace, _):
                documents[root] = await workspace.documents(root, wanted)
        found = [(documents[root].get(hit.entry.path), hit) for root, hit in answer.hits]
        there = [(document, hit) for document, hit in found if document and hit.entry in document.entries]
        return answer, await asyncio.to_thread(context.pack, there, budget)

    async def status(self, path: str, settings: Settings) -> tuple[Status, Usage]:
        """Return a workspace's state, and what it leaves out and takes, within a second. Raises SemlsError.

        What cannot be told by then is left out, and the notice says so.
        """
        try:
            return await asyncio.wait_for(self._status_and_usage(path, settings), SOON)
        except asyncio.TimeoutError:
            root = await self._find_root(path, SOON / 2)
            return self._status_now(root, settings), Usage({}, [], [], 0, 0)

    def _status_now(self, root: Path, settings: Settings) -> Status:
        """Return what is known of a workspace without waiting for anything."""
        workspace = self._workspaces.get(root)
        if workspace is None:
            notice = "The workspace is still being opened: run this again in a moment."
            store = settings.store.url if settings.store else ""
            return Status(root, False, Progress("reading", 0, Coverage(0, 0), 0), "", "", store, notice, "")
        status = self._status(workspace, workspace.vector_sync(_target(settings)))
        notice = "The engine is busy: skipped files and sizes are left out."
        return replace(status, notice=f"{status.notice} {notice}".strip())

    async def _status_and_usage(self, path: str, settings: Settings) -> tuple[Status, Usage]:
        async with self._reading(path, settings) as (workspace, sync):
            skipped, by_lines = await workspace.skipped(), await workspace.by_lines()
        reasons = dict(Counter(file.skipped for file in skipped).most_common())
        disk, cache = await asyncio.gather(
            asyncio.to_thread(_size, self._home(workspace.root)),
            asyncio.to_thread(_size, self._directory / "embeddings"),
        )
        return self._status(workspace, sync), Usage(reasons, skipped, by_lines, disk, cache)

    def _status(self, workspace: Workspace, sync: VectorSync) -> Status:
        target, encoder = sync.target, sync.view.encoder if sync.view else None
        notices = self._encoders.notice(target.model), _unwatched(workspace), workspace.notice
        return Status(
            workspace.root,
            workspace.indexed,
            self._with_download(workspace.progress(sync), sync),
            encoder.model.name if encoder else "",
            encoder.device if encoder else "",
            target.server.url if target.server else "",
            " ".join(filter(None, notices)),
            str(workspace.error(sync) or ""),
        )

    def _with_download(self, progress: Progress, sync: VectorSync) -> Progress:
        download = self._encoders.downloads.get(sync.target.model)
        if download is None or progress.phase != "loading":
            return progress
        return replace(progress, phase="downloading", download=download)

    async def why(self, path: str, settings: Settings, file: str) -> Explanation:
        """Whether and how a file is indexed. Raises SemlsError."""
        async with self._reading(path, settings) as (workspace, sync):
            return await workspace.explain(await self._lookups.run(_itself, workspace.root, file), sync)

    async def export_cache(self, settings: Settings, file: str) -> None:
        """Write all that the wanted model has embedded to a file. Raises SemlsError."""
        _, cache = await self._encoders.get(model_of(settings))
        await asyncio.to_thread(cache.export, _absolute(file))

    async def import_cache(self, settings: Settings, file: str) -> int:
        """Take up what another machine has embedded with the wanted model. Raises SemlsError."""
        encoder, cache = await self._encoders.get(model_of(settings))
        batches = read_export(_absolute(file), encoder.fingerprint, encoder.model.dimension)
        count = 0
        while vectors := await self._executor.run(Priority.SEMANTIC, next, batches, None):
            await self._executor.run(Priority.SEMANTIC, cache.put, vectors)
            count += len(vectors)
        return count

    async def examine(self, settings: Settings) -> list[Finding]:
        """Examine the machine for a second. What takes longer goes on, and is reported as under way."""
        checks = {
            name: self._examine(name, settings, partial(asyncio.to_thread, check))
            for name, check in doctor.examinations(self._directory, settings.store).items()
        }
        checks["model"] = self._examine("model", settings, partial(self._examine_model, settings))
        await asyncio.wait(checks.values(), timeout=SOON)
        findings = (
            check.result() if check.done() else [_under_way(name, settings)] for name, check in checks.items()
        )
        return list(chain.from_iterable(findings))

    def _examine(
        self, name: str, settings: Settings, check: Callable[[], Coroutine[None, None, list[Finding]]]
    ) -> "asyncio.Task[list[Finding]]":
        """Start an examination, unless the last one with these settings is still under way."""
        last = self._examinations.get(name)
        if last and not last[1].done():
            if last[0] == settings:
                return last[1]
            last[1].cancel()
        task = asyncio.create_task(check())
        self._examinations[name] = settings, task
        return task

    async def _examine_model(self, settings: Settings) -> list[Finding]:
        try:
            model = model_of(settings)
            tools = await self._encoders.get_or_stand_in(model)
        except SemlsError as error:
            return [Finding("model", False, str(error), "Set SEMLS_MODEL to another model.")]
        name = tools[0].model.name if tools else "words alone"
        notice = self._encoders.notice(model)
        return [Finding("model", not notice, name, notice)]

    async def clear(self, path: str) -> None:
        """Delete a workspace's index; its vectors stay in the cache. Raises SemlsError."""
        root = await self._find_root(path)
        home = self._home(root)
        await self._workspaces.close(root, lambda: self._executor.run(Priority.LEXICAL, _delete, home))

    async def close_unused(self, seconds: float) -> None:
        """Close the workspaces, and the vector syncs, that no client has used for a while."""
        before = time.monotonic() - seconds
        for workspace in self._workspaces:
            if workspace.used < before and not workspace.busy:
                await self._workspaces.close(workspace.root)
            else:
                await workspace.close_unused(before)

    async def close(self) -> None:
        """Stop all work and close all files."""
        if self._retry:
            self._retry.cancel()
        for _, examination in self._examinations.values():
            examination.cancel()
        await self._workspaces.close_all()
        await self._encoders.close()
        self._chunker.close()
        self._lookups.close()

    @contextlib.asynccontextmanager
    async def _reading(self, path: str, settings: Settings) -> AsyncIterator[tuple[Workspace, VectorSync]]:
        """An open workspace, which is not closed before the end of the block, and the client's sync.

        Raises SemlsError.
        """
        root, target = await self._find_root(path), _target(settings)
        async with self._workspaces.use(root) as workspace:
            sync = workspace.vector_sync(target)
            with sync.in_use():
                yield workspace, sync

    def _make(self, root: Path) -> Workspace:
        return Workspace(
            root,
            self._home(root),
            self._executor,
            self._chunker,
            Target(model_of(Settings())),
            self._tools,
            self._former,
            self._running,
        )

    def _home(self, root: Path) -> Path:
        return self._directory / hashlib.blake2b(os.fsencode(root), digest_size=8).hexdigest()

    async def _tools(self, target: Target) -> Tools | None:
        tools = await self._encoders.get_or_stand_in(target.model)
        if target.model in self._encoders.unavailable and self._retry is None:
            self._retry = asyncio.create_task(self._look_again())
        return Tools(*tools) if tools else None

    async def _former(self, name: str) -> Encoder | None:
        """The encoder of vectors made in an earlier life, to answer while better ones are made."""
        try:
            return (await self._encoders.get(model_of(Settings(model=name))))[0]
        except SemlsError as error:
            log.warning("The vectors of %s cannot be asked: %s", name, error)
            return None

    async def _look_again(self) -> None:
        """Try for the weights that could not be had; when they come, embed anew with them."""
        while self._encoders.unavailable:
            await asyncio.sleep(_AGAIN)
            if await self._encoders.look_again():
                for workspace in self._workspaces:
                    workspace.embed()
        self._retry = None


def _under_way(name: str, settings: Settings) -> Finding:
    if name == "store" and settings.store:
        silent = f"{settings.store.url} has not answered for {SOON:.0f} s"
        return Finding(name, False, silent, doctor.STORE_ADVICE, pending=True)
    model = settings.model or DEFAULT_MODEL
    doing = f"{model} is still being loaded" if name == "model" else "still being examined"
    return Finding(name, False, doing, "Run `semls doctor` again in a moment.", pending=True)


def _target(settings: Settings) -> Target | None:
    """What a client has set, None if nothing. Raises UsageError, ModelError."""
    return Target(model_of(settings), settings.store) if settings != Settings() else None


def _narrow(path: str) -> Path:
    root = _root(path)
    refuse_broad(root)
    return root


def _root(path: str) -> Path:
    root = Path(os.path.realpath(path))
    if not os.path.isabs(path):
        raise UsageError(f"The workspace {path!r} is not an absolute path.")
    if not root.exists():
        raise UsageError(f"There is no folder {path}.")
    if not root.is_dir():
        raise UsageError(f"{path} is a file: name the folder that it lies in.")
    return root


def _notice(found: Sequence[Result]) -> str:
    """Return why no workspace has a hit, where that is known of each."""
    notices = dict.fromkeys(some.notice for some in found)
    return "" if "" in notices else " ".join(notices)


def _once(hits: Sequence[tuple[Path, Hit]]) -> list[tuple[Path, Hit]]:
    """Without what was found twice: one of several workspaces may lie in another, or have two names."""
    found: dict[tuple[str, int], tuple[Path, Hit]] = {}
    for root, hit in hits:
        found.setdefault((os.path.realpath(root / hit.entry.path), hit.entry.start_byte), (root, hit))
    return list(found.values())


def _inside(root: Path, file: str) -> str:
    """Return a file's path relative to its workspace, with links followed. Raises UsageError."""
    _check_exists(file)
    path = _relative(root, Path(os.path.realpath(file)), file)
    if os.path.isdir(file):
        raise UsageError(f"{file} is a folder: name a file in it.")
    if not os.path.isfile(file):
        raise UsageError(f"{file} is not a regular file, or is a broken link: name another file.")
    return path


def _all_inside(files: Sequence[str], root: Path) -> list[str]:
    return [_inside(root, file) for file in files]


def _itself(root: Path, file: str) -> str:
    """Return the path of a file, folder or link itself, relative to its workspace. Raises UsageError."""
    _check_exists(file)
    folder, name = os.path.split(file)
    return _relative(root, Path(os.path.realpath(folder), name), file)


def _check_exists(file: str) -> None:
    if not os.path.isabs(file):
        raise UsageError(f"The file {file!r} is not an absolute path.")
    if not os.path.lexists(file):
        raise UsageError(f"There is no file {file}.")


def _relative(root: Path, path: Path, file: str) -> str:
    if not path.is_relative_to(root):
        raise UsageError(f"{file} lies outside the workspace {root}.")
    return path.relative_to(root).as_posix()


def _unwatched(workspace: Workspace) -> str:
    why = workspace.unwatched
    return f"File watching is unavailable ({why}); polling for changes instead." if why else ""


def _absolute(file: str) -> Path:
    if not os.path.isabs(file):
        raise UsageError(f"The file {file!r} is not an absolute path.")
    return Path(file)


def _size(directory: Path) -> int:
    """Bytes on disk; what vanishes meanwhile does not count."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(folder, name)).st_size
    return total


def _delete(directory: Path) -> None:
    if not directory.exists():
        return
    Catalog(directory / "index.sqlite").close()  # fails where another program has it open
    try:
        shutil.rmtree(directory)
    except OSError as error:
        raise StoreError(f"The index in {directory} cannot be deleted: {error}.") from error
