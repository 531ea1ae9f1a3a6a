"""Guess the encoding of a file from its bytes."""

import re

from semls.decoding.codec_names import MULTIBYTE, SINGLE_BYTE

_GUESSED = (*MULTIBYTE, *SINGLE_BYTE[:13])
_MAX_SAMPLE = 4096  # bytes from which the encoding is guessed
_MAX_LINE = 1024  # bytes of a line in a sample
_MIN_VALID = 0.8  # of the lines in a sample

_START_OF_LINE = re.compile(rb"^[^\n]{1,%d}" % _MAX_LINE, re.MULTILINE)
_NOT_ASCII = bytes(range(0x80, 0x100))
# A character of Latin-1 or General Punctuation that is neither a letter, an apostrophe nor a dash.
_SYMBOL_IN_WORD = re.compile(
    r"[^\W\d_][\x80-\xa9\xab-\xb4\xb6\xb8\xb9\xbb-\xbf\xd7\xf7\u2020-\u206f\u20a0-\u23ff\u2500-\u2bff][^\W\d_]"
)
# Lead bytes of the common characters in encodings whose other characters are rare.
_COMMON_LEAD_BYTES = {
    "cp932": (range(0x81, 0x84), range(0x88, 0x98)),
    "euc_jp": (range(0xA1, 0xA6), range(0xB0, 0xD0)),
    "gb18030": (range(0xA1, 0xA4), range(0xB0, 0xD8)),
    "big5hkscs": (range(0xA1, 0xC7),),
    "cp949": (range(0xA1, 0xA4), range(0xB0, 0xC9)),
}
_MAX_RARE = 0.2  # of the characters outside ASCII


def likely_codecs(content: bytes) -> list[str]:
    """Return the encodings in which nearly all lines of a file are valid text, the likeliest first."""
    from charset_normalizer import from_bytes  # few files need it

    lines = _sample(content)
    ranked = []
    for index, codec in enumerate(_GUESSED):
        valid = [line for line in lines if is_valid(line, codec)]
        if len(valid) < _MIN_VALID * len(lines):
            continue
        # One by one, because it does not try an encoding if one that it regards as similar does not fit.
        match = from_bytes(b"\n".join(valid), cp_isolation=[codec], enable_fallback=False).best()
        if match:
            text = str(match)
            symbols, chaos = len(_SYMBOL_IN_WORD.findall(text)), round(match.chaos, 2)
            ranked.append((_has_rare_characters(text, codec), symbols, chaos, -match.coherence, index))
    return [_GUESSED[index] for *_, index in sorted(ranked)]


def is_valid(content: bytes, codec: str) -> bool:
    """Return whether a content can be decoded."""
    try:
        content.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _sample(content: bytes) -> list[bytes]:
    """Return lines with bytes outside ASCII: others would hide the language of a program's comments.

    The end of a long line is left out, from a place that is not inside a character.
    """
    lines, size = dict[bytes, None](), 0
    for match in _START_OF_LINE.finditer(content):
        line = match[0]
        if len(line) == _MAX_LINE:
            line = line.rstrip(_NOT_ASCII) or line
        if not line.isascii() and line not in lines:
            lines[line] = None
            size += len(line)
        if size > _MAX_SAMPLE:
            break
    return list(lines)


def _has_rare_characters(text: str, codec: str) -> bool:
    if codec not in _COMMON_LEAD_BYTES:
        return False
    characters = [character for character in text if not character.isascii()]
    lead_bytes = [character.encode(codec)[0] for character in characters]
    rare = sum(not any(byte in common for common in _COMMON_LEAD_BYTES[codec]) for byte in lead_bytes)
    return rare > _MAX_RARE * len(characters)
