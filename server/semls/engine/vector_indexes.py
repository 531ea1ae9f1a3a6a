"""The vector indexes of one workspace, which are shared by its vector syncs."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Collection, Sequence
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

_MAX_UNREFERENCED = 1000  # vectors without a chunk for which a store is never rebuilt
_COPIED_AT_ONCE = 100  # vectors: Chroma takes about 2 ms to write each


@dataclass(eq=False, slots=True)
class _OpenIndex:
    index: VectorIndex
    users: set[object] = field(default_factory=set)
    usable: bool = False  # False until it is open, after a failure, and while it is closed


class VectorIndexes:
    """Opens and closes the stores of one workspace.

    Stores are opened one at a time, because two Chroma clients on one directory lose vectors. An open store
    stays in `_open` until it is closed, so a cancelled caller leaves none behind. Methods are called in the
    event loop.
    """

    def __init__(
        self, directory: Path, repository: str, catalog: Catalog, executor: PriorityExecutor
    ) -> None:
        """Keep local stores below `directory`; `repository` names the collection on a server."""
        self._directory, self._repository = directory, repository
        self._catalog, self._executor = catalog, executor
        self._open = list[_OpenIndex]()
        self._locks = defaultdict[Server | None, asyncio.Lock](asyncio.Lock)  # None: stores on this machine

    async def acquire(self, user: object, encoder: Encoder, server: Server | None) -> VectorIndex:
        """Return an encoder's index, and keep it open until the user releases it. Raises StoreError."""
        async with self._locks[server]:
            entry = self._find(encoder.fingerprint, server)
            if entry and not entry.usable:
                await self._close(entry)
                entry = None
            if entry is None:
                entry = await self._open_index(encoder, server)
            entry.users.add(user)
            return entry.index

    async def release(self, user: object, index: VectorIndex) -> None:
        """Close an index when its last user has released it."""
        async with self._locks[index.server]:
            for entry in [entry for entry in self._open if entry.index is index]:
                entry.users.discard(user)
                if not entry.users:
                    await self._close(entry)

    def invalidate(self, index: VectorIndex) -> None:
        """Note that a store has failed: when it is next acquired, it is opened again, which checks it."""
        for entry in self._open:
            if entry.index is index:
                entry.usable = False

    async def prune(self) -> set[str]:
        """Delete the local stores that are not open. Return the models of the open indexes.

        Raises StoreError.
        """
        async with self._locks[None]:
            kept = {entry.index.encoder.fingerprint for entry in self._open if not entry.index.server}
            await self._executor.run(Priority.SEMANTIC, _discard_others, self._directory, kept)
            return {entry.index.encoder.model.name for entry in self._open}

    async def compact(self, index: VectorIndex, referenced: int) -> None:
        """Rebuild a local store if most of its vectors belong to no chunk any more. Raises StoreError.

        `referenced` is the number of chunks that have a vector. Chroma does not free the space of deleted
        vectors, so the others are copied into a new store, which replaces the old one.
        """
        store = index.vectors
        if not isinstance(store, LocalVectors) or len(store) < 2 * referenced + _MAX_UNREFERENCED:
            return
        async with self._locks[None]:
            hashes = await self._executor.run(
                Priority.SEMANTIC, self._catalog.embedded.referenced, index.name
            )
            copy = await opened(self._executor.run(Priority.SEMANTIC, store.create_replacement))
            try:
                for start in range(0, len(hashes), _COPIED_AT_ONCE):
                    batch = hashes[start : start + _COPIED_AT_ONCE]
                    await self._executor.run(Priority.SEMANTIC, _copy, store, copy, batch)
                await self._executor.run(Priority.SEMANTIC, store.replace_with, copy)
            finally:
                await asyncio.shield(self._executor.run(Priority.SEARCH, copy.close))
            await self._executor.run(Priority.SEMANTIC, self._catalog.embedded.replace, index.name, hashes)

    async def close(self) -> None:
        """Close all indexes, also those that vector syncs still use."""
        for entry in list(self._open):
            await self._close(entry)

    def _find(self, fingerprint: str, server: Server | None) -> _OpenIndex | None:
        for entry in self._open:
            if (entry.index.encoder.fingerprint, entry.index.server) == (fingerprint, server):
                return entry
        return None

    async def _open_index(self, encoder: Encoder, server: Server | None) -> _OpenIndex:
        if server:
            remote = RemoteExecutor()
            opening = remote.run(Priority.SEMANTIC, _open_remote, server, self._repository, encoder)
            vectors = await opened(opening, wait=False)
            index = VectorIndex(encoder, vectors, executor=remote, server=server)
        else:
            # Not in the executor, because opening hundreds of thousands of vectors takes seconds.
            store = await opened(asyncio.to_thread(_open_local, self._directory, encoder))
            index = VectorIndex(encoder, store, executor=self._executor)
        entry = _OpenIndex(index)
        self._open.append(entry)
        await self._executor.run(Priority.SEMANTIC, self._catalog.embedded.replace, index.name, ())
        entry.usable = True
        return entry

    async def _close(self, entry: _OpenIndex) -> None:
        entry.usable = False
        with contextlib.suppress(StoreError):
            await entry.index.close()
        self._open.remove(entry)


def _open_local(directory: Path, encoder: Encoder) -> LocalVectors:
    return LocalVectors(
        directory / "vectors" / encoder.fingerprint,
        fingerprint=encoder.fingerprint,
        model=encoder.model.name,
        dimension=encoder.model.dimension,
    )


def _open_remote(server: Server, repository: str, encoder: Encoder) -> RemoteVectors:
    return RemoteVectors(
        server,
        repository,
        fingerprint=encoder.fingerprint,
        model=encoder.model.name,
        dimension=encoder.model.dimension,
    )


def _copy(store: LocalVectors, copy: LocalVectors, hashes: Sequence[str]) -> None:
    copy.upsert(store.get(hashes))


def _discard_others(directory: Path, kept: Collection[str]) -> None:
    for path in (directory / "vectors").glob("*"):
        if path.name not in kept:
            delete_store(path)
