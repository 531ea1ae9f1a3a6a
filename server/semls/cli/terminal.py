"""Print results to the terminal.

Everything that comes from a workspace, such as code and file names, is escaped before it is printed.
"""

import io
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Sequence
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn
from rich.syntax import Syntax
from rich.text import Text

from semls.cli import streams
from semls.escaping import escape_line, escape_text
from semls.service.messages import (
    PHASE_LABELS,
    AnswerMessage,
    ChunkMessage,
    ContextMessage,
    ExplanationMessage,
    FindingMessage,
    HitMessage,
    ProgressMessage,
    SimilarMessage,
    StatusMessage,
)

for _size in ("COLUMNS", "LINES"):
    if not re.fullmatch("[0-9]{2,4}", os.environ.get(_size, "")):  # rich would use 0 or raise ValueError
        os.environ.pop(_size, None)

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_MAX_SNIPPET_LINES = 12
_LINES_ABOVE_MATCH = 3  # shown when the matching line is not among the first _MAX_SNIPPET_LINES
_MIN_COLUMNS = 40  # in a narrower terminal, line numbers and indentation leave no room for code
_MAX_LISTED_FILES = 20
_MIN_CONFIDENCE = 0.2  # of an answer with a strong match: below it, a fourth of the first hits are right


def print_answer(message: AnswerMessage) -> None:
    """Print a query and its hits: in a terminal below the path of their file, otherwise each with it."""
    out.print(Text(escape_line(message["query"]), style="bold"))
    if message["hits"] and message["confidence"] < _MIN_CONFIDENCE:
        out.print("No strong match. These are the nearest:", style="dim")
    if out.is_terminal:
        _print_by_file(message["hits"])
    else:
        for rank, hit in enumerate(message["hits"], 1):
            _print_hit(rank, _location(hit), hit)
    if not message["hits"]:
        out.print(_no_hits(message))
    _print_coverage(message)


def print_similar(message: SimilarMessage) -> None:
    """Print the location that was compared, its exact duplicates and the similar code."""
    out.print(_location(message))
    for copy in message["copies"]:
        out.print(Text.assemble(("  =  ", "dim"), _location(copy)))
    for rank, hit in enumerate(message["hits"], 1):
        note = f", in {hit['count']:,} locations" if hit["count"] > 1 else ""
        _print_hit(rank, _location(hit), hit, note)
    if not message["hits"]:
        out.print("No similar code.")
    _print_coverage(message)


def print_context(message: ContextMessage) -> None:
    """Print Markdown without rich, which would wrap lines and expand tabs."""
    out.file.write(escape_text(message["markdown"]) or f"{_no_hits(message)}\n")
    _print_coverage(message)


def _no_hits(message: AnswerMessage | ContextMessage) -> Text:
    return Text(escape_line(f"No hits. {message['notice']}".rstrip()))


def print_picker_rows(message: AnswerMessage) -> None:
    """Print a record for each hit, which fzf reads: line, styled text and URI, separated by tabs.

    Records end with NUL, because an escaped file name cannot contain it. URIs are ASCII.
    """
    for hit in message["hits"]:
        styled = io.StringIO()
        console = Console(file=styled, force_terminal=True, color_system="standard", soft_wrap=True)
        console.print(_location(hit), Text(hit["kind"], style="dim"), end="")
        out.file.write(f"{_line(hit)}\t{styled.getvalue()}\t{hit['uri']}\0")


def print_preview(content: str, marked_line: int) -> None:
    """Print a file with line numbers and one line marked.

    The styles are written even into a pipe, from which fzf reads them.
    """
    for number, line in enumerate(escape_text(content).split("\n"), 1):
        styled = f"\x1b[1;7m{line}\x1b[0m" if number == marked_line else line
        out.file.write(f"{number:>5} {styled}\n")


def print_plain(content: str) -> None:
    """Print the content of a file without styles, for a program that highlights it."""
    out.file.write(escape_text(content))


def print_location(path: str, line: int) -> None:
    """Print `path:line` for another program, with the unchanged bytes of the path."""
    out.file.flush()
    with streams.translating_errors():
        sys.stdout.buffer.write(os.fsencode(f"{path}:{line}\n"))


def print_json(message: object) -> None:
    """Print a message as one line of ASCII JSON. DEL is escaped too, which JSON does not require."""
    out.file.write(json.dumps(message).replace("\x7f", "\\u007f") + "\n")
    out.file.flush()


def print_line(text: str) -> None:
    """Print one line of text without styles."""
    out.print(Text(escape_line(text)))


def _print_coverage(message: AnswerMessage | SimilarMessage | ContextMessage) -> None:
    coverage = message["coverage"]
    if message["model"] and coverage["embedded"] < coverage["chunks"]:
        err.print(
            Text(f"{coverage['embedded']:,} of {coverage['chunks']:,} chunks embedded so far.", style="dim")
        )


def _print_by_file(hits: Sequence[HitMessage]) -> None:
    for path, group in groupby(enumerate(hits, 1), lambda ranked: ranked[1]["path"]):
        out.print(Text(f"\n{escape_line(path)}", style="bold cyan"))
        for rank, hit in group:
            location = Text.assemble((f"{_line(hit)}: ", "cyan"), _name(hit))
            _print_hit(rank, location, hit)


def _print_hit(rank: int, location: Text, hit: HitMessage, note: str = "") -> None:
    score = (f"  {hit['score']:.2f}{note}", "dim")
    out.print(Text.assemble((f"{rank:>3}  ", "dim"), location, score))
    _print_snippet(hit)


def _location(chunk: ChunkMessage) -> Text:
    return Text.assemble((f"{escape_line(chunk['path'])}:{_line(chunk)}", "cyan"), "  ", _name(chunk))


def _line(chunk: ChunkMessage) -> int:
    return chunk["selectionRange"]["start"]["line"] + 1


def _name(chunk: ChunkMessage) -> Text:
    name = f"{chunk['container']}.{chunk['name']}" if chunk["container"] else chunk["name"]
    return Text(escape_line(name), style="bold green")


def _print_snippet(hit: HitMessage) -> None:
    lines = _dedented_lines(hit)
    match_row = hit["selectionRange"]["start"]["line"] - hit["range"]["start"]["line"]
    top = match_row - _LINES_ABOVE_MATCH if _MAX_SNIPPET_LINES <= match_row < len(lines) else 0
    bottom = top + _MAX_SNIPPET_LINES
    snippet = "\n".join(lines[top:bottom])
    if top:
        out.print(Text(f"     … {_count(top, 'line')} above", style="dim"))
    if out.is_terminal and out.width >= _MIN_COLUMNS:
        lexer = Syntax.guess_lexer(hit["path"], snippet)
        first_line = hit["range"]["start"]["line"] + top + 1
        code = Syntax(snippet, lexer, theme="ansi_dark", line_numbers=True, start_line=first_line)
        out.print(Padding(code, (0, 0, 0, 5)))
    else:
        out.print(Text("\n".join(f"     {line}".rstrip() for line in snippet.split("\n"))))
    if len(lines) > bottom:
        out.print(Text(f"     … {_count(len(lines) - bottom, 'more line')}", style="dim"))


def _dedented_lines(hit: HitMessage) -> list[str]:
    """Return the lines of a snippet, dedented by the column where the snippet starts.

    A snippet starts at its first token, so its first line lacks the indentation that the others have.
    """
    first, *others = escape_text(hit["snippet"].rstrip()).split("\n")
    indentations = [len(line) - len(line.lstrip()) for line in others if line.strip()]
    margin = min(hit["range"]["start"]["character"], *indentations) if indentations else 0
    return [first, *(line[margin:] for line in others)]


async def show_progress(messages: AsyncIterator[ProgressMessage]) -> tuple[ProgressMessage, int]:
    """Show a progress bar. Return the last message and how many texts were embedded in between."""
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}")
    first = last = None
    # With FORCE_COLOR, rich takes a pipe for a terminal.
    is_visible = err.is_interactive and sys.stderr.isatty()
    with Progress(*columns, console=err, transient=True, disable=not is_visible) as bar:
        task = bar.add_task(PHASE_LABELS["reading"], total=None, count="")
        async for last in messages:
            first = first or last
            completed, total, count = _progress_fields(last)
            bar.update(
                task, description=PHASE_LABELS[last["phase"]], completed=completed, total=total, count=count
            )
    if first is None or last is None:
        raise RuntimeError("The engine sent no progress message.")
    return last, last["encoded"] - first["encoded"]


def _progress_fields(message: ProgressMessage) -> tuple[int, int | None, str]:
    """Return the completed amount, the total if it is known, and a text with both."""
    if message["phase"] == "embedding":
        embedded, chunks = message["embedded"], message["chunks"]
        return embedded, chunks, f"{embedded:,}/{chunks:,} chunks"
    if message["phase"] == "downloading":
        downloaded, size = message["downloaded"], message["download"]
        return downloaded, size, f"{downloaded / 1e6:,.0f}/{size / 1e6:,.0f} MB"
    return 0, None, f"{_count(message['files'], 'file')}, {_count(message['chunks'], 'chunk')}"


def print_summary(last: ProgressMessage, embedded: int, seconds: float) -> None:
    """Print what `semls index` did."""
    work = f"{_count(embedded, 'text')} embedded" if embedded else "nothing to embed"
    counts = f"{_count(last['files'], 'file')}, {_count(last['chunks'], 'chunk')}"
    out.print(f"{counts}, {work}, {seconds:.1f} s")


def print_status(message: StatusMessage) -> None:
    """Print the state of a workspace and of its engine, with the skipped files by reason."""
    out.print(Text(escape_line(message["workspace"]), style="bold"))
    out.print(f"  {_phase(message)}")
    counts = f"{_count(message['files'], 'file')}, {_count(message['chunks'], 'chunk')}"
    out.print(f"  {counts}, {message['embedded']:,} embedded, {message['queue']:,} queued")
    model = (
        f"{message['model']} on {message['device']}" if message["model"] else "none, full-text search only"
    )
    out.print(Text(f"  model: {escape_line(model)}"))
    if message["store"]:
        out.print(Text(f"  vector store: {escape_line(message['store'])}"))
    disk, cache = _megabytes(message["disk"]), _megabytes(message["cache"])
    out.print(f"  disk: index {disk}, embedding cache of all folders {cache}")
    memory = f", {_megabytes(message['memory'])} of memory" if message["memory"] else ""
    out.print(f"  engine: process {message['pid']}{memory}, open folders: {len(message['workspaces'])}")
    for workspace in message["workspaces"]:
        out.print(Text(f"    {escape_line(workspace)}", style="dim"))
    for reason, count in message["skipped"].items():
        out.print(Text(f"  skipped {count:,}: {escape_line(reason)}"))
        _print_paths([file["path"] for file in message["skipped_files"] if file["reason"] == reason])
    for reason in sorted({file["reason"] for file in message["by_lines"]}):
        files = [file["path"] for file in message["by_lines"] if file["reason"] == reason]
        out.print(Text(f"  split by lines {len(files):,}: {escape_line(reason)}"))
        _print_paths(files)
    if message["error"]:
        print_error(message["error"])


def _print_paths(paths: Sequence[str]) -> None:
    for path in paths[:_MAX_LISTED_FILES]:
        out.print(Text(f"    {escape_line(path)}", style="dim"))
    if len(paths) > _MAX_LISTED_FILES:
        out.print(Text(f"    … {len(paths) - _MAX_LISTED_FILES:,} more: use --json to list all", style="dim"))


def _phase(message: StatusMessage) -> str:
    if message["phase"] == "ready" and not (message["indexed"] or message["error"]):
        return "not indexed yet: run `semls index`"
    return PHASE_LABELS[message["phase"]].lower()


def print_explanation(message: ExplanationMessage) -> None:
    """Print how a file is indexed, or why it is skipped."""
    out.print(Text(escape_line(message["path"]), style="bold"))
    if message["skipped"]:
        out.print(Text(f"  not indexed: {escape_line(message['skipped'])}"))
        return
    if message["by_lines"]:
        out.print(Text(f"  split by lines: {escape_line(message['by_lines'])}"))
    counts = f"{_count(message['chunks'], 'chunk')} ({_count(message['definitions'], 'definition')})"
    out.print(f"  indexed as {message['language']}: {counts}, {message['embedded']:,} embedded")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _megabytes(count: int) -> str:
    return f"{count / (1 << 30):.1f} GB" if count >= 1 << 30 else f"{count / (1 << 20):,.1f} MB"


def print_findings(messages: Sequence[FindingMessage]) -> None:
    """Print findings of `semls doctor`, each with advice where something is wrong."""
    for message in messages:
        mark = ("ok  ", "green") if message["well"] else ("warn", "yellow")
        out.print(Text.assemble(mark, f"  {message['name']}: {escape_line(message['detail'])}"))
        if message["advice"]:
            out.print(Text(f"      {escape_line(message['advice'])}"))


def print_notice(text: str) -> None:
    """Print to stderr what the user should know although nothing failed. An empty text prints nothing."""
    if text:
        err.print(Text(escape_line(text), style="yellow"))


def print_waiting(activity: str) -> None:
    """Print what the engine is doing while a request waits, if stderr is a terminal."""
    if sys.stderr.isatty():
        err.print(Text(f"Waiting for the engine: {escape_line(activity)}", style="dim"))


def print_error(text: str) -> None:
    """Print an error to stderr."""
    err.print(Text(f"semls: {escape_line(text)}", style="red"))


def print_usage_error(text: str, command: str) -> None:
    """Print a usage error and how to get help; nothing if `text` is empty, as typer has printed the help."""
    if text:
        print_error(text)
        err.print(Text(f"Try `{command} --help`."))
