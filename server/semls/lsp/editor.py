"""The editor at the other end: what it can do, asked once and in our words, and how it is told and asked."""

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from semls.escaping import escape_line
from semls.service.messages import PHASE_LABELS, ProgressMessage

log = logging.getLogger(__name__)

_RESTING = ("ready", "paused")
_PATIENCE = 0.3  # seconds of work before progress is worth showing
_ANSWER = 5.0  # seconds that a client may take to answer
_FILTERING = ("Zed", "Sublime")  # how the names of editors begin that show only symbols named like the query
_tokens = itertools.count(1)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the client can do."""

    progress: bool = False
    configuration: bool = False  # it can be asked for its settings
    registers_configuration: bool = False  # it says when they change if it is asked to
    shows_documents: bool = False
    status: bool = False  # it takes `semls/didChangeStatus`
    filters_by_name: bool = False

    @classmethod
    def of(cls, params: types.InitializeParams) -> "Abilities":
        """From what it said of itself."""
        window = params.capabilities.window
        workspace = params.capabilities.workspace
        watched = workspace.did_change_configuration if workspace else None
        shown = window.show_document if window else None
        ours = _member(params.capabilities.experimental, "semls")
        return cls(
            progress=bool(window and window.work_done_progress),
            configuration=bool(workspace and workspace.configuration),
            registers_configuration=bool(watched and watched.dynamic_registration),
            shows_documents=bool(shown and shown.support),
            status=_member(ours, "didChangeStatus") is True,
            filters_by_name=bool(params.client_info and params.client_info.name.startswith(_FILTERING)),
        )


def _member(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, Mapping) else None


def tell(server: LanguageServer, text: str, kind: types.MessageType = types.MessageType.Info) -> None:
    """A message that the user sees."""
    server.window_show_message(types.ShowMessageParams(kind, escape_line(text)))


def note(server: LanguageServer, text: str) -> None:
    """A message for the editor's log."""
    server.window_log_message(types.LogMessageParams(types.MessageType.Info, escape_line(text)))


async def open_document(server: LanguageServer, place: types.Location) -> None:
    """Let the editor show a place to the user."""
    params = types.ShowDocumentParams(place.uri, take_focus=True, selection=place.range)
    await _answered(server.window_show_document_async(params))


async def register(server: LanguageServer, method: str, options: Mapping[str, Any]) -> None:
    """Ask to be told of something."""
    registration = types.Registration(f"semls-{method}", method, dict(options))
    await _answered(server.client_register_capability_async(types.RegistrationParams([registration])))


async def settings(server: LanguageServer, abilities: Abilities, uris: Sequence[str]) -> Sequence[object]:
    """What the client has set for each folder, as it was sent; None where it cannot be asked."""
    if not abilities.configuration or not uris:
        return [None] * len(uris)
    items = [types.ConfigurationItem(scope_uri=uri, section="semls") for uri in uris]
    found = await _answered(server.workspace_configuration_async(types.ConfigurationParams(items)))
    if not isinstance(found, Sequence) or len(found) != len(uris):
        return [None] * len(uris)
    return found


async def _answered(asking: Awaitable[T]) -> T | None:
    """What the client answers; None where it refuses, or says nothing for a while.

    Without the shield a late answer to a cancelled request is an error (openlawlibrary/pygls#621).
    """
    try:
        return await asyncio.wait_for(asyncio.shield(asking), _ANSWER)
    except (JsonRpcException, asyncio.TimeoutError) as error:
        log.warning("The editor did not answer: %s", error or "it takes too long")
        return None


async def show(
    server: LanguageServer,
    abilities: Abilities,
    steps: AsyncGenerator[ProgressMessage, None],
    cancelled: Callable[[], None],
) -> None:
    """Follow the steps to their end; where something takes a while, as progress in the editor.

    A download has one of its own: no percentage may fall.
    """
    token = began = None
    downloading = False
    wanted = abilities.progress
    try:
        async with aclosing(steps) as following:
            async for step in following:
                now = asyncio.get_running_loop().time()
                before, downloading = downloading, step["phase"] == "downloading"
                if before and not downloading:
                    _end(server, token)
                    token = None
                if step["phase"] in _RESTING:
                    _end(server, token)
                    token = began = None
                elif token:
                    server.work_done_progress.report(token, _report(step))
                elif began is None:
                    began = now
                elif wanted and now - began > _PATIENCE:
                    token = await _begin(server, cancelled)
                    wanted = token is not None
    finally:
        _end(server, token)


def _end(server: LanguageServer, token: str | None) -> None:
    if token:
        server.work_done_progress.end(token, types.WorkDoneProgressEnd())
        server.work_done_progress.tokens.pop(token, None)  # pygls keeps it (openlawlibrary/pygls#607)


async def _begin(server: LanguageServer, cancelled: Callable[[], None]) -> str | None:
    token = f"semls-{next(_tokens)}"  # a text: Zed takes no numbers
    await _answered(server.work_done_progress.create_async(token))
    known = server.work_done_progress.tokens.get(token)
    if known is None:  # the editor wants none, and must not be sent any
        return None
    known.add_done_callback(lambda _: cancelled())
    begin = types.WorkDoneProgressBegin(title="semls", percentage=0, cancellable=True)
    server.work_done_progress.begin(token, begin)
    return token


def _report(step: ProgressMessage) -> types.WorkDoneProgressReport:
    done = size = 0
    counts = f"{step['files']} files, {step['embedded']} of {step['chunks']} chunks embedded"
    if step["phase"] == "embedding":
        done, size = step["embedded"], step["chunks"]
    elif step["phase"] == "downloading":
        done, size = step["downloaded"], step["download"]
        counts = f"{done // 10**6} of {size // 10**6} MB"
    percentage = 100 * done // size if size else None
    return types.WorkDoneProgressReport(
        message=f"{PHASE_LABELS[step['phase']]}: {counts}", percentage=percentage
    )
