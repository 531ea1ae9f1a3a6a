r"""Escape file contents and file names before a terminal, an editor, an agent or a log shows them.

Terminal sequences move the cursor, a newline in a name forges a line of output, bidirectional controls
reorder code (CVE-2021-42574, "Trojan Source"), and invisible characters hide text from people that a
program or an agent reads. Therefore control characters, format characters, line separators and all of
Unicode's default ignorable characters are replaced by escape sequences such as `\u202e`, as in rustc. A
byte of a name that is not UTF-8, which Python decodes as a lone surrogate, is replaced by `\xe9`.

Ordinary text needs some of these characters, which are kept: zero-width joiners and non-joiners between
letters of the scripts that use them and after a virama (UAX #31), joiners between emoji, and one variation
selector after an emoji.
"""

import logging
import re
from typing import Any

_ESCAPED_CHARACTERS = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
_JOINING_LETTERS = (
    "\u0620-\u06dc\u06de-\u070d\u0710-\u088f\u08a0-\u08e1\u08e3-\u0dff"
    "\u1000-\u109f\u1780-\u17b3\u17b6-\u17dd\u1820-\u18aa"
)
_VIRAMAS = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca\u1039\u103a\u17d2"
_EMOJI = "\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
# The alternatives without a group match characters that are kept.
_PATTERN = re.compile(
    f"(?<=[{_JOINING_LETTERS}])[\u200c\u200d](?=[{_JOINING_LETTERS}])"
    f"|(?<=[{_VIRAMAS}])[\u200c\u200d]"
    f"|(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])"
    f"|(?<=[{_EMOJI}])[\ufe0e\ufe0f]"
    "|(?<=[0-9#*])\ufe0f(?=\u20e3)"
    f"|([{_ESCAPED_CHARACTERS}])"
)
_SHORT_SEQUENCES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escape_line(text: str) -> str:
    """Escape a text that must stay on one line, such as a name, a path or a message."""
    if text.isascii() and text.isprintable():
        return text
    return _PATTERN.sub(_replacement, text)


def escape_text(text: str) -> str:
    """Escape the content of a file, but keep tabs and line breaks; all line breaks become LF."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join("\t".join(map(escape_line, line.split("\t"))) for line in lines)


class LogFormatter(logging.Formatter):
    """Formats log records so that file names in them cannot forge lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the escaped line of a record, without its traceback."""
        return escape_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: ANN401, N802
        """Return the escaped traceback."""
        return escape_text(super().formatException(ei))


def _replacement(match: re.Match[str]) -> str:
    character = match[1]
    if character is None:
        return match[0]
    number = ord(character)
    is_undecodable_byte = 0xDC80 <= number < 0xDD00  # of "surrogateescape"
    if number < 0x80 or is_undecodable_byte:
        return _SHORT_SEQUENCES.get(character, f"\\x{number & 0xFF:02x}")
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
