"""Files that the engine fails to read do not keep it from reading others."""

import os

import pytest

from semls.engine.engine import Engine
from semls.engine.files import scan
from semls.engine.indexing import loop, read_pipeline
from semls.engine.search.query import parse_query
from semls.engine.storage import catalog
from semls.engine.storage.catalog import Catalog
from semls.engine.syntax import languages
from semls.settings import Settings
from tests.support.waiting import wait_until_async

HASHING = Settings(model="hashing")
NAMES = [f"file_{number}" for number in range(8)]
BAD = "file_1"


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(f"def {name}(): pass\n")
    return folder


async def index(engine, root):
    async for _ in engine.index(str(root), HASHING, lexical_only=True):
        pass


async def found(engine, root):
    """Return the names of the definitions that a search finds."""
    answer = await engine.search({str(root): HASHING}, parse_query("file", lexical_only=True))
    return sorted(hit.entry.name for _, hit in answer.hits)


def failing(function, path_of):
    """Return a function that raises for the bad file, as a defect of semls would."""

    def fail(*arguments):
        if BAD in path_of(*arguments):
            raise ValueError("a defect")
        return function(*arguments)

    return fail


@pytest.mark.parametrize(
    ("module", "name", "path_of"),
    [
        (scan._Walk, "_classify", lambda _, path, *__: path),
        (languages, "detect", lambda path, _: path),
        (read_pipeline, "_entry", lambda file, _: file.path),
        (catalog, "_replace_file", lambda _, file, chunks: file.path if chunks else ""),
    ],
)
async def test_index_with_error_in_one_file_indexes_others(
    root, tmp_path, monkeypatch, caplog, module, name, path_of
):
    with monkeypatch.context() as patch:
        patch.setattr(module, name, failing(getattr(module, name), path_of))
        engine = Engine(tmp_path / "cache")
        await index(engine, root)
        assert await found(engine, root) == [name for name in NAMES if name != BAD]
        explanation = await engine.explain(str(root), HASHING, str(root / f"{BAD}.py"))
        assert explanation.skipped == "internal error (ValueError), which the engine's log describes"
        _, usage = await engine.status(str(root), HASHING)
        assert usage.skipped == {explanation.skipped: 1}
        assert f"{BAD}.py" in caplog.text
        assert "Traceback" in caplog.text
        await engine.close()
    engine = Engine(tmp_path / "cache")
    await index(engine, root)
    assert await found(engine, root) == NAMES
    await engine.close()


async def test_index_with_file_from_far_future_indexes_it(root, tmp_path):
    bad = root / f"{BAD}.py"
    os.utime(bad, ns=(0, 1 << 63))
    if bad.stat().st_mtime_ns < 1 << 63:
        pytest.skip("the file system does not store such times")
    engine = Engine(tmp_path / "cache")
    await index(engine, root)
    assert await found(engine, root) == NAMES
    await engine.close()


async def test_error_not_caused_by_file_is_shown_and_reading_retried(root, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_RETRY_DELAY", 0.1)
    engine = Engine(tmp_path / "cache")
    await index(engine, root)

    async def error():
        return (await engine.status(str(root), HASHING))[0].error

    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "files_under", failing(Catalog.files_under, lambda *_: BAD))
        (root / "new.py").write_text("def file_new(): pass\n")
        await wait_until_async(error)
        assert "the engine's log has the details" in await error()

    async def is_found():
        return "file_new" in await found(engine, root)

    async def is_cleared():
        return not await error()

    await wait_until_async(is_found)
    await wait_until_async(is_cleared)  # a moment after the file is found, when the job has ended
    await engine.close()
