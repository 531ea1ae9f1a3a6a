"""Bounds what one HTTP connection may cost the engine: bytes, time and descriptors."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

LONGEST_HEAD = 1 << 14  # bytes of a request's line and headers
_SLOWEST_HEAD = 5.0  # seconds from the connection, or from the last answer, to the end of the next head
_SLOWEST_READER = 10.0  # seconds in which a client reads nothing of an answer
_MOST_DESCRIPTORS = 8192  # below OPEN_MAX of macOS, which is 10240

BACKLOG = 256  # connections that the event loop accepts at once
MOST_PENDING = 512  # connections that have sent no complete head


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files as far as the system lets a user; return it."""
    if sys.platform == "win32":
        return _MOST_DESCRIPTORS  # Windows has no such limit
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


class Pending:
    """The connections that have sent no complete head yet, oldest first.

    Without a head there is no token. A front-end sends its head as soon as it is connected, so when there
    are too many of these connections, the oldest one is closed.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._connections: dict[Connection, None] = {}  # in the order of their coming

    def add(self, connection: "Connection") -> None:
        """Add a new connection, and close the oldest one if there are too many."""
        self._connections[connection] = None
        if len(self._connections) > self._most:
            oldest = next(iter(self._connections))
            self.discard(oldest)
            oldest.transport.abort()

    def discard(self, connection: "Connection") -> None:
        """Remove a connection that has sent a head or is closed."""
        self._connections.pop(connection, None)


class Connection(H11Protocol):
    """One HTTP/1.1 connection. h11 bounds the bytes of a head, this class its time.

    uvicorn has no such timeouts: https://github.com/Kludex/uvicorn/issues/157
    """

    def __init__(self, *, pending: Pending, **options: Any) -> None:  # noqa: ANN401 - those of uvicorn
        super().__init__(**options)
        self._pending = pending
        self._head, self._reader = _Timeout(self.loop), _Timeout(self.loop)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self._pending.add(self)
        self._head.start(_SLOWEST_HEAD, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Release what belongs to the connection."""
        self._pending.discard(self)
        self._head.cancel()
        self._reader.cancel()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Start to answer when a head is complete."""
        super().handle_events()
        if self._is_answering():
            self._pending.discard(self)
            self._head.cancel()

    def on_response_complete(self) -> None:
        """Wait for the rest of the request, and for the next head."""
        self._head.start(_SLOWEST_HEAD, self._close)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP; close the connection if an answer is under way, where h11 would raise."""
        if self._is_answering():
            self.cycle.disconnected = True
            self.transport.close()
        else:
            super().send_400_response(msg)

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self._reader.start(_SLOWEST_READER, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        super().resume_writing()
        self._reader.cancel()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _close(self) -> None:
        self.transport.close()
        self._reader.start(_SLOWEST_READER, self.transport.abort)  # the client may still read an answer


class _Timeout:
    """Calls a function after some seconds, unless it is cancelled or started again before."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    def start(self, seconds: float, act: Callable[[], None]) -> None:
        self.cancel()
        self._handle = self._loop.call_later(seconds, act)

    def cancel(self) -> None:
        if self._handle:
            self._handle.cancel()
