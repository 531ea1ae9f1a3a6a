"""The registry of loaded encoders, which all workspaces share, with a fallback for unavailable models."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from semls.engine.models import memory, presets
from semls.engine.models.download import OnProgress, locate
from semls.engine.models.encoder import Encoder, HashingEncoder
from semls.engine.models.presets import FALLBACK, HASHING, Model, is_static
from semls.engine.models.static_encoder import StaticEncoder
from semls.engine.models.transformers_encoder import TransformersEncoder
from semls.engine.models.tuned_variants import TunedVariants
from semls.engine.scheduler import Priority, PriorityExecutor, opened
from semls.engine.storage.embedding_cache import EmbeddingCache
from semls.engine.storage.vectors_local import preload
from semls.errors import ModelUnavailable, SemlsError
from semls.settings import DEFAULT_MODEL, Settings

log = logging.getLogger(__name__)

_MAX_NAME_LENGTH = 60  # characters of a model's name in a file name


class EncoderRegistry:
    """Loads each encoder once, together with the cache of its embeddings.

    All methods run in the event loop. `on_progress` is called there when a download proceeds.
    """

    def __init__(
        self,
        directory: Path,
        executor: PriorityExecutor,
        max_cache_bytes: int,
        on_progress: Callable[[], None],
    ) -> None:
        self._directory, self._executor = directory, executor
        self._max_cache_bytes, self._on_progress = max_cache_bytes, on_progress
        self._loads: dict[Model, asyncio.Task[tuple[Encoder, EmbeddingCache]]] = {}
        self.unavailable: dict[Model, str] = {}  # model → the reason
        self.downloads: dict[Model, tuple[int, int]] = {}  # model → downloaded bytes, total bytes

    async def get(self, model: Model) -> tuple[Encoder, EmbeddingCache]:
        """Return the encoder of a model and the cache of its embeddings; load them if necessary.

        A cancelled call does not cancel the load. Raises ModelError, StoreError.
        """
        task = self._loads.get(model)
        if task is None:
            task = self._loads[model] = asyncio.create_task(self._load(model))
            task.add_done_callback(partial(self._forget_failure, model))
        return await asyncio.shield(task)

    async def get_or_fallback(self, model: Model) -> tuple[Encoder, EmbeddingCache] | None:
        """Return what `get` returns, for the fallback model if `model` is unavailable, else None.

        Raises ModelError for a model that cannot be loaded, and StoreError.
        """
        for candidate in (model, FALLBACK):
            if candidate not in self.unavailable:
                try:
                    return await self.get(candidate)
                except ModelUnavailable as error:
                    self.unavailable[candidate] = str(error)
        return None

    async def retry_unavailable(self) -> bool:
        """Try to load the unavailable models again. Return whether any has become available."""
        has_changed = False
        for model in list(self.unavailable):
            if model == FALLBACK and has_changed:  # it may not be needed any more
                del self.unavailable[model]
                continue
            try:
                await self.get(model)
            except ModelUnavailable as error:
                self.unavailable[model] = str(error)
                continue
            except SemlsError as error:
                log.warning("%s", error)  # the next caller of `get` receives it
            del self.unavailable[model]
            has_changed = True
        return has_changed

    @property
    def loading(self) -> list[Model]:
        """The models that are being loaded or downloaded."""
        return [model for model, task in self._loads.items() if not task.done()]

    def fallback_notice(self, model: Model) -> str:
        """Return a sentence that says why a model is unavailable and what is used instead, or ""."""
        cause = self.unavailable.get(model)
        if cause is None:
            return ""
        if FALLBACK not in self.unavailable:
            return f"{cause} Until it is available, the small model {FALLBACK.name} is used."
        return (
            f"{cause} Until it is available, search is lexical only: "
            "connect to the internet once, or set SEMLS_MODEL to a folder with a model."
        )

    async def close(self) -> None:
        """Close all caches. Loads in progress are cancelled."""
        for task in list(self._loads.values()):
            task.cancel()
        await asyncio.gather(*self._loads.values(), return_exceptions=True)
        for task in self._loads.values():  # those that were done; the callback has removed the others
            _, cache = task.result()
            await self._executor.run(Priority.SEMANTIC, cache.close)

    async def _load(self, model: Model) -> tuple[Encoder, EmbeddingCache]:
        loop = asyncio.get_running_loop()

        def on_progress(done: int, total: int) -> None:
            loop.call_soon_threadsafe(self._record_progress, model, done, total)

        try:
            encoder = await _run_in_temporary_thread(
                partial(_load_with_libraries, model, on_progress, TunedVariants(self._directory))
            )
        finally:
            self.downloads.pop(model, None)
        path = self._directory / cache_file_name(encoder)
        opening = self._executor.run(
            Priority.SEMANTIC, EmbeddingCache, path, encoder.fingerprint, self._max_cache_bytes
        )
        return encoder, await opened(opening)

    def _forget_failure(self, model: Model, task: "asyncio.Task[tuple[Encoder, EmbeddingCache]]") -> None:
        if task.cancelled() or task.exception():
            del self._loads[model]  # the next call of `get` tries again

    def _record_progress(self, model: Model, done: int, total: int) -> None:
        # The hub's client reports received and written bytes separately: the larger numbers count.
        known_done, known_total = self.downloads.get(model, (0, 0))
        self.downloads[model] = max(known_done, done), max(known_total, total)
        self._on_progress()


def load_encoder(
    model: Model, on_progress: OnProgress | None = None, variants: TunedVariants | None = None
) -> Encoder:
    """Load the encoder of a model; a download may take minutes. Raises ModelError, ModelUnavailable."""
    if model == HASHING:
        return HashingEncoder()
    folder = locate(model, on_progress)
    if is_static(folder):
        return StaticEncoder(model, folder)
    return TransformersEncoder(model, folder, variants)


def model_from_settings(settings: Settings) -> Model:
    """Return the model that the settings name. Raises UsageError, ModelError."""
    return presets.resolve(settings.model or DEFAULT_MODEL, settings.revision)


def cache_file_name(encoder: Encoder) -> str:
    """Return the file name of an encoder's embedding cache."""
    safe = "".join(char if char.isalnum() or char in ".-" else "-" for char in encoder.model.name)
    return f"{safe[-_MAX_NAME_LENGTH:]}-{encoder.fingerprint}.sqlite"


def _load_with_libraries(model: Model, on_progress: OnProgress, variants: TunedVariants) -> Encoder:
    with memory.gc_frozen():
        preload()
    return load_encoder(model, on_progress, variants)


async def _run_in_temporary_thread(load: Callable[[], Encoder]) -> Encoder:
    """Run `load` in a thread that ends afterwards.

    A thread in which torch has computed keeps a pool of OpenMP threads while it lives. With more OpenMP
    threads than cores, all of them sleep between two operations, and queries in the executor's thread take
    half as long again.
    """
    thread = ThreadPoolExecutor(1, "loader")
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, load)
    finally:
        thread.shutdown(wait=False)
