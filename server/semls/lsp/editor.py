"""The client's capabilities, and the requests and notifications that the server sends to it."""

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from semls.escaping import escape_line
from semls.service.messages import PHASE_LABELS, ProgressMessage

log = logging.getLogger(__name__)

_RESPONSE_TIMEOUT = 5.0  # seconds that a client may take to respond
_PROGRESS_DELAY = 0.3  # seconds of work before its progress is shown
_IDLE_PHASES = ("ready", "paused")
_EDITORS_THAT_FILTER = ("Zed", "Sublime")  # they show only symbols whose name resembles the query
_progress_numbers = itertools.count(1)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the client supports."""

    progress: bool = False
    configuration: bool = False  # `workspace/configuration`
    registers_configuration: bool = False  # `workspace/didChangeConfiguration`, after a registration
    show_document: bool = False
    status: bool = False  # the notification `semls/didChangeStatus`
    filters_by_name: bool = False
    refreshes_lenses: bool = False  # `workspace/codeLens/refresh`

    @classmethod
    def from_params(cls, params: types.InitializeParams) -> "Capabilities":
        """Return the capabilities that a client has sent with `initialize`."""
        window = params.capabilities.window
        workspace = params.capabilities.workspace
        did_change_configuration = workspace.did_change_configuration if workspace else None
        show_document = window.show_document if window else None
        own = _member(params.capabilities.experimental, "semls")
        client_name = params.client_info.name if params.client_info else ""
        return cls(
            progress=bool(window and window.work_done_progress),
            configuration=bool(workspace and workspace.configuration),
            registers_configuration=bool(
                did_change_configuration and did_change_configuration.dynamic_registration
            ),
            show_document=bool(show_document and show_document.support),
            status=_member(own, "didChangeStatus") is True,
            filters_by_name=client_name.startswith(_EDITORS_THAT_FILTER),
            refreshes_lenses=bool(workspace and workspace.code_lens and workspace.code_lens.refresh_support),
        )


def _member(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, Mapping) else None


def show_message(server: LanguageServer, text: str, kind: types.MessageType = types.MessageType.Info) -> None:
    """Show a message to the user."""
    server.window_show_message(types.ShowMessageParams(kind, escape_line(text)))


def log_message(server: LanguageServer, text: str) -> None:
    """Add a message to the editor's log."""
    server.window_log_message(types.LogMessageParams(types.MessageType.Info, escape_line(text)))


async def show_document(server: LanguageServer, location: types.Location) -> None:
    """Open a location in the editor."""
    params = types.ShowDocumentParams(location.uri, take_focus=True, selection=location.range)
    await _response(server.window_show_document_async(params))


async def register_capability(server: LanguageServer, method: str, options: Mapping[str, Any]) -> None:
    """Ask the client to send a notification."""
    registration = types.Registration(f"semls-{method}", method, dict(options))
    await _response(server.client_register_capability_async(types.RegistrationParams([registration])))


async def refresh_lenses(server: LanguageServer) -> None:
    """Ask the client to request the code lenses of its documents again."""
    await _response(server.workspace_code_lens_refresh_async(None))


async def fetch_settings(
    server: LanguageServer, capabilities: Capabilities, uris: Sequence[str]
) -> Sequence[object]:
    """Return the settings of each folder as the client has sent them, None for each if it cannot."""
    if not capabilities.configuration or not uris:
        return [None] * len(uris)
    items = [types.ConfigurationItem(scope_uri=uri, section="semls") for uri in uris]
    response = await _response(server.workspace_configuration_async(types.ConfigurationParams(items)))
    if not isinstance(response, Sequence) or len(response) != len(uris):
        return [None] * len(uris)
    return response


async def _response(request: Awaitable[T]) -> T | None:
    """Return the response to a request, or None if it is an error or takes too long.

    Without the shield, a late response to a cancelled request is an error (openlawlibrary/pygls#621).
    """
    try:
        return await asyncio.wait_for(asyncio.shield(request), _RESPONSE_TIMEOUT)
    except (JsonRpcException, asyncio.TimeoutError) as error:
        log.warning("The editor did not respond: %s", error or f"timeout after {_RESPONSE_TIMEOUT:.0f} s")
        return None


async def show_progress(
    server: LanguageServer,
    capabilities: Capabilities,
    messages: AsyncGenerator[ProgressMessage, None],
    on_cancel: Callable[[], None],
) -> None:
    """Show the progress of indexing in the editor, until the last message."""
    progress = _Progress(server, enabled=capabilities.progress, on_cancel=on_cancel)
    try:
        async with aclosing(messages) as following:
            async for message in following:
                await progress.update(message)
    finally:
        progress.end()


@asynccontextmanager
async def show_activity(
    server: LanguageServer, capabilities: Capabilities, text: str, on_cancel: Callable[[], object]
) -> AsyncIterator[None]:
    """Show in the editor what the server is doing, until the end of the block."""
    begin = types.WorkDoneProgressBegin(title="semls", message=escape_line(text), cancellable=True)
    token = await _begin_progress(server, begin, on_cancel) if capabilities.progress else None
    try:
        yield
    finally:
        if token:
            _end_progress(server, token)


class _Progress:
    """A work-done progress, which is shown when the work takes longer than `_PROGRESS_DELAY`.

    A download has a separate progress, since a percentage must not decrease.
    """

    def __init__(self, server: LanguageServer, *, enabled: bool, on_cancel: Callable[[], None]) -> None:
        self._server = server
        self._enabled = enabled
        self._on_cancel = on_cancel
        self._token: str | None = None  # None while nothing is shown
        self._work_began: float | None = None  # None while there is no work
        self._phase = ""

    async def update(self, message: ProgressMessage) -> None:
        """Begin, report or end the progress."""
        phase, previous_phase = message["phase"], self._phase
        self._phase = phase
        if phase in _IDLE_PHASES:
            self.end()
            self._work_began = None
            return
        if previous_phase == "downloading" and phase != previous_phase:
            self.end()
        now = asyncio.get_running_loop().time()
        if self._token:
            self._server.work_done_progress.report(self._token, _report(message))
        elif self._work_began is None:
            self._work_began = now
        elif self._enabled and now - self._work_began > _PROGRESS_DELAY:
            await self._begin()

    def end(self) -> None:
        """Stop showing the progress."""
        token, self._token = self._token, None
        if token:
            _end_progress(self._server, token)

    async def _begin(self) -> None:
        """Show the progress, or disable it if the client refuses."""
        begin = types.WorkDoneProgressBegin(title="semls", percentage=0, cancellable=True)
        self._token = await _begin_progress(self._server, begin, self._on_cancel)
        self._enabled = self._token is not None


async def _begin_progress(
    server: LanguageServer, begin: types.WorkDoneProgressBegin, on_cancel: Callable[[], object]
) -> str | None:
    """Begin a progress and return its token, or None if the client refuses it."""
    token = f"semls-{next(_progress_numbers)}"  # a string: Zed accepts no numbers
    await _response(server.work_done_progress.create_async(token))
    created = server.work_done_progress.tokens.get(token)
    if created is None:
        return None
    created.add_done_callback(lambda _: on_cancel())
    server.work_done_progress.begin(token, begin)
    return token


def _end_progress(server: LanguageServer, token: str) -> None:
    server.work_done_progress.end(token, types.WorkDoneProgressEnd())
    server.work_done_progress.tokens.pop(token, None)  # pygls keeps it (openlawlibrary/pygls#607)


def _report(message: ProgressMessage) -> types.WorkDoneProgressReport:
    done = total = 0
    counts = f"{message['files']} files, {message['embedded']} of {message['chunks']} chunks embedded"
    if message["phase"] == "embedding":
        done, total = message["embedded"], message["chunks"]
    elif message["phase"] == "downloading":
        done, total = message["downloaded"], message["download"]
        counts = f"{done // 10**6} of {total // 10**6} MB"
    percentage = 100 * done // total if total else None
    label = PHASE_LABELS[message["phase"]]
    return types.WorkDoneProgressReport(message=f"{label}: {counts}", percentage=percentage)
