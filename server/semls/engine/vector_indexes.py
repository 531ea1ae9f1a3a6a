"""The open vector stores of a workspace: each is opened once, however many vector syncs use it."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from semls.engine.models.encoder import Encoder
from semls.engine.scheduler import Priority, PriorityExecutor, RemoteExecutor, opened
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.vectors_local import LocalVectors, delete_store
from semls.engine.storage.vectors_remote import RemoteVectors
from semls.engine.vector_index import VectorIndex
from semls.errors import StoreError
from semls.settings import Server


@dataclass(eq=False, slots=True)
class _Open:
    view: VectorIndex
    users: set[object] = field(default_factory=set)
    usable: bool = False  # False before it is ready, after a failure, and while it is closed


class VectorIndexes:
    """Opens and closes stores, one at a time: two Chroma clients on one directory lose vectors.

    A cancelled caller leaves no store behind: what is open is listed here until it is closed.
    """

    def __init__(
        self, directory: Path, repository: str, catalog: Catalog, executor: PriorityExecutor
    ) -> None:
        self._directory, self._repository = directory, repository
        self._catalog, self._executor = catalog, executor
        self._open = list[_Open]()
        self._turns = defaultdict[Server | None, asyncio.Lock](asyncio.Lock)

    async def take(self, user: object, encoder: Encoder, server: Server | None) -> VectorIndex:
        """Open an encoder's store unless it is open, and keep it open for a user. Raises StoreError."""
        async with self._turns[server]:
            one = self._find(encoder.fingerprint, server)
            if one and not one.usable:
                await self._close(one)
                one = None
            if one is None:
                one = await self._start(encoder, server)
            one.users.add(user)
            return one.view

    async def release(self, user: object, view: VectorIndex) -> None:
        """Close a store when its last user has released it."""
        async with self._turns[view.server]:
            for one in [one for one in self._open if one.view is view]:
                one.users.discard(user)
                if not one.users:
                    await self._close(one)

    def distrust(self, view: VectorIndex) -> None:
        """Have a store that failed opened and examined again when it is next taken."""
        for one in self._open:
            if one.view is view:
                one.usable = False

    def alone(self) -> asyncio.Lock:
        """A lock under which no store on this machine is opened or closed."""
        return self._turns[None]

    async def prune(self) -> set[str]:
        """Delete the stores on this machine that are not open; the models of those that are.

        Raises StoreError.
        """
        async with self.alone():
            kept = {one.view.encoder.fingerprint for one in self._open if not one.view.server}
            await self._executor.run(Priority.SEMANTIC, _discard_others, self._directory, kept)
            return {one.view.encoder.model.name for one in self._open}

    async def close(self) -> None:
        """Close all stores."""
        for one in list(self._open):
            await self._close(one)

    def _find(self, fingerprint: str, server: Server | None) -> _Open | None:
        for one in self._open:
            if (one.view.encoder.fingerprint, one.view.server) == (fingerprint, server):
                return one
        return None

    async def _start(self, encoder: Encoder, server: Server | None) -> _Open:
        if server:
            executor = RemoteExecutor()
            step = executor.run(Priority.SEMANTIC, _open_on, server, self._repository, encoder)
            view = VectorIndex(encoder, await opened(step, wait=False), executor, server)
        else:
            # Beside the executor: it takes seconds where there are hundreds of thousands of vectors.
            store = await opened(asyncio.to_thread(_open_in, self._directory, encoder))
            view = VectorIndex(encoder, store, self._executor)
        one = _Open(view)
        self._open.append(one)
        await self._executor.run(Priority.SEMANTIC, self._catalog.embedded.replace, view.name, ())
        one.usable = True
        return one

    async def _close(self, one: _Open) -> None:
        one.usable = False
        with contextlib.suppress(StoreError):
            await one.view.close()
        self._open.remove(one)


def _open_in(directory: Path, encoder: Encoder) -> LocalVectors:
    path = directory / "vectors" / encoder.fingerprint
    return LocalVectors(path, encoder.fingerprint, encoder.model.name, encoder.model.dimension)


def _open_on(server: Server, repository: str, encoder: Encoder) -> RemoteVectors:
    return RemoteVectors(server, repository, encoder.fingerprint, encoder.model.name, encoder.model.dimension)


def _discard_others(directory: Path, kept: Collection[str]) -> None:
    for path in (directory / "vectors").glob("*"):
        if path.name not in kept:
            delete_store(path)
