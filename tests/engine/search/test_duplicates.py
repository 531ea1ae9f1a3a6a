"""Copies of the functions of one file, found by the engine in this process with real stores."""

import pytest

from semls.engine.engine import Engine
from semls.settings import Settings

HASHING = Settings(model="hashing")
BODY = "".join(f"    total = total + items[{number}].price\n" for number in range(12))
TOTAL = f"def total_of(items, total):\n{BODY}    return total\n"
FILES = {
    "own.py": f"{TOTAL}\n\ndef price_of(item):\n    return item.price\n",
    "copy.py": TOTAL.replace("    ", "  "),
    "near.py": TOTAL.replace("total_of", "sum_of"),
    "far.py": TOTAL.replace("items", "rows").replace("total", "sum").replace("price", "cost"),
    "alone.py": "def price_of(item):\n    return item.price\n",
}


@pytest.fixture
async def engine(tmp_path):
    engine = Engine(tmp_path / "cache")
    yield engine
    await engine.close()


@pytest.mark.parametrize(
    ("lexical_only", "are_copies", "paths"),
    [(False, False, ["own.py", "copy.py", "near.py"]), (True, True, ["own.py", "copy.py"])],
)
async def test_duplicates_of_a_file_are_those_of_its_functions(
    engine, tmp_path, lexical_only, are_copies, paths
):
    root = tmp_path / "work"
    root.mkdir()
    for path, text in FILES.items():
        (root / path).write_text(text)
    async for _ in engine.index(str(root), HASHING):
        pass

    async def find(path):
        file = str(root / path)
        return (await engine.duplicates(str(root), HASHING, file, lexical_only=lexical_only)).duplicates

    found = await find("own.py")
    (cluster,) = found.clusters
    assert [hit.entry.path for hit in cluster.hits] == paths
    assert cluster.are_copies == are_copies
    assert (found.functions, found.compared) == (1, 0 if lexical_only else 1)
    assert (await find("alone.py")).clusters == ()
