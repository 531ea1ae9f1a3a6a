"""Globs as regular expressions that take time in proportion to both lengths, on every supported Python.

A glob with several stars is exponential as a plain regular expression, since each star tries every length for
every length of those before it. But once a part between two stars has matched, a later match is no help,
so each part but the last keeps its first one. A lookahead does that: nothing goes back into it. Atomic groups
would say the same, but Python has them from 3.11 on, and before 3.11.5 with errors (python/cpython#106052).
"""

import re
from collections.abc import Iterator
from itertools import count

_TOKEN = re.compile(
    r"(?P<deep>(?:(?<=/)|^)\*\*+/)"
    r"|(?P<all>(?:(?<=/)|^)\*\*+$)"
    r"|(?P<star>\*+)"
    r"|(?P<one>\?)"
    r"|(?P<set>\[)"
    r"|\\(?P<escaped>.)"
    r"|(?P<text>[^*?\[\\]+)",
    re.DOTALL,
)
_PLAIN_THEN_REST = re.compile(r"([^*?\[\\]*)(.*)", re.DOTALL)
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x01-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r" \t-\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


class InTurn:
    """Joins pieces of a regular expression; gives each of its groups a name that no other one has."""

    def __init__(self, prefix: str = "g") -> None:
        self._names: Iterator[str] = (f"{prefix}{number}" for number in count())

    def __call__(self, pieces: list[str]) -> str:
        """Return pieces one behind another, each of which, but the last, stays with its first match."""
        *early, last = pieces
        return "".join(self._kept(piece) if "*?" in piece else piece for piece in early) + last

    def _kept(self, piece: str) -> str:
        name = next(self._names)
        return f"(?=(?P<{name}>{piece}))(?P={name})"


def regex(glob: str, prefix: str = "g") -> str:
    r"""Return a pattern of git's, for a path in which a NUL follows a folder's name.

    Raises ValueError for a pattern that matches nothing. `prefix` begins the names of groups.
    """
    in_turn = InTurn(prefix)
    # Like git, which compares the plain beginning first: the "**" of "a**/b" then begins the pattern.
    plain, glob = _PLAIN_THEN_REST.findall(glob)[0]
    parts = [[re.escape(plain)]]
    at = 0
    while at < len(glob):
        if not (token := _TOKEN.match(glob, at)):
            raise ValueError(glob)
        at = token.end()
        match token.lastgroup:
            case "deep":
                parts.append([""])
            case "star":
                parts[-1].append(r"[^/\0]*?")
            case "all":
                parts[-1][-1] += r"[^\0]*"
            case "one":
                parts[-1][-1] += r"[^/\0]"
            case "set":
                members, at = _set(glob, at)
                parts[-1][-1] += members
            case _:
                parts[-1][-1] += re.escape(token["text"] or token["escaped"])
    first, *deeper = map(in_turn, parts)
    return in_turn([first, *(rf"(?:[^/\0]*/)*?{part}" for part in deeper)])


def _set(glob: str, at: int) -> tuple[str, int]:
    """Return what stands between brackets, as an expression for one character, and where the set ends."""
    negated = glob.startswith(("!", "^"), at)
    at += negated
    start, ranges = at, list[str]()
    while at == start or not glob.startswith("]", at):
        if glob.startswith("[:", at) and glob.endswith(":", at + 2, end := glob.find("]", at)):
            ranges.append(_class(glob[at + 2 : end - 1]))
            at = end + 1
            continue
        low, at = _member(glob, at)
        high = low
        if glob.startswith("-", at) and at + 1 < len(glob) and glob[at + 1] != "]":
            high, at = _member(glob, at + 1)
        ranges.append(f"{re.escape(low)}-{re.escape(max(low, high))}")
    return rf"(?![/\0])[{'^' * negated}\x00{''.join(ranges)}]", at + 1


def _class(name: str) -> str:
    if name not in _CLASSES:
        raise ValueError(name)
    return _CLASSES[name]


def _member(glob: str, at: int) -> tuple[str, int]:
    """Return a letter of a set, which a backslash may stand before, and where the next one begins."""
    at += glob.startswith("\\", at)
    if at >= len(glob):
        raise ValueError(glob)
    return glob[at], at + 1
