"""Buffers follow the edits of the client, and positions are converted to buffers that differ from disk."""

import random
import re

import pytest
from lsprotocol import types
from pygls.uris import from_fs_path

from semls.lsp.documents import Buffers
from tests.support.language_clients import as_range, editing, execute, position_params, request, symbols

URI = from_fs_path("/somewhere/a.py")
assert URI
LINE_END = re.compile("\r\n|\r|\n")
WIDTHS = {"utf-8": lambda text: len(text.encode()), "utf-32": len}
WIDTHS["utf-16"] = lambda text: len(text.encode("utf-16-le")) // 2


def split(text):
    """Split a text into lines with their ends, as LSP does."""
    ends = [0, *(found.end() for found in LINE_END.finditer(text))]
    return [text[start:end] for start, end in zip(ends, [*ends[1:], len(text)], strict=True)]


def position(text, offset, encoding):
    """Return the position of an offset, which must not lie between CR and LF."""
    lines = split(text[:offset])
    return types.Position(len(lines) - 1, WIDTHS[encoding](lines[-1]))


def lines(buffers, uri):
    return buffers.snapshot(uri).lines


@pytest.mark.parametrize("encoding", WIDTHS)
def test_buffers_after_random_edits_equal_edited_text(encoding):
    generator = random.Random(7)
    for _ in range(300):
        buffers, text = Buffers(), ""
        buffers.open(URI, text)
        for _ in range(20):
            inside = [at for at in range(len(text) + 1) if text[at - 1 : at + 1] != "\r\n" or not at]
            start, end = sorted(generator.choices(inside, k=2))
            typed = "".join(generator.choices("ab\r\n\r\n😋é\f\u2028", k=generator.randrange(6)))
            where = types.Range(position(text, start, encoding), position(text, end, encoding))
            text = text[:start] + typed + text[end:]
            buffers.change(URI, [types.TextDocumentContentChangePartial(where, typed)], encoding)
            assert lines(buffers, URI) == split(text)


def test_buffers_with_position_behind_end_clamp_it():
    buffers = Buffers()
    buffers.open(URI, "one\ntwo")
    for line, character in [(0, 99), (9, 0)]:
        behind_end = types.Position(line, character)
        change = types.TextDocumentContentChangePartial(types.Range(behind_end, behind_end), "!")
        buffers.change(URI, [change], "utf-16")
    assert lines(buffers, URI) == ["one!\n", "two!"]
    buffers.change(URI, [types.TextDocumentContentChangeWholeDocument("new")], "utf-16")
    assert lines(buffers, URI) == ["new"]
    buffers.close(URI)
    assert buffers.snapshot(URI) is None
    buffers.change(
        URI, [types.TextDocumentContentChangePartial(types.Range(behind_end, behind_end), "!")], "utf-16"
    )
    buffers.open("untitled:one", "text")
    assert buffers.snapshot(URI) is buffers.snapshot("untitled:one") is None


# With a language server

SESSION = "store/session.rs"


def open_document(client, path, text):
    document = types.TextDocumentItem(path.as_uri(), "rust", 1, text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(document))


def replace(client, path, start, end, text):
    change = types.TextDocumentContentChangePartial(
        types.Range(types.Position(*start), types.Position(*end)), text
    )
    identifier = types.VersionedTextDocumentIdentifier(2, path.as_uri())
    client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [change]))


async def selected(client, text):
    """Return the text that the editor selects in a buffer for `evict_expired`, and its row."""
    answer = await request(client, "semls/search", {"query": "name:evict_expired"})
    where = as_range(answer["hits"][0]["selectionRange"])
    (symbol,) = [one for one in await symbols(client, "name:evict_expired") if one.name == "evict_expired"]
    assert symbol.location.range == where
    whole = as_range(answer["hits"][0]["range"])
    assert (whole.start.line, whole.end.line) >= (0, where.start.line)
    line = LINE_END.split(text)[where.start.line]
    assert where.start.line == where.end.line
    return line[where.start.character : where.end.character], where.start.line


async def test_search_with_changed_buffer_returns_buffer_positions(hashed):
    directory, _ = hashed
    path = directory / "shop" / SESSION
    disk = path.read_text()
    row = next(at for at, line in enumerate(disk.split("\n")) if "fn evict_expired" in line)
    async with editing(hashed, "shop") as client:
        assert await selected(client, disk) == ("evict_expired", row)
        open_document(client, path, disk)
        assert await selected(client, disk) == ("evict_expired", row)
        replace(client, path, (0, 0), (0, 0), "// one\n// two\f still two\n")
        buffer = "// one\n// two\f still two\n" + disk
        assert await selected(client, buffer) == ("evict_expired", row + 2)
        line = buffer.split("\n")[row + 2]
        end = len(line)
        replace(client, path, (row + 2, end), (row + 2, end), " // much more")
        buffer = buffer.replace(line, line + " // much more")
        assert await selected(client, buffer) == ("evict_expired", row + 2)
        replace(client, path, (0, 0), (row + 1, 0), "")
        buffer = "\n".join(buffer.split("\n")[row + 1 :])
        assert await selected(client, buffer) == ("evict_expired", 1)
        replace(client, path, (0, 0), (2, 0), "")
        buffer = "\n".join(buffer.split("\n")[2:])
        assert await selected(client, buffer) == ("", 0)
        client.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(path.as_uri()))
        )
        assert await selected(client, disk) == ("evict_expired", row)


async def test_duplicates_of_an_opened_document_have_the_rows_of_its_buffer(hashed):
    directory, _ = hashed
    function = "".join(f"    total = total + items[{number}].price\n" for number in range(12))
    files = [directory / "gpt" / name for name in ("copied.py", "original.py")]
    for file in files:
        file.write_text(f"def total_of(items, total):\n{function}    return total\n")
    async with editing(hashed, "gpt") as client:
        open_document(client, files[0], "# new\n" + files[0].read_text())
        found = await request(client, "semls/duplicates", {"limit": 5, "tests": True})
    (cluster,) = [each for each in found["clusters"] if "copied.py" in {hit["path"] for hit in each["hits"]}]
    assert cluster["copies"]
    rows = {hit["path"]: as_range(hit["selectionRange"]).start.line for hit in cluster["hits"]}
    assert rows == {"copied.py": 1, "original.py": 0}
    for file in files:
        file.unlink()


async def test_similar_with_changed_buffer_maps_position_to_disk(hashed):
    directory, _ = hashed
    path = directory / "gpt/model/tokenizer.py"
    disk = path.read_text()
    async with editing(hashed, "gpt") as client:
        before = await request(
            client, "semls/similar", position_params(directory, "gpt/model/tokenizer.py", 16)
        )
        open_document(client, path, "# one\n# two\n# three\n" + disk)
        params = position_params(directory, "gpt/model/tokenizer.py", 19)
        answer = await request(client, "semls/similar", params)
        assert answer["name"] == before["name"] == "load_encoder"
        rows = [as_range(one["selectionRange"]).start.line for one in (before, answer)]
        assert rows[1] == rows[0] + 3
        assert await execute(client, "semls.similar", params)
