"""Benchmarks on disk, and the indexes of their repositories."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from semls.engine.indexing.context import CachedEncoder, Services, Target
from semls.engine.indexing.vector_sync import VectorSync
from semls.engine.models.presets import Model
from semls.engine.models.registry import EncoderRegistry, model_from_settings
from semls.engine.scheduler import Priority, PriorityExecutor
from semls.engine.storage.catalog import Catalog
from semls.engine.syntax.parser_process import ParserProcess
from semls.engine.workspace import Workspace
from semls.settings import Settings
from tests.bench.metrics import Row, half_of

_MAX_CACHE_BYTES = 16 << 30


@dataclass(frozen=True)
class Repository:
    """A repository of a benchmark, with the queries to run on it."""

    benchmark: str
    name: str
    language: str
    root: str  # the folder that is searched, relative to the checkout
    checkout: Path
    items: list[Row]  # queries with their targets, as in annotations/NAME.json, and with their `half`


@dataclass(frozen=True)
class Index:
    """An open index of a repository. `summary` has its size, and the seconds that it took."""

    workspace: Workspace
    sync: VectorSync
    catalog: Catalog
    summary: Row


def read_repositories(
    folders: Sequence[Path], only: Sequence[str] = (), half: str | None = None
) -> list[Repository]:
    """Return the repositories of benchmarks: those with the name or language `only`, or all.

    Each has its queries, or those of one half. Exits if two benchmarks have the same name.
    """
    resolved = [folder.resolve() for folder in folders]
    if len({folder.name for folder in resolved}) < len(resolved):
        sys.exit("Two benchmarks have the same name. Rename a folder: its name identifies the benchmark.")
    return [repository for folder in resolved for repository in _repositories(folder, only, half)]


def _repositories(folder: Path, only: Sequence[str], half: str | None) -> Iterator[Repository]:
    """Yield the selected repositories of a benchmark, each with the queries of the half."""
    rows = json.loads((folder / "repos.json").read_text("utf-8"))
    for row in rows:
        name = row["name"]
        if only and not {name, row["language"]}.intersection(only):
            continue
        items = json.loads((folder / "annotations" / f"{name}.json").read_text("utf-8"))
        for item in items:
            item["half"] = half_of(name if len(rows) > 1 else item["query"])
        selected = [item for item in items if half in (None, item["half"])]
        if selected:
            root = row.get("benchmark_root") or ""
            yield Repository(folder.name, name, row["language"], root, folder / "checkouts" / name, selected)


class Bench:
    """Indexes repositories as the engine does. `model` is the name of a model, "" for none."""

    def __init__(self, cache: Path, model: str, *, whole: bool = False) -> None:
        self.executor = PriorityExecutor()
        self._cache, self._model, self._whole = cache, model, whole
        self._registry = EncoderRegistry(cache / "embeddings", self.executor, _MAX_CACHE_BYTES, lambda: None)
        embedding_allowed = asyncio.Event()
        embedding_allowed.set()
        self._services = Services(self.executor, ParserProcess(), self, embedding_allowed)

    async def aclose(self) -> None:
        """End the parser process and close the caches."""
        self._services.parser.close()
        await self._registry.close()

    @asynccontextmanager
    async def index(self, repository: Repository) -> AsyncIterator[Index]:
        """Index a repository, and keep the index open."""
        root = repository.checkout / ("" if self._whole else repository.root)
        name = f"{repository.name}-{'whole' if self._whole else 'root'}"
        directory = self._cache / repository.benchmark / name
        target = Target(model_from_settings(Settings(model=self._model)))
        start = time.perf_counter()
        workspace = await Workspace.open(root.resolve(strict=True), directory, self._services, target)
        indexer = workspace.indexer
        sync = indexer.vector_sync(None)
        async for _ in indexer.follow(indexer.refresh(), sync):
            pass
        progress = indexer.progress(sync)
        summary = {
            "benchmark": repository.benchmark,
            "repository": repository.name,
            "files": progress.files,
            "chunks": progress.coverage.chunks,
            "encoded": progress.encoded,
            "seconds": round(time.perf_counter() - start, 1),
        }
        catalog = await self.executor.run(Priority.SEARCH, Catalog, directory / "index.sqlite")
        yield Index(workspace, sync, catalog, summary)
        await self.executor.run(Priority.SEARCH, catalog.close)
        await workspace.close()

    async def load_or_fallback(self, model: Model) -> CachedEncoder | None:
        """Return the encoder of a model; None if the benchmark uses lexical search alone."""
        return CachedEncoder(*await self._registry.get(model)) if self._model else None

    async def load_former(self, name: str) -> None:
        """Return None: no other model answers while the vectors are incomplete."""
