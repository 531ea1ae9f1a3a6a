"""Draw lines as SVG, which readers see in light and in dark colours."""

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 110, 36, 40  # margins
_COLORS = ("#2f81f7", "#d9730d", "#2da44e", "#a371f7")  # readable on white and on black
_GRID = 0.1
_LABEL_WIDTH, _LABEL_HEIGHT = 40, 15  # of a text, with a gap
_STYLE = (
    "text{font:12px sans-serif;fill:#57606a}line{stroke:#8b949e;stroke-opacity:.35}"
    "@media(prefers-color-scheme:dark){text{fill:#adb5bd}}"
)


def draw_lines(
    title: str,
    unit: str,
    xs: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    dotted: Mapping[str, Sequence[float]],
) -> str:
    """Return an SVG image of lines, each with its name at its end.

    `dotted` are further lines, each with the colour of the line with the same name. `unit` stands behind the
    numbers of `xs`, below the image. The values lie between 0 and 1.
    """
    values = [value for line in (*lines.values(), *dotted.values()) for value in line]
    steps = range(int(min(values) / _GRID), int(max(values) / _GRID) + 2)
    low, high = steps[0] * _GRID, steps[-1] * _GRID

    def x(value: float) -> float:
        return round(_LEFT + value / xs[-1] * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(value: float) -> float:
        return round(_TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 1)

    def polyline(line: Sequence[float], style: str) -> str:
        points = " ".join(f"{x(at)},{y(value)}" for at, value in zip(xs, line, strict=True))
        return f'<polyline points="{points}" fill="none" {style}/>'

    parts = [f'<text x="{_LEFT}" y="20">{escape(title)}</text>']
    for step in steps:
        height = y(step * _GRID)
        parts.append(f'<line x1="{_LEFT}" y1="{height}" x2="{_WIDTH - _RIGHT}" y2="{height}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{height + 4}" text-anchor="end">{step * _GRID:.1f}</text>')
    for value in _spread(xs, _LABEL_WIDTH / (x(xs[-1]) - x(0)) * xs[-1]):
        label = f"{value:g}{escape(unit)}"
        parts.append(f'<text x="{x(value)}" y="{_HEIGHT - 14}" text-anchor="middle">{label}</text>')
    label_height = -math.inf
    by_end = sorted(lines.items(), key=lambda item: y(item[1][-1]))
    for color, (name, line) in zip(_COLORS, by_end, strict=False):
        parts.append(polyline(line, f'stroke="{color}" stroke-width="2.5"'))
        if name in dotted:
            parts.append(polyline(dotted[name], f'stroke="{color}" stroke-width="1.5" stroke-dasharray="3"'))
        label_height = max(label_height + _LABEL_HEIGHT, y(line[-1]) + 4)
        end = f'x="{_WIDTH - _RIGHT + 8}" y="{label_height}"'
        parts.append(f'<text {end} style="fill:{color}">{escape(name)}</text>')
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    return "\n".join([head, f"<style>{_STYLE}</style>", *parts, "</svg>", ""])


def _spread(values: Sequence[float], gap: float) -> Iterator[float]:
    """Yield the values whose labels have room: each at least a gap behind the one before."""
    last = -math.inf
    for value in values:
        if value - last >= gap:
            last = value
            yield value
