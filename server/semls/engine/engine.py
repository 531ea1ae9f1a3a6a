"""The engine: workspaces, the encoders that they share, and what a front-end may ask of them."""

import asyncio
import hashlib
import logging
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from semls.engine import context, doctor, models
from semls.engine.catalogue import Catalogue, Coverage, File
from semls.engine.chunker import Chunker
from semls.engine.context import Section
from semls.engine.doctor import Finding
from semls.engine.embeddings import EmbeddingCache
from semls.engine.encoder import Encoder, bundled, load
from semls.engine.indexer import Comparison, Indexer, Progress
from semls.engine.models import Model
from semls.engine.query import Query
from semls.engine.search import Hit
from semls.engine.vectors import prepare
from semls.engine.worker import Rank, Worker
from semls.errors import ModelUnavailable, SemlsError, StoreError, UsageError
from semls.settings import Settings

log = logging.getLogger(__name__)

_OFFLINE = "connect once, or install semls[offline]"
_AGAIN = 300.0  # seconds until weights that could not be had are looked for again


@dataclass(frozen=True, slots=True)
class Answer:
    """Hits, best first, with the model that helped to find them ("" for words alone) and its coverage."""

    query: str
    model: str
    coverage: Coverage
    hits: tuple[tuple[Path, Hit], ...]  # with the workspace, by the name that was asked for


@dataclass(frozen=True, slots=True)
class Status:
    """A workspace's state."""

    root: Path
    progress: Progress
    model: str
    notice: str
    error: str
    skipped: dict[str, int]  # reason → files


class Encoders:
    """Encoders by model, each loaded once; where the wanted one cannot be had, the bundled one."""

    def __init__(self, directory: Path, worker: Worker) -> None:
        self._directory, self._worker = directory, worker
        self._loads: dict[Model, asyncio.Task[tuple[Encoder, EmbeddingCache]]] = {}
        self.unavailable: dict[Model, str] = {}  # model → why

    async def get(self, model: Model) -> tuple[Encoder, EmbeddingCache]:
        """The model's encoder and the cache of what it computed. Raises ModelError, StoreError."""
        task = self._loads.get(model)
        if task is None:
            task = self._loads[model] = asyncio.create_task(self._load(model))
        try:
            return await asyncio.shield(task)
        except SemlsError:
            self._loads.pop(model, None)
            raise

    async def get_or_stand_in(self, model: Model) -> tuple[Encoder, EmbeddingCache] | None:
        """The model's encoder, else the bundled one, else None. Raises ModelError for a bad model."""
        if model not in self.unavailable:
            try:
                return await self.get(model)
            except ModelUnavailable as error:
                self.unavailable[model] = str(error)
        stand_in = bundled()
        return await self.get(stand_in) if stand_in else None

    async def look_again(self) -> bool:
        """Try for the weights that could not be had; True when some came."""
        came = False
        for model in list(self.unavailable):
            try:
                await self.get(model)
            except ModelUnavailable as error:
                self.unavailable[model] = str(error)
                continue
            except SemlsError as error:
                log.warning("%s", error)  # and whoever uses it next is told
            del self.unavailable[model]
            came = True
        return came

    async def _load(self, model: Model) -> tuple[Encoder, EmbeddingCache]:
        encoder = await asyncio.to_thread(_load, model)
        path = self._directory / f"{_file_name(model)}-{encoder.fingerprint}.sqlite"
        return encoder, await self._worker.run(Rank.VECTORS, EmbeddingCache, path)


class Engine:
    """All workspaces of a user. Lives on one event loop."""

    def __init__(self, cache_directory: Path) -> None:
        self._directory = cache_directory
        self._worker, self._chunker = Worker(), Chunker()
        self._encoders = Encoders(cache_directory / "embeddings", self._worker)
        self._indexers: dict[Path, Indexer] = {}
        self._settings: dict[Path, Settings] = {}
        self._opening = asyncio.Lock()
        self._retry: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether anything is being indexed."""
        return any(indexer.busy for indexer in self._indexers.values())

    async def index(
        self, path: str, settings: Settings, *, words_only: bool = False
    ) -> AsyncIterator[Progress]:
        """Look at all files and follow until they are catalogued (and embedded). Raises SemlsError."""
        indexer = await self._open(path, settings)
        async for progress in indexer.follow(indexer.refresh(), words_only=words_only):
            yield progress

    async def search(self, paths: Sequence[str], settings: Settings, query: Query) -> Answer:
        """The best hits in some workspaces. Raises SemlsError."""
        indexers = [await self._open(path, settings) for path in paths]
        found = await asyncio.gather(*(indexer.search(query) for indexer in indexers))
        hits = [(Path(path), hit) for path, some in zip(paths, found, strict=True) for hit in some.hits]
        hits.sort(key=lambda item: -item[1].score)
        models_used = [some.model for some in found if some.model]
        return Answer(
            query.typed,
            models_used[0] if models_used and not query.words_only else "",
            Coverage(
                sum(some.coverage.chunks for some in found), sum(some.coverage.embedded for some in found)
            ),
            tuple(hits[: query.limit]),
        )

    async def similar(
        self, path: str, settings: Settings, file: str, row: int, limit: int, *, words_only: bool = False
    ) -> Comparison:
        """What is like the chunk at a row of a file. Raises SemlsError."""
        indexer = await self._open(path, settings)
        return await indexer.similar(_inside(indexer.root, file), row, limit, words_only=words_only)

    async def context(
        self, paths: Sequence[str], settings: Settings, query: Query, budget: int
    ) -> tuple[Answer, list[Section]]:
        """What a language model should read to answer, within a budget of tokens. Raises SemlsError."""
        answer = await self.search(paths, settings, replace(query, limit=context.CANDIDATES))
        documents = {}
        for root in {root for root, _ in answer.hits}:
            indexer = await self._open(str(root), settings)
            wanted = {hit.entry.path for other, hit in answer.hits if other == root}
            documents[root] = await indexer.documents(root, wanted)
        found = [(documents[root].get(hit.entry.path), hit) for root, hit in answer.hits]
        there = [(document, hit) for document, hit in found if document and hit.entry in document.entries]
        return answer, await asyncio.to_thread(context.pack, there, budget)

    async def status(self, path: str, settings: Settings) -> tuple[Status, list[File]]:
        """A workspace's state and its skipped files. Raises SemlsError."""
        indexer = await self._open(path, settings)
        skipped = await indexer.skipped()
        status = Status(
            indexer.root,
            indexer.progress,
            indexer.view.encoder.model.name if indexer.view else "",
            self._notice(model_of(settings)),
            str(indexer.error or ""),
            dict(Counter(file.skipped for file in skipped).most_common()),
        )
        return status, skipped

    async def examine(self, settings: Settings) -> list[Finding]:
        """What the machine has of what is needed."""
        findings = await self._worker.run(Rank.WORDS, doctor.examine, self._directory, self._chunker)
        return [*findings, await self._examine_model(settings)]

    async def _examine_model(self, settings: Settings) -> Finding:
        try:
            model = model_of(settings)
            tools = await self._encoders.get_or_stand_in(model)
        except SemlsError as error:
            return Finding("model", False, str(error), "Set SEMLS_MODEL to another model.")
        name = tools[0].model.name if tools else "words alone"
        notice = self._notice(model)
        return Finding("model", not notice, name, notice)

    async def clear(self, path: str) -> None:
        """Delete a workspace's index; its vectors stay in the cache. Raises SemlsError."""
        root = _root(path)
        async with self._opening:
            indexer = self._indexers.pop(root, None)
            if indexer:
                await indexer.close()
            directory = self._home(root)
            if directory.exists():
                catalogue = await self._worker.run(Rank.WORDS, Catalogue, directory / "catalogue.sqlite")
                await self._worker.run(Rank.WORDS, catalogue.close)
                await self._worker.run(Rank.WORDS, _delete, directory)

    async def close(self) -> None:
        """Stop all work and let go of all files."""
        if self._retry:
            self._retry.cancel()
        for indexer in self._indexers.values():
            await indexer.close()
        self._indexers.clear()
        self._chunker.close()

    async def _open(self, path: str, settings: Settings) -> Indexer:
        root = _root(path)
        model_of(settings)
        async with self._opening:
            indexer = self._indexers.get(root)
            if indexer is None:
                self._settings[root] = settings
                indexer = Indexer(
                    root,
                    self._home(root),
                    self._worker,
                    self._chunker,
                    lambda: self._tools(root),
                    self._former,
                )
                await indexer.open()
                self._indexers[root] = indexer
            elif self._settings[root] != settings:
                self._settings[root] = settings
                indexer.embed()
        return indexer

    def _home(self, root: Path) -> Path:
        return self._directory / hashlib.blake2b(os.fsencode(root), digest_size=8).hexdigest()

    async def _tools(self, root: Path) -> tuple[Encoder, EmbeddingCache] | None:
        model = model_of(self._settings[root])
        tools = await self._encoders.get_or_stand_in(model)
        if model in self._encoders.unavailable and self._retry is None:
            self._retry = asyncio.create_task(self._look_again())
        return tools

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
                for indexer in self._indexers.values():
                    indexer.embed()
        self._retry = None

    def _notice(self, wanted: Model) -> str:
        why = self._encoders.unavailable.get(wanted)
        if why is None:
            return ""
        stand_in = bundled()
        instead = f"the bundled {stand_in.name} answers" if stand_in else f"words alone answer: {_OFFLINE}"
        return f"{why} Until it is, {instead}."


def model_of(settings: Settings) -> Model:
    """The model of the settings; its bundled copy where that is installed. Raises UsageError, ModelError."""
    model = models.resolve(settings.model, settings.revision)
    copy = bundled() if model.name == models.BUNDLED.name and model.revision is None else None
    return copy or model


def _load(model: Model) -> Encoder:
    prepare()
    return load(model)


def _root(path: str) -> Path:
    root = Path(os.path.realpath(path))
    if not os.path.isabs(path):
        raise UsageError(f"The workspace {path!r} is not an absolute path.")
    if not root.exists():
        raise UsageError(f"There is no folder {path}.")
    if not root.is_dir():
        raise UsageError(f"{path} is a file: name the folder that it lies in.")
    return root


def _inside(root: Path, file: str) -> str:
    """A file's path within its workspace. Raises UsageError."""
    if not os.path.isabs(file):
        raise UsageError(f"The file {file!r} is not an absolute path.")
    if not os.path.isfile(file):
        raise UsageError(f"There is no file {file}.")
    path = Path(os.path.realpath(file))
    if not path.is_relative_to(root):
        raise UsageError(f"{file} lies outside the workspace {root}.")
    return path.relative_to(root).as_posix()


def _delete(directory: Path) -> None:
    try:
        shutil.rmtree(directory)
    except OSError as error:
        raise StoreError(f"The index in {directory} cannot be deleted: {error}.") from error


def _file_name(model: Model) -> str:
    return "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in model.name)[-60:]
