"""Write answers as text for agents: few characters, no scores, no markup. Everything is escaped.

The MCP server returns it, and the language server to the tools of an editor's agents.
"""

import os
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Protocol

from semls.escaping import escape_line, escape_text
from semls.hits import MIN_CONFIDENCE, code_lines, qualified_name
from semls.locations import path_of_uri
from semls.service.messages import (
    AnswerMessage,
    ChunkMessage,
    ContextMessage,
    HitMessage,
    Range,
    SectionMessage,
    SimilarMessage,
    StatusMessage,
)

DEFAULT_LINES = 8  # of code for each hit of a search
DEFAULT_LIMIT = 8
_MAX_CHARACTERS = 11_800  # of hits: clients refuse 25,000 tokens, and long answers fill the context window
_MAX_COLUMNS = 200  # of a line of code
_HEADER_CHARACTERS = 60  # of a hit, on average at most; eight hits with four lines have 2,400 characters
_LINE_CHARACTERS = 60  # of its lines of code, on average at most
_FEW_HITS_CHARACTERS = 1_200  # that few hits may have, whatever their average


class Scope(Protocol):
    """What a request searches."""

    def relative(self, path: str) -> str:
        """Return an absolute path as the agent should read it, escaped."""


def render_answer(message: AnswerMessage, scope: Scope, lines: int) -> str:
    """Return the hits of a search, each with its first lines of code."""
    heading = ""
    if message["notice"]:
        heading = escape_line(f"{message['notice']} Without quotation marks:") + "\n\n"
    elif message["confidence"] < MIN_CONFIDENCE:
        heading = "No strong match; nearest:\n\n"
    return (
        heading
        + _render_hits(message["hits"], scope, lines)
        + (_coverage(message) or _missing_model(message))
    )


def render_similar(message: SimilarMessage, scope: Scope, lines: int) -> str:
    """Return the code that was compared, its exact copies, and similar code."""
    heading = f"Similar to {_header(message, scope)}\n\n"
    copies = [f"Exact copy: {_header(copy, scope)}\n" for copy in message["copies"]]
    hits = _render_hits(message["hits"], scope, lines) or "No similar code.\n"
    return heading + "".join([*copies, "\n" if copies else ""]) + hits + _coverage(message)


def render_context(message: ContextMessage, scope: Scope) -> str:
    """Return the code that answers a question."""
    sections = "\n".join(_section(section, scope) for section in message["sections"])
    return sections + _coverage(message)


def render_no_hits(notice: str, complete: bool, statuses: Iterable[StatusMessage]) -> str:
    """Return why there is no hit, and what is indexed and what is skipped."""
    sentences = ["No hits.", escape_line(notice)]
    if not complete:
        sentences.append("Files are still being read; search again in a moment.")
    for status in statuses:
        skipped = ", ".join(f"{count:,} {reason}" for reason, count in status["skipped"].items())
        sentences.append(
            f"{escape_line(status['workspace'])} has {status['files']:,} indexed files with "
            f"{status['chunks']:,} chunks{f', skipped: {escape_line(skipped)}' if skipped else ''}."
        )
    return " ".join(filter(None, sentences))


def render_status(statuses: Iterable[StatusMessage]) -> str:
    """Return the state of the workspaces, a line for each value."""
    lines = []
    for status in statuses:
        lines += [
            f"workspace: {status['workspace']}",
            f"phase: {status['phase']}",
            f"files: {status['files']:,}",
            f"chunks: {status['chunks']:,}, of which {status['embedded']:,} are embedded",
            f"model: {status['model'] or 'not loaded'}",
            *(f"skipped: {count:,} {reason}" for reason, count in status["skipped"].items()),
            *(f"notice: {text}" for text in (status["notice"], status["error"]) if text),
        ]
    return "\n".join(map(escape_line, lines))


def _render_hits(hits: Sequence[HitMessage], scope: Scope, lines: int) -> str:
    """Return the hits that fit into an answer, and how many are left out.

    Long paths and lines of code leave less code for the last hits.
    """
    headers = [f"{_header(hit, scope)}\n" for hit in hits]
    shown = bisect_right(list(accumulate(map(len, headers))), _MAX_CHARACTERS)
    average = _HEADER_CHARACTERS + max(lines, 0) * _LINE_CHARACTERS
    budget = min(max(_FEW_HITS_CHARACTERS, shown * average), _MAX_CHARACTERS)
    room = budget - sum(map(len, headers[:shown]))
    text = ""
    for header, hit in zip(headers[:shown], hits, strict=False):
        code = _code(hit, lines, room)
        room -= len(code)
        text += header + code
    if shown < len(hits):
        text += f"… {len(hits) - shown} more{_narrowing(hits)}\n"
    return text


def _code(hit: HitMessage, lines: int, room: int) -> str:
    """Return the first lines of a hit that fit into a number of characters, and a blank line."""
    code = ""
    for line in code_lines(hit, max(lines, 0)):
        if len(code) + len(line := _cropped(line)) + 2 > room:
            break
        code += f"{line}\n"
    code = code.rstrip()
    return f"{code}\n\n" if code else ""


def _narrowing(hits: Sequence[HitMessage]) -> str:
    """Return how to find fewer hits: in the folder that has most of them."""
    folders = Counter(os.path.dirname(hit["path"]) for hit in hits)
    folder, _ = folders.most_common(1)[0]
    return f"; narrow with path:{escape_line(folder)}" if folder else ""


def _section(section: SectionMessage, scope: Scope) -> str:
    path = scope.relative(path_of_uri(section["uri"]))
    parts = [
        f"{path}:{_line_numbers(part['range'])}\n{escape_text(part['text'])}\n" for part in section["parts"]
    ]
    return "\n".join(parts)


def _header(chunk: ChunkMessage, scope: Scope) -> str:
    """Return the location, name and kind of a chunk, such as `src/pool.py:41-88 Pool.retry (method)`."""
    place = f"{scope.relative(path_of_uri(chunk['uri']))}:{_line_numbers(chunk['range'])}"
    return f"{place} {qualified_name(chunk)} ({chunk['kind'].lower()})"


def _line_numbers(span: Range) -> str:
    first, end = span["start"]["line"] + 1, span["end"]
    last = end["line"] + (1 if end["character"] else 0)
    return f"{first}-{last}" if last > first else f"{first}"


def _cropped(line: str) -> str:
    return line if len(line) <= _MAX_COLUMNS else f"{line[:_MAX_COLUMNS]}…"


def _missing_model(message: AnswerMessage) -> str:
    """Return a last line if the model was needed and not used."""
    if message["model"] or not any(hit["matched"] for hit in message["hits"]):
        return ""
    return "Full-text search answered, because the model is not loaded or overloaded.\n"


def _coverage(message: AnswerMessage | SimilarMessage | ContextMessage) -> str:
    """Return a last line if the answer would be better later."""
    coverage = message["coverage"]
    if not message.get("complete", True):
        return "Files are still being read; search again for more.\n"
    if coverage["embedded"] < coverage["chunks"]:
        return f"Semantic index covers {coverage['embedded']:,} of {coverage['chunks']:,} chunks so far.\n"
    return ""
