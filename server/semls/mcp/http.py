"""Serves the MCP server over streamable HTTP on the loopback interface, to clients that have a token."""

import asyncio
import contextlib
import os
import re
import secrets
import socket
from collections.abc import Callable

from semls.errors import UsageError
from semls.mcp.server import configure_logging, create_server
from semls.mcp.session import Session
from semls.service.guard import Guard
from semls.service.http_server import http_server, listen
from semls.settings import EngineSettings, Settings

_TOKEN_VARIABLE = "SEMLS_MCP_TOKEN"  # noqa: S105 - a name


def serve(
    settings: Settings, engine: EngineSettings, port: int, announce: Callable[[str, str], None]
) -> None:
    """Serve agents on a port until the process is interrupted. Raises UsageError.

    `announce` is called with the address, and with the token unless the user has set it.
    """
    configure_logging()
    try:
        listener = listen(port)
    except OSError as error:
        raise UsageError(f"The port {port} cannot be used ({error.strerror}): choose another one.") from error
    with contextlib.closing(listener):
        chosen = _chosen_token()
        token = chosen or secrets.token_urlsafe(32)
        announce(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", "" if chosen else token)
        asyncio.run(_serve(Session(settings, engine), listener, token))


def _chosen_token() -> str:
    """Return the token that the user has set, or "". Raises UsageError if no header can contain it."""
    token = os.environ.get(_TOKEN_VARIABLE, "")
    if not re.fullmatch("[!-~]*", token):
        raise UsageError(
            f"{_TOKEN_VARIABLE} contains white space or other characters that a header cannot contain:"
            " use ASCII letters, digits and punctuation."
        )
    return token


async def _serve(session: Session, listener: socket.socket, token: str) -> None:
    server = create_server(session)
    app = Guard(server.streamable_http_app(stateless_http=True), listener.getsockname()[1], token)
    async with server.session_manager.run():
        await http_server(app).serve(sockets=[listener])
