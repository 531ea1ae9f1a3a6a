"""HTTP requests to an engine, each on a connection of its own, and the encoding of requests and responses."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import h11

from semls.errors import EngineError, SemlsError
from semls.service.state import EngineState

_HOST = "127.0.0.1"
_PART_BYTES = 1 << 16  # that are read at once

# What is raised when an engine cannot be reached, dies, or is another program.
TRANSPORT_ERRORS = (OSError, h11.RemoteProtocolError)


class Response:
    """The response to a request, which can be read within the block of `post`.

    All methods raise one of `TRANSPORT_ERRORS` when the engine dies.
    """

    status: int
    content_type: bytes

    def __init__(self, reader: asyncio.StreamReader, connection: h11.Connection) -> None:
        self._reader, self._connection = reader, connection

    async def read_head(self) -> None:
        """Read the status and the headers."""
        event = await self._next_event()
        while not isinstance(event, h11.Response):
            event = await self._next_event()
        self.status = event.status_code
        self.content_type = dict(event.headers).get(b"content-type", b"")

    async def read(self) -> bytes:
        """Return the whole body."""
        return b"".join([part async for part in self.parts()])

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the parts of the body as they arrive."""
        while not isinstance(event := await self._next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                yield bytes(event.data)

    async def _next_event(self) -> h11.Event:
        while (event := self._connection.next_event()) is h11.NEED_DATA:
            self._connection.receive_data(await self._reader.read(_PART_BYTES))
        if not isinstance(event, h11.Event):
            raise h11.RemoteProtocolError("it does not answer in HTTP")
        return event


@asynccontextmanager
async def post(state: EngineState, path: str, body: str = "") -> AsyncIterator[Response]:
    """Post JSON to an engine, with its token, and yield the response. Raises one of `TRANSPORT_ERRORS`.

    The engine abandons a request whose block ends before the response does.
    """
    reader, writer = await asyncio.open_connection(_HOST, state.port)
    try:
        connection = h11.Connection(h11.CLIENT)
        content = body.encode()
        headers = [
            ("Host", f"{_HOST}:{state.port}"),
            ("Authorization", f"Bearer {state.token}"),
            ("Content-Length", str(len(content))),
        ]
        request = h11.Request(method="POST", target=path, headers=headers)
        for event in (request, h11.Data(data=content), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        with contextlib.suppress(ConnectionError):  # an engine may refuse a body before it has read it
            await writer.drain()
        response = Response(reader, connection)
        await response.read_head()
        yield response
    finally:
        writer.transport.abort()  # unlike `close`, it does not wait for an engine that hangs


def encode(body: Mapping[str, object]) -> str:
    """Return the JSON of a request.

    It is in ASCII: paths that are not UTF-8 have lone surrogates, which UTF-8 cannot encode.
    """
    return json.dumps(body)


async def read_answer(response: Response) -> Any:  # noqa: ANN401 - the endpoint's type
    """Return the message of a response.

    Raises SemlsError, and RemoteProtocolError when it comes from another engine or program.
    """
    if response.status in (401, 403):
        raise h11.RemoteProtocolError("another engine uses its port")
    try:
        return decode(await response.read())
    except ValueError as error:
        raise h11.RemoteProtocolError("another program uses its port") from error


def is_stream(response: Response) -> bool:
    """Return whether a response has a message in each line."""
    return response.content_type == b"application/x-ndjson"


async def read_messages(response: Response) -> AsyncIterator[Any]:
    """Yield the message of each line of a response. Raises SemlsError if one is an error."""
    rest = b""
    async for part in response.parts():
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
