"""Opens and closes workspaces, one operation at a time for each; a cancelled request does not stop it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from semls.engine.workspace import Workspace
from semls.errors import EngineError


class Workspaces:
    """The open workspaces by their root.

    Each is opened and closed in a separate task, which continues when the request that waits for it is
    cancelled. Methods are called in the event loop.
    """

    def __init__(self, open_workspace: Callable[[Path], Awaitable[Workspace]]) -> None:
        self._open_workspace = open_workspace
        self._open: dict[Path, Workspace] = {}
        self._opening: dict[Path, asyncio.Task[None]] = {}
        self._closing: dict[Path, asyncio.Task[None]] = {}
        self._stopped = False

    def __iter__(self) -> Iterator[Workspace]:
        """Iterate over the open workspaces. They may be opened and closed during the iteration."""
        return iter(list(self._open.values()))

    @property
    def opening(self) -> list[Path]:
        """The roots of the workspaces that are being opened."""
        return list(self._opening)

    def get(self, root: Path) -> Workspace | None:
        """Return a workspace if it is open."""
        return self._open.get(root)

    @asynccontextmanager
    async def use(self, root: Path) -> AsyncIterator[Workspace]:
        """Open a workspace unless it is open, and keep it open within the block. Raises SemlsError."""
        while (workspace := self._open.get(root)) is None:
            await self._ensure(root)
        async with workspace.reading():
            yield workspace

    async def close(self, root: Path, then: Callable[[], Awaitable[None]] | None = None) -> None:
        """Close a workspace if it is open, then await `then`; it can be opened again after that.

        Raises what `then` raises.
        """
        while change := self._opening.get(root) or self._closing.get(root):
            await asyncio.wait({change})
        closing = self._close(self._open.pop(root, None), then)
        await asyncio.shield(self._begin(self._closing, root, closing))

    async def close_all(self) -> None:
        """Close all workspaces, and open none from now on."""
        self._stopped = True
        await asyncio.gather(*map(self.close, {*self._open, *self._opening, *self._closing}))

    async def _ensure(self, root: Path) -> None:
        """Wait until a workspace that is being opened or closed is so; otherwise open it."""
        if closing := self._closing.get(root):
            await asyncio.wait({closing})
        elif opening := self._opening.get(root):
            await asyncio.shield(opening)
        elif self._stopped:
            raise EngineError("The engine is stopping. Try again.")
        else:
            await asyncio.shield(self._begin(self._opening, root, self._start(root)))

    async def _start(self, root: Path) -> None:
        self._open[root] = await self._open_workspace(root)

    async def _close(self, workspace: Workspace | None, then: Callable[[], Awaitable[None]] | None) -> None:
        if workspace:
            await workspace.close()
        if then:
            await then()

    @staticmethod
    def _begin(
        changes: dict[Path, asyncio.Task[None]], root: Path, change: Coroutine[None, None, None]
    ) -> asyncio.Task[None]:
        """Start a change in a task. `changes` contains the task until it has ended."""
        task = changes[root] = asyncio.create_task(change)
        task.add_done_callback(lambda _: changes.pop(root))
        return task
