"""Selects the line that tells most about a chunk: one with words that does not only repeat its name."""

import re
from collections.abc import Sequence

_HAS_WORDS = re.compile(r"[^\W\d_]{2}")
_COMMENT = re.compile(
    r"\s*(?://|/\*|\*(?=[\s/]|$)|\#(?=[\s#]|$)|--|;|<!--|[rub]?(?:\"\"\"|'''))", re.IGNORECASE
)
_BEGINNING = re.compile(
    r"^\s*(?:(?:/{2,}!?|/\*+!?|\*+(?=\s|$)|\#+(?=\s|$)|--+(?=\s|$)|;+(?=\s|$)|<!--|[rub]?(?:\"\"\"|'''))\s*)?",
    re.IGNORECASE,
)
_END = re.compile(r"\s*(?:\*+/|-->|\"\"\"|''')?\s*$")


def telling_row(rows: Sequence[str], best: int, header: int | None) -> int:
    """Return the row that tells most about a chunk.

    That is `best`, the row that shares the most words with the query. If it is the header of a definition or
    has no words, it is the first row of a comment with words, or else the first row with words below the
    header.
    """
    if best != header and _has_words(rows[best]):
        return best
    others = [row for row in range(len(rows)) if row != header and _has_words(rows[row])]
    comments = (row for row in others if _COMMENT.match(rows[row]))
    below = (row for row in others if header is None or row > header)
    return next(comments, next(below, best))


def without_markers(row: str) -> str:
    """Return a row without indentation and without the characters that make it a comment or a heading."""
    return _END.sub("", _BEGINNING.sub("", row, count=1), count=1)


def _has_words(row: str) -> bool:
    return _HAS_WORDS.search(without_markers(row)) is not None
