"""The engine's HTTP responses: JSON, streams of JSON lines, and errors."""

import json
import logging
from collections.abc import AsyncIterator
from typing import cast

from starlette import responses
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from semls.errors import EngineError, SemlsError
from semls.service.messages import ErrorMessage

log = logging.getLogger(__name__)

_CLOSE_CONNECTION = {"Connection": "close"}  # the rest of a refused request may never end


class JSONResponse(responses.JSONResponse):
    """JSON in ASCII: paths that are not UTF-8 have lone surrogates, which UTF-8 cannot encode."""

    def render(self, content: object) -> bytes:
        """Return the JSON."""
        return json.dumps(content).encode()


def stream(messages: AsyncIterator[object]) -> Response:
    """Return a response with one line of JSON for each message. An error is the last line."""
    return StreamingResponse(_lines(messages), media_type="application/x-ndjson")


async def _lines(messages: AsyncIterator[object]) -> AsyncIterator[str]:
    try:
        async for message in messages:
            yield json.dumps(message) + "\n"
    except SemlsError as error:
        yield json.dumps(_message(error)) + "\n"


def refusal(error: SemlsError, status: int = 400) -> Response:
    """Return the response to a refused request, which closes the connection."""
    return JSONResponse(_message(error), status, _CLOSE_CONNECTION)


async def on_error(_: Request, error: Exception) -> Response:
    """Answer a request that has raised SemlsError."""
    return refusal(cast(SemlsError, error))


async def on_disconnect(_: Request, error: Exception) -> Response:  # noqa: ARG001
    """Finish a request whose client has disconnected; nothing is sent."""
    return Response(status_code=400)


async def on_defect(_: Request, error: Exception) -> Response:
    """Log an unexpected exception and answer that the engine has failed."""
    log.error("A request failed", exc_info=error)
    return JSONResponse(_message(EngineError("The engine failed. Its log has the details.")), 500)


def _message(error: SemlsError) -> ErrorMessage:
    return {"error": error.code, "message": str(error)}
