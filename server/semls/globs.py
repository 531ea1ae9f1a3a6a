"""Translate glob patterns into regular expressions that match in linear time on every supported Python.

A glob with several stars, translated naively, takes exponential time: each star tries every length for every
length of the stars before it. Backtracking is never needed, because a later match of the part between two
stars cannot make the rest succeed where its first match does not. So each part but the last keeps its first
match. A lookahead with a backreference expresses that, because Python never backtracks into a lookahead.
Atomic groups would be shorter, but Python has them since 3.11 only, and before 3.11.5 with bugs
(python/cpython#106052).
"""

import re
from collections.abc import Iterator
from itertools import count

_TOKEN = re.compile(
    r"(?P<any_folders>(?:(?<=/)|^)\*\*+/)"
    r"|(?P<rest_of_path>(?:(?<=/)|^)\*\*+$)"
    r"|(?P<star>\*+)"
    r"|(?P<question_mark>\?)"
    r"|(?P<bracket>\[)"
    r"|\\(?P<escaped>.)"
    r"|(?P<text>[^*?\[\\]+)",
    re.DOTALL,
)
MAX_ALTERNATIVES = 200  # of a glob with braces
_MAX_NUMBERS = 50  # that a range such as {1..9} may stand for
_BRACES = re.compile(r"\{([^{}]*)\}")
_NUMBERS = re.compile(r"([+-]?\d{1,9})\.\.([+-]?\d{1,9})")
_DOUBLE_STAR = re.compile(r"((?:^|(?<=/))\*{2,}/|\*{2,})")  # of a filter
_LITERAL_PREFIX = re.compile(r"([^*?\[\\]*)(.*)", re.DOTALL)
_CHARACTER_CLASSES = {
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


class AtomicGroups:
    """Joins parts of one regular expression so that a part that has matched is not tried again.

    Use one instance for each regular expression, because it makes the names of the groups unique.
    """

    def __init__(self, prefix: str = "g") -> None:
        self._names: Iterator[str] = (f"{prefix}{number}" for number in count())

    def concatenate(self, parts: list[str]) -> str:
        """Return the concatenation of `parts`, in which each part but the last keeps its first match."""
        *early, last = parts
        return "".join(self._atomic(part) if "*?" in part else part for part in early) + last

    def _atomic(self, part: str) -> str:
        name = next(self._names)
        return f"(?=(?P<{name}>{part}))(?P={name})"


def translate(pattern: str, prefix: str = "g") -> str:
    r"""Return a regular expression for a git pattern; the path to match has a NUL after a folder's name.

    `prefix` begins the names of the expression's groups. Raises ValueError for a pattern that git regards as
    invalid and that therefore matches nothing.
    """
    groups = AtomicGroups(prefix)
    # Git compares the literal prefix before it interprets the rest, so that in "a**/b" the "**" starts a
    # pattern.
    literal, pattern = _LITERAL_PREFIX.findall(pattern)[0]
    segments = [[re.escape(literal)]]  # between "**/"; each is a list of parts, which a star begins
    offset = 0
    while offset < len(pattern):
        token = _TOKEN.match(pattern, offset)
        if token is None:
            raise ValueError(pattern)
        offset = token.end()
        match token.lastgroup:
            case "any_folders":
                segments.append([""])
            case "star":
                segments[-1].append(r"[^/\0]*?")
            case "rest_of_path":
                segments[-1][-1] += r"[^\0]*"
            case "question_mark":
                segments[-1][-1] += r"[^/\0]"
            case "bracket":
                characters, offset = _bracket_expression(pattern, offset)
                segments[-1][-1] += characters
            case _:
                segments[-1][-1] += re.escape(token["text"] or token["escaped"])
    first, *others = map(groups.concatenate, segments)
    return groups.concatenate([first, *(rf"(?:[^/\0]*/)*?{segment}" for segment in others)])


def translate_path_filter(glob: str) -> str:
    """Return a regular expression for a filter or setting of the user, "" for an empty one.

    Without a slash, the glob matches a file or folder at any depth. A folder matches all files in it. Braces
    contain alternatives.
    """
    groups = AtomicGroups()
    alternatives = (_translate_path(one, groups) for one in expand_braces(glob.strip()))
    joined = "|".join(filter(None, alternatives))
    return f"(?s:{joined})" if joined else ""  # file names may contain newlines


def _translate_path(glob: str, groups: AtomicGroups) -> str:
    """Return a regular expression for a filter or setting without braces, "" for an empty one."""
    glob = glob.replace("\\", "/").removeprefix("./").rstrip("/")
    if not glob:
        return ""
    first, *rest = _DOUBLE_STAR.split(glob.removeprefix("/") if "/" in glob else f"**/{glob}")
    deeper = [
        ("(?:[^/]*/)*?" if stars.endswith("/") else ".*?") + _translate_without_double_stars(part, groups)
        for stars, part in zip(rest[::2], rest[1::2], strict=True)
    ]
    return groups.concatenate([_translate_without_double_stars(first, groups), *deeper]) + r"(?:/.*)?\Z"


def _translate_without_double_stars(glob: str, groups: AtomicGroups) -> str:
    first, *rest = (re.escape(part).replace(r"\?", "[^/]") for part in glob.split("*"))
    return groups.concatenate([first, *(f"[^/]*?{part}" for part in rest)])


def expand_braces(glob: str) -> list[str]:
    """Return a glob's alternatives, innermost braces first; braces without an alternative are literal."""
    done: list[str] = []
    waiting = [glob]
    while waiting and len(done) + len(waiting) <= MAX_ALTERNATIVES:
        glob = waiting.pop()
        braces = _BRACES.search(glob)
        if braces is None:
            done.append(glob)
            continue
        waiting += [
            f"{glob[: braces.start()]}{text}{glob[braces.end() :]}" for text in _alternatives(braces[1])
        ]
    return [glob.replace("\0", "{").replace("\1", "}") for glob in done]


def _alternatives(text: str) -> list[str]:
    numbers = _NUMBERS.fullmatch(text)
    if numbers:
        low, high = sorted((int(numbers[1]), int(numbers[2])))
        return [str(number) for number in range(low, min(high, low + _MAX_NUMBERS) + 1)]
    return text.split(",") if "," in text else [f"\0{text}\1"]


def _bracket_expression(pattern: str, offset: int) -> tuple[str, int]:
    """Translate the bracket expression whose "[" ends at `offset`; also return the offset after its "]"."""
    negated = pattern.startswith(("!", "^"), offset)
    offset += 1 if negated else 0
    start, ranges = offset, list[str]()
    while offset == start or not pattern.startswith("]", offset):
        end = pattern.find("]", offset)
        if pattern.startswith("[:", offset) and pattern.endswith(":", offset + 2, end):
            ranges.append(_character_class(pattern[offset + 2 : end - 1]))
            offset = end + 1
            continue
        low, offset = _character(pattern, offset)
        high = low
        if pattern.startswith("-", offset) and offset + 1 < len(pattern) and pattern[offset + 1] != "]":
            high, offset = _character(pattern, offset + 1)
        ranges.append(f"{re.escape(low)}-{re.escape(max(low, high))}")
    # The NUL keeps the brackets from being empty; the lookahead excludes it again.
    return rf"(?![/\0])[{'^' if negated else ''}\x00{''.join(ranges)}]", offset + 1


def _character_class(name: str) -> str:
    if name not in _CHARACTER_CLASSES:
        raise ValueError(name)
    return _CHARACTER_CLASSES[name]


def _character(pattern: str, offset: int) -> tuple[str, int]:
    """Return a character of a bracket expression, without its backslash, and the offset after it."""
    if pattern.startswith("\\", offset):
        offset += 1
    if offset >= len(pattern):
        raise ValueError(pattern)
    return pattern[offset], offset + 1
