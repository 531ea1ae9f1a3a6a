"""HTTP connections to an engine, and the encoding of requests and responses."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpcore

from semls.errors import EngineError, SemlsError
from semls.service.state import EngineState

_CONNECT_TIMEOUT = 5.0  # seconds
_KEEPALIVE = 5.0  # seconds after which an idle connection is closed
_MAX_CONNECTIONS = 100

# What httpcore raises when an engine cannot be reached, dies, or is another program.
TransportErrors = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)


class HttpClient:
    """Posts JSON to an engine, with its token. httpcore never sends the token to a proxy."""

    def __init__(self, state: EngineState, timeout: float | None = None) -> None:
        """`timeout` is in seconds; without it, an answer may take any time."""
        self._url = f"http://127.0.0.1:{state.port}"
        self._headers = [("Authorization", f"Bearer {state.token}")]
        self._timeouts = {"connect": _CONNECT_TIMEOUT, "read": timeout, "write": timeout, "pool": timeout}
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=_MAX_CONNECTIONS, keepalive_expiry=_KEEPALIVE
        )

    @asynccontextmanager
    async def post(self, path: str, body: str = "") -> AsyncIterator[httpcore.Response]:
        """Yield the response to a request; it can be read until the end of the block."""
        async with self._pool.stream(
            "POST",
            self._url + path,
            headers=self._headers,
            content=body.encode(),
            extensions={"timeout": self._timeouts},
        ) as response:
            yield response

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class EngineConnection:
    """An HTTP connection to one engine that is closed after its last request.

    httpcore leaves connections open that are being established while its pool is closed.
    """

    def __init__(self, state: EngineState) -> None:
        self.state = state
        self._http = HttpClient(state)
        self._requests = 0
        self._closing = False

    @asynccontextmanager
    async def in_use(self) -> AsyncIterator[HttpClient]:
        """Keep the connection open until the end of the block."""
        self._requests += 1
        try:
            yield self._http
        finally:
            self._requests -= 1
            await self._close_if_unused()

    async def close_when_unused(self) -> None:
        """Close the connection after the requests that are using it."""
        self._closing = True
        await self._close_if_unused()

    async def _close_if_unused(self) -> None:
        if self._closing and not self._requests:
            await self._http.close()


def encode(body: Mapping[str, object]) -> str:
    """Return the JSON of a request.

    It is in ASCII: paths that are not UTF-8 have lone surrogates, which UTF-8 cannot encode.
    """
    return json.dumps(body)


async def read_answer(response: httpcore.Response) -> Any:  # noqa: ANN401 - the endpoint's type
    """Return the message of a response.

    Raises SemlsError, and RemoteProtocolError when it comes from another engine or program.
    """
    if response.status in (401, 403):
        raise httpcore.RemoteProtocolError("another engine uses its port")
    try:
        return decode(await response.aread())
    except ValueError as error:
        raise httpcore.RemoteProtocolError("another program uses its port") from error


def is_stream(response: httpcore.Response) -> bool:
    """Return whether a response has a message in each line."""
    return (b"content-type", b"application/x-ndjson") in [
        (name.lower(), value) for name, value in response.headers
    ]


async def read_messages(response: httpcore.Response) -> AsyncIterator[Any]:
    """Yield the message of each line of a response. Raises SemlsError if one is an error."""
    rest = b""
    async for part in response.aiter_stream():
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield decode(line)


def decode(content: str | bytes) -> Any:  # noqa: ANN401 - the endpoint's type
    """Return the message. Raises SemlsError if it is an error, and ValueError if it is not JSON."""
    message = json.loads(content)
    if isinstance(message, dict) and "error" in message and "message" in message:
        raise _error_types().get(message["error"], EngineError)(message["message"])
    return message


def _error_types() -> dict[str, type[SemlsError]]:
    """Return all classes of errors by their code."""
    types: dict[str, type[SemlsError]] = {}
    remaining = [SemlsError]
    while remaining:
        error_type = remaining.pop()
        types[error_type.code] = error_type
        remaining += error_type.__subclasses__()
    return types
