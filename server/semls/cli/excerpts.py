"""Fit lines of code into the terminal, with the words of the query highlighted, and highlight snippets."""

import re
from collections.abc import Sequence
from itertools import pairwise

import click
from rich.cells import cell_len

from semls.escaping import escape_line

_LINK = re.compile("\x1b]8;[^\x1b]*\x1b\\\\")  # the beginning or the end of a hyperlink
_SHARE_BEFORE = 3  # a third of the columns, at most, stands before the first word


def styled_line(text: str, words: Sequence[Sequence[int]], columns: int) -> str:
    """Return a line of code with some of its words highlighted, cropped to a number of columns.

    `words` are pairs of a start and an end, in characters. If the first word would be cropped, the beginning
    of the line is left out. Characters that could control the terminal are escaped.
    """
    bounds = sorted({0, len(text), *(bound for word in words for bound in word)})
    starts = {start for start, _ in words}
    pieces = [(escape_line(text[start:end]), start in starts) for start, end in pairwise(bounds)]
    pieces = _without_beginning(pieces, columns)
    styled, left = "", columns
    for piece, is_word in pieces:
        cropped = crop(piece, left)
        styled += click.style(cropped, bold=True, fg="red") if is_word else cropped
        left -= cell_len(cropped)
        if cropped != piece:
            break
    return styled


def width(text: str) -> int:
    """Return how many columns a text with styles and links takes."""
    return cell_len(click.unstyle(_LINK.sub("", text)))


def crop(text: str, columns: int) -> str:
    """Return the characters of a text that fit into a number of columns; an ellipsis stands for the rest."""
    if cell_len(text) <= columns:
        return text
    taken, end = 1, 0  # one for the ellipsis
    while taken + cell_len(text[end]) <= columns:
        taken += cell_len(text[end])
        end += 1
    return f"{text[:end]}…" if columns > 0 else ""


def crop_beginning(text: str, columns: int) -> str:
    """Return the last characters of a text that fit into a number of columns, after an ellipsis."""
    return crop(text[::-1], columns)[::-1]


def highlighted(code: str, path: str) -> str:
    """Return code with the styles of its language."""
    from pygments import highlight, lexers, util  # they take a tenth of a second to import
    from pygments.formatters import TerminalFormatter

    try:
        lexer = lexers.get_lexer_for_filename(path, code, stripnl=False)
    except util.ClassNotFound:
        return code
    styled: str = highlight(code, lexer, TerminalFormatter())
    return styled.rstrip("\n")


def _without_beginning(pieces: Sequence[tuple[str, bool]], columns: int) -> list[tuple[str, bool]]:
    """Leave out the beginning of a line whose first word would be cropped."""
    if len(pieces) < 2 or pieces[0][1]:
        return list(pieces)
    (before, _), (word, _) = pieces[:2]
    if cell_len(before) + cell_len(word) < columns:
        return list(pieces)
    kept = before[-(columns // _SHARE_BEFORE) :] if columns >= _SHARE_BEFORE else ""
    return [(f"…{kept.lstrip()}", False), *pieces[1:]]
