"""The text of hits that front-ends for people and for agents share. All of it is escaped."""

from semls.escaping import escape_line, escape_text
from semls.service.messages import ChunkMessage, HitMessage

MIN_CONFIDENCE = 0.2  # of an answer with a strong match: below it, a fourth of the first hits are right


def qualified_name(chunk: ChunkMessage) -> str:
    """Return the name of a definition with that of its container, such as `Pool.retry`."""
    return escape_line(f"{chunk['container']}.{chunk['name']}" if chunk["container"] else chunk["name"])


def code_lines(hit: HitMessage, number: int | None = None) -> list[str]:
    """Return the lines of a hit's code, dedented: all of them, or some from the name on."""
    lines = _dedented_lines(hit)
    if number is None:
        return lines
    start = hit["selectionRange"]["start"]["line"] - hit["range"]["start"]["line"]
    start = start if 0 <= start < len(lines) else 0
    return "\n".join(lines[start : start + number]).rstrip().split("\n")


def _dedented_lines(hit: HitMessage) -> list[str]:
    """Return the lines of a snippet, dedented by the column where the snippet starts.

    A snippet starts at its first token, so its first line lacks the indentation that the others have.
    """
    first, *others = escape_text(hit["snippet"].rstrip()).split("\n")
    indentations = [len(line) - len(line.lstrip()) for line in others if line.strip()]
    margin = min(hit["range"]["start"]["character"], *indentations) if indentations else 0
    return [first, *(line[margin:] for line in others)]
