"""Opens and closes workspaces: one change of a workspace at a time, each carried through to its end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from semls.engine.workspace import Workspace
from semls.errors import EngineError


class Workspaces:
    """The open workspaces, by their folder.

    Openings and closings are tasks of their own: when a request that waits for one is cancelled, it goes on.
    """

    def __init__(self, make: Callable[[Path], Workspace]) -> None:
        self._make = make
        self._open: dict[Path, Workspace] = {}
        self._opening: dict[Path, asyncio.Task[None]] = {}
        self._closing: dict[Path, asyncio.Task[None]] = {}
        self._ended = False

    def __iter__(self) -> Iterator[Workspace]:
        """Iterate over the open workspaces."""
        return iter(list(self._open.values()))

    @property
    def opening(self) -> list[Path]:
        """The folders that are being opened."""
        return list(self._opening)

    def get(self, root: Path) -> Workspace | None:
        """Return a workspace if it is open."""
        return self._open.get(root)

    @asynccontextmanager
    async def use(self, root: Path) -> AsyncIterator[Workspace]:
        """Open a workspace if it is not open, and keep it open until the block ends. Raises SemlsError."""
        while (workspace := self._open.get(root)) is None:
            await self._ensure(root)
        async with workspace.reading():
            yield workspace

    async def close(self, root: Path, then: Callable[[], Awaitable[None]] | None = None) -> None:
        """Close a workspace if it is open, and open it again only when `then` has ended.

        Raises what `then` raises.
        """
        while change := self._opening.get(root) or self._closing.get(root):
            await asyncio.wait({change})
        await asyncio.shield(self._begin(self._closing, root, self._close(self._open.pop(root, None), then)))

    async def close_all(self) -> None:
        """Close all workspaces and open none any more."""
        self._ended = True
        await asyncio.gather(*map(self.close, {*self._open, *self._opening, *self._closing}))

    async def _ensure(self, root: Path) -> None:
        """Wait until a workspace is open or closed, whichever is under way; open it if neither is."""
        if closing := self._closing.get(root):
            await asyncio.wait({closing})
        elif opening := self._opening.get(root):
            await asyncio.shield(opening)
        elif self._ended:
            raise EngineError("The engine is stopping. Try again.")
        else:
            await asyncio.shield(self._begin(self._opening, root, self._start(root)))

    async def _start(self, root: Path) -> None:
        workspace = self._make(root)
        await workspace.open()
        self._open[root] = workspace

    async def _close(self, workspace: Workspace | None, then: Callable[[], Awaitable[None]] | None) -> None:
        if workspace:
            await workspace.close()
        if then:
            await then()

    @staticmethod
    def _begin(
        changes: dict[Path, asyncio.Task[None]], root: Path, change: Coroutine[None, None, None]
    ) -> asyncio.Task[None]:
        task = changes[root] = asyncio.create_task(change)
        task.add_done_callback(lambda _: changes.pop(root))
        return task
