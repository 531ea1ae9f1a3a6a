"""What agents can call: tools, a resource and a prompt. The docstrings of the tools are for agents."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError
from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR
from pydantic import BeforeValidator, Field

from semls import answer_text
from semls.errors import SemlsError
from semls.escaping import escape_line
from semls.hits import MIN_CONFIDENCE
from semls.limits import DEFAULT_TOKENS, EMBEDDING_TIMEOUT
from semls.locations import path_of_uri, split_location
from semls.mcp.scope import Scope, parse_scope, resolve_file
from semls.mcp.session import Report, Session
from semls.service.messages import AnswerMessage, ChunkMessage, ContextMessage, StatusMessage

_MANY = 100  # hits of a whole workspace, of which those in a part of it are returned

Answer = TypeVar("Answer", AnswerMessage, ContextMessage)


def _join(paths: object) -> object:
    """Return a list of paths as one text: some agents send a list although the schema has a string."""
    if isinstance(paths, list) and all(isinstance(path, str) for path in paths):
        return os.pathsep.join(paths)
    return paths


Paths = Annotated[
    str,
    BeforeValidator(_join),
    Field(
        description="Folder or file to search; default: the project. Pass the worktree that you work in. "
        "Several are separated as in PATH."
    ),
]
Limit = Annotated[int, Field(description="Maximum number of hits.")]
Lines = Annotated[int, Field(description="Lines of code per hit; 0: locations only.")]


class Tools:
    """The tools of one process."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def search(
        self,
        query: Annotated[
            str,
            Field(
                description="One sentence about what the code does, or a symbol. It may contain filters: "
                'lang:go path:src/http -path:tests kind:class name:Pool* "exact phrase".'
            ),
        ],
        context: Context[Any, Any],
        path: Paths = "",
        limit: Limit = answer_text.DEFAULT_LIMIT,
        lines: Lines = answer_text.DEFAULT_LINES,
    ) -> str:
        """Find definitions by what they do, or by name. Returns locations, names and code, best first."""
        scope = await asyncio.to_thread(parse_scope, path)
        ask = partial(
            self._session.engine.search,
            scope.workspaces,
            query,
            paths=scope.globs,
            limit=limit,
            embedding_timeout=EMBEDDING_TIMEOUT,
        )
        message = await self._complete(ask, scope, context)
        if not message["hits"]:
            return await self._no_hits(message, scope)
        return answer_text.render_answer(message, scope, lines)

    async def similar(
        self,
        place: Annotated[str, Field(description="FILE:LINE of the code to compare with.")],
        context: Context[Any, Any],
        path: Paths = "",
        limit: Limit = 8,
        lines: Lines = 4,
    ) -> str:
        """Find code that is similar to a definition, and its exact copies, which may need the same change."""
        file, row = split_location(place)
        scope = await asyncio.to_thread(parse_scope, path, file)
        absolute, workspace = await asyncio.to_thread(resolve_file, file, scope)
        await self._session.wait_until_read([workspace], _reporter(context))
        is_part = bool(path and scope.globs)
        message = await self._session.engine.similar(
            workspace, absolute, row, limit=max(limit, _MANY) if is_part else limit
        )
        if is_part:
            message["copies"] = [copy for copy in message["copies"] if _is_in(scope, copy)]
            message["hits"] = [hit for hit in message["hits"] if _is_in(scope, hit)][:limit]
        return answer_text.render_similar(message, scope, lines)

    async def context(
        self,
        question: Annotated[str, Field(description="As `query` of `search`.")],
        context: Context[Any, Any],
        path: Paths = "",
        tokens: Annotated[int, Field(description="Maximum number of tokens.")] = DEFAULT_TOKENS,
    ) -> str:
        """Collect the code that answers a question, from several files, within a budget of tokens."""
        scope = await asyncio.to_thread(parse_scope, path)
        ask = partial(
            self._session.engine.context, scope.workspaces, question, paths=scope.globs, tokens=tokens
        )
        message = await self._complete(ask, scope, context)
        if not message["sections"]:
            return await self._no_hits(message, scope)
        return answer_text.render_context(message, scope)

    async def status(self) -> str:
        """Return the state of the index of the project."""
        try:
            scope = await asyncio.to_thread(parse_scope, "")
            return answer_text.render_status(await self._statuses(scope))
        except SemlsError as error:
            raise ResourceError(escape_line(str(error))) from error

    async def explain(
        self, topic: Annotated[str, Field(description="What to explain.")], context: Context[Any, Any]
    ) -> str:
        """Explain how the project does something, from the code that is relevant for it."""
        try:
            code = await self.context(topic, context)
        except SemlsError as error:
            raise MCPError(INTERNAL_ERROR, escape_line(str(error))) from error
        return f"Explain {escape_line(topic)}\n\nUse this code of the project, and cite path:line.\n\n{code}"

    async def _complete(
        self, ask: Callable[[], Awaitable[Answer]], scope: Scope, context: Context[Any, Any]
    ) -> Answer:
        """Return an answer; if files have not been read yet, wait some seconds for them and ask again.

        A strong match is returned at once: the engine has first read the files with the words of the query.
        """
        message = await ask()
        if not message["complete"] and message.get("confidence", 0.0) < MIN_CONFIDENCE:
            await self._session.wait_until_read(scope.workspaces, _reporter(context))
            message = await ask()
        return message

    async def _no_hits(self, message: AnswerMessage | ContextMessage, scope: Scope) -> str:
        statuses = await self._statuses(scope)
        return answer_text.render_no_hits(message["notice"], message["complete"], statuses)

    async def _statuses(self, scope: Scope) -> Sequence[StatusMessage]:
        return await asyncio.gather(*map(self._session.engine.status, scope.workspaces))


def _is_in(scope: Scope, chunk: ChunkMessage) -> bool:
    return scope.contains(path_of_uri(chunk["uri"]))


def _reporter(context: Context[Any, Any]) -> Report:
    async def report(seconds: float, message: str) -> None:
        await context.report_progress(seconds, message=message)

    return report
