"""The supported encodings, by the names that files and settings use for them."""

import re
from encodings.aliases import aliases

# The most common of similar ones first.
MULTIBYTE = ("cp932", "euc_jp", "gb18030", "big5hkscs", "cp949")
SINGLE_BYTE = tuple(
    """
    cp1252 cp1251 cp1250 iso8859_2 cp1253 cp1254 cp1255 cp1256 cp1257 koi8_r koi8_u cp866 cp874 iso8859_3
    iso8859_4 iso8859_5 iso8859_6 iso8859_7 iso8859_8 iso8859_10 iso8859_13 iso8859_14 iso8859_15 iso8859_16
    cp437 cp850 cp852 cp855 cp1258 mac_roman mac_cyrillic
    """.split()
)
# Files often declare the name of a subset, whose characters have the same bytes.
_SUPERSETS = {
    "shift_jis": "cp932", "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "cp950": "big5hkscs",
    "euc_kr": "cp949", "latin_1": "cp1252", "iso8859_1": "cp1252", "iso8859_9": "cp1254", "tis_620": "cp874",
}  # fmt: skip
# Names of Windows and iconv that Python does not know.
_OTHER_NAMES = {"windows31j": "cp932", "xsjis": "cp932", "windows949": "cp949", "xeucjp": "euc_jp"}
_UTF16 = {"utf16": "utf-16-le", "utf16le": "utf-16-le", "utf16be": "utf-16-be"}


def codec_by_name(name: str) -> str | None:
    """Return Python's codec for an encoding that is a superset of ASCII, or None if it is not supported."""
    return _CODECS.get(_normalized(name))


def utf16_by_name(name: str) -> str | None:
    """Return Python's codec for a variant of UTF-16, or None for any other name."""
    return _UTF16.get(_normalized(name))


def _normalized(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def _codecs_by_name() -> dict[str, str]:
    codecs = {codec: codec for codec in (*MULTIBYTE, *SINGLE_BYTE)} | _SUPERSETS
    named = {_normalized(name): codec for name, codec in codecs.items()}
    aliased = {_normalized(alias): codecs[name] for alias, name in aliases.items() if name in codecs}
    return named | aliased | _OTHER_NAMES


_CODECS = _codecs_by_name()
