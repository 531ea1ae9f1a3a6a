"""Find the texts in other languages that a query names.

Queries use tree-sitter's names:

- `@injection.content`: a node with text in another language. The delimiters at its ends, such as brackets,
  and the substitutions in it are not part of the text.
- `@injection.language`: a node whose text names the language, as an alias, file extension or media type. It
  may be a comment.
- `#set! injection.language`: the name of the language.
- `#set! injection.self`: the language is that of the file.
- `#set! injection.combined`: the texts of all matches of the pattern are parsed as one.

Of several patterns that match a node, the first one with a known language counts.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, TypeAlias

from tree_sitter import Node, Point, Query, Range

from semls.engine.syntax import languages
from semls.engine.syntax.languages import Language

_CONTENT, _LANGUAGE = "injection.content", "injection.language"
# With many ranges, the parser takes quadratic time.
_MAX_COMBINED = 1000
# Names in attributes and media types that are no names of languages.
_ALIASES = {
    "module": "javascript",
    "babel": "javascript",
    "less": "scss",
    "postcss": "css",
    "ng-template": "html",
    "template": "html",
}
# Data for a script; its keys are not definitions.
_DATA = frozenset(("json", "yaml", "toml", "csv", "xml"))

_UNLIMITED = 0xFFFFFFFF

_Captures: TypeAlias = Mapping[str, Sequence[Node]]
_Position: TypeAlias = tuple[Point, int]  # and the offset


class Region(NamedTuple):
    """Ranges of a file, in order, with a text in one language or with several that are parsed as one."""

    language: Language
    ranges: Sequence[Range]
    end: int  # up to which headings extend
    is_injected: bool = False
    content: Node | None = None  # the host's node that contains the text, if it is one
    is_self: bool = False  # the language is that of the host, and was not named
    cell: tuple[int, int] | None = None  # an extent whose borders no chunk crosses

    @classmethod
    def file(cls, language: Language, size: int) -> "Region":
        """Return the region that is a whole file."""
        return cls(language, [Range((0, 0), (_UNLIMITED, _UNLIMITED), 0, size)], size)


def find_regions(host: Region, query: Query, matches: Iterable[tuple[int, _Captures]]) -> Iterator[Region]:
    """Yield the regions that the matches of a query name, clipped to the ranges of their host."""
    found: dict[int, tuple[int, Language, Node]] = {}  # by the id of the content
    for pattern, captures in matches:
        for node in captures.get(_CONTENT, ()):
            if node.id not in found or pattern < found[node.id][0]:
                language = _language(host.language, query.pattern_settings(pattern), captures)
                if language:
                    found[node.id] = pattern, language, node
    combined: dict[tuple[int, Language], list[Range]] = {}
    for pattern, language, node in found.values():
        ranges = _ranges(node, host.ranges)
        if "injection.combined" in query.pattern_settings(pattern):
            combined.setdefault((pattern, language), []).extend(ranges)
        elif ranges:
            yield Region(language, ranges, ranges[-1].end_byte, True, node)
    for (pattern, language), ranges in combined.items():
        ranges.sort(key=_start_byte)
        is_self = "injection.self" in query.pattern_settings(pattern)
        for start in range(0, len(ranges), _MAX_COMBINED):
            part = ranges[start : start + _MAX_COMBINED]
            yield Region(language, part, part[-1].end_byte, is_injected=True, is_self=is_self)


def has_injections(query: Query) -> bool:
    """Return whether a query names regions in other languages."""
    return _CONTENT in map(query.capture_name, range(query.capture_count))


def _language(host: Language, settings: Mapping[str, str | None], captures: _Captures) -> Language | None:
    if "injection.self" in settings:
        return host
    name = settings.get(_LANGUAGE)
    if name is None:
        name = b"".join(node.text or b"" for node in captures.get(_LANGUAGE, ())).decode(errors="replace")
    return _by_injected_name(name)


def _by_injected_name(name: str) -> Language | None:
    """Return the language with a name such as `ts`, `text/javascript; charset=utf-8` or `/* SQL */`."""
    name = name.removeprefix("/*").removesuffix("*/").lower()
    name = name.partition(";")[0].rpartition("/")[2].strip().removeprefix("x-")
    name = "template" if name.endswith(("-template", "-tmpl")) else name
    name = _ALIASES.get(name, name)
    language = languages.by_name_or_extension(name)
    return language if language and language.grammar and language.name not in _DATA else None


def _ranges(content: Node, host_ranges: Sequence[Range]) -> list[Range]:
    """Return the ranges of a node without its delimiters and substitutions, clipped to those of its host."""
    ranges: list[Range] = []
    start, end = (content.start_point, content.start_byte), (content.end_point, content.end_byte)
    children = content.children
    if len(children) > 1 and not children[0].is_named and not children[-1].is_named:
        start = children[0].end_point, children[0].end_byte
        end = children[-1].start_point, children[-1].start_byte
    for child in children:
        if child.is_named and child.type.endswith(("substitution", "interpolation")):
            ranges += _clipped(start, (child.start_point, child.start_byte), host_ranges)
            start = child.end_point, child.end_byte
    return ranges + _clipped(start, end, host_ranges)


def _clipped(start: _Position, end: _Position, host_ranges: Sequence[Range]) -> list[Range]:
    """Return the parts of an extent that lie in ranges, which are ordered."""
    ranges = []
    first = bisect_right(host_ranges, start[1], key=_end_byte)
    for host in islice(host_ranges, first, None):
        if host.start_byte >= end[1]:
            break
        (start_point, start_byte) = max(start, (host.start_point, host.start_byte), key=_offset)
        (end_point, end_byte) = min(end, (host.end_point, host.end_byte), key=_offset)
        if start_byte < end_byte:
            ranges.append(Range(start_point, end_point, start_byte, end_byte))
    return ranges


def _offset(position: _Position) -> int:
    return position[1]


def _start_byte(one: Range) -> int:
    return one.start_byte


def _end_byte(one: Range) -> int:
    return one.end_byte
