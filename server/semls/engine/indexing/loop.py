"""Work that is repeated whenever there is something to do."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from semls.errors import EngineError, SemlsError, StoreCorrupted, StoreError

log = logging.getLogger(__name__)

_AGAIN = 30.0  # seconds after which what failed is tried again


def later(call: Callable[[], None]) -> None:
    """Call something when what failed may work again."""
    asyncio.get_running_loop().call_later(_AGAIN, call)


class Loop:
    """Runs some work whenever it is woken, in a task of its own, and keeps the error when it fails."""

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[None]],
        corrupted: Callable[[StoreCorrupted], None],
        tell: Callable[[], None],
    ) -> None:
        self.error: SemlsError | None = None
        self._name, self._work, self._corrupted, self._tell = name, work, corrupted, tell
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Let the work run, once more if it runs now."""
        self._wake.set()

    async def stop(self) -> None:
        """End the task after the step under way."""
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._work()
                self.error = None
            except StoreCorrupted as error:
                self._corrupted(error)
            except (StoreError, EngineError) as error:  # a full disk, a server that is down: for the moment
                self.error = error
                later(self.wake)
            except SemlsError as error:
                self.error = error
            except Exception:
                log.exception("%s failed", self._name)
                self.error = EngineError(f"{self._name} failed: the engine's log has the details.")
                later(self.wake)
            self._tell()
