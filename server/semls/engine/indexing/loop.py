"""Background loops that run a job whenever they are woken, and retry it after a failure."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from semls.engine.indexing.context import Events
from semls.errors import EngineError, SemlsError, StoreCorrupted, StoreError

log = logging.getLogger(__name__)

_RETRY_DELAY = 30.0  # seconds


def retry_later(call: Callable[[], None]) -> None:
    """Schedule a call after the retry delay. Needs a running event loop."""
    asyncio.get_running_loop().call_later(_RETRY_DELAY, call)


class Loop:
    """Runs a job in a separate task whenever `wake` is called, and keeps the error of the last run.

    Needs a running event loop. Jobs never overlap.
    """

    def __init__(self, name: str, job: Callable[[], Awaitable[None]], events: Events) -> None:
        self.error: SemlsError | None = None  # of the last run
        self.is_running = False  # or will run as soon as it can
        self._name, self._job, self._events = name, job, events
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Run the job; if it is running, run it again afterwards."""
        self.is_running = True
        self._wake.set()

    async def stop(self) -> None:
        """Cancel the job and wait until it has ended. Tasks that it gave to an executor run to their end."""
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._job()
                self.error = None
            except StoreCorrupted as error:
                self._events.catalog_corrupted(error)
            except (StoreError, EngineError) as error:  # may pass: a full disk, a server that is down
                self.error = error
                retry_later(self.wake)
            except SemlsError as error:
                self.error = error
            except Exception:
                log.exception("%s failed", self._name)
                self.error = EngineError(f"{self._name} failed: the engine's log has the details.")
                retry_later(self.wake)
            self.is_running = self._wake.is_set()
            self._events.state_changed()
