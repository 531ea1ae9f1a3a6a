"""HTTP connections to an engine, and the encoding of requests and responses."""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from semls.errors import EngineError, SemlsError
from semls.service.state import EngineState

_CONNECT_TIMEOUT = 5.0  # seconds

# Plain HTTP needs no certificates, and httpx would take 15 ms to load them.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def http_client(state: EngineState, timeout: float | None = None) -> httpx.AsyncClient:
    """Return an HTTP client for an engine, with its token. `timeout` is in seconds."""
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{state.port}",
        headers={"Authorization": f"Bearer {state.token}"},
        timeout=httpx.Timeout(timeout, connect=_CONNECT_TIMEOUT),
        trust_env=False,  # never send the token to a proxy
        verify=_NO_CERTIFICATES,
    )


class EngineConnection:
    """An HTTP connection to one engine that is closed after its last request.

    httpx leaves connections open that are being established while its client is closed.
    """

    def __init__(self, state: EngineState) -> None:
        self.state = state
        self._http = http_client(state)
        self._requests = 0
        self._closing = False

    @asynccontextmanager
    async def in_use(self) -> AsyncIterator[httpx.AsyncClient]:
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
            await self._http.aclose()


def encode(body: Mapping[str, object]) -> str:
    """Return the JSON of a request.

    It is in ASCII: paths that are not UTF-8 have lone surrogates, which UTF-8 cannot encode.
    """
    return json.dumps(body)


def decode_response(response: httpx.Response) -> Any:  # noqa: ANN401 - the endpoint's type
    """Return the message of a response.

    Raises SemlsError, and TransportError when it comes from another engine or program.
    """
    if response.status_code in (401, 403):
        raise httpx.RemoteProtocolError("another engine uses its port")
    try:
        return decode(response.content)
    except ValueError as error:
        raise httpx.RemoteProtocolError("another program uses its port") from error


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
