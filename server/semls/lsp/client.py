"""The editor at the other end: what it can do, asked once and in our words, and how it is told things."""

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from semls.service.messages import PHASES, ProgressMessage

log = logging.getLogger(__name__)

_RESTING = ("ready", "paused")
_PATIENCE = 0.3  # seconds of work before progress is worth showing
_tokens = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the client said it can do."""

    progress: bool

    @classmethod
    def of(cls, capabilities: types.ClientCapabilities) -> "Abilities":
        """From the capabilities as sent."""
        window = capabilities.window
        return cls(progress=bool(window and window.work_done_progress))


def tell(server: LanguageServer, text: str, kind: types.MessageType = types.MessageType.Info) -> None:
    """A message that the user sees."""
    server.window_show_message(types.ShowMessageParams(kind, text))


def note(server: LanguageServer, text: str) -> None:
    """A message for the editor's log."""
    server.window_log_message(types.LogMessageParams(types.MessageType.Info, text))


async def show(
    server: LanguageServer, abilities: Abilities, steps: AsyncGenerator[ProgressMessage, None]
) -> None:
    """Follow the steps to their end; where something takes a while, as progress in the editor."""
    token = began = None
    try:
        async with aclosing(steps) as following:
            async for step in following:
                now = asyncio.get_running_loop().time()
                if step["phase"] in _RESTING:
                    _end(server, token)
                    token = began = None
                elif token:
                    server.work_done_progress.report(token, _report(step))
                elif began is None:
                    began = now
                elif abilities.progress and now - began > _PATIENCE:
                    token = await _begin(server)
    finally:
        _end(server, token)


def _end(server: LanguageServer, token: str | None) -> None:
    if token:
        server.work_done_progress.end(token, types.WorkDoneProgressEnd())
        server.work_done_progress.tokens.pop(token, None)  # pygls keeps it (openlawlibrary/pygls#607)


async def _begin(server: LanguageServer) -> str:
    token = f"semls-{next(_tokens)}"  # a text: Zed takes no numbers
    # Without the shield a late answer to a cancelled request is an error (openlawlibrary/pygls#621).
    await asyncio.shield(server.work_done_progress.create_async(token))
    server.work_done_progress.begin(token, types.WorkDoneProgressBegin(title="semls", percentage=0))
    return token


def _report(step: ProgressMessage) -> types.WorkDoneProgressReport:
    percentage = None
    if step["phase"] == "vectors" and step["chunks"]:
        percentage = 100 * step["embedded"] // step["chunks"]
    counts = f"{step['files']} files, {step['embedded']} of {step['chunks']} chunks embedded"
    return types.WorkDoneProgressReport(message=f"{PHASES[step['phase']]}: {counts}", percentage=percentage)
