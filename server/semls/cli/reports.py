"""Print reports: the state of an index, its files, how a file is indexed, and the doctor's findings."""

from collections.abc import AsyncIterator, Sequence

import click

from semls.cli import terminal
from semls.escaping import escape_line
from semls.service.messages import (
    PHASE_LABELS,
    ExplanationMessage,
    FileReasonMessage,
    FilesMessage,
    FindingMessage,
    ListedFileMessage,
    ProgressMessage,
    StatusMessage,
)

_MAX_LISTED_FILES = 20


def print_summary(last: ProgressMessage, embedded: int, seconds: float) -> None:
    """Print what `semls index` did."""
    missing = last["chunks"] - last["embedded"]
    work = [f"{terminal.count(embedded, 'text')} embedded"] if embedded else []
    rest = [f"{terminal.count(missing, 'chunk')} not embedded"] if missing else []
    done = ", ".join(work + rest) or "nothing to embed"
    terminal.write(f"{_files_and_chunks(last)}, {done}, {seconds:.1f} s")


def print_status(message: StatusMessage) -> None:
    """Print the state of a workspace and of its engine, with the skipped files by reason."""
    terminal.write(click.style(escape_line(message["workspace"]), bold=True))
    terminal.write(f"  {_phase(message)}")
    embedded = f"{message['embedded']:,} embedded, {message['queue']:,} queued"
    terminal.write(f"  {_files_and_chunks(message)}, {embedded}")
    model = (
        f"{message['model']} on {message['device']}" if message["model"] else "none, full-text search only"
    )
    terminal.write(f"  model: {escape_line(model)}")
    if message["store"]:
        terminal.write(f"  vector store: {escape_line(message['store'])}")
    disk, cache = _megabytes(message["disk"]), _megabytes(message["cache"])
    terminal.write(f"  disk: index {disk}, embedding cache of all folders {cache}")
    memory = f", {_megabytes(message['memory'])} of memory" if message["memory"] else ""
    terminal.write(f"  engine: process {message['pid']}{memory}, open folders: {len(message['workspaces'])}")
    for workspace in message["workspaces"]:
        terminal.write(terminal.dim(f"    {escape_line(workspace)}"))
    for reason, count in message["skipped"].items():
        terminal.write(f"  skipped {count:,}: {escape_line(reason)}")
        _print_paths([file["path"] for file in message["skipped_files"] if file["reason"] == reason])
    _print_reasons("split by lines", message["by_lines"])
    _print_reasons("left out in part", message["partial"])
    if message["error"]:
        terminal.print_error(message["error"])


def print_explanation(message: ExplanationMessage) -> None:
    """Print how a file is indexed, or why it is skipped."""
    terminal.write(click.style(escape_line(message["path"]), bold=True))
    if message["skipped"]:
        terminal.write(f"  not indexed: {escape_line(message['skipped'])}")
        return
    if message["by_lines"]:
        terminal.write(f"  split by lines: {escape_line(message['by_lines'])}")
    if message["omitted"]:
        terminal.write(f"  left out in part: {escape_line(message['omitted'])}")
    definitions = terminal.count(message["definitions"], "definition")
    counts = f"{terminal.count(message['chunks'], 'chunk')} ({definitions})"
    terminal.write(f"  indexed as {message['language']}: {counts}, {message['embedded']:,} embedded")


async def print_files(batches: AsyncIterator[FilesMessage]) -> None:
    """Print one line for each file as it arrives, and at last the number of files and chunks to stderr."""
    count = chunks = 0
    async for batch in batches:
        if batch["files"]:
            terminal.write("\n".join(map(_listed_file, batch["files"])))
        count += len(batch["files"])
        chunks += sum(file["chunks"] for file in batch["files"])
    total = f", {terminal.count(chunks, 'chunk')}" if chunks else ""
    terminal.write_error(terminal.dim(f"{terminal.count(count, 'file')}{total}"))


def print_findings(messages: Sequence[FindingMessage]) -> None:
    """Print findings of `semls doctor`, each with advice where something is wrong."""
    for message in messages:
        mark = click.style("ok  ", fg="green") if message["well"] else click.style("warn", fg="yellow")
        terminal.write(f"{mark}  {message['name']}: {escape_line(message['detail'])}")
        if message["advice"]:
            terminal.write(f"      {escape_line(message['advice'])}")


def _print_reasons(heading: str, files: Sequence[FileReasonMessage]) -> None:
    for reason in sorted({file["reason"] for file in files}):
        paths = [file["path"] for file in files if file["reason"] == reason]
        terminal.write(f"  {heading} {len(paths):,}: {escape_line(reason)}")
        _print_paths(paths)


def _print_paths(paths: Sequence[str]) -> None:
    for path in paths[:_MAX_LISTED_FILES]:
        terminal.write(terminal.dim(f"    {escape_line(path)}"))
    if len(paths) > _MAX_LISTED_FILES:
        more = len(paths) - _MAX_LISTED_FILES
        terminal.write(terminal.dim(f"    … {more:,} more: use --json to list all"))


def _phase(message: StatusMessage) -> str:
    if message["phase"] == "ready" and not (message["indexed"] or message["error"]):
        return "not indexed yet: run `semls index`"
    return PHASE_LABELS[message["phase"]].lower()


def _listed_file(file: ListedFileMessage) -> str:
    detail = file["reason"] or f"{file['language']}, {terminal.count(file['chunks'], 'chunk')}"
    return f"{click.style(escape_line(file['path']), fg='cyan')}{terminal.dim(f'  {escape_line(detail)}')}"


def _files_and_chunks(message: ProgressMessage) -> str:
    return f"{terminal.count(message['files'], 'file')}, {terminal.count(message['chunks'], 'chunk')}"


def _megabytes(count: int) -> str:
    return f"{count / (1 << 30):.1f} GB" if count >= 1 << 30 else f"{count / (1 << 20):,.1f} MB"
