"""Add a table at the end of a TOML file, change it, and remove it again; the rest of the text stays as it is.

`insert` and `remove` are inverse: together they restore the text byte for byte, and a file that did not
exist. The table ends with a line break only if the text before it did, or if there was no file.
"""

import itertools
import json
import re
import sys
from collections.abc import Iterator, Mapping

EMPTY = ""  # a file without servers

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'{3}.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]', re.DOTALL
)
_DEPTH = {"[": 1, "{": 1, "]": -1, "}": -1}
_VALUE = r"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\[[^\[\]#\n]*\])(?=[ \t\r]*(?:#|$))"""
_BLANK_OR_COMMENT = re.compile(r"[ \t]*(?:#.*)?\r?\n?")


def find(text: str, section: str, name: str) -> list[object]:
    """Return the value of `section.name`; an empty list if there is none.

    Raises ValueError for invalid TOML.
    """
    if sys.version_info >= (3, 11):
        import tomllib

        tables = tomllib.loads(text.replace("\r\n", "\n")).get(section, {})
        return [tables[name]] if isinstance(tables, dict) and name in tables else []
    span = _span(text, section, name)  # Python 3.10 has no parser: keys written in other ways are not found
    if span is None:
        return []
    pairs = [line.partition("=") for line in text[span[0] : span[1]].split("\n")[1:] if "=" in line]
    inner = re.findall(rf"^[ \t]*\[{re.escape(section)}\.{re.escape(name)}\.(.+)\]", text, re.MULTILINE)
    return [{**{key.strip(): json.loads(value) for key, _, value in pairs}, **dict.fromkeys(inner, True)}]


def insert(text: str | None, section: str, name: str, table: Mapping[str, object]) -> str:
    """Return the text with a table of strings and lists of strings; None stands for no file.

    Raises ValueError for TOML that is invalid, or cannot be extended.
    """
    newline = "\r\n" if text and "\r\n" in text else "\n"
    # A JSON string is a TOML string if it has no surrogates, which `ensure_ascii` would write.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
    block = newline.join([f"[{section}.{name}]", *lines])
    if text is None:
        return f"{block}{newline}"
    end = newline if text.endswith("\n") else ""
    changed = f"{text}{newline if end else 2 * newline}{block}{end}" if text else block
    try:
        inserted = find(changed, section, name)
    except ValueError:  # about a text that the user does not see
        inserted = []
    if inserted != [table]:
        raise ValueError(f"'{section}' is not written as tables such as [{section}.NAME]")
    return changed


def replace(text: str, section: str, name: str, table: Mapping[str, object]) -> str:
    """Return the text with other values in a table; its other values and its comments stay.

    Raises ValueError if the table is not written with a value in each line.
    """
    start, end = _span(text, section, name) or (0, 0)
    old = _table(text, section, name)
    lines = text[start:end]
    for key, value in table.items():
        if old.get(key) != value:
            line = re.compile(rf"^([ \t]*{re.escape(key)}[ \t]*=[ \t]*){_VALUE}", re.MULTILINE)
            if match := line.search(lines):
                written = json.dumps(value, ensure_ascii=False)
                lines = f"{lines[: match.end(1)]}{written}{lines[match.end() :]}"
    changed = f"{text[:start]}{lines}{text[end:]}"
    if _table(changed, section, name) != {**old, **table}:
        raise ValueError(f"'{section}.{name}' is not written with a value in each line")
    return changed


def remove(text: str, section: str, name: str) -> str | None:
    """Return the text without the table; None if `insert` has made the whole file.

    Raises ValueError if only parts of it can be removed.
    """
    span = _span(text, section, name)
    if span is None:
        raise ValueError(f"'{section}.{name}' is not written as a table")
    if text == insert(None, section, name, _table(text, section, name)):
        return None
    before, after = text[: span[0]], text[span[1] :]
    before = re.sub(r"(?<=\n)\r?\n\Z", "", before)  # the empty line that `insert` has added
    if not after and not text.endswith("\n"):
        before = re.sub(r"\r?\n\Z", "", before)
    if find(before + after, section, name):
        raise ValueError(f"'{section}.{name}' has tables of its own")
    return before + after


def _table(text: str, section: str, name: str) -> Mapping[str, object]:
    (value,) = find(text, section, name)
    if not isinstance(value, Mapping):
        raise ValueError(f"'{section}.{name}' is not a table")
    return value


def _span(text: str, section: str, name: str) -> tuple[int, int] | None:
    """Return where a table starts and ends. Comments after its last line belong to the next table."""
    header = re.compile(rf"\[{re.escape(section)}\.{re.escape(name)}\][ \t]*(?:#.*)?\r?(?:\n|\Z)")
    starts = [*_headers(text), len(text)]
    for start, following in itertools.pairwise(starts):
        if header.match(text, text.index("[", start)):
            lines = text[start:following].splitlines(keepends=True)
            while _BLANK_OR_COMMENT.fullmatch(lines[-1]):
                lines.pop()
            return start, start + len("".join(lines))
    return None


def _headers(text: str) -> Iterator[int]:
    """Yield where the lines start that begin a table; a bracket in a string or in an array begins none."""
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] == "[" and depth == 0:
            line_start = text.rfind("\n", 0, token.start()) + 1
            if not text[line_start : token.start()].strip(" \t\ufeff"):
                yield line_start
        depth += _DEPTH.get(token[0], 0)
