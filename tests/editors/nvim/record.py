"""Record the demonstration in the README of the Neovim plugin.

python -m tests.editors.nvim.record FILE.svg
"""

import io
import re
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import accumulate
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.conftest import FIXTURES, Terminal
from tests.editors.nvim.neovim import QUERY, Screen

SIZE = COLUMNS, ROWS = 112, 26
# Keys as tmux names them, or text, and the seconds for which the result is shown.
STEPS = [
    ("", 1.0),
    (":Semls search", 0.8),
    ("Enter", 0.6),
    *((word, 0.4) for word in re.findall(r"\S+ ?", QUERY)),
    ("", 1.6),
    *((key, 1.2) for key in ("Down", "Down", "Up", "Up")),
    ("Enter", 3.0),
]


def main(picture: str) -> None:
    """Record Neovim in a copy of the shop, and write the frames as an animation."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        shop = Path(shutil.copytree(FIXTURES / "shop", directory / "shop"))
        subprocess.run(["git", "init", "--quiet", shop], check=True)
        terminal = Terminal(directory / "semls", model="sentence-transformers/all-MiniLM-L6-v2")
        try:
            terminal.run("index", shop)
            frames = record(directory, terminal, shop)
        finally:
            terminal.stop()
    Path(picture).write_text(animate(frames), "utf-8")


def record(directory: Path, terminal: Terminal, folder: Path) -> list[tuple[str, float]]:
    """Return what Neovim shows after each step, with escape sequences, and for how many seconds."""
    screen = Screen(directory, terminal, size=SIZE)
    screen.setup()
    screen.nvim.command(f"cd {folder}")
    screen.nvim.command("set laststatus=0")  # it would show the path of the temporary folder
    screen.nvim.command("edit web/src/cart.ts")
    screen.until(lambda: screen.roots == [str(folder)])
    frames = []
    for keys, seconds in STEPS:
        if keys:
            screen.press(*([keys] if keys in ("Enter", "Down", "Up") else ["-l", keys]))
        time.sleep(0.7)  # the answer
        frames.append(("\n".join(screen.colors), seconds))
    screen.close()
    return frames


def animate(frames: list[tuple[str, float]]) -> str:
    """Return an SVG that shows one frame after the other, forever."""
    ends = list(accumulate(seconds for _, seconds in frames))
    parts, styles = [], []
    for number, (text, seconds) in enumerate(frames):
        svg = draw(text, f"f{number}")
        start, end = ((ends[number] - part) / ends[-1] * 100 for part in (seconds, 0.0))
        shown = f"{start:.3f}%{{visibility:visible}}{end:.3f}%{{visibility:hidden}}"
        styles.append(f"@keyframes s{number}{{0%{{visibility:hidden}}{shown}100%{{visibility:hidden}}}}")
        animation = f"animation:s{number} {ends[-1]:.1f}s step-end infinite"
        parts.append(f'<g style="visibility:hidden;{animation}">{svg}</g>')
    size = re.search('viewBox="[^"]*"', parts[0])
    assert size
    style = f"<style>{''.join(styles)}</style>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size[0]}>{style}{"".join(parts)}</svg>\n'


def draw(text: str, identity: str) -> str:
    """Return a screen as an SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), legacy_windows=False)
    console.print(Text.from_ansi(text), no_wrap=True, crop=True)
    svg = console.export_svg(title="Neovim", unique_id=identity)
    return re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # fonts on a server


if __name__ == "__main__":
    main(sys.argv[1])
