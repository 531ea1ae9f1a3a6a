"""Loads encoders for the workspaces from the registry, and retries models that are unavailable."""

import asyncio
import logging
from collections.abc import Callable

from semls.engine.indexing.context import CachedEncoder
from semls.engine.models.encoder import Encoder
from semls.engine.models.presets import Model
from semls.engine.models.registry import EncoderRegistry, model_from_settings
from semls.errors import SemlsError
from semls.settings import Settings

log = logging.getLogger(__name__)

_RETRY_INTERVAL = 300.0  # seconds between two attempts to load the models that are unavailable


class RetryingEncoderSource:
    """An `EncoderSource` that uses the registry, and regularly tries to load unavailable models again."""

    def __init__(self, registry: EncoderRegistry, on_available: Callable[[], None]) -> None:
        """Call `on_available` when a model that was unavailable can be loaded."""
        self._registry, self._on_available = registry, on_available
        self._retries: asyncio.Task[None] | None = None

    async def load_or_fallback(self, model: Model) -> CachedEncoder | None:
        """Return the encoder of a model, else that of the fallback model, else None.

        Raises ModelError when the model must not be loaded, StoreError when the cache cannot be opened.
        """
        found = await self._registry.get_or_fallback(model)
        if model in self._registry.unavailable and self._retries is None:
            self._retries = asyncio.create_task(self._retry())
        return CachedEncoder(*found) if found else None

    async def load_former(self, name: str) -> Encoder | None:
        """Return the encoder of the model with which an index was built; None if it cannot be loaded."""
        try:
            model = await asyncio.to_thread(model_from_settings, Settings(model=name))
            encoder, _ = await self._registry.get(model)
        except SemlsError as error:
            log.warning("The vectors of the former model %s are not used: %s", name, error)
            return None
        return encoder

    def close(self) -> None:
        """Stop the retries."""
        if self._retries:
            self._retries.cancel()

    async def _retry(self) -> None:
        while self._registry.unavailable:
            await asyncio.sleep(_RETRY_INTERVAL)
            if await self._registry.retry_unavailable():
                self._on_available()
        self._retries = None
