"""Decode text files. The rest of semls sees UTF-8 only, and counts offsets and columns in it."""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from semls.decoding.codec_names import codec_by_name, utf16_by_name
from semls.decoding.editorconfig import charset
from semls.decoding.guess import is_valid, likely_codecs

_HEAD = 8192  # bytes at the start of a file that tell text from binary content
_MAX_DECLARED = 1024  # bytes at the start and at the end that may declare an encoding
_MAX_REPLACED = 0.1  # of the characters outside ASCII, in a file with the declared or guessed encoding
_MIN_UTF16_ZEROS = 16  # of a file in UTF-16 without a byte order mark

_MARKS = {  # the longer ones first: that of UTF-32 starts with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_WHITESPACE = str.maketrans(dict.fromkeys("\t\r\n\f", " "))
_JAPANESE_ESCAPE = b"\x1b$"  # begins each run of Japanese in ISO-2022-JP, which consists of ASCII
# PEP 263 and Emacs; Vim; XML; CSS; HTML; Perl; TeX.
_DECLARATION = re.compile(
    rb"""(?:coding[ \t]*[:=]|\bencoding[ \t]|\bfenc=|@charset|\bcharset[ \t]*=)[ \t]*["']?([\w.-]{2,40})"""
    rb"""|\[([\w.-]{2,40})\]\{inputenc\}""",
    re.IGNORECASE,
)


def to_utf8(file: Path, content: bytes) -> bytes:
    """Return the content of a file in UTF-8; content in UTF-8 and binary content is returned unchanged.

    `file` is its absolute path. The first of these that fits decides: a byte order mark, UTF-8 with at most
    as many errors as characters outside ASCII, the encoding that the file declares, the `charset` of
    EditorConfig, and a guess. Bytes that are invalid in the encoding become U+FFFD.
    """
    for mark, codec in _MARKS.items():
        if content.startswith(mark):
            return _encode(content[len(mark) :].decode(codec, "replace"))
    if b"\0" in content[:_HEAD]:
        utf16 = _utf16_without_mark(content) or utf16_by_name(charset(file))
        return _encode(content.decode(utf16, "replace")) if utf16 else content
    if is_valid(content, "utf-8"):
        text = _decode(content, "iso2022_jp") if _JAPANESE_ESCAPE in content else None
        return content if text is None else _encode(text)
    text = _decode_utf8(content)
    return _encode(_decode_other(file, content) if text is None else text)


def normalize(text: str) -> str:
    """Return a text in Unicode's normalization form C: each accented letter is one character."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _utf16_without_mark(content: bytes) -> str | None:
    """Return the variant of UTF-16 in which a file starts with a text that is mostly ASCII."""
    head = content[:512]
    for codec, letters, others in (
        ("utf-16-le", head[::2], head[1::2]),
        ("utf-16-be", head[1::2], head[::2]),
    ):
        if 0 not in letters and others.count(0) >= max(_MIN_UTF16_ZEROS, len(head) // 4):
            text = head.decode(codec, "ignore").translate(_WHITESPACE)
            return codec if text.isprintable() else None
    return None


def _decode_utf8(content: bytes) -> str | None:
    """Decode UTF-8. Return None if it has more errors than characters outside ASCII."""
    text = content.decode("utf-8", "replace")
    errors = text.count("\ufffd") - content.count("\ufffd".encode())
    characters = len(text) - len(text.encode("ascii", "ignore")) - errors
    return text if characters >= errors else None


def _decode_other(file: Path, content: bytes) -> str:
    for codec in _candidates(file, content):
        text = _decode(content, codec)
        if text is not None:
            return text
    return content.decode("latin-1")


def _candidates(file: Path, content: bytes) -> Iterator[str]:
    """Yield the encodings that a file that is not UTF-8 may have, the likeliest first."""
    ends = content[:_MAX_DECLARED], content[_MAX_DECLARED:][-_MAX_DECLARED:]
    declared = (match[1] or match[2] for end in ends for match in _DECLARATION.finditer(end))
    names = dict.fromkeys(name.decode("ascii") for name in declared)
    yield from filter(None, map(codec_by_name, names))
    yield from filter(None, [codec_by_name(charset(file))])
    yield from likely_codecs(content)
    yield "cp1252"


def _decode(content: bytes, codec: str) -> str | None:
    """Decode a content, or return None if too much of it is invalid in an encoding."""
    text = content.decode(codec, "replace")
    errors = text.count("\ufffd")
    characters = len(text) - len(text.encode("ascii", "ignore"))
    return text if errors <= _MAX_REPLACED * characters else None
