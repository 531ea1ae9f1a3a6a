"""The MCP server: its description for agents, and the translation of errors. `semls mcp` runs it."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolResult,
    GetPromptResult,
    InputRequiredResult,
    TextContent,
    ToolAnnotations,
)
from pydantic import ValidationError

from semls import __version__
from semls.errors import EngineError, SemlsError, StoreError, UsageError
from semls.escaping import LogFormatter, escape_line
from semls.mcp.session import Session
from semls.mcp.tools import Tools
from semls.settings import EngineSettings, Settings

T = TypeVar("T")

_INSTRUCTIONS = (
    "Searches code by meaning in an index on this machine: functions, classes, sections of documents.\n"
    "Use `search` when you do not know which file has the code. Write one sentence about behaviour, such as "
    "'where are failed connections retried', or a symbol. Then read the lines of the first hit, and do not "
    "grep for the same thing again. Independent searches can run in parallel.\n"
    "Use grep for every occurrence of a known text. Use `similar` before you change code that may have "
    "copies, and `context` to get the code that answers a question in one call.\n"
    "The index follows the files by itself. If you work in another folder or git worktree than the "
    "project's, pass it as `path`."
)
_MAX_ERROR = 1_000  # characters
_READ_ONLY = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)


class Server(MCPServer[None]):
    """An MCP server whose errors are sentences for the agent."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool. A problem that the agent or the user can solve is the result."""
        try:
            await self._refuse_unknown(name, arguments)
            return await _cancelled_once(super().call_tool(name, arguments, context))
        except SemlsError as error:
            return _failure(error)
        except ToolError as error:
            cause = error.__cause__
            if isinstance(cause, ValidationError):
                return _failure(UsageError(_describe(cause)))
            if isinstance(cause, SemlsError):
                return _failure(cause)
            raise

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[None, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """Get a prompt. Raises MCPError for an unknown name or a missing argument, unlike the SDK."""
        try:
            return await super().get_prompt(name, arguments, context)
        except ValueError as error:
            raise MCPError(INVALID_PARAMS, escape_line(str(error))) from error

    async def _refuse_unknown(self, name: str, arguments: dict[str, Any]) -> None:
        """Raise UsageError for a parameter that the tool does not have; the SDK would ignore it."""
        for tool in await self.list_tools():
            known = tool.input_schema["properties"]
            unknown = next((argument for argument in arguments if argument not in known), None)
            if tool.name == name and unknown is not None:
                raise UsageError(f"There is no parameter '{unknown[:100]}'. Use {', '.join(known)}.")


def create_server(session: Session) -> Server:
    """Return a server whose tools use the session's engine."""

    @asynccontextmanager
    async def lifespan(_: MCPServer[None]) -> AsyncIterator[None]:
        # By now, the SDK has its own copy of stdout's descriptor. It restores the original at the end, onto
        # which Python would flush what was printed until then.
        sys.stdout = sys.stderr
        yield

    server = Server(
        "semls",
        title="semls",
        version=__version__,
        instructions=_INSTRUCTIONS,
        lifespan=lifespan,
        log_level="WARNING",
        subscriptions=False,
    )
    tools = Tools(session)
    for tool in (tools.search, tools.similar, tools.context):
        server.add_tool(tool, annotations=_READ_ONLY, structured_output=False)
    server.resource("semls://status", name="status", mime_type="text/plain")(tools.status)
    server.prompt()(tools.explain)
    return server


def serve(settings: Settings, engine: EngineSettings) -> None:
    """Serve one agent on standard input and output until it closes them."""
    configure_logging()
    create_server(Session(settings, engine)).run("stdio")


def configure_logging() -> None:
    """Log warnings to stderr. The SDK keeps a handler that exists."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormatter(logging.BASIC_FORMAT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


async def _cancelled_once(call: Coroutine[Any, Any, T]) -> T:
    """Return the result of a call. If the agent cancels it, the call is cancelled once.

    The SDK uses anyio, whose cancellation interrupts each `await` until the task ends. It would interrupt
    httpx while that closes the connection, and the engine would go on searching.
    """
    task = asyncio.ensure_future(call)
    task.add_done_callback(_retrieve_exception)
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()
    return task.result()


def _retrieve_exception(task: "asyncio.Task[Any]") -> None:
    """Retrieve the exception of a cancelled call, which asyncio would log."""
    if not task.cancelled():
        task.exception()


def _failure(error: SemlsError) -> CallToolResult:
    text = str(error)
    if isinstance(error, (EngineError, StoreError)):
        text += (
            " If this agent runs in a sandbox, allow it to connect to 127.0.0.1 and to write to the cache of "
            "semls, or run `semls engine run` in a terminal."
        )
    text = escape_line(text)
    if len(text) > _MAX_ERROR:  # it may repeat an argument
        text = f"{text[:_MAX_ERROR]}…"
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)


def _describe(error: ValidationError) -> str:
    """Return a sentence about the first invalid argument."""
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(map(str, first["loc"]))
    return f"The argument '{name}' is invalid: {first['msg']}."
