"""Refuses requests without the token, requests of web pages, and bodies that are too long or too slow."""

import asyncio
import secrets

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from semls.errors import EngineError, UsageError
from semls.service.responses import refusal

_MAX_BODY_BYTES = 1 << 20
_BODY_TIMEOUT = 5.0  # seconds from the end of the head to the end of the body


class Guard:
    """Middleware that passes only requests with the engine's token on to the application.

    A web page must not reach the engine even if it knows the token: a request needs the engine's own address
    as its host (against DNS rebinding), and must have no origin, which browsers always send.
    """

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app = app
        self._hosts = {f"127.0.0.1:{port}".encode(), f"localhost:{port}".encode()}
        self._authorization = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        headers = dict(scope["headers"])
        if headers.get(b"host") not in self._hosts or b"origin" in headers:
            error = EngineError("The request was refused: it comes from a web page or names another host.")
            await refusal(error, 403)(scope, receive, send)
        elif not secrets.compare_digest(headers.get(b"authorization", b""), self._authorization):
            error = EngineError("The request was refused: its token is missing or wrong.")
            await refusal(error, 401)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


async def read_body(request: Request) -> bytes:
    """Return the body of a request. Raises UsageError if it is too long or takes too long."""
    try:
        return await asyncio.wait_for(_read_body(request), _BODY_TIMEOUT)
    except asyncio.TimeoutError:
        raise UsageError(
            f"The request did not end within {_BODY_TIMEOUT:.0f} seconds. Send it again."
        ) from None


async def _read_body(request: Request) -> bytes:
    _check_length(int(request.headers.get("content-length", 0)))  # h11 accepts only digits
    body = bytearray()
    async for part in request.stream():
        body += part
        _check_length(len(body))
    return bytes(body)


def _check_length(length: int) -> None:
    if length > _MAX_BODY_BYTES:
        raise UsageError(f"The request is longer than {_MAX_BODY_BYTES:,} bytes. Send a shorter one.")
