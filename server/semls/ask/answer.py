"""Asks the language model that the user has configured a question about code."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

from semls.ask import command, completions
from semls.ask.citations import Citation, CitationScanner
from semls.ask.notice import Notice
from semls.ask.prompt import prompt
from semls.ask.settings import AskSettings
from semls.ask.thoughts import ThoughtFilter
from semls.errors import AskError
from semls.service.messages import ContextMessage, SectionMessage

_TIMEOUT = 300.0  # seconds without output: a model on a processor may read for minutes before it answers
_MAX_CHARACTERS = 1_000_000  # that the model prints, thoughts included


async def stream_answer(
    settings: AskSettings, context: ContextMessage, directory: Path, timeout: float = _TIMEOUT
) -> AsyncGenerator[str | Citation | Notice, None]:
    """Yield the answer to the question of a context, which has sections, in parts as they arrive.

    A command runs in `directory`, which must not be a workspace. Raises AskError and UsageError.
    """
    text = prompt(context["query"], context["sections"])
    if settings.command:
        parts: AsyncGenerator[str | Notice, None] = command.stream(settings.command, text, directory, timeout)
    else:
        parts = completions.stream(settings, text, timeout)
    async with aclosing(parts):
        async for piece in _scanned(parts, context["sections"]):
            yield piece


async def _scanned(
    parts: AsyncIterator[str | Notice], sections: Sequence[SectionMessage]
) -> AsyncGenerator[str | Citation | Notice, None]:
    """Yield an answer without thoughts, split into texts and citations. Raises AskError.

    If the answer breaks off, all of its text is yielded before the error is raised.
    """
    thoughts, scanner = ThoughtFilter(), CitationScanner(sections)
    notices: list[Notice] = []
    characters, is_empty = 0, True
    failure: AskError | None = None
    try:
        async for part in parts:
            if isinstance(part, Notice):
                notices.append(part)
                continue
            characters += len(part)
            if characters > _MAX_CHARACTERS:
                raise AskError(f"The answer exceeds {_MAX_CHARACTERS:,} characters. Try again.")
            for piece in scanner.feed(thoughts.feed(part)):
                is_empty = False
                yield piece
    except AskError as error:
        failure = error
    for piece in [*scanner.feed(thoughts.end()), *scanner.end()]:
        is_empty = False
        yield piece
    if failure:
        raise failure
    for notice in notices:
        yield notice
    if is_empty:
        raise AskError("The language model has answered nothing. Try again, or configure another model.")
