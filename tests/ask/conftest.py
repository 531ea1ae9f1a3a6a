"""A context, and a function that collects the answer to its question."""

from contextlib import aclosing
from urllib.parse import quote

import pytest

from semls.ask.answer import stream_answer

TIMEOUT = 60.0  # seconds


def excerpt(first, *lines):
    start, end = {"line": first - 1, "character": 0}, {"line": first - 1 + len(lines), "character": 0}
    return {"range": {"start": start, "end": end}, "text": "\n".join(lines)}


def section(path, *parts, root="/w", name=None):
    uri = f"file://{quote(f'{root}/{path}')}"
    message = {"path": path, "name": name or path, "uri": uri, "language": "python", "tokens": 9}
    return {**message, "parts": list(parts)}


def context(*sections):
    return {"query": "where is it", "sections": list(sections)}


CONTEXT = context(
    section("src/shop.py", excerpt(10, "def sell():", "    return 1"), excerpt(30, "def buy(): pass")),
    section("src/app/page.py", excerpt(1, "```", "x = '\x1b[31m'\r")),
)


@pytest.fixture
def ask(tmp_path):
    """Return a function that returns the pieces of an answer."""

    async def ask(settings, asked=CONTEXT, timeout=TIMEOUT):
        async with aclosing(stream_answer(settings, asked, tmp_path, timeout)) as pieces:
            return [piece async for piece in pieces]

    return ask


@pytest.fixture
def ask_text(ask):
    """Return a function that returns an answer as text, in which wrong citations are marked."""

    async def ask_text(*arguments, **options):
        return "".join(
            piece if isinstance(piece, str) else piece.marked for piece in await ask(*arguments, **options)
        )

    return ask_text
