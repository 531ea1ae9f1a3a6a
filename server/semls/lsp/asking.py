"""Asks the user's language model, and shows in the editor that the answer is awaited."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

from pygls.exceptions import JsonRpcRequestCancelled

from semls.ask.answer import stream_answer
from semls.ask.citations import Citation
from semls.ask.notice import Notice
from semls.ask.settings import AskSettings
from semls.errors import AskError
from semls.lsp import editor
from semls.lsp.session import Session, translate_errors
from semls.service.messages import ContextMessage


async def ask(ls: Session, params: Mapping[str, Any]) -> list[str | Citation | Notice]:
    """Return the answer to a question; [] if no code matches it. Raises JsonRpcException."""
    return await translate_errors(_ask(ls, params))


async def _ask(ls: Session, params: Mapping[str, Any]) -> list[str | Citation | Notice]:
    settings = AskSettings.from_environment()
    context = await ls.context(**params)
    if not context["sections"]:
        return []
    answer = asyncio.ensure_future(_collect(settings, context, ls.state_directory))
    text = f"Asking {settings.name}"
    async with editor.show_activity(ls, ls.capabilities, text, on_cancel=answer.cancel):
        try:
            await asyncio.wait({answer})
        finally:
            answer.cancel()  # if the client has cancelled the request itself
    if answer.cancelled():
        raise JsonRpcRequestCancelled("The question was cancelled.")
    return answer.result()


async def _collect(
    settings: AskSettings, context: ContextMessage, directory: Path
) -> list[str | Citation | Notice]:
    """Return an answer. If it breaks off, the reason stands at its end."""
    collected: list[str | Citation | Notice] = []
    try:
        async with aclosing(stream_answer(settings, context, directory)) as pieces:
            async for piece in pieces:
                collected.append(piece)  # noqa: PERF401 - the pieces before an error are kept
    except AskError as error:
        if not collected:
            raise
        collected.append(Notice(str(error)))
    return collected
