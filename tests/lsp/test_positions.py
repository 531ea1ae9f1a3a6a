"""Ranges select the name in every position encoding, whatever precedes it in the file."""

import codecs
import re
import unicodedata

import pytest
from lsprotocol import types
from pytest_lsp import client_capabilities

from tests.support.language_clients import EDITORS, as_range, editing, request

NAME = "größenwächter"
DEFINITION = f"function {NAME}() {{ return 'guards the size' }}"
FILES = {
    "plain.js": f"{DEFINITION}\n",
    "emoji.js": f"/* 😋👩‍👩‍👧 */ {DEFINITION}\n",
    "combining.js": f"/* e\u0301a\u0308 */ {DEFINITION}\n",
    "tabs.js": f"if (true) {{\n\t\t{DEFINITION}\n}}\n",
    "crlf.js": f"// one\r\n// two\r\n/* é */ {DEFINITION}\r\n",
    "cr.js": f"// one\r// two\r/* é */ {DEFINITION}\r",
    "mixed.js": f"// one\r\n// two\r// three\n/* é */ {DEFINITION}\n",
    "feed.js": f"// one\f two\n\f/* \v */ {DEFINITION}\n",
    "separators.js": f"// one\u2028two\u2029three\x85four\n/* \u2028é */ {DEFINITION}\n",
    "bom.js": f"\ufeff{DEFINITION}\n",
    "bom_behind.js": f"\ufeff/* 😋 */ {DEFINITION}\n",
    "below.js": "".join(f"// line {number} 😋\n" for number in range(300)) + f"/* é */ {DEFINITION}\n",
    "unended.js": f"// é\n{DEFINITION}",
    "decomposed.js": unicodedata.normalize("NFD", f"/* é */ {DEFINITION}\n"),
    "utf16.js": f"// one 😋\r\n/* é 😋 */ {DEFINITION}\r\n",
    "utf16be.js": f"/* é 😋 */ {DEFINITION}\n",
    "utf32.js": f"/* é 😋 */ {DEFINITION}\n",
    "windows.js": f"// für Käufer\n/* äöü */ {DEFINITION}\n",
    "gb18030.js": f"// -*- coding: gb18030 -*-\n/* 大小 */ {DEFINITION}\n",
    "invalid.js": f"/* é \ufffd */ {DEFINITION} // \ufffd\n",
}
BYTES = {  # of the files that are not UTF-8
    "utf16.js": FILES["utf16.js"].encode("utf-16"),
    "utf16be.js": codecs.BOM_UTF16_BE + FILES["utf16be.js"].encode("utf-16-be"),
    "utf32.js": FILES["utf32.js"].encode("utf-32"),
    "windows.js": FILES["windows.js"].encode("cp1252"),
    "gb18030.js": FILES["gb18030.js"].encode("gb18030"),
    "invalid.js": FILES["invalid.js"].encode().replace("\ufffd".encode(), b"\xff"),
}
UNITS = {"utf-8": (1, "utf-8"), "utf-16": (2, "utf-16-le"), "utf-32": (4, "utf-32-le")}
LINE_END = re.compile("\r\n|\r|\n")  # of LSP


@pytest.fixture(scope="module")
def wide(hashed):
    directory, terminal = hashed
    (directory / "wide").mkdir()
    for name, text in FILES.items():
        (directory / "wide" / name).write_bytes(BYTES.get(name, text.encode()))
    return directory, terminal


@pytest.mark.parametrize("encoding", UNITS)
async def test_search_in_each_client_selects_the_name(wide, encoding):
    capabilities = client_capabilities("visual_studio_code")
    capabilities.general = types.GeneralClientCapabilities(
        position_encodings=[types.PositionEncodingKind(encoding)]
    )
    async with editing(wide, "wide", capabilities=capabilities) as client:
        answer = await request(client, "semls/search", {"query": f"name:{NAME}", "limit": 50})
        selected = {hit["path"]: selection(FILES[hit["path"]], hit, encoding) for hit in answer["hits"]}
        assert selected == dict.fromkeys(FILES, NAME)


@pytest.mark.parametrize("editor", EDITORS)
async def test_search_in_each_client_uses_its_position_encoding(wide, editor):
    async with editing(wide, "wide", editor=editor) as client:
        general = client_capabilities(editor).general
        encodings = (general and general.position_encodings) or ["utf-16"]
        answer = await request(client, "semls/search", {"query": f"name:{NAME}", "limit": 50})
        selected = {hit["path"]: selection(FILES[hit["path"]], hit, encodings[0]) for hit in answer["hits"]}
        assert selected == dict.fromkeys(FILES, NAME)


def selection(text, hit, encoding):
    """Return the text that an editor would select, composed. It does not show a byte order mark."""
    where = as_range(hit["selectionRange"])
    size, codec = UNITS[encoding]
    assert where.start.line == where.end.line
    line = LINE_END.split(text.removeprefix("\ufeff"))[where.start.line].encode(codec)
    selected = line[where.start.character * size : where.end.character * size].decode(codec)
    return unicodedata.normalize("NFC", selected)
