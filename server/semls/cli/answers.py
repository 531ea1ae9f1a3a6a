"""Print answers: the hits of a search, similar code, and context.

In a terminal, hits stand below the path of their file, and each fits into a line. In a pipe, each hit has its
path.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

import click

from semls.ask.citations import Citation, Place
from semls.cli import excerpts, pager, progress, terminal
from semls.cli.streams import translating_errors
from semls.escaping import escape_line, escape_text
from semls.hits import MIN_CONFIDENCE, code_lines, qualified_name
from semls.locations import path_of_uri
from semls.service.messages import (
    AnswerMessage,
    ChunkMessage,
    ClusterMessage,
    ContextMessage,
    DuplicatesMessage,
    HitMessage,
    LineMessage,
    ProgressMessage,
    SearchHitMessage,
    SimilarMessage,
)

_NOT_UTF_8 = re.compile("([\udc80-\udcff]+)")  # bytes, as Python decodes them
_MAX_COLUMNS = 240  # of a line of code in a pipe
_MIN_COLUMNS = 24  # that a line of code needs beside the name; otherwise it stands below
_DASH = " — "  # between a name and a line of code
_INDENTATION = 5  # of what stands below a name
_RESERVED_ROWS = 3  # for the prompt and for what is printed to stderr


@dataclass(frozen=True, slots=True)
class Layout:
    """How hits are printed: with how many lines of code, all if None, and whether with scores.

    By default, each hit has its most telling line. `is_fitted` leaves out hits that do not fit into the
    terminal.
    """

    lines: int | None = 0
    scores: bool = False
    is_fitted: bool = False


def print_answer(message: AnswerMessage, layout: Layout) -> None:
    """Print the hits of a search."""
    if not message["hits"]:
        terminal.write(_no_hits(message))
        return
    if message["notice"]:
        terminal.write(terminal.dim(escape_line(f"{message['notice']} Without quotation marks:")))
    if message["confidence"] < MIN_CONFIDENCE:
        terminal.write_error(terminal.dim("No strong match; nearest:"))
    hits = list(enumerate(message["hits"], 1))
    if not sys.stdout.isatty():
        for rank, hit in hits:
            terminal.write("\n".join(_hit_lines(f"{rank:>3}  {_location(hit)}", hit, layout)))
        return
    columns, rows = terminal.size()
    blocks = _blocks_by_file(hits, layout, columns)
    fitting = _fitting(blocks, rows - _RESERVED_ROWS) if layout.is_fitted else blocks
    pager.write("\n".join(chain.from_iterable(fitting)))


def print_paths(message: AnswerMessage) -> None:
    """Print the paths of the files that have hits, one per line."""
    for path in dict.fromkeys(map(_path, message["hits"])):
        _write_path(path)


def print_vimgrep(message: AnswerMessage) -> None:
    """Print `path:line:column:text` for each hit, which editors read into a list of locations."""
    for hit in message["hits"]:
        column = hit["selectionRange"]["start"]["character"] + 1
        text = f"{qualified_name(hit)}: {hit['best']['text']}"
        _write_path(_path(hit), f":{_line(hit)}:{column}:{escape_line(text)}")


def print_similar(message: SimilarMessage, layout: Layout) -> None:
    """Print the location that was compared, its exact duplicates and the similar code."""
    lines = [_location(message)]
    lines += [f"{terminal.dim('  =  ')}{_location(copy)}" for copy in message["copies"]]
    for rank, hit in enumerate(message["hits"], 1):
        count = terminal.dim(f"  in {hit['count']:,} locations") if hit["count"] > 1 else ""
        lines += [f"{rank:>3}  {_location(hit)}{count}{_score(hit, layout)}", *_snippet(hit, layout)]
    if not message["hits"]:
        lines.append("No similar code.")
    pager.write("\n".join(lines))


def print_duplicates(message: DuplicatesMessage) -> None:
    """Print clusters of functions, and what was compared."""
    lines: list[str] = []
    for cluster in message["clusters"]:
        first, *others = cluster["hits"]
        kind = "copies" if cluster["copies"] else "near copies"
        repeated = sum(_row_count(hit) for hit in others)
        heading = f"{len(cluster['hits'])} {kind}, {repeated} repeated lines"
        lines += [click.style(heading, bold=True)]
        lines += [f"     {_location(hit)}{_shared(hit, cluster)}" for hit in (first, *others)]
        lines.append("")
    pager.write("\n".join(lines) if lines else "No duplicates.")
    if message["total"] > len(message["clusters"]):
        left_out = message["total"] - len(message["clusters"])
        terminal.write_error(terminal.dim(f"{left_out} more: `-k {message['total']}` prints all."))
    if message["compared"] < message["functions"]:
        terminal.write_error(terminal.dim(_uncompared(message)))


def _row_count(hit: HitMessage) -> int:
    return hit["range"]["end"]["line"] - hit["range"]["start"]["line"] + 1


def _shared(hit: HitMessage, cluster: ClusterMessage) -> str:
    is_first = hit is cluster["hits"][0]
    return "" if cluster["copies"] or is_first else terminal.dim(f"  {100 * hit['score']:.0f} % of the words")


def _uncompared(message: DuplicatesMessage) -> str:
    if not message["compared"]:
        return "Copies only: there are no embeddings to find near copies with."
    compared, functions = f"{message['compared']:,}", f"{message['functions']:,}"
    return f"Near copies among {compared} of {functions} functions: the longest ones that are embedded."


def print_context(message: ContextMessage) -> None:
    """Print Markdown."""
    pager.write(escape_text(message["markdown"]).rstrip("\n") or _no_hits(message))


def place(chunk: ChunkMessage) -> tuple[int, str]:
    """Return the line, from 1, and the URI of a chunk's name."""
    return _line(chunk), chunk["uri"]


def print_piece(piece: str | Citation) -> None:
    """Print the next piece of a language model's answer."""
    if isinstance(piece, str):
        terminal.write_part(escape_text(piece))
    elif piece.place:
        terminal.write_part(terminal.link(click.style(escape_line(piece.text), fg="cyan"), piece.place.uri))
    else:
        terminal.write_part(click.style(escape_line(piece.marked), fg="red"))


def print_places(places: Sequence[Place]) -> None:
    """Print the places that an answer cites, below the answer.

    The code stands below the place if there is too little room for it in the line.
    """
    columns = terminal.size()[0] if sys.stdout.isatty() else _MAX_COLUMNS
    if places:
        terminal.write()
    for rank, place in enumerate(places, 1):
        number = f"{rank:>3}  "
        address = f"{escape_line(_relative_path(place.uri))}:{place.first}"
        if sys.stdout.isatty():
            address = excerpts.crop_beginning(address, columns - len(number))
        head = number + terminal.link(click.style(address, fg="cyan"), place.uri)
        left = columns - excerpts.width(head) - len(_DASH)
        if left >= _MIN_COLUMNS or not sys.stdout.isatty():
            code = excerpts.styled_line(place.code, [], max(left, _MIN_COLUMNS))
            terminal.write(f"{head}{terminal.dim(_DASH)}{code}")
        else:
            code = excerpts.styled_line(place.code, [], columns - _INDENTATION)
            terminal.write(f"{head}\n{' ' * _INDENTATION}{code}")


def print_coverage(message: AnswerMessage | SimilarMessage | ContextMessage, last: ProgressMessage) -> None:
    """Print to stderr how much of the code semantic search covers, while that is not everything.

    `last` is the progress of indexing when the search began.
    """
    coverage, phase = message["coverage"], last["phase"]
    if not message.get("complete", True):
        text = "Not all files are read yet: those that mention your words come first; `--wait` waits for all."
        terminal.write_error(terminal.dim(text))
        return
    embedded, chunks = coverage["embedded"], coverage["chunks"]
    if message["model"] and embedded == chunks:  # perhaps of a former model, until another one is complete
        embedded, chunks = last["embedded"], last["chunks"]
    if phase == "ready" or (message["model"] and embedded == chunks):
        return
    index = f"Semantic index {100 * embedded // max(chunks, 1)} %"
    if phase == "paused":
        text = f"{index}: embedding is paused, and `semls resume` continues it."
    elif not message["model"] and phase in ("reading", "loading", "downloading"):
        text = "Full-text search answered, because the model is still being loaded; `--wait` waits."
    else:
        text = f"{', '.join(filter(None, (index, progress.time_left(last))))}; `--wait` waits."
    terminal.write_error(terminal.dim(text))


def picker_rows(message: AnswerMessage) -> str:
    """Return a record for each hit, which fzf reads: line, styled text and URI, separated by tabs.

    Records end with NUL, because an escaped file name cannot contain it. URIs are ASCII.
    """
    rows = ""
    for hit in message["hits"]:
        name = click.style(qualified_name(hit), bold=True, fg="green")
        place = click.style(f"{escape_line(hit['path'])}:{_line(hit)}", fg="cyan")
        rows += f"{_line(hit)}\t{name}  {terminal.dim(hit['kind'])}  {place}\t{hit['uri']}\0"
    return rows


def picker_error(text: str) -> str:
    """Return an error as a record of `picker_rows`, without a place."""
    return f"\t{click.style(escape_line(text), fg='red')}\t\0"


def file_text(content: str, marked_line: int | None) -> str:
    """Return a file with line numbers and one line marked, or else without styles, for a program like bat."""
    if marked_line is None:
        return escape_text(content)
    text = ""
    for number, line in enumerate(escape_text(content).split("\n"), 1):
        styled = click.style(line, bold=True, reverse=True) if number == marked_line else line
        text += f"{number:>5} {styled}\n"
    return text


def print_location(path: str, line: int) -> None:
    """Print `path:line` for another program, with the unchanged bytes of the path."""
    _write_path(path, f":{line}")


def _no_hits(message: AnswerMessage | ContextMessage) -> str:
    return escape_line(f"No hits. {message['notice']}".rstrip())


# Hits


def _blocks_by_file(
    hits: Sequence[tuple[int, SearchHitMessage]], layout: Layout, columns: int
) -> Iterator[list[str]]:
    """Yield the lines of each hit. Those of the first hit of a file begin with its path."""
    for _, group in groupby(hits, lambda ranked: ranked[1]["uri"]):
        heading: list[str] | None = None
        for rank, hit in group:
            number = f"{rank:>3}  {_line(hit)}: "
            name = excerpts.crop(qualified_name(hit), columns - len(number))
            head = f"{click.style(number, fg='cyan')}{click.style(name, bold=True, fg='green')}"
            lines = _hit_lines(head, hit, layout, columns)
            if heading is None:
                path = excerpts.crop_beginning(escape_line(_path(hit)), columns)
                heading = ["", terminal.link(click.style(path, bold=True), hit["uri"])]
                lines = heading + lines
            yield lines


def _fitting(blocks: Iterable[list[str]], rows: int) -> Iterator[list[str]]:
    """Yield the first blocks that fit into some rows, but at least one."""
    for number, lines in enumerate(blocks):
        rows -= len(lines)
        if number and rows < 0:
            return
        yield lines


def _hit_lines(head: str, hit: SearchHitMessage, layout: Layout, columns: int = _MAX_COLUMNS) -> list[str]:
    """Return the lines of a hit, of which the first one begins with `head`."""
    head += _score(hit, layout)
    if layout.lines != 0:
        return [head, *_snippet(hit, layout)]
    left = columns - excerpts.width(head) - len(_DASH)
    if left >= _MIN_COLUMNS:
        return [f"{head}{terminal.dim(_DASH)}{_best_line(hit['best'], left)}"]
    return [head, " " * _INDENTATION + _best_line(hit["best"], columns - _INDENTATION)]


def _best_line(line: LineMessage, columns: int) -> str:
    return excerpts.styled_line(line["text"], line["words"], columns)


def _snippet(hit: HitMessage, layout: Layout) -> list[str]:
    """Return the lines of code that the layout asks for: all of them, or some from the name on."""
    lines = code_lines(hit, layout.lines)
    code = "\n".join(lines)
    if terminal.supports_styles(sys.stdout):
        code = excerpts.highlighted(code, hit["path"])
    return [*code.split("\n"), ""] if lines else []


def _location(chunk: ChunkMessage) -> str:
    place = click.style(f"{escape_line(_path(chunk))}:{_line(chunk)}", fg="cyan")
    return f"{terminal.link(place, chunk['uri'])}  {_name(chunk)}"


def _path(chunk: ChunkMessage) -> str:
    return _relative_path(chunk["uri"])


def _relative_path(uri: str) -> str:
    """Return the path of a file, relative to the current folder unless it is on another drive."""
    path = path_of_uri(uri)
    try:
        return os.path.relpath(path)
    except (ValueError, FileNotFoundError):
        return path


def _line(chunk: ChunkMessage) -> int:
    return chunk["selectionRange"]["start"]["line"] + 1


def _name(chunk: ChunkMessage) -> str:
    return click.style(qualified_name(chunk), bold=True, fg="green")


def _score(hit: HitMessage, layout: Layout) -> str:
    return terminal.dim(f"  {hit['score']:.2f}") if layout.scores else ""


def _write_path(path: str, suffix: str = "") -> None:
    """Print a path for another program: with the bytes that are not UTF-8, but without control characters."""
    escaped = "".join(
        part if _NOT_UTF_8.match(part) else escape_line(part) for part in _NOT_UTF_8.split(path)
    )
    sys.stdout.flush()
    with translating_errors():
        sys.stdout.buffer.write(os.fsencode(escaped) + f"{suffix}\n".encode())
