"""Chunk sources and check what all chunks have in common."""

import re

from semls.engine.syntax import languages
from semls.engine.syntax.chunker import KINDS, Chunk, chunk
from semls.engine.syntax.source import MAX_CHUNK_CHARACTERS, Span

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# Text that chunks may omit: closing punctuation, and the heads of namespaces, packages and the like.
_OMITTED = re.compile(
    rb"(?:\}[ \t]*//[^\n]*|[\s{}()\[\];,.`]|\bend\b|\?>|#endif\b[^\n]*"
    rb"|\bend(?:module|package|class|interface|program|[ \t]+[\w. \t]+;)(?:[ \t]*:[ \t]*\w+)?|\bend\."
    rb"|\bend[ \t]+(?:module|submodule|package|class|interface|architecture|entity|namespace)\b"
    rb"(?:[ \t]+body\b)?(?:[ \t]+\w+)?"
    rb"|\bcontains\b|@end|\(in-package [^)]*\)"
    rb"|\bnamespace\b[^;{]*|\bdeclare\b|\bmod \w+|\bpackage [\w.]+|\bcompanion object\b"
    rb"|\bclass <<[^\n]*|extern \"C\"|\{%[-+~]?\s*end\w+[^%\n]*%\})*",
    re.IGNORECASE,
)
_OMITTED_FROM_DATA = re.compile(
    _OMITTED.pattern.removesuffix(b")*")
    + rb"|</[\w:.-]+>|<(?:script|style)\b[^>]*>|---|\b(?:jobs|services):)*",
    re.IGNORECASE,
)


def language(name: str) -> languages.Language:
    found = languages.by_name(name)
    assert found
    return found


def chunks_of(source: str, name: str) -> list[Chunk]:
    return chunk(source.encode(), language(name))


def find_chunk(chunks: list[Chunk], qualified_name: str) -> Chunk:
    """Return the first chunk with a name."""
    return next(one for one in chunks if one.qualified_name == qualified_name)


def summaries(chunks: list[Chunk]) -> list[str]:
    """Return kind, qualified name, first and last row of each chunk."""
    return [
        f"{one.kind} {one.qualified_name or '-'} {one.span.start.row} {one.span.end.row}" for one in chunks
    ]


def expected_summaries(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def check_chunks(source: bytes, name: str, *, is_data: bool = False) -> None:
    """Check that chunks are small, disjoint and complete, and that their spans and texts agree."""
    omitted = _OMITTED_FROM_DATA if is_data else _OMITTED
    row_starts = _row_starts(source)
    end = 0
    for one in chunk(source, language(name)):
        assert one.kind in KINDS
        assert one.span.start_byte >= end
        assert omitted.fullmatch(source[end : one.span.start_byte].removeprefix(_BYTE_ORDER_MARK))
        assert one.text == _decode(source, one.span)
        assert one.text.strip()
        assert len("".join(one.text.split())) <= MAX_CHUNK_CHARACTERS + 200
        for span in (one.span, one.selection):
            assert row_starts[span.start.row] + span.start.column == span.start_byte
            assert row_starts[span.end.row] + span.end.column == span.end_byte
            assert span.start_byte <= span.end_byte
        end = one.span.end_byte
    assert omitted.fullmatch(source[end:].removeprefix(_BYTE_ORDER_MARK))


def _row_starts(source: bytes) -> list[int]:
    start = len(_BYTE_ORDER_MARK) if source.startswith(_BYTE_ORDER_MARK) else 0
    return [start, *(match.end() for match in re.finditer(rb"\r\n|\r|\n", source))]


def _decode(source: bytes, span: Span) -> str:
    return source[span.start_byte : span.end_byte].decode()
