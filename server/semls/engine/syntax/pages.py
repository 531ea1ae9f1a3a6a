"""Find the blocks of code in Razor and JSP pages, which are parsed as HTML apart from these blocks."""

import re
from collections.abc import Iterator
from itertools import pairwise

from tree_sitter import Range

from semls.engine.syntax import languages
from semls.engine.syntax.injection import Region
from semls.engine.syntax.languages import Language
from semls.engine.syntax.source import Source

# Razor: @code { … } and @functions { … }. JSP: <%! … %>. Both contain members of a class.
_START = re.compile(rb"^[ \t]*@(?:code|functions)\s*\{|<%!", re.MULTILINE)
# Strings and comments may contain brackets.
_TOKEN = re.compile(
    rb"\"(?:[^\"\\\n]|\\[^\n])*\"?|'(?:[^'\\\n]|\\[^\n])*'?|//[^\n]*|/\*(?:.*?\*/|.*)|[{}]", re.DOTALL
)


def regions_of_page(source: Source, language: Language) -> list[Region]:
    """Return the region of the markup, without the blocks of code, and the regions of these blocks."""
    size = len(source.data)
    blocks = list(_blocks(source.data))
    if not blocks:
        return [Region.file(language, size)]
    edges = [0, *(offset for start, end, _ in blocks for offset in (start, end)), size]
    markup = [_range(source, start, end) for start, end in list(pairwise(edges))[::2] if start < end]
    code = (
        Region(code_language, [_range(source, start, end)], end, is_injected=True)
        for start, end, name in blocks
        if start < end and (code_language := languages.by_name(name))
    )
    return [*([Region(language, markup, size)] if markup else []), *code]


def _blocks(data: bytes) -> Iterator[tuple[int, int, str]]:
    """Yield the extents of the blocks, without their delimiters, and their languages."""
    position = 0
    for match in _START.finditer(data):
        if match.start() < position:
            continue
        if match[0] == b"<%!":
            end = data.find(b"%>", match.end())
            position = len(data) if end < 0 else end
            yield match.end(), position, "java"
        else:
            position = _closing_bracket(data, match.end())
            yield match.end(), position, "csharp"


def _closing_bracket(data: bytes, start: int) -> int:
    """Return the offset of the bracket that closes the block from `start`, or the end of the file."""
    depth = 1
    for token in _TOKEN.finditer(data, start):
        depth += {b"{": 1, b"}": -1}.get(token[0], 0)
        if not depth:
            return token.start()
    return len(data)


def _range(source: Source, start: int, end: int) -> Range:
    return Range(source.point(start), source.point(end), start, end)
