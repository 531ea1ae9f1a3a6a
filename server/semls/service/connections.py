"""Bounds what one HTTP connection may cost the engine: bytes, time and descriptors."""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

LONGEST_HEAD = 1 << 14  # bytes of a request's line and headers
_SLOWEST_HEAD = 5.0  # seconds from the connection, or from the last answer, to the end of the next head
_SLOWEST_READER = 10.0  # seconds in which a client reads nothing of an answer


class Connection(H11Protocol):
    """One HTTP/1.1 connection. h11 bounds the bytes of a head, this class its time.

    uvicorn has no such timeouts: https://github.com/Kludex/uvicorn/issues/157
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - those of uvicorn
        super().__init__(**options)
        self._head, self._reader = _Timeout(self.loop), _Timeout(self.loop)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self._head.start(_SLOWEST_HEAD, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Release what belongs to the connection."""
        self._head.cancel()
        self._reader.cancel()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Start to answer when a head is complete."""
        super().handle_events()
        if self._is_answering():
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
