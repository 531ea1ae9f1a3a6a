"""Edit members of JSON with comments, and leave the rest of the text as it is.

`insert` and `remove` are inverse: together they restore the text byte for byte, and a file that did not
exist. `remove` sees from the layout what `insert` has found: it writes a section of its own in several lines,
a member of an empty section after the brace, and a line break more if the file was blank.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r'(?P<trivia>[\s\ufeff]+|//[^\n]*|/\*.*?\*/)|(?P<sign>[{}\[\],:])|(?P<scalar>"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"/]+)',
    re.DOTALL,
)
_TRIVIA = re.compile(r"(?:[\s\ufeff]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_COMMENT_ON_LINE = re.compile(r"[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/)")
_END = "end of file"
_DEFAULT_INDENTATION = "  "
_BLANK = "\ufeff \t\r\n"

EMPTY = "{}\n"  # a file without servers


@dataclass(frozen=True, slots=True)
class _Node:
    """A value and its span. `members` of an object and `items` of an array are in the order of the text."""

    start: int
    end: int
    value: object
    members: "dict[str, _Member]" = field(default_factory=dict)
    items: "list[_Node]" = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Member:
    start: int
    node: _Node


def find(text: str, section: str, name: str) -> list[object]:
    """Return the value of a member of an object in the root; an empty list if there is none.

    Raises ValueError for invalid JSON.
    """
    root = _parse(text if text.strip(_BLANK) else EMPTY)
    if section not in root.members:
        return []
    member = root.members[section].node.members.get(name)
    return [member.node.value] if member else []


def insert(text: str | None, section: str, name: str, value: object) -> str:
    """Return the text with a member in the object `section`, which is created if necessary.

    None stands for no file. The member must not exist. Raises ValueError for invalid JSON.
    """
    if text is None:
        return _new_file(section, name, value)
    if not text.strip(_BLANK):
        return f"{text}{_new_file(section, name, value)}\n"
    root = _parse(text)
    if section not in root.members:
        return _insert(text, root, root, section, {name: value})
    container = root.members[section].node
    if not isinstance(container.value, dict):
        raise ValueError(f"'{section}' is not an object")
    return _insert(text, root, container, name, value)


def replace(text: str, section: str, name: str, value: Mapping[str, object]) -> str:
    """Return the text with other values in a member of the object `section`; other values of it stay.

    The member must be an object. Comments stay, unless they are in an array that gets another length.
    Raises ValueError for invalid JSON.
    """
    member = _parse(text).members[section].node.members[name].node
    for node, new in reversed(list(_differences(member, value))):
        text = f"{text[: node.start]}{json.dumps(new, ensure_ascii=False)}{text[node.end :]}"
    for key in value.keys() - member.members.keys():
        root = _parse(text)
        text = _insert(text, root, root.members[section].node.members[name].node, key, value[key])
    return text


def _differences(node: _Node, value: object) -> Iterator[tuple[_Node, object]]:
    """Yield the values inside a value that must be replaced, in the order of the text."""
    if isinstance(value, Mapping) and isinstance(node.value, dict):
        for key, member in node.members.items():
            if key in value:
                yield from _differences(member.node, value[key])
    elif isinstance(value, list) and len(value) == len(node.items):
        for item, each in zip(node.items, value, strict=True):
            yield from _differences(item, each)
    elif value != node.value:
        yield node, value


def remove(text: str, section: str, name: str) -> str | None:
    """Return the text without a member of the object `section`; None if `insert` has made the whole file.

    The member must exist. Raises ValueError for invalid JSON.
    """
    root = _parse(text)
    container = root.members[section].node
    new_file = _new_file(section, name, container.members[name].node.value)
    if text == new_file:
        return None
    before = text.removesuffix(f"{new_file}\n")
    if not before.strip(_BLANK):
        return before
    if _is_section_of_insert(text, container, container.members[name]):
        return _remove(text, root, section)
    return _remove(text, container, name)


def _new_file(section: str, name: str, value: object) -> str:
    content = json.dumps({section: {name: value}}, indent=_DEFAULT_INDENTATION, ensure_ascii=False)
    return f"{content}\n"


def _is_section_of_insert(text: str, container: _Node, member: _Member) -> bool:
    """Return whether a section has one member, and lines for it as `insert` writes a new section."""
    around = (text[container.start + 1 : member.start], text[member.node.end : container.end - 1])
    return all(space.isspace() and "\n" in space for space in around)


def _insert(text: str, root: _Node, container: _Node, name: str, value: object) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    unit = _indentation(text, next(iter(root.members.values())).start) if root.members else ""
    unit = unit or _DEFAULT_INDENTATION
    outer = _indentation(text, container.start)
    members = list(container.members.values())
    inner = (_indentation(text, members[0].start) if members else "") or outer + unit
    content = text[container.start + 1 : container.end - 1]
    if not content.strip():
        rendered = json.dumps(value, indent=unit if container is root else None, ensure_ascii=False)
        member = f"{json.dumps(name)}: {rendered}".replace("\n", newline + outer)
        return f"{text[: container.start + 1]}{member}{text[container.start + 1 :]}"
    rendered = json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", newline + inner)
    member = f"{newline}{inner}{json.dumps(name)}: {rendered}"
    if not members:  # but comments
        end = container.start + 1 + len(content.rstrip())
        return f"{text[:end]}{member}{text[end:]}"
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
    return f"{text[:start]}{text[end:]}"


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
    items = []
    tokens.advance()
    while tokens.text != "]":
        items.append(_value(tokens))
        if tokens.text != "]":
            tokens.expect(",")
    end = tokens.end
    tokens.advance()
    return _Node(start, end, [item.value for item in items], items=items)
