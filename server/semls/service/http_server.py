"""The HTTP server of a process: a socket on the loopback interface, and uvicorn with bounded connections."""

import asyncio
import os
import socket
from functools import partial
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from semls.service.connections import (
    BACKLOG,
    MAX_HEAD_BYTES,
    MAX_PENDING,
    Connection,
    PendingConnections,
    raise_descriptor_limit,
)


def listen(port: int) -> socket.socket:
    """Return a socket that listens on a port of the loopback interface, any if it is 0. Raises OSError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # Connections inherit the option. asyncio does not set it for all: python/cpython#148783. Without it,
    # a request that follows another one at once waits for 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if os.name != "nt":  # on Windows, another process could take over the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    listener.listen(128)
    return listener


def http_server(app: ASGIApp) -> uvicorn.Server:
    """Return a server that is not yet running."""
    pending = PendingConnections(min(MAX_PENDING, raise_descriptor_limit() // 4))
    config = uvicorn.Config(
        app,
        http=cast(type[asyncio.Protocol], partial(Connection, pending=pending)),
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        log_config=None,
        log_level="error",  # at a lower level, uvicorn logs every malformed request
        access_log=False,
        backlog=BACKLOG,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)
