"""HTTP connections that bound what one client can cost the engine: bytes, time and file descriptors."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_HEAD_BYTES = 1 << 14  # of the request line and the headers
# Connections that the event loop accepts at once. It does so about three times before the first of them are
# made and can be closed, and all of them together must leave descriptors free.
BACKLOG = 128
MAX_PENDING = 512  # connections that have not sent a complete head

_HEAD_TIMEOUT = 5.0  # seconds from the connection, or from the last response, to the end of the next head
_READ_TIMEOUT = 10.0  # seconds in which a client reads nothing of a response
_MAX_DESCRIPTORS = 8192  # below OPEN_MAX of macOS, which is 10240


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files as far as the system allows, and return it."""
    if sys.platform == "win32":
        return _MAX_DESCRIPTORS  # Windows has no such limit
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


class PendingConnections:
    """The connections that have not sent a complete head, oldest first.

    The token comes with the head. A front-end sends its head as soon as it is connected, so the oldest of too
    many pending connections does not belong to one and is closed.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._connections: dict[Connection, None] = {}  # an ordered set

    def add(self, connection: "Connection") -> None:
        """Add a new connection, and close the oldest one if there are too many."""
        self._connections[connection] = None
        if len(self._connections) > self._limit:
            oldest = next(iter(self._connections))
            self.discard(oldest)
            oldest.transport.abort()

    def discard(self, connection: "Connection") -> None:
        """Remove a connection that has sent a head or was closed."""
        self._connections.pop(connection, None)


class Connection(H11Protocol):
    """An HTTP/1.1 connection with timeouts; h11 bounds the bytes of a head.

    uvicorn has no such timeouts: https://github.com/Kludex/uvicorn/issues/157
    """

    def __init__(self, *, pending: PendingConnections, **options: Any) -> None:  # noqa: ANN401 - those of uvicorn
        super().__init__(**options)
        self._pending = pending
        self._head_timer, self._read_timer = _Timer(self.loop), _Timer(self.loop)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timeout of the first head."""
        super().connection_made(transport)
        self._pending.add(self)
        self._head_timer.start(_HEAD_TIMEOUT, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timeouts."""
        self._pending.discard(self)
        self._head_timer.cancel()
        self._read_timer.cancel()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Cancel the timeout of the head when it is complete."""
        super().handle_events()
        if self._is_responding():
            self._pending.discard(self)
            self._head_timer.cancel()

    def on_response_complete(self) -> None:
        """Start the timeout for the rest of the request and for the next head."""
        self._head_timer.start(_HEAD_TIMEOUT, self._close)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP; during a response, where h11 would raise, only close the connection."""
        if self._is_responding():
            self.cycle.disconnected = True
            self.transport.close()
        else:
            super().send_400_response(msg)

    def pause_writing(self) -> None:
        """Start the timeout of a client that does not read."""
        super().pause_writing()
        self._read_timer.start(_READ_TIMEOUT, self.transport.abort)

    def resume_writing(self) -> None:
        """Cancel the timeout of a client that has read."""
        super().resume_writing()
        self._read_timer.cancel()

    def _is_responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _close(self) -> None:
        self.transport.close()
        self._read_timer.start(_READ_TIMEOUT, self.transport.abort)  # the client may still read a response


class _Timer:
    """Calls a function after some seconds, unless it is cancelled or started again before."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    def start(self, seconds: float, callback: Callable[[], None]) -> None:
        self.cancel()
        self._handle = self._loop.call_later(seconds, callback)

    def cancel(self) -> None:
        if self._handle:
            self._handle.cancel()
