"""Show the progress of indexing on stderr: a bar in a terminal, otherwise a line every ten seconds."""

import sys
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from semls.cli import terminal
from semls.service.messages import PHASE_LABELS, ProgressMessage

if TYPE_CHECKING:
    from rich.progress import Progress

_BAR_DELAY = 0.5  # seconds before which a bar would only flicker
_TEXT_COLUMNS = 62  # of the terminal that what stands beside the bar needs
_MIN_BAR_COLUMNS, _MAX_BAR_COLUMNS = 8, 40
_LINE_INTERVAL = 10.0  # seconds between two lines
_MINUTE, _HOUR = 60, 3600


async def show(messages: AsyncIterator[ProgressMessage]) -> tuple[ProgressMessage, int]:
    """Show the progress. Return the last message and how many texts were embedded in between."""
    first = last = None
    shown = _Bar() if terminal.is_interactive(sys.stderr) else _Lines()
    try:
        async for last in messages:
            first = first or last
            shown.update(last)
    finally:
        shown.close()
    if first is None or last is None:
        raise RuntimeError("The engine sent no progress message.")
    return last, last["encoded"] - first["encoded"]


def time_left(message: ProgressMessage) -> str:
    """Return how long embedding will take, such as "about 4 min left"; "" if that is not known."""
    if not message["rate"]:
        return ""
    seconds = (message["chunks"] - message["embedded"]) / message["rate"]
    if seconds < _MINUTE:
        return f"about {max(round(seconds), 1)} s left"
    if seconds < _HOUR:
        return f"about {round(seconds / _MINUTE)} min left"
    return f"about {seconds / _HOUR:.1f} h left"


class _Bar:
    """A bar that appears when the command has taken a moment, and disappears at the end."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._progress: Progress | None = None

    def update(self, message: ProgressMessage) -> None:
        if self._progress is None and time.monotonic() - self._began >= _BAR_DELAY:
            self._progress = _start_bar()
        if self._progress:
            completed, total = _amounts(message)
            label, detail = PHASE_LABELS[message["phase"]], _detail(message)
            task = self._progress.task_ids[0]
            self._progress.update(task, description=label, completed=completed, total=total, detail=detail)

    def close(self) -> None:
        if self._progress:
            self._progress.stop()


class _Lines:
    """A line every ten seconds."""

    def __init__(self) -> None:
        self._written = time.monotonic()

    def update(self, message: ProgressMessage) -> None:
        if time.monotonic() - self._written >= _LINE_INTERVAL:
            self._written = time.monotonic()
            terminal.write_error(f"{PHASE_LABELS[message['phase']]}: {_detail(message)}")

    def close(self) -> None:
        pass


def _start_bar() -> "Progress":
    from rich.console import Console  # with the next import, a tenth of a second
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    console = Console(stderr=True)
    room = min(console.width - _TEXT_COLUMNS, _MAX_BAR_COLUMNS)
    if room >= _MIN_BAR_COLUMNS:
        before, after = TextColumn("{task.description}"), TextColumn("{task.fields[detail]}")
        bar = Progress(before, BarColumn(room), after, console=console, transient=True)
    else:
        one_line = Column(no_wrap=True, overflow="ellipsis")
        text = TextColumn("{task.description} {task.fields[detail]}", table_column=one_line)
        bar = Progress(text, console=console, transient=True)
    bar.add_task("", total=None, detail="")
    bar.start()
    return bar


def _amounts(message: ProgressMessage) -> tuple[int, int | None]:
    """Return the completed amount, and the total if it is known."""
    if message["phase"] == "embedding":
        return message["embedded"], message["chunks"]
    if message["phase"] == "downloading":
        return message["downloaded"], message["download"]
    return 0, None


def _detail(message: ProgressMessage) -> str:
    completed, total = _amounts(message)
    if message["phase"] == "embedding":
        rate = f"{message['rate']:,.0f}/s" if message["rate"] else ""
        counts = f"{completed:,}/{total:,} chunks"
        return ", ".join(filter(None, (counts, rate, time_left(message))))
    if message["phase"] == "downloading":
        return f"{completed / 1e6:,.0f}/{message['download'] / 1e6:,.0f} MB"
    return terminal.count(message["chunks"], "chunk")
