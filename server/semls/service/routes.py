"""The engine's door: HTTP on the loopback interface, for those who have the token."""

import asyncio
import json
import logging
import mmap
import os
import secrets
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette import responses
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from semls import __version__
from semls.engine.engine import SOON, Answer, Engine, Status
from semls.engine.lookups import SLOW
from semls.engine.search.context import Section, count_tokens, markdown
from semls.engine.search.query import Query, query
from semls.engine.search.retrieval import Hit
from semls.engine.storage.catalog import Entry
from semls.engine.syntax.source import rows
from semls.engine.workspace import Comparison, Progress
from semls.errors import EngineError, SemlsError, UsageError, reason
from semls.service import schemas

log = logging.getLogger(__name__)

T = TypeVar("T")

_LONGEST_BODY = 1 << 20  # bytes
_SLOWEST_BODY = 5.0  # seconds
_CLOSE = {"Connection": "close"}  # the rest of a request that is refused could come for ever


class App:
    """Routes requests to the engine, and counts them."""

    def __init__(self, engine: Engine, port: int, token: str) -> None:
        self.stopping = asyncio.Event()
        self.requests = 0
        self.last_request = time.monotonic()
        self._engine = engine
        routes = {
            "/": self._hello,
            "/index": self._index,
            "/follow": self._follow,
            "/changed": self._changed,
            "/search": self._search,
            "/similar": self._similar,
            "/context": self._context,
            "/status": self._status,
            "/why": self._why,
            "/clear": self._clear,
            "/pause": self._pause,
            "/resume": self._resume,
            "/cache/export": self._export_cache,
            "/cache/import": self._import_cache,
            "/doctor": self._doctor,
            "/stop": self._stop,
        }
        starlette = Starlette(
            routes=[Route(path, endpoint, methods=["POST"]) for path, endpoint in routes.items()],
            exception_handlers={SemlsError: _refuse, ClientDisconnect: _end, Exception: _fail},
        )
        self._guarded = _Guard(starlette, port, token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        self.requests += 1
        try:
            await self._guarded(scope, receive, send)
        finally:
            self.requests -= 1
            self.last_request = time.monotonic()

    async def _hello(self, _: Request) -> Response:
        doing = ", ".join(self._engine.doing)
        return JSONResponse({"version": __version__, "pid": os.getpid(), "doing": doing})

    async def _index(self, request: Request) -> Response:
        asked = await self._read(request, schemas.Index)
        settings = asked.settings.read()
        steps = self._engine.index(asked.workspace, settings, lexical_only=asked.lexical_only)
        return _stream(_progress(step) async for step in steps)

    async def _follow(self, request: Request) -> Response:
        asked = await self._read(request, schemas.Workspace)
        states = self._engine.follow(asked.workspace, asked.settings.read())
        return _stream(_state(state) async for state in states)

    async def _changed(self, request: Request) -> Response:
        asked = await self._read(request, schemas.Changed)
        settings = asked.settings.read()
        await self._engine.changed(asked.workspace, settings, asked.files)
        return JSONResponse({})

    async def _search(self, request: Request) -> Response:
        asked = await self._read(request, schemas.Search)
        answer = await _unless_gone(
            request, self._engine.search(asked.settings(), _query(asked, asked.limit))
        )
        hits = [{**_hit(root, hit), "matched": hit.matched} for root, hit in answer.hits]
        return JSONResponse({**_source(answer), "hits": hits})

    async def _similar(self, request: Request) -> Response:
        asked = await self._read(request, schemas.Similar)
        found = await _unless_gone(
            request,
            self._engine.similar(
                asked.workspace,
                asked.settings.read(),
                asked.file,
                asked.row,
                asked.limit,
                lexical_only=asked.lexical_only,
            ),
        )
        return JSONResponse(_comparison(Path(asked.workspace), found))

    async def _context(self, request: Request) -> Response:
        asked = await self._read(request, schemas.Context)
        answer, sections = await _unless_gone(
            request, self._engine.context(asked.settings(), _query(asked), asked.tokens)
        )
        text = markdown(sections)
        packed = {"tokens": count_tokens(text), "markdown": text, "sections": list(map(_section, sections))}
        return JSONResponse({**_source(answer), **packed})

    async def _status(self, request: Request) -> Response:
        asked = await self._read(request, schemas.Workspace, SOON)
        status, usage = await self._engine.status(asked.workspace, asked.settings.read())
        files = [{"path": file.path, "reason": file.skipped} for file in usage.files]
        engine = {"pid": os.getpid(), "memory": _memory(), "workspaces": self._engine.workspaces}
        taken = {"disk": usage.disk, "cache": usage.cache, "skipped": usage.skipped, "skipped_files": files}
        by_lines = [{"path": file.path, "reason": file.failure} for file in usage.by_lines]
        queue = _queue(status.progress)
        return JSONResponse({**_state(status), "queue": queue, **engine, **taken, "by_lines": by_lines})

    async def _why(self, request: Request) -> Response:
        asked = await self._read(request, schemas.Why)
        settings = asked.settings.read()
        return JSONResponse(asdict(await self._engine.why(asked.workspace, settings, asked.file)))

    async def _pause(self, _: Request) -> Response:
        self._engine.pause()
        return JSONResponse({})

    async def _resume(self, _: Request) -> Response:
        self._engine.resume()
        return JSONResponse({})

    async def _export_cache(self, request: Request) -> Response:
        asked = await self._read(request, schemas.Cache)
        await self._engine.export_cache(asked.settings.read(), asked.file)
        return JSONResponse({})

    async def _import_cache(self, request: Request) -> Response:
        asked = await self._read(request, schemas.Cache)
        count = await self._engine.import_cache(asked.settings.read(), asked.file)
        return JSONResponse({"vectors": count})

    async def _clear(self, request: Request) -> Response:
        await self._engine.clear((await self._read(request, schemas.Clear)).workspace)
        return JSONResponse({})

    async def _doctor(self, request: Request) -> Response:
        asked = await self._read(request, schemas.Doctor)
        findings = await self._engine.examine(asked.settings.read())
        return JSONResponse([asdict(finding) for finding in findings])

    async def _stop(self, _: Request) -> Response:
        self.stopping.set()
        return JSONResponse({})

    async def _read(self, request: Request, shape: type[Any], seconds: float = SLOW) -> Any:  # noqa: ANN401
        asked = await _parsed(request, shape)
        for folder in asked.narrow():
            await self._engine.refuse_broad(folder, seconds)
        return asked


class JSONResponse(responses.JSONResponse):
    """JSON in ASCII: UTF-8 has no lone surrogates, which stand for the bytes of a path that is not UTF-8."""

    def render(self, content: object) -> bytes:
        """Return the JSON."""
        return json.dumps(content).encode()


class _Guard:
    """Lets pass who has the token and speaks to us by our own name, which a web page in a browser cannot."""

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app = app
        self._hosts = {f"127.0.0.1:{port}".encode(), f"localhost:{port}".encode()}
        self._authorization = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = dict(scope["headers"])
        if headers.get(b"host") not in self._hosts or b"origin" in headers:
            return JSONResponse({"error": "engine", "message": "This host may not ask."}, 403, _CLOSE)
        if not secrets.compare_digest(headers.get(b"authorization", b""), self._authorization):
            return JSONResponse({"error": "engine", "message": "The token is wrong."}, 401, _CLOSE)
        return None


async def _parsed(request: Request, shape: type[Any]) -> Any:  # noqa: ANN401 - an instance of the shape
    try:
        return shape.model_validate(json.loads(await asyncio.wait_for(_body(request), _SLOWEST_BODY)))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"The request is not valid JSON: {reason(error)}.") from error
    except asyncio.TimeoutError:
        raise UsageError(
            f"The request did not end within {_SLOWEST_BODY:.0f} seconds: send it again."
        ) from None
    except ValidationError as error:
        raise UsageError(schemas.sentence(error, shape)) from error


def _query(asked: schemas.Question, limit: int = 10) -> Query:
    return query(
        asked.query,
        limit,
        languages=asked.languages,
        paths=asked.paths,
        kinds=asked.kinds,
        lexical_only=asked.lexical_only,
    )


async def _body(request: Request) -> bytes:
    _check_length(int(request.headers.get("content-length", 0)))  # digits: h11 has checked it
    body = bytearray()
    async for part in request.stream():
        body += part
        _check_length(len(body))
    return bytes(body)


def _check_length(length: int) -> None:
    if length > _LONGEST_BODY:
        raise UsageError(f"The request has more than {_LONGEST_BODY:,} bytes: ask for less at once.")


async def _unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What the work gives, which ends with its client: nobody waits for a search that was cancelled.

    Raises ClientDisconnect.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        working.cancel()
        leaving.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _stream(messages: AsyncIterator[dict[str, object]]) -> Response:
    return StreamingResponse(_lines(messages), media_type="application/x-ndjson")


async def _lines(messages: AsyncIterator[dict[str, object]]) -> AsyncIterator[str]:
    try:
        async for message in messages:
            yield json.dumps(message) + "\n"
    except SemlsError as error:
        yield json.dumps(_error(error)) + "\n"


async def _refuse(_: Request, error: Exception) -> Response:
    return JSONResponse(_error(error), 400, _CLOSE)


async def _end(_: Request, error: Exception) -> Response:  # noqa: ARG001
    return Response(status_code=400)  # nobody reads it


async def _fail(_: Request, error: Exception) -> Response:
    log.error("A request failed", exc_info=error)
    return JSONResponse(_error(EngineError("The engine failed: its log has the details.")), 500)


def _error(error: Exception) -> dict[str, object]:
    return {"error": getattr(error, "code", "failure"), "message": str(error)}


def _progress(progress: Progress) -> dict[str, object]:
    return {
        "phase": progress.phase,
        "files": progress.files,
        "chunks": progress.coverage.chunks,
        "embedded": progress.coverage.embedded,
        "encoded": progress.encoded,
        "downloaded": progress.download[0],
        "download": progress.download[1],
    }


def _state(status: Status) -> dict[str, object]:
    return {
        "workspace": str(status.root),
        "indexed": status.indexed,
        **_progress(status.progress),
        "model": status.model,
        "device": status.device,
        "store": status.store,
        "notice": status.notice,
        "error": status.error,
    }


def _queue(progress: Progress) -> int:
    """Chunks that are still to be embedded; where there is no model, none are."""
    return 0 if progress.phase == "ready" else progress.coverage.chunks - progress.coverage.embedded


def _memory() -> int:
    """Bytes that this process has in memory, as far as the system tells it easily; else 0."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE
    except OSError:
        return 0


def _source(answer: Answer) -> dict[str, object]:
    """What is said about an answer before its hits."""
    coverage = asdict(answer.coverage)
    return {
        "query": answer.query,
        "model": answer.model,
        "coverage": coverage,
        "complete": answer.complete,
        "notice": answer.notice,
    }


def _comparison(root: Path, found: Comparison) -> dict[str, object]:
    similar = found.similar
    return {
        **_place(root, similar.entry),
        "model": found.model,
        "coverage": asdict(found.coverage),
        "copies": [_place(root, copy) for copy in similar.copies],
        "hits": [{**_hit(root, hit), "count": count} for hit, count in similar.hits],
    }


def _section(section: Section) -> dict[str, object]:
    document = section.document
    parts = [
        {"range": _range(rows.start, 0, rows.stop, 0), "text": document.text(rows)}
        for rows in section.stretches
    ]
    return {
        "path": document.path,
        "uri": (document.root / document.path).as_uri(),
        "language": document.language,
        "tokens": section.tokens,
        "parts": parts,
    }


def _hit(root: Path, hit: Hit) -> dict[str, object]:
    place = {**_place(root, hit.entry), "selectionRange": _selection(hit.entry, hit.snippet, hit.row)}
    return {**place, "score": round(hit.score, 4), "snippet": hit.snippet}


def _place(root: Path, entry: Entry) -> dict[str, object]:
    return {
        "path": entry.path,
        "uri": (root / entry.path).as_uri(),
        "range": _range(entry.start_row, entry.start_column, entry.end_row, entry.end_column),
        "selectionRange": _selection(entry),
        "name": entry.name or entry.path.rsplit("/", 1)[-1],
        "container": entry.container,
        "kind": entry.kind,
        "language": entry.language,
    }


def _selection(entry: Entry, snippet: str = "", row: int = 0) -> dict[str, dict[str, int]]:
    """Where a reader starts: at the name, or at a row of the snippet of a chunk that does not hold it."""
    if row == 0 and entry.holds_name:
        return _range(entry.name_row, entry.name_column, entry.name_end_row, entry.name_end_column)
    line = rows(snippet)[row]
    column = len(line) - len(line.lstrip(" \t")) if row else entry.start_column
    return _range(entry.start_row + row, column, entry.start_row + row, column)


def _range(row: int, column: int, end_row: int, end_column: int) -> dict[str, dict[str, int]]:
    return {
        "start": {"line": row, "character": column},
        "end": {"line": end_row, "character": end_column},
    }
