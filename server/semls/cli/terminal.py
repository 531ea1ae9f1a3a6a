"""How things look in a terminal. Nothing from a workspace reaches it unescaped."""

import io
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Sequence

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
    if not re.fullmatch("[0-9]{2,4}", os.environ.get(_size, "")):  # rich would take 0 or fail
        os.environ.pop(_size, None)

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_LINES = 12  # of a snippet
_LINES_ABOVE = 3  # the line where a reader starts, if that is not among the first ones
_NARROW = 40  # columns, below which numbers and indentation leave no room for code
_FILES = 20  # of the skipped ones


def answer(message: AnswerMessage) -> None:
    """The question and its hits."""
    out.print(Text(escape_line(message["query"]), style="bold"))
    for rank, hit in enumerate(message["hits"], 1):
        _hit(rank, hit)
    if not message["hits"]:
        out.print(_no_hits(message))
    _coverage(message)


def similar(message: SimilarMessage) -> None:
    """What was asked about, its copies, and what is like it."""
    out.print(_place(message))
    for copy in message["copies"]:
        out.print(Text.assemble(("  =  ", "dim"), _place(copy)))
    for rank, hit in enumerate(message["hits"], 1):
        _hit(rank, hit, f", in {hit['count']:,} places" if hit["count"] > 1 else "")
    if not message["hits"]:
        out.print("Nothing is like it.")
    _coverage(message)


def context(message: ContextMessage) -> None:
    """The Markdown as it is: rich would wrap lines and expand tabs."""
    out.file.write(escape_text(message["markdown"]) or f"{_no_hits(message)}\n")
    _coverage(message)


def _no_hits(message: AnswerMessage | ContextMessage) -> Text:
    return Text(escape_line(f"No hits. {message['notice']}".rstrip()))


def rows(message: AnswerMessage) -> None:
    """Records for the picker, each ended by NUL: line, what is shown, and URI, which is ASCII."""
    for hit in message["hits"]:
        line = hit["selectionRange"]["start"]["line"] + 1
        drawn = io.StringIO()
        console = Console(file=drawn, force_terminal=True, color_system="standard", soft_wrap=True)
        console.print(_place(hit), Text(hit["kind"], style="dim"), end="")
        out.file.write(f"{line}	{drawn.getvalue()}	{hit['uri']}\0")


def preview(content: str, marked: int) -> None:
    """A file with its lines' numbers, and one of them marked, for fzf, which reads styles from a pipe."""
    for number, line in enumerate(escape_text(content).split("\n"), 1):
        shown = f"\x1b[1;7m{line}\x1b[0m" if number == marked else line
        out.file.write(f"{number:>5} {shown}\n")


def plain(content: str) -> None:
    """A file that another program colours."""
    out.file.write(escape_text(content))


def place(path: str, line: int) -> None:
    """A place for another program, with the bytes of the path as they are."""
    out.file.flush()
    with streams.writing():
        sys.stdout.buffer.write(os.fsencode(f"{path}:{line}\n"))


def data(message: object) -> None:
    """JSON in ASCII, a line each, with the only control character escaped that JSON leaves as it is."""
    out.file.write(json.dumps(message).replace("\x7f", "\\u007f") + "\n")
    out.file.flush()


def _coverage(message: AnswerMessage | SimilarMessage | ContextMessage) -> None:
    coverage = message["coverage"]
    if message["model"] and coverage["embedded"] < coverage["chunks"]:
        err.print(
            Text(f"{coverage['embedded']:,} of {coverage['chunks']:,} chunks embedded so far.", style="dim")
        )


def _hit(rank: int, hit: HitMessage, note: str = "") -> None:
    out.print(Text.assemble((f"{rank:>3}  ", "dim"), _place(hit), (f"  {hit['score']:.2f}{note}", "dim")))
    _snippet(hit)


def _place(place: ChunkMessage) -> Text:
    name = f"{place['container']}.{place['name']}" if place["container"] else place["name"]
    line = place["selectionRange"]["start"]["line"] + 1
    return Text.assemble(
        (f"{escape_line(place['path'])}:{line}", "cyan"), "  ", (escape_line(name), "bold green")
    )


def _snippet(hit: HitMessage) -> None:
    lines = _aligned(hit)
    row = hit["selectionRange"]["start"]["line"] - hit["range"]["start"]["line"]
    top = row - _LINES_ABOVE if _LINES <= row < len(lines) else 0
    shown = "\n".join(lines[top : top + _LINES])
    if top:
        out.print(Text(f"     … {top} lines above", style="dim"))
    if out.is_terminal and out.width >= _NARROW:
        lexer = Syntax.guess_lexer(hit["path"], shown)
        first = hit["range"]["start"]["line"] + top + 1
        out.print(
            Padding(
                Syntax(shown, lexer, theme="ansi_dark", line_numbers=True, start_line=first), (0, 0, 0, 5)
            )
        )
    else:
        out.print(Text("\n".join(f"     {line}".rstrip() for line in shown.split("\n"))))
    if len(lines) > top + _LINES:
        out.print(Text(f"     … {len(lines) - top - _LINES} more lines", style="dim"))


def _aligned(hit: HitMessage) -> list[str]:
    """Return a snippet's lines, all without the indentation that its first line lacks."""
    first, *others = escape_text(hit["snippet"].rstrip()).split("\n")
    indentations = [len(line) - len(line.lstrip()) for line in others if line.strip()]
    margin = min(hit["range"]["start"]["character"], *indentations) if indentations else 0
    return [first, *(line[margin:] for line in others)]


async def progress(steps: AsyncIterator[ProgressMessage]) -> tuple[ProgressMessage, int]:
    """A bar while the steps come in; gives the last of them and the texts encoded meanwhile."""
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}")
    first = last = None
    shown = err.is_interactive and sys.stderr.isatty()  # FORCE_COLOR makes rich take a pipe for a terminal
    with Progress(*columns, console=err, transient=True, disable=not shown) as bar:
        task = bar.add_task(PHASE_LABELS["reading"], total=None, count="")
        async for last in steps:
            first = first or last
            done, total, count = _measure(last)
            bar.update(
                task, description=PHASE_LABELS[last["phase"]], completed=done, total=total, count=count
            )
    if first is None or last is None:
        raise RuntimeError("An index answers with one step at least.")
    return last, last["encoded"] - first["encoded"]


def _measure(step: ProgressMessage) -> tuple[int, int | None, str]:
    """Where the bar is, what it goes up to, if that is known, and the counts beside it."""
    if step["phase"] == "embedding":
        return step["embedded"], step["chunks"], f"{step['embedded']:,}/{step['chunks']:,} chunks"
    if step["phase"] == "downloading":
        done, size = step["downloaded"], step["download"]
        return done, size, f"{done / 1e6:,.0f}/{size / 1e6:,.0f} MB"
    return 0, None, f"{step['files']:,} files, {step['chunks']:,} chunks"


def summary(last: ProgressMessage, embedded: int, seconds: float) -> None:
    """What an index run did."""
    done = f"{embedded:,} texts embedded" if embedded else "nothing to embed"
    out.print(f"{last['files']:,} files, {last['chunks']:,} chunks, {done}, {seconds:.1f} s")


def status(message: StatusMessage) -> None:
    """A workspace's state and its skipped files by reason."""
    out.print(Text(escape_line(message["workspace"]), style="bold"))
    out.print(f"  {_phase(message)}")
    counts = f"{message['files']:,} files, {message['chunks']:,} chunks, {message['embedded']:,} embedded"
    out.print(f"  {counts}, {message['queue']:,} queued")
    model = f"{message['model']} on {message['device']}" if message["model"] else "none: words alone"
    out.print(Text(f"  model: {escape_line(model)}"))
    if message["store"]:
        out.print(Text(f"  vectors: {escape_line(message['store'])}"))
    out.print(
        f"  on disk: {_bytes(message['disk'])}, and {_bytes(message['cache'])} of embeddings for all folders"
    )
    memory = f", {_bytes(message['memory'])} of memory" if message["memory"] else ""
    out.print(f"  engine: process {message['pid']}{memory}, folders open: {len(message['workspaces'])}")
    for workspace in message["workspaces"]:
        out.print(Text(f"    {escape_line(workspace)}", style="dim"))
    for reason, count in message["skipped"].items():
        out.print(Text(f"  skipped {count:,}: {escape_line(reason)}"))
        _paths([file["path"] for file in message["skipped_files"] if file["reason"] == reason])
    for reason in sorted({file["reason"] for file in message["by_lines"]}):
        files = [file["path"] for file in message["by_lines"] if file["reason"] == reason]
        out.print(Text(f"  parsed by lines {len(files):,}: {escape_line(reason)}"))
        _paths(files)
    if message["error"]:
        problem(message["error"])


def _paths(paths: Sequence[str]) -> None:
    for path in paths[:_FILES]:
        out.print(Text(f"    {escape_line(path)}", style="dim"))
    if len(paths) > _FILES:
        out.print(Text(f"    … {len(paths) - _FILES:,} more: --json lists them", style="dim"))


def _phase(message: StatusMessage) -> str:
    if message["phase"] == "ready" and not (message["indexed"] or message["error"]):
        return "not indexed yet: run `semls index`"
    return PHASE_LABELS[message["phase"]].lower()


def why(message: ExplanationMessage) -> None:
    """Whether and how a file is indexed."""
    out.print(Text(escape_line(message["path"]), style="bold"))
    if message["skipped"]:
        out.print(Text(f"  not indexed: {escape_line(message['skipped'])}"))
        return
    counts = f"{message['chunks']:,} chunks, {message['definitions']:,} of them of definitions"
    if message["by_lines"]:
        out.print(Text(f"  parsed by lines: {escape_line(message['by_lines'])}"))
    out.print(f"  indexed as {message['language']}: {counts}, {message['embedded']:,} embedded")


def _bytes(count: int) -> str:
    return f"{count / (1 << 30):.1f} GB" if count >= 1 << 30 else f"{count / (1 << 20):,.1f} MB"


def findings(messages: Sequence[FindingMessage]) -> None:
    """What the doctor found."""
    for message in messages:
        mark = ("ok  ", "green") if message["well"] else ("look", "yellow")
        out.print(Text.assemble(mark, f"  {message['name']}: {escape_line(message['detail'])}"))
        if message["advice"]:
            out.print(Text(f"      {escape_line(message['advice'])}"))


def notice(text: str) -> None:
    """Something worth knowing that is no failure."""
    if text:
        err.print(Text(escape_line(text), style="yellow"))


def waiting(doing: str) -> None:
    """What a request waits for, where a person looks on."""
    if sys.stderr.isatty():
        err.print(Text(f"Waiting for the engine: {escape_line(doing)}", style="dim"))


def problem(text: str) -> None:
    """Something a person has to do something about."""
    err.print(Text(f"semls: {escape_line(text)}", style="red"))


def wrong_use(text: str, command: str) -> None:
    """A command line that cannot be understood; `text` is empty where typer has printed the help instead."""
    if text:
        problem(text)
        err.print(Text(f"Try `{command} --help`."))
