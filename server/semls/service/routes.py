"""The engine's HTTP API: one route for each endpoint of `messages`."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from semls import __version__
from semls.engine.engine import STATUS_TIMEOUT, Engine
from semls.engine.lookups import LOOKUP_TIMEOUT
from semls.engine.search.query import Query, parse_query
from semls.errors import SemlsError, UsageError, reason
from semls.limits import DEFAULT_HITS
from semls.service import messages, responses, schemas, serializers
from semls.service.guard import Guard, read_body
from semls.service.messages import (
    AnswerMessage,
    ContextMessage,
    DuplicatesMessage,
    EmptyMessage,
    Endpoint,
    ExplanationMessage,
    FilesMessage,
    FindingMessage,
    Message,
    PingMessage,
    ProgressMessage,
    SimilarMessage,
    StateMessage,
    StatusMessage,
    VectorCountMessage,
)
from semls.service.responses import JSONResponse

T = TypeVar("T")
Body = TypeVar("Body", bound=schemas.RequestBody)


class App:
    """The ASGI application of an engine. Counts its requests, so that the process can stop when idle."""

    def __init__(self, engine: Engine, port: int, token: str) -> None:
        self.stop_requested = asyncio.Event()
        self.active_requests = 0
        self.last_active = time.monotonic()  # the end of the last request
        self._engine = engine
        routes = [
            self._command(messages.PING, self._ping),
            self._command(messages.PAUSE, self._pause),
            self._command(messages.RESUME, self._resume),
            self._command(messages.STOP, self._stop),
            self._stream(messages.INDEX, schemas.IndexBody, self._index),
            self._stream(messages.FOLLOW, schemas.WorkspaceBody, self._follow),
            self._stream(messages.FILES, schemas.FilesBody, self._files),
            self._cancellable(messages.SEARCH, schemas.SearchBody, self._search),
            self._cancellable(messages.SIMILAR, schemas.SimilarBody, self._similar),
            self._cancellable(messages.DUPLICATES, schemas.DuplicatesBody, self._duplicates),
            self._cancellable(messages.CONTEXT, schemas.ContextBody, self._context),
            self._request(messages.CHANGED, schemas.ChangedBody, self._changed),
            self._request(
                messages.STATUS, schemas.WorkspaceBody, self._status, lookup_timeout=STATUS_TIMEOUT
            ),
            self._request(messages.EXPLAIN, schemas.ExplainBody, self._explain),
            self._request(messages.CLEAR, schemas.ClearBody, self._clear),
            self._request(messages.EXPORT_CACHE, schemas.CacheBody, self._export_cache),
            self._request(messages.IMPORT_CACHE, schemas.CacheBody, self._import_cache),
            self._request(messages.DOCTOR, schemas.DoctorBody, self._doctor),
        ]
        starlette = Starlette(
            routes=routes,
            exception_handlers={
                SemlsError: responses.on_error,
                ClientDisconnect: responses.on_disconnect,
                Exception: responses.on_defect,
            },
        )
        self._guarded = Guard(starlette, port, token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        self.active_requests += 1
        try:
            await self._guarded(scope, receive, send)
        finally:
            self.active_requests -= 1
            self.last_active = time.monotonic()

    # Handlers

    def _ping(self) -> PingMessage:
        return {"version": __version__, "pid": os.getpid(), "doing": ", ".join(self._engine.activities)}

    def _pause(self) -> EmptyMessage:
        self._engine.pause()
        return {}

    def _resume(self) -> EmptyMessage:
        self._engine.resume()
        return {}

    def _stop(self) -> EmptyMessage:
        self.stop_requested.set()
        return {}

    def _index(self, body: schemas.IndexBody) -> AsyncIterator[ProgressMessage]:
        settings = body.settings.to_settings()
        progress = self._engine.index(body.workspace, settings, lexical_only=body.lexical_only)
        return (serializers.progress_message(one) async for one in progress)

    def _follow(self, body: schemas.WorkspaceBody) -> AsyncIterator[StateMessage]:
        states = self._engine.follow(body.workspace, body.settings.to_settings())
        return (serializers.state_message(state) async for state in states)

    def _files(self, body: schemas.FilesBody) -> AsyncIterator[FilesMessage]:
        batches = self._engine.files(body.workspace, body.settings.to_settings(), skipped=body.skipped)
        return (serializers.files_message(files) async for files in batches)

    async def _search(self, body: schemas.SearchBody) -> AnswerMessage:
        query = _query(body, body.limit, by_file=body.group == "file")
        answer = await self._engine.search(body.settings_by_workspace(), query)
        return serializers.answer_message(answer)

    async def _similar(self, body: schemas.SimilarBody) -> SimilarMessage:
        comparison = await self._engine.similar(
            body.workspace,
            body.settings.to_settings(),
            body.file,
            body.row,
            body.limit,
            lexical_only=body.lexical_only,
        )
        return serializers.similar_message(Path(body.workspace), comparison)

    async def _duplicates(self, body: schemas.DuplicatesBody) -> DuplicatesMessage:
        settings = body.settings.to_settings()
        result = await self._engine.duplicates(
            body.workspace, settings, body.file, tests=body.tests, lexical_only=body.lexical_only
        )
        return serializers.duplicates_message(Path(body.workspace), result, body.limit)

    async def _context(self, body: schemas.ContextBody) -> ContextMessage:
        answer, sections = await self._engine.context(body.settings_by_workspace(), _query(body), body.tokens)
        return serializers.context_message(answer, sections)

    async def _changed(self, body: schemas.ChangedBody) -> EmptyMessage:
        await self._engine.refresh_files(body.workspace, body.settings.to_settings(), body.files)
        return {}

    async def _status(self, body: schemas.WorkspaceBody) -> StatusMessage:
        status, usage = await self._engine.status(body.workspace, body.settings.to_settings())
        return serializers.status_message(status, usage, self._engine.workspaces)

    async def _explain(self, body: schemas.ExplainBody) -> ExplanationMessage:
        explanation = await self._engine.explain(body.workspace, body.settings.to_settings(), body.file)
        return serializers.explanation_message(explanation)

    async def _clear(self, body: schemas.ClearBody) -> EmptyMessage:
        await self._engine.clear(body.workspace)
        return {}

    async def _export_cache(self, body: schemas.CacheBody) -> EmptyMessage:
        await self._engine.export_cache(body.settings.to_settings(), body.file)
        return {}

    async def _import_cache(self, body: schemas.CacheBody) -> VectorCountMessage:
        return {"vectors": await self._engine.import_cache(body.settings.to_settings(), body.file)}

    async def _doctor(self, body: schemas.DoctorBody) -> list[FindingMessage]:
        findings = await self._engine.examine(body.settings.to_settings())
        return [serializers.finding_message(finding) for finding in findings]

    # Routes

    def _command(self, endpoint: Endpoint[Message], handler: Callable[[], Message]) -> Route:
        """Return a route that ignores the bodies of its requests."""

        async def respond(_: Request) -> Response:
            return JSONResponse(handler())

        return _route(endpoint, respond)

    def _request(
        self,
        endpoint: Endpoint[Message],
        schema: type[Body],
        handler: Callable[[Body], Awaitable[Message]],
        lookup_timeout: float = LOOKUP_TIMEOUT,
    ) -> Route:
        """Return a route that completes even if its client disconnects."""

        async def respond(request: Request) -> Response:
            return JSONResponse(await handler(await self._read(request, schema, lookup_timeout)))

        return _route(endpoint, respond)

    def _cancellable(
        self,
        endpoint: Endpoint[Message],
        schema: type[Body],
        handler: Callable[[Body], Coroutine[Any, Any, Message]],
    ) -> Route:
        """Return a route that is cancelled if its client disconnects."""

        async def respond(request: Request) -> Response:
            body = await self._read(request, schema)
            return JSONResponse(await _until_disconnect(request, handler(body)))

        return _route(endpoint, respond)

    def _stream(
        self,
        endpoint: Endpoint[Message],
        schema: type[Body],
        handler: Callable[[Body], AsyncIterator[Message]],
    ) -> Route:
        """Return a route that responds with a stream of messages."""

        async def respond(request: Request) -> Response:
            return responses.stream(handler(await self._read(request, schema)))

        return _route(endpoint, respond)

    async def _read(
        self, request: Request, schema: type[Body], lookup_timeout: float = LOOKUP_TIMEOUT
    ) -> Body:
        """Return the validated body of a request. Raises SemlsError."""
        body = _validated(await read_body(request), schema)
        for folder in body.unforced_workspaces():
            await self._engine.refuse_broad(folder, lookup_timeout)
        return body


def _route(endpoint: Endpoint[Any], respond: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(endpoint.path, respond, methods=["POST"])


def _validated(content: bytes, schema: type[Body]) -> Body:
    try:
        return schema.model_validate(json.loads(content))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"The request is not valid JSON: {reason(error)}.") from error
    except ValidationError as error:
        raise UsageError(schemas.error_message(error, schema)) from error


def _query(body: schemas.QueryBody, limit: int = DEFAULT_HITS, *, by_file: bool = False) -> Query:
    return parse_query(
        body.query,
        limit,
        languages=body.languages,
        paths=body.paths,
        excluded=body.excluded,
        kinds=body.kinds,
        tests=body.tests,
        lexical_only=body.lexical_only,
        by_file=by_file,
        embedding_timeout=body.embedding_timeout,
    )


async def _until_disconnect(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`; cancel it when the client disconnects, and raise ClientDisconnect."""
    task, disconnect = asyncio.ensure_future(work), asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({task, disconnect}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        task.cancel()
        disconnect.cancel()


async def _disconnect(request: Request) -> None:
    """Return when the client has disconnected."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
