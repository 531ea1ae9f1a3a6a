"""A buffer with many changes is aligned with the file on disk in bounded time."""

import random
import time

import pytest

from semls.lsp.alignment import matching_blocks
from semls.lsp.documents import Document

ROWS = 20_000
MAX_CPU_SECONDS = 1.0  # an idle machine takes a tenth of that

TEXTS = {
    "different": [f"line {row}" for row in range(ROWS)],
    "code": [("}", "", f"    call({row})")[row % 3] for row in range(ROWS)],
    "equal": ["}"] * ROWS,
    "few": [random.Random(5).choice("abcdefgh") for _ in range(ROWS)],
    "short": ["}"] * 2_000,
    "short and few": [random.Random(5).choice("abcdefgh") for _ in range(2_000)],
}


def changed(lines, is_changed):
    return [f"{line} // changed" if is_changed(row) else line for row, line in enumerate(lines)]


CHANGES = {
    "all": lambda lines: changed(lines, lambda _: True),
    "every second": lambda lines: changed(lines, lambda row: row % 2),
    "blocks": lambda lines: changed(lines, lambda row: row // 100 % 2),
    "indented": lambda lines: [f"\t{line}" for line in lines],
    "inserted": lambda lines: [one for line in lines for one in (line, "inserted")],
    "deleted": lambda lines: lines[::2],
    "moved": lambda lines: lines[len(lines) // 2 :] + lines[: len(lines) // 2],
    "shuffled": lambda lines: random.Random(6).sample(lines, len(lines)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("text", TEXTS)
def test_document_with_many_changed_lines_aligns_in_bounded_time(text, change):
    disk, buffer = TEXTS[text], CHANGES[change](TEXTS[text])
    began = time.process_time()
    document = Document([line.encode() for line in disk], buffer)
    for row in range(0, len(disk), 100):
        document.to_buffer(row, 4)
    document.to_disk(len(buffer) // 2)
    assert time.process_time() - began < MAX_CPU_SECONDS


@pytest.mark.parametrize("change", ["every second", "blocks", "inserted", "deleted"])
@pytest.mark.parametrize("text", ["different", "code"])
def test_document_with_unchanged_lines_maps_them_in_both_directions(text, change):
    disk, buffer = TEXTS[text], CHANGES[change](TEXTS[text])
    document = Document([line.encode() for line in disk], buffer)
    unique = {line: row for row, line in enumerate(buffer) if line not in ("", "}", "inserted")}
    checked = 0
    for row, line in enumerate(disk):
        if line in unique:
            assert document.to_buffer(row, 3) == (unique[line], line[:3])
            assert document.to_disk(unique[line]) == row
            checked += 1
    assert checked > ROWS / 8


@pytest.mark.parametrize("change", ["all", "indented"])
def test_document_with_only_changed_lines_maps_rows_to_themselves(change):
    disk = TEXTS["different"]
    document = Document([line.encode() for line in disk], CHANGES[change](disk))
    for row in range(0, ROWS, 97):
        assert document.to_buffer(row, 3)[0] == document.to_disk(row) == row


def test_matching_blocks_of_random_texts_are_equal_and_increasing():
    generator = random.Random(8)
    for _ in range(2_000):
        letters = "abcdefghijkl"[: generator.randrange(1, 13)]
        old, new = ([generator.choice(letters) for _ in range(generator.randrange(30))] for _ in range(2))
        old_end, new_end = 0, 0
        for old_row, new_row, size in matching_blocks(old, new):
            assert old_row >= old_end
            assert new_row >= new_end
            old_end, new_end = old_row + size, new_row + size
            assert old[old_row:old_end] == new[new_row:new_end]


def test_search_with_large_changed_buffer_returns_buffer_positions(raw, shared_terminal, tmp_path):
    path = tmp_path / "many" / "many.py"
    path.parent.mkdir()
    lines = [
        line for number in range(1_000) for line in (f"def made_{number}():", f"    return {number}", "")
    ]
    path.write_text("\n".join(lines))
    buffer = ["# new", *(f"{line} + 1" if line.startswith("    ") else line for line in lines)]
    shared_terminal.json("index", path.parent)
    client = raw()
    client.start(rootUri=path.parent.as_uri())
    document = {"uri": path.as_uri(), "languageId": "python", "version": 1, "text": "\n".join(buffer)}
    client.send(method="textDocument/didOpen", params={"textDocument": document})
    for number in (0, 500, 999):
        (hit,) = client.search(f"name:made_{number}")
        where = hit["selectionRange"]["start"]
        assert (where["line"], where["character"]) == (1 + 3 * number, 4)
