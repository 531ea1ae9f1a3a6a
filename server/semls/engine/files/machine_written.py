"""Find the parts of a text that no person wrote: encoded data, minified lines, and rows of data.

Lines decide, not languages, so that the rest of a file stays. All patterns match in linear time: a match can
begin only where the run of characters that it consists of begins.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

ENCODED = "encoded data"
MINIFIED = "minified"
ROWS = "rows of data"

_LONG_LINE = 2000  # bytes; a longer line is prose, or no person wrote it
_MIN_BLOB = 256  # bytes of encoded data in a shorter line
_MAX_DATA_BYTES = 10_000  # of rows that are kept in a file with data: five chunks show what they are like
_MAX_CODE_BYTES = 32_000  # of rows that are kept in a file with code: people write long tables, too
_MIN_TEXT = 4000  # bytes; a shorter text is kept, but for its long lines
_MIN_ROWS = 100  # similar lines, one after another, that are rows
_MIN_ENCODED_LINES = 20  # the same for lines of encoded data, none of which is kept
_MIN_ENCODED = 40  # bytes of such a line without a space
_BYTES_PER_BRACKET = 50  # at most, in minified code
_MIN_SPACES = 4  # of a sentence
_MAX_STRING_PREFIX = 2  # letters beside encoded data in a line, such as those of br"…" in Python
_MAX_LINES = 100_000  # a file with more, which has at most one megabyte, consists of rows
_MIN_INSERTED = 1000  # bytes of the values in statements INSERT that are rows
_MIN_BYTES_PER_LETTER = 8  # in such values, apart from strings, numbers and NULL
_BYTES_PER_ITEM = 500  # at most, in a long line of texts
_LOG_SAMPLE = 50  # lines that are tested
_PERIOD = 40  # lines within which a similar line comes before, as in a list of equal records
_MAX_WORD = 40  # bytes with punctuation
_MIN_MEAN_WORD = 3.5  # bytes: mean length of the words of a list; the names in minified code are shorter
_MIN_SHARE_OF_WORDS = 0.9  # of the items of a list
_MIN_VARIETY = 12  # different characters of encoded data; separators and examples have fewer
_MIN_VARIETY_OF_LINE = 8  # the same for a short line, in which not each hexadecimal digit occurs
_DELIMITED = frozenset({"csv", "tsv", "psv"})  # languages whose files consist of rows
_TABULAR = frozenset({"sql", "text"})  # languages in which several tabs in a line make it a row
_DATA = frozenset({"json", "sql", "xml", "yaml"})  # languages whose texts in rows are data, too
_TEXTS = frozenset({"po", "jupyter"})  # languages in which similar lines are texts

_WORD = re.compile(
    rb"[\"'(\[*_`]{0,3}[A-Za-z\x80-\xff](?:[A-Za-z\x80-\xff-]|'(?=[a-z]))*[\"')\]*_`,.;:!?]{0,4}"
)
# An item of a list without spaces, such as the names of a regular expression or the keys of a set
_SEPARATOR = re.compile(rb"[\s,;|]+|'\),\('")
_ITEM = re.compile(
    rb"[\"'`]?([A-Za-z\x80-\xff](?:[a-z\x80-\xff'-]+|[A-Z]+))[\"'`]?(?::(?:[01]|true|false|null|\{\}))?"
)
_ASCII = bytes(range(0x80))
_BLANK = bytes(byte if byte == ord("\n") else ord(" ") for byte in range(256))

_BLOB = re.compile(
    rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{%d,}={0,2} | (?<!\\)(?:\\x[0-9a-fA-F]{2}){64,}" % _MIN_BLOB,
    re.VERBOSE,
)
# In a long line: a string, or a run of characters without spaces and quotes.
_LONG_STRING = re.compile(rb"\"([^\"\n]{500,})\"|'([^'\n]{500,})'|`([^`\n]{500,})`")
_HEAD_OF_LIST = re.compile(rb"[\w$.&*<>\[\]: \t-]{1,200}?(?:=>?|:|\bVALUES)[ \t]*[\[({]", re.IGNORECASE)
_CLOSING = b"])};,> \t\r"
_LONG_RUN = re.compile(rb"(?<![!#-&(-;=?-_a-~])[!#-&(-;=?-_a-~]{256,}")

_WORD_CHARACTER = re.compile(rb"[\w\x80-\xff]")
_LONG_GAP = re.compile(" {100,}")
_TRAILING_SPACES = re.compile(r"(?<! ) +(?=\r?$)", re.MULTILINE)
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_LOG_LINE = re.compile(
    rb"""^[ \t\[<("]*(?:
         \d{4}[-/.]\d\d[-/.]\d\d[T_ ]+\d\d:\d\d | \d\d:\d\d:\d\d
       | (?:[A-Z][a-z]{2}\ )?[A-Z][a-z]{2}\ +\d{1,2}\ \d\d:\d\d
       | \d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\ | \d{10,13}[. ]
       | (?:TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL)\b
    )[^\n]*""",
    re.MULTILINE | re.VERBOSE,
)
_ENCODED_RUN = re.compile(
    rb"""(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40,}={0,2}
    | (?:\\x[0-9a-fA-F]{2}){8,} | (?:\\[0-7]{3}){8,} | (?:0x[0-9a-fA-F]{2},[ ]?){8,}""",
    re.VERBOSE,
)
_MAYBE_ENCODED = b"\1"
_DIGIT = re.compile(rb"\d")
_LETTER = re.compile(rb"[A-Za-z\x80-\xff]")
_KEY = rb"[ \t]*(?:=>|[:=])"
_STRING = re.compile(
    rb"(\"[^\"\n]*\"%s|'[^'\n]*'%s)|\"(?:[^\"\\\n\x01]|\\.)*\"|'(?:[^'\\\n\x01]|\\.)*'" % (_KEY, _KEY)
)
_COPY = re.compile(
    rb"^COPY[ ][^;\n]{1,5000}?[ ]FROM[ ]stdin[^;\n]{0,200};\r?\n", re.IGNORECASE | re.MULTILINE
)
_INSERT = re.compile(
    rb"""^[ \t]*(?:INSERT|REPLACE)\b [^;'(\n]{0,300}
    (?:\s{0,50} \([^;()']{0,5000}\) [^;'()]{0,100})? \s{0,50}\bVALUES?\b""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
# Strings and comments may contain semicolons. In MySQL, strings contain escapes.
_SQL_TOKEN = re.compile(rb"'[^']*'?|\"[^\"]*\"?|--[^\n]*|;")
_MYSQL_TOKEN = re.compile(
    rb"'[^'\\]*(?:\\.[^'\\]*)*'?|\"[^\"\\]*(?:\\.[^\"\\]*)*\"?|--[ \t][^\n]*|;", re.DOTALL
)
_ROW_END = re.compile(rb"\)[ \t]*[,;]|\n|[\"'}\]],")
_ITEM_END = re.compile(rb"[\"'][ ]?[,:\]}]")
_VALUE = re.compile(rb"^([ \t]*(?:- +)?[\w.-]+:) [^\n{}()]*$", re.MULTILINE)
_NUMBER = re.compile(rb"(?<![\w.])[-+]?\d[\w.]*(?:[-+]\d+)*|\b(?:null|true|false|none)\b", re.IGNORECASE)
_LIST = re.compile(rb"(?<![ \t0])[ \t0]*[,;|][ \t0,;|]*")


class Omission(NamedTuple):
    """A part of a text that no person wrote, and what it is."""

    start: int
    end: int
    kind: str


def find(text: bytes, language: str = "") -> list[Omission]:
    """Return the parts that no person wrote, in their order. They do not overlap.

    Encoded data and minified lines are omitted. Of rows of data, such as INSERT statements, records of JSON
    and lines of a log, the first ones of the file are kept. A notebook is left as it is: what no person wrote
    are its outputs, which are not part of its text.
    """
    if language == "jupyter":
        return []
    found = list(long_lines(text))
    if len(text) > _MIN_TEXT and language not in _TEXTS:
        found += _rows(blank(text, found), language)
    return _merged(found)


def blank(text: bytes, omissions: Sequence[Omission]) -> bytes:
    """Replace all characters of some parts by spaces, except line feeds."""
    if not omissions:
        return text
    view = bytearray(text)
    for start, end, _ in omissions:
        view[start:end] = view[start:end].translate(_BLANK)
    return bytes(view)


def shorten(text: str) -> str:
    """Remove the spaces that are left of omitted parts, or replace them by "…" if a text follows."""
    return _LONG_GAP.sub("…", _TRAILING_SPACES.sub("", text))


def reason_to_skip(text: bytes, omissions: Sequence[Omission]) -> str:
    """Return what a text consists of if no letters or digits are left of it, otherwise ""."""
    if not omissions or _WORD_CHARACTER.search(blank(text, omissions)):
        return ""
    return max(omissions, key=lambda one: one.end - one.start).kind


def reason_for_part(omissions: Sequence[Omission]) -> str:
    """Return what is left out of a text, "" if nothing is."""
    return ", ".join(sorted({one.kind for one in omissions}))


def _is_varied(text: bytes) -> bool:
    return len(set(text)) > _MIN_VARIETY


def _merged(found: list[Omission]) -> list[Omission]:
    """Return the omissions in their order, without those that begin in an earlier one."""
    merged: list[Omission] = []
    for omission in sorted(found, key=lambda one: (one.start, -one.end)):
        if not merged or omission.start >= merged[-1].end:
            merged.append(omission)
    return merged


# Long lines


def long_lines(text: bytes) -> Iterator[Omission]:
    """Yield the long lines of a text that are not prose, or the encoded data in them."""
    lines = text.split(b"\n")
    if max(map(len, lines)) <= _MIN_BLOB:
        return
    start = 0
    for line in lines:
        if len(line) > _LONG_LINE and not _is_prose(line):
            yield from _parts_of_long_line(line, start)
        elif len(line) > _MIN_BLOB:
            yield from _blobs(line, start)
        start += len(line) + 1


def _blobs(line: bytes, offset: int) -> Iterator[Omission]:
    for match in _BLOB.finditer(line):
        if _is_varied(match[0]):
            yield Omission(offset + match.start(), offset + match.end(), ENCODED)


def _parts_of_long_line(line: bytes, offset: int) -> Iterator[Omission]:
    """Yield the strings in a long line that are data, or the whole line if it is too long without them.

    Of a list of values, its name and its brackets are kept.
    """
    strings = [match.span(match.lastindex or 0) for match in _LONG_STRING.finditer(line)]
    strings = [(start, end) for start, end in strings if _is_data(line[start:end])]
    parts = _merged([*(Omission(start, end, ENCODED) for start, end in strings), *_blobs(line, 0)])
    if _rest(line, parts) > _LONG_LINE:
        runs = (match for match in _LONG_RUN.finditer(line) if _is_data(match[0]))
        parts = _merged([*parts, *(Omission(*match.span(), ENCODED) for match in runs)])
    if _rest(line, parts) > _LONG_LINE or (parts and not line[: parts[0].start].strip()):
        head = _HEAD_OF_LIST.match(line)
        start, end = (head.end(), len(line.rstrip(_CLOSING))) if head else (0, len(line))
        parts = [Omission(start, end, MINIFIED)]
    for start, end, kind in parts:
        if kind != MINIFIED or _is_varied(line[start:end]):
            yield Omission(offset + start, offset + end, kind)


def _is_data(text: bytes) -> bool:
    """Return whether a string or a run of characters is neither prose nor code."""
    brackets = len(text) - len(text.translate(None, b"(){};"))
    return _BYTES_PER_BRACKET * brackets < len(text) and not _is_prose(text)


def _rest(line: bytes, parts: Sequence[Omission]) -> int:
    return len(line) - sum(part.end - part.start for part in parts)


def _is_prose(line: bytes) -> bool:
    """Return whether words make up more than half of a line, or characters of other scripts a third."""
    if 3 * len(line.translate(None, _ASCII)) > len(line):
        return True
    words = (word for word in line.split() if len(word) <= _MAX_WORD and _WORD.fullmatch(word))
    return 2 * sum(len(word) + 1 for word in words) > len(line) or _is_list_of_words(line)


def _is_list_of_words(line: bytes) -> bool:
    """Return whether a line is a list such as a person writes: of different words, most of them not short."""
    if len(line) > _MAX_CODE_BYTES:
        return False
    items = _SEPARATOR.split(line)
    words = [match[1] for item in items if len(item) <= _MAX_WORD and (match := _ITEM.fullmatch(item))]
    is_varied = 2 * len(set(words)) > len(words) and sum(map(len, words)) > _MIN_MEAN_WORD * len(words)
    return is_varied and _MIN_SHARE_OF_WORDS * len(items) < len(words)


# Rows


def _rows(text: bytes, language: str) -> Iterator[Omission]:
    """Yield the rows of a text after the first ones, and its lines of encoded data."""
    is_data = language in _DATA | _DELIMITED | _TABULAR
    limit = _MAX_DATA_BYTES if is_data else _MAX_CODE_BYTES
    kept = 0
    position = 0
    for start, end in [*_lists(text, language), (len(text), len(text))]:
        for part in _runs_of_rows(text[position:start], language):
            first, last = position + part.start, position + part.end
            if part.kind == ROWS:
                first, size = _end_of_kept_lines(text, first, last, limit - kept)
                kept += size
            if first < last:
                yield Omission(first, last, part.kind)
        first = _end_of_kept_rows(text, start, end, limit - kept)
        kept += first - start
        if first < end:
            yield Omission(first, end, ROWS)
        position = end


def _end_of_kept_lines(text: bytes, start: int, end: int, limit: int) -> tuple[int, int]:
    """Return where the first lines of a run end that have a size of at least `limit`, and their size."""
    size = 0
    while start < end and size < limit:
        line_end = text.find(b"\n", start, end)
        line = text[start : line_end if line_end >= 0 else end]
        size += len(line.strip())
        start += len(line) + 1
    return start, size


def _end_of_kept_rows(text: bytes, start: int, end: int, limit: int) -> int:
    """Return where the first rows of a list end that have a size of at least `limit`."""
    if limit <= 0:
        return start
    row_end = _ROW_END.search(text, min(start + limit, end), end)
    return row_end.end() if row_end else end


def _lists(text: bytes, language: str) -> list[tuple[int, int]]:
    """Return the extents of rows that syntax marks as such, in which texts may have several lines or one."""
    if language == "sql":
        return sorted([*_copied_rows(text), *_inserted_rows(text)])
    is_json = language == "json"
    minimum = _MAX_DATA_BYTES if is_json else _MAX_CODE_BYTES
    extents = []
    start = 0
    for line in text.split(b"\n"):
        if len(line) > minimum and (is_json or _BYTES_PER_ITEM * len(_ITEM_END.findall(line)) > len(line)):
            extents.append((start, start + len(line.rstrip(_CLOSING))))
        start += len(line) + 1
    return extents


def _copied_rows(text: bytes) -> Iterator[tuple[int, int]]:
    """Yield the extents of the rows in a dump of PostgreSQL, up to the line that ends them."""
    end = 0
    for statement in _COPY.finditer(text):
        start = statement.end() - 1
        if start < end:
            continue
        end = text.find(b"\n\\.", start)
        if end < 0:
            return
        yield start + 1, end + 1


def _inserted_rows(text: bytes) -> Iterator[tuple[int, int]]:
    """Yield the extents of the values in statements INSERT that follow one another."""
    token = _MYSQL_TOKEN if b"`" in text else _SQL_TOKEN
    run: list[tuple[int, int]] = []
    position = 0
    while statement := _INSERT.search(text, position):
        start = statement.end()
        end = next((match.start() for match in token.finditer(text, start) if match[0] == b";"), -1)
        if end < 0:
            break
        is_next = run and not text[run[-1][1] + 1 : statement.start()].strip()
        if run and not is_next:
            yield from _long_run(run)
            run = []
        if _consists_of_literals(text[start:end], token):
            run.append((start, end))
        position = end
    yield from _long_run(run)


def _long_run(run: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the extent of several statements, unless they are short enough for code."""
    if run and run[-1][1] - run[0][0] > _MIN_INSERTED:
        yield run[0][0], run[-1][1]


def _consists_of_literals(values: bytes, token: "re.Pattern[bytes]") -> bool:
    """Return whether values have few names in them, as those in a dump and unlike those in a procedure."""
    names = _LETTER.findall(_NUMBER.sub(b"", token.sub(b"", values)))
    return _MIN_BYTES_PER_LETTER * len(names) < len(values)


def _runs_of_rows(text: bytes, language: str) -> Iterator[Omission]:
    """Yield runs of lines that are rows, or encoded data."""
    lines = text.split(b"\n")
    if language in _DELIMITED or len(lines) > _MAX_LINES or _is_log(lines):
        yield Omission(0, len(text), ROWS)
        return
    keys = [_start_of_line(line) for line in lines]
    starts: list[int] = []
    for first, last in _runs(keys, _MIN_ENCODED_LINES):
        if last - first < _MIN_ROWS and _MAYBE_ENCODED not in keys[first:last]:
            continue
        starts = starts or list(accumulate((len(line) + 1 for line in lines), initial=0))
        first = max(first - 1, 0)  # noqa: PLW2901 - encoded data begins before its first repetition
        shapes = _shapes(b"\n".join(lines[first:last]), language)
        encoded = [b"" if _is_encoded(shape) else b"%d" % row for row, shape in enumerate(shapes)]
        for start, end in _runs(encoded, _MIN_ENCODED_LINES):
            yield Omission(starts[first + start], starts[first + end] - 1, ENCODED)
        for start, end in _runs(shapes, _MIN_ROWS):
            yield Omission(starts[first + start], starts[first + end] - 1, ROWS)


def _is_log(lines: Sequence[bytes]) -> bool:
    sample = lines[:: max(1, len(lines) // _LOG_SAMPLE)]
    return 2 * sum(_LOG_LINE.match(line) is not None for line in sample) > len(sample)


def _runs(keys: Sequence[bytes], minimum: int) -> Iterator[tuple[int, int]]:
    """Yield the longest runs in which each key occurs a few lines before; an empty key fits everywhere."""
    last_seen: dict[bytes, int] = {}
    start = 0
    for row, key in enumerate(keys):
        if key and row - last_seen.get(key, -_PERIOD) >= _PERIOD:
            if row - start >= minimum:
                yield start, row
            start = row + 1
        last_seen[key] = row
    if len(keys) - start >= minimum:
        yield start, len(keys)


def _start_of_line(line: bytes) -> bytes:
    """Return what similar lines have in common at least; a quick test, which most lines of code fail."""
    stripped = line.lstrip()
    if len(stripped) >= _MIN_ENCODED and b" " not in stripped[:_MIN_ENCODED]:
        return _MAYBE_ENCODED
    start = stripped[:3].translate(_DIGITS)
    return b"0" if start.startswith((b"0", b"-0")) else start


def _shapes(text: bytes, language: str) -> list[bytes]:
    """Return the lines without what differs between similar ones: numbers, strings and values of keys."""
    text = _LOG_LINE.sub(b"\2", text)
    text = _ENCODED_RUN.sub(_encoded_or_word, text)
    text = _STRING.sub(rb"\1" if language in _DATA else _key_or_sentence, text)
    text = _VALUE.sub(rb"\1", text)
    text = _LIST.sub(b",", _NUMBER.sub(b"0", text))
    lines = [line.strip() for line in text.split(b"\n")]
    if language in _TABULAR:
        return [b"\t" * line.count(b"\t") if line.count(b"\t") > 1 else line for line in lines]
    return lines


def _key_or_sentence(match: "re.Match[bytes]") -> bytes:
    """Return what differs in lines that are no rows: the key of a value, or a string that is a sentence."""
    return match[1] or (match[0] if match[0].count(b" ") >= _MIN_SPACES else b"")


def _is_encoded(shape: bytes) -> bool:
    return b"\1" in shape and len(_LETTER.findall(shape)) <= _MAX_STRING_PREFIX


def _encoded_or_word(match: "re.Match[bytes]") -> bytes:
    """Return a mark for encoded data, or the unchanged text if it may be a path or a long name."""
    text = match[0]
    is_likely = (
        b"\\" in text or b"," in text or (_DIGIT.search(text) and len(set(text)) > _MIN_VARIETY_OF_LINE)
    )
    return b"\1" if is_likely else text
