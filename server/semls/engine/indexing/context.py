"""Types that the modules of this package share: targets, services of the engine, stores of a workspace."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from semls.engine.models.encoder import Encoder
from semls.engine.models.presets import Model
from semls.engine.scheduler import PriorityExecutor
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.embedding_cache import EmbeddingCache
from semls.engine.syntax.parser_process import ParserProcess
from semls.engine.vector_indexes import VectorIndexes
from semls.errors import StoreCorrupted
from semls.settings import Server


@dataclass(frozen=True, slots=True)
class Target:
    """A model to embed a workspace with, and a Chroma server to store the vectors on.

    `server` is None for a store on this machine.
    """

    model: Model
    server: Server | None = None


@dataclass(frozen=True, slots=True)
class CachedEncoder:
    """An encoder and the cache of the vectors that it has computed."""

    encoder: Encoder
    cache: EmbeddingCache


class EncoderSource(Protocol):
    """Loads the encoders that workspaces need."""

    async def load_or_fallback(self, model: Model) -> CachedEncoder | None:
        """Return the encoder of a model, else that of the fallback model, else None.

        Raises ModelError when the model must not be loaded, StoreError when the cache cannot be opened.
        """
        ...

    async def load_former(self, name: str) -> Encoder | None:
        """Return the encoder of the model with which an index was built; None if it cannot be loaded."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """The executor, parser and encoders that all workspaces of an engine share."""

    executor: PriorityExecutor
    parser: ParserProcess
    encoders: EncoderSource
    embedding_allowed: asyncio.Event  # cleared while the user pauses embedding


@dataclass(frozen=True, slots=True)
class IndexContext:
    """The folder of one workspace, the open stores of its index, and the services of the engine."""

    root: Path
    catalog: Catalog
    vector_indexes: VectorIndexes
    services: Services


class Events(Protocol):
    """Receives the events of a background loop. Both methods run in the event loop and return at once."""

    def state_changed(self) -> None:
        """Handle a change of the progress, the coverage or the last error."""
        ...

    def catalog_corrupted(self, error: StoreCorrupted) -> None:
        """Handle a corrupted index database, which was quarantined and is empty now."""
        ...
