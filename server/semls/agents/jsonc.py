"""Edit members of JSON with comments, and leave the rest of the text as it is.

`insert` and `remove` are inverse: together they restore the text, except that an object that was empty is
written as `{}`, and an empty section is removed.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r'(?P<trivia>[\s\ufeff]+|//[^\n]*|/\*.*?\*/)|(?P<sign>[{}\[\],:])|(?P<scalar>"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"/]+)',
    re.DOTALL,
)
_TRIVIA = re.compile(r"(?:[\s\ufeff]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_COMMENT_ON_LINE = re.compile(r"[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/)")
_END = "end of file"
_DEFAULT_INDENTATION = "  "


@dataclass(frozen=True, slots=True)
class _Node:
    """A value and its span. `members` of an object are in the order of the text."""

    start: int
    end: int
    value: object
    members: "dict[str, _Member]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Member:
    start: int
    node: _Node


def read(text: str, section: str, name: str) -> object:
    """Return the value of a member of an object in the root, or None. Raises ValueError for invalid JSON."""
    root = _parse(text)
    if section not in root.members:
        return None
    member = root.members[section].node.members.get(name)
    return member.node.value if member else None


def insert(text: str, section: str, name: str, value: object) -> str:
    """Return the text with a member in the object `section`, which is created if necessary.

    The member must not exist. Raises ValueError for invalid JSON.
    """
    text = text if text.strip("\ufeff \t\r\n") else "{}\n"
    root = _parse(text)
    if section not in root.members:
        return _insert(text, root, root, section, {name: value})
    container = root.members[section].node
    if not isinstance(container.value, dict):
        raise ValueError(f"'{section}' is not an object")
    return _insert(text, root, container, name, value)


def remove(text: str, section: str, name: str) -> str:
    """Return the text without a member of the object `section`, and without the section if it is empty then.

    The member must exist. Raises ValueError for invalid JSON.
    """
    text = _remove(text, _parse(text).members[section].node, name)
    root = _parse(text)
    container = root.members[section].node
    if text[container.start : container.end] == "{}":
        text = _remove(text, root, section)
    return text


def _insert(text: str, root: _Node, container: _Node, name: str, value: object) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    unit = _indentation(text, next(iter(root.members.values())).start) if root.members else ""
    unit = unit or _DEFAULT_INDENTATION
    outer = _indentation(text, container.start)
    members = list(container.members.values())
    inner = (_indentation(text, members[0].start) if members else "") or outer + unit
    rendered = json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", newline + inner)
    member = f"{newline}{inner}{json.dumps(name)}: {rendered}"
    if not members:
        content = text[container.start + 1 : container.end - 1].rstrip()
        head, tail = text[: container.start + 1], text[container.end - 1 :]
        return f"{head}{content}{member}{newline}{outer}{tail}"
    last = members[-1].node.end
    comma = _after_trivia(text, last)
    has_comma = text[comma] == ","
    position = comma + 1 if has_comma else last
    comment = _COMMENT_ON_LINE.match(text, position)
    position = comment.end() if comment else position
    before, after = ("", ",") if has_comma else (",", "")
    return f"{text[:last]}{before}{text[last:position]}{member}{after}{text[position:]}"


def _remove(text: str, container: _Node, name: str) -> str:
    member = container.members[name]
    start, end = _before_line_break(text, member.start), member.node.end
    others = [each for key, each in container.members.items() if key != name]
    previous = [each for each in others if each.start < member.start]
    comma = _after_trivia(text, end)
    if text[comma] == ",":
        end = comma + 1
    elif previous:
        comma = _after_trivia(text, previous[-1].node.end)
        text = f"{text[:comma]}{text[comma + 1 :]}"
        start, end = start - 1, end - 1
    text = f"{text[:start]}{text[end:]}"
    if not others:
        closing = _after_trivia(text, container.start + 1)
        if not text[container.start + 1 : closing].strip():
            text = f"{text[: container.start + 1]}{text[closing:]}"
    return text


def _before_line_break(text: str, position: int) -> int:
    """Return where the line break and the white space before a token begin; its position if it has none."""
    line_start = text[:position].rstrip(" \t")
    if not line_start.endswith("\n"):
        return position
    return len(line_start.removesuffix("\n").removesuffix("\r"))


def _indentation(text: str, position: int) -> str:
    """Return the white space before the first token of a line."""
    line = text[:position].rpartition("\n")[2].lstrip("\ufeff")
    return line[: len(line) - len(line.lstrip())]


def _after_trivia(text: str, position: int) -> int:
    match = _TRIVIA.match(text, position)
    return match.end() if match else position


def _parse(text: str) -> _Node:
    """Return the root, which must be an object."""
    try:
        tokens = _Tokens(text)
        root = _value(tokens)
        tokens.expect(_END)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(root.value, dict):
        raise ValueError("it is not an object")
    return root


class _Tokens:
    """The tokens of a text without white space and comments."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = self._scan()
        self.start = self.end = 0
        self.text = ""
        self.advance()

    def advance(self) -> None:
        self.text, self.start, self.end = next(self._tokens)

    def expect(self, text: str) -> None:
        """Raise ValueError if the current token is another one; otherwise go to the next one."""
        if self.text != text:
            raise self.unexpected()
        if text != _END:
            self.advance()

    def unexpected(self) -> ValueError:
        line = self._source.count("\n", 0, self.start) + 1
        return ValueError(f"{self.text[:20]!r} in line {line:,} is unexpected")

    def _scan(self) -> Iterator[tuple[str, int, int]]:
        position = 0
        while position < len(self._source):
            match = _TOKEN.match(self._source, position)
            if match is None:
                raise ValueError(f"line {self._source.count(chr(10), 0, position) + 1:,} cannot be read")
            if match["trivia"] is None:
                yield match[0], match.start(), match.end()
            position = match.end()
        yield _END, position, position


def _value(tokens: _Tokens) -> _Node:
    start = tokens.start
    if tokens.text == "{":
        return _object(tokens, start)
    if tokens.text == "[":
        return _array(tokens, start)
    try:
        value = json.loads(tokens.text)
    except ValueError:
        raise tokens.unexpected() from None
    end = tokens.end
    tokens.advance()
    return _Node(start, end, value)


def _object(tokens: _Tokens, start: int) -> _Node:
    members: dict[str, _Member] = {}
    tokens.advance()
    while tokens.text != "}":
        key = _value(tokens)
        if not isinstance(key.value, str) or key.value in members:
            raise ValueError(f"the key {str(key.value)[:50]!r} is not a string or occurs twice")
        tokens.expect(":")
        members[key.value] = _Member(key.start, _value(tokens))
        if tokens.text != "}":
            tokens.expect(",")
    end = tokens.end
    tokens.advance()
    return _Node(start, end, {key: member.node.value for key, member in members.items()}, members)


def _array(tokens: _Tokens, start: int) -> _Node:
    values = []
    tokens.advance()
    while tokens.text != "]":
        values.append(_value(tokens).value)
        if tokens.text != "]":
            tokens.expect(",")
    end = tokens.end
    tokens.advance()
    return _Node(start, end, values)
