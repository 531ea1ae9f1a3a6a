"""The engine in this process, with real stores; a fake encoder has the speed of a slow model."""

import asyncio
import contextlib
import re
import sqlite3
import threading
import time
import unicodedata
from dataclasses import replace
from itertools import groupby

import pytest

from semls.engine import encoder_source
from semls.engine import engine as engine_module
from semls.engine.engine import Engine
from semls.engine.indexing import indexer, read_pipeline
from semls.engine.models import presets, registry
from semls.engine.models.encoder import HashingEncoder
from semls.engine.search.query import parse_query
from semls.engine.storage.embedded_hashes import Coverage
from semls.engine.storage.vectors_local import LocalVectors
from semls.errors import ModelUnavailable, StoreCorrupted, StoreError, UsageError
from semls.settings import DEFAULT_MODEL, Settings
from tests.conftest import HANG
from tests.support.namespace import without_override

SETTINGS = Settings()
HASHING = Settings(model="hashing")
WANTED = DEFAULT_MODEL


class SlowEncoder(HashingEncoder):
    """A fake of the default model: each call takes 0.3 seconds until `hurry` is set."""

    model = replace(presets.HASHING, name=WANTED)
    fingerprint = "0123456789abcdef"

    def __init__(self):
        self.hurry = threading.Event()
        self.batches = []

    def encode_documents(self, texts, preempt=None):
        self.batches.append(list(texts))
        self.hurry.wait(0.3)
        return super().encode_documents(texts, preempt)


class Hub:
    """A fake of the models that can be loaded; the hashing model is the fallback model."""

    def __init__(self, monkeypatch):
        self.slow = SlowEncoder()
        self.has_wanted = self.has_fallback = True
        self.loads = []
        self.ready = threading.Event()
        self.ready.set()
        monkeypatch.setattr(registry, "load_encoder", self.load)
        monkeypatch.setattr(registry, "FALLBACK", presets.HASHING)
        monkeypatch.setattr(encoder_source, "_RETRY_INTERVAL", 0.01)

    def load(self, model, *_):
        self.loads.append(model.name)
        is_wanted = model.name == WANTED
        if is_wanted:
            self.ready.wait()
        if not (self.has_wanted if is_wanted else self.has_fallback):
            raise ModelUnavailable("The model is unavailable.")
        return self.slow if is_wanted else HashingEncoder()


@pytest.fixture
def hub(monkeypatch):
    fake = Hub(monkeypatch)
    yield fake
    fake.slow.hurry.set()
    fake.ready.set()


@pytest.fixture(autouse=True)
def _first_search_waits_for_all_files(monkeypatch):
    """On a busy machine, reading them may take longer than a search waits."""
    monkeypatch.setattr(indexer, "_FIRST_READ_TIMEOUT", HANG)


@pytest.fixture
async def engine(tmp_path):
    engine = Engine(tmp_path / "cache")
    yield engine
    await engine.close()


@pytest.fixture
def shop(workspace):
    return workspace("shop")


async def index(engine, root, settings=HASHING):
    return [progress async for progress in engine.index(str(root), settings)][-1]


@pytest.fixture
def parcels(tmp_path):
    """A folder with 60 functions, three of which weigh."""
    for number in range(60):
        word = "weigh" if number in (7, 27, 47) else "send"
        text = f"def {word}_{number}(parcel):\n    return parcel + {number}\n"
        (tmp_path / f"m{number}.py").write_text(text)
    return tmp_path


async def search(engine, text, *roots, settings=HASHING, **options):
    return await engine.search({str(root): settings for root in roots}, parse_query(text, **options))


def names(answer):
    return [hit.entry.name for _, hit in answer.hits]


async def test_index_ends_with_all_chunks_embedded(engine, shop):
    last = await index(engine, shop)
    assert last.phase == "ready"
    assert last.files == 7
    assert last.coverage == Coverage(last.encoded, last.encoded)


class Gate:
    """Blocks the opening of vector stores until `opened` is set."""

    def __init__(self, monkeypatch):
        self.reached, self.opened = threading.Event(), threading.Event()
        open_store = LocalVectors._open
        monkeypatch.setattr(LocalVectors, "_open", lambda store: self._wait() and open_store(store))

    def _wait(self):
        self.reached.set()
        return self.opened.wait(HANG)


@pytest.fixture
def gate(monkeypatch):
    gate = Gate(monkeypatch)
    yield gate
    gate.opened.set()


async def test_search_while_vector_store_is_opened_is_answered(engine, shop, gate):
    task = asyncio.create_task(index(engine, shop))
    assert await asyncio.to_thread(gate.reached.wait, HANG)
    assert names(await search(engine, "evict_expired", shop))[0] == "evict_expired"
    gate.opened.set()
    assert (await task).coverage.embedded > 10


async def test_clear_while_vector_store_is_opened_deletes_it(engine, shop, gate):
    task = asyncio.create_task(index(engine, shop))
    assert await asyncio.to_thread(gate.reached.wait, HANG)
    clearing = asyncio.create_task(engine.clear(str(shop)))
    done, _ = await asyncio.wait({clearing}, timeout=0.2)
    assert not done
    gate.opened.set()
    await clearing
    await task
    assert not list(engine._directory.glob("*/vectors"))
    assert (await index(engine, shop)).coverage.embedded > 10


async def test_search_while_model_is_loaded_is_answered(engine, shop, hub):
    hub.ready.clear()
    task = asyncio.create_task(index(engine, shop, SETTINGS))
    answer = await search(engine, "evict_expired", shop, settings=SETTINGS)
    assert names(answer)[0] == "evict_expired"
    assert answer.coverage.chunks > 10
    assert answer.coverage.embedded == 0
    hub.ready.set()
    hub.slow.hurry.set()
    await task


async def test_candidates_of_a_search_while_the_model_is_loaded_are_embedded_first(engine, parcels, hub):
    hub.slow.hurry.set()
    hub.ready.clear()
    task = asyncio.create_task(index(engine, parcels, SETTINGS))
    while not (await search(engine, "weigh", parcels, settings=SETTINGS, limit=1)).complete:
        await asyncio.sleep(0.01)
    hub.ready.set()
    await task
    assert len(hub.slow.batches) > 1
    assert len(hub.slow.batches[0]) == 3
    assert all("weigh" in text for text in hub.slow.batches[0])


async def test_search_with_timeout_waits_for_the_vectors_of_its_candidates(engine, parcels, hub):
    task = asyncio.create_task(index(engine, parcels, SETTINGS))  # takes 0.3 seconds for each few texts
    while not hub.slow.batches:
        await asyncio.sleep(0.01)
    answer = await search(engine, "weigh", parcels, settings=SETTINGS, embedding_timeout=HANG)
    assert {name.split("_")[0] for name in names(answer)[:3]} == {"weigh"}
    texts = [text for batch in hub.slow.batches for text in batch]
    assert sum("weigh" in text for text in texts) == 3
    assert len(texts) < 60
    hub.slow.hurry.set()
    await task


async def test_lexical_search_with_timeout_does_not_wait(engine, parcels, hub):
    def encode_until_released(texts, preempt=None):
        while not hub.slow.hurry.wait(0.01):
            preempt()
        return encode(texts, preempt)

    encode, hub.slow.encode_documents = hub.slow.encode_documents, encode_until_released
    task = asyncio.create_task(index(engine, parcels, SETTINGS))
    while not (await search(engine, "weigh", parcels, settings=SETTINGS)).model:
        await asyncio.sleep(0.01)
    asked = search(engine, "weigh", parcels, settings=SETTINGS, lexical_only=True, embedding_timeout=2 * HANG)
    answer = await asyncio.wait_for(asked, HANG)
    assert not hub.slow.batches
    assert answer.model == ""
    hub.slow.hurry.set()
    await task


async def test_unavailable_model_replaces_fallback_model_when_it_is_available(engine, shop, hub):
    hub.has_wanted = False
    await index(engine, shop, SETTINGS)
    before = await search(engine, "evict_expired", shop, settings=SETTINGS)
    status, _ = await engine.status(str(shop), SETTINGS)
    assert before.model == status.model == "hashing"
    assert "The model is unavailable" in status.notice

    hub.has_wanted = True
    while not engine.busy:  # until loading was retried
        await asyncio.sleep(0.01)
    during = await search(engine, "evict_expired", shop, settings=SETTINGS)
    assert (during.model, during.coverage) == ("hashing", before.coverage)
    hub.slow.hurry.set()
    while engine.busy:
        await asyncio.sleep(0.01)
    after = await search(engine, "evict_expired", shop, settings=SETTINGS)
    assert (after.model, after.coverage) == (WANTED, before.coverage)
    assert names(after)[0] == "evict_expired"
    status, _ = await engine.status(str(shop), SETTINGS)
    assert status.notice == ""


async def test_search_without_any_model_is_lexical(engine, shop, hub):
    hub.has_wanted = hub.has_fallback = False
    last = await index(engine, shop, SETTINGS)
    assert (last.phase, last.coverage.embedded) == ("ready", 0)
    answer = await search(engine, "evict_expired", shop, settings=SETTINGS)
    assert answer.model == ""
    assert names(answer)[0] == "evict_expired"
    status, _ = await engine.status(str(shop), SETTINGS)
    assert "lexical only" in status.notice
    assert "SEMLS_MODEL" in status.notice

    hub.has_fallback = True
    while not (await search(engine, "evict_expired", shop, settings=SETTINGS)).model:  # until it was retried
        await asyncio.sleep(0.01)
    status, _ = await engine.status(str(shop), SETTINGS)
    assert "hashing is used" in status.notice


async def test_fallback_model_is_not_loaded_once_the_wanted_one_is_available(engine, shop, hub):
    hub.has_wanted = hub.has_fallback = False
    await search(engine, "evict_expired", shop, settings=SETTINGS)
    while "hashing" not in hub.loads:
        await asyncio.sleep(0.01)
    hub.has_wanted = True
    hub.slow.hurry.set()
    while (await search(engine, "evict_expired", shop, settings=SETTINGS)).model != WANTED:
        await asyncio.sleep(0.01)
    assert hub.loads[-1] == WANTED


async def test_search_after_restart_uses_former_model_until_new_one_is_complete(tmp_path, shop, hub):
    first = Engine(tmp_path / "cache")
    await index(first, shop, HASHING)
    await first.close()
    second = Engine(tmp_path / "cache")
    task = asyncio.create_task(index(second, shop, SETTINGS))
    answer = await search(second, "evict_expired", shop, settings=SETTINGS)
    while not answer.model:  # until the former model is loaded
        answer = await search(second, "evict_expired", shop, settings=SETTINGS)
    assert answer.model == "hashing"
    assert answer.coverage.embedded == answer.coverage.chunks
    status, _ = await second.status(str(shop), SETTINGS)
    assert status.progress.coverage.embedded < status.progress.coverage.chunks
    assert status.notice == f"Until {WANTED} has embedded all code, hashing answers."
    hub.slow.hurry.set()
    await task
    status, _ = await second.status(str(shop), SETTINGS)
    assert (status.notice, status.progress.phase) == ("", "ready")
    assert (await search(second, "evict_expired", shop, settings=SETTINGS)).model == WANTED
    await second.close()
    assert len(list((tmp_path / "cache").glob("*/vectors/*"))) == 1


async def test_index_with_another_chunker_version_rereads_files_and_embeds_nothing_twice(
    tmp_path, shop, monkeypatch
):
    async def index_with(chunker_version):
        monkeypatch.setattr(read_pipeline, "fingerprint", lambda: chunker_version)
        engine = Engine(tmp_path / "cache")
        last = await index(engine, shop)
        found = names(await search(engine, "evict_expired", shop))[0]
        await engine.close()
        return found, last.encoded

    assert (await index_with("first"))[0] == "evict_expired"
    (catalog,) = (tmp_path / "cache").glob("*/index.sqlite")
    with contextlib.closing(sqlite3.connect(catalog)) as database, database:
        database.execute("UPDATE chunks SET name = 'evict' WHERE name = 'evict_expired'")
    assert await index_with("first") == ("evict", 0)
    assert await index_with("second") == ("evict_expired", 0)


async def test_follow_with_a_slow_reader_misses_no_change(engine, shop, monkeypatch):
    monkeypatch.setattr(engine_module, "_IDLE_INTERVAL", 10 * HANG)
    states = engine.follow(str(shop), HASHING)
    while (await anext(states)).progress.phase != "ready":
        pass
    engine.pause()
    while (await anext(states)).progress.phase != "paused":
        pass
    await engine.clear(str(shop))
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(states), HANG)


async def test_index_after_restart_embeds_nothing(tmp_path, shop):
    first = Engine(tmp_path / "cache")
    await index(first, shop)
    await first.close()
    second = Engine(tmp_path / "cache")
    assert (await index(second, shop)).encoded == 0
    await second.close()


async def test_search_updates_hits_in_changed_files_and_drops_those_in_deleted_ones(engine, shop):
    await index(engine, shop)
    path = shop / "worker/thumbnails.py"
    path.write_text("\n\n\n" + path.read_text())
    (_, hit), *_ = (await search(engine, "fit_into", shop)).hits
    assert path.read_text().splitlines()[hit.entry.name_row].startswith("def fit_into")
    path.unlink()
    assert "fit_into" not in names(await search(engine, "fit_into", shop))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
async def test_search_for_name_finds_it_in_each_encoding_and_normalization_form(engine, tmp_path, form):
    code = "def größe_prüfen(): pass  # für Käufer\n"
    contents = {
        "composed.py": code.encode(),
        "decomposed.py": unicodedata.normalize("NFD", code).encode(),
        unicodedata.normalize("NFD", "größe.py"): b"x = 1\n",
        "utf16.py": code.encode("utf-16"),
        "windows.py": code.encode("cp1252"),
    }
    (tmp_path / "root").mkdir()
    for path, content in contents.items():
        (tmp_path / "root" / path).write_bytes(content)

    async def paths(query):
        answer = await search(engine, unicodedata.normalize(form, query), tmp_path / "root", limit=10)
        return {hit.entry.path for _, hit in answer.hits}

    await index(engine, tmp_path / "root")
    in_content = {"composed.py", "decomposed.py", "utf16.py", "windows.py"}
    assert await paths("name:größe_prüfen") == in_content
    assert await paths('"für käufer"') == in_content
    assert await paths('path:größe.py "x = 1"') == set(contents) - in_content
    assert in_content <= await paths("größe_prüfen")


async def test_search_in_several_workspaces_merges_their_hits(engine, shop, workspace):
    gpt = workspace("gpt")
    await index(engine, shop)
    await index(engine, gpt)
    answer = await search(engine, "load_decoder evict_expired", shop, gpt)
    assert {root for root, _ in answer.hits} == {shop, gpt}
    assert [name for name in names(answer) if name in ("load_decoder", "evict_expired")] == names(answer)[:2]
    alone = await search(engine, "load_decoder", gpt)
    assert answer.coverage.chunks > alone.coverage.chunks


async def test_search_by_file_in_several_workspaces_keeps_files_together(engine, shop, workspace):
    gpt = workspace("gpt")
    await index(engine, shop)
    await index(engine, gpt)
    question = "remove an expired session from the store, or a token from the tokenizer"
    query = parse_query(question, 30, by_file=True)
    answer = await engine.search({str(shop): HASHING, str(gpt): HASHING}, query)
    files = [root / hit.entry.path for root, hit in answer.hits]
    groups = [(file, len(list(hits))) for file, hits in groupby(files)]
    assert len(groups) == len(set(files))
    assert {count for _, count in groups} <= {1, 2, 3}
    assert max(count for _, count in groups) > 1
    best = [
        next(hit.score for root, hit in answer.hits if root / hit.entry.path == file) for file, _ in groups
    ]
    assert best == sorted(best, reverse=True)
    assert {root for root, _ in answer.hits} == {shop, gpt}


async def test_search_with_a_file_that_crashes_its_grammar_finds_all_files(engine, shop):
    (shop / "evil.md").write_text("> " * 300 + "unmistakable")
    await index(engine, shop)
    answer = await search(engine, "unmistakable", shop)
    assert next(hit.entry.path for _, hit in answer.hits) == "evil.md"
    assert names(await search(engine, "evict_expired", shop))[0] == "evict_expired"


async def test_search_before_index_is_answered(engine, shop):
    assert names(await search(engine, "evict_expired", shop))[0] == "evict_expired"


async def test_search_without_workspaces_has_no_hits(engine):
    assert (await search(engine, "anything")).hits == ()


@pytest.mark.parametrize("path", ["relative/path", "/no/such/folder"])
async def test_search_with_invalid_workspace_raises_usage_error(engine, path):
    with pytest.raises(UsageError):
        await search(engine, "anything", path)


async def test_index_of_a_moved_workspace_raises_usage_error(engine, shop):
    await index(engine, shop)
    shop.rename(shop.with_name("elsewhere"))
    with pytest.raises(UsageError, match="no folder"):
        await index(engine, shop)


async def test_search_after_change_of_model_uses_the_new_model(engine, shop, hub):
    hub.slow.hurry.set()
    await index(engine, shop, HASHING)
    last = await index(engine, shop, SETTINGS)
    assert last.coverage.embedded == last.coverage.chunks
    assert (await search(engine, "cart", shop, settings=SETTINGS)).model == WANTED


async def test_search_while_its_workspace_is_cleared_is_answered(engine, shop):
    async def search_after(number):
        await asyncio.sleep(number / 1000)  # so that some start before the clearing and some during it
        return await search(engine, "evict_expired", shop)

    for _ in range(6):
        await index(engine, shop)
        searches = [asyncio.create_task(search_after(number)) for number in range(40)]
        await asyncio.sleep(0.01)
        await engine.clear(str(shop))
        for answer in await asyncio.gather(*searches):
            assert names(answer)[0] == "evict_expired"
    status, _ = await engine.status(str(shop), HASHING)
    assert (status.notice, status.error) == ("", "")
    assert not list(engine._directory.rglob("*.broken"))


async def test_search_in_workspace_cleared_before_it_was_read_raises_store_error(engine, shop, monkeypatch):
    reached, released = threading.Event(), threading.Event()
    chunk_files = read_pipeline.chunk_files

    def blocked(parser, opened):
        reached.set()
        released.wait(HANG)
        return chunk_files(parser, opened)

    monkeypatch.setattr(read_pipeline, "chunk_files", blocked)
    searching = asyncio.create_task(search(engine, "evict_expired", shop))
    assert await asyncio.to_thread(reached.wait, HANG)
    await engine.clear(str(shop))
    released.set()
    with pytest.raises(StoreError, match="cleared before its files were read"):
        await searching
    assert names(await search(engine, "evict_expired", shop))[0] == "evict_expired"


async def until_found(engine, shop):
    while names(await search(engine, "evict_expired", shop))[:1] != ["evict_expired"]:
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("kind", ["search", "similar"])
async def test_request_with_corrupted_catalog_rebuilds_it(engine, shop, kind):
    await index(engine, shop)
    (path,) = engine._directory.glob("*/index.sqlite")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE fulltext_data SET block = x'00ff00ff00ff' WHERE id > 10")
    requests = {
        "search": lambda: search(engine, "evict_expired", shop, lexical_only=True),
        "similar": lambda: engine.similar(str(shop), HASHING, str(shop / "store" / "session.rs"), 7, 10),
    }
    with pytest.raises(StoreCorrupted, match="is being rebuilt"):
        await requests[kind]()
    await asyncio.wait_for(until_found(engine, shop), HANG)
    assert path.with_name("index.sqlite.broken").exists()


@without_override
async def test_unreadable_file_is_read_when_workspace_is_opened_again(engine, shop):
    secret = shop / "store" / "session.rs"
    secret.chmod(0)
    await index(engine, shop)
    assert (await engine.status(str(shop), HASHING))[1].skipped == {"unreadable: Permission denied": 1}
    await engine.close_unused(0)
    secret.chmod(0o600)  # does not change its modification time
    await index(engine, shop)
    assert names(await search(engine, "evict_expired", shop))[0] == "evict_expired"


async def test_embedding_with_corrupted_catalog_rebuilds_it(engine, shop):
    engine.pause()
    await index(engine, shop)
    (path,) = engine._directory.glob("*/index.sqlite")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'chunks'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with path.open("r+b") as file:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)
        db.execute(f"PRAGMA user_version = {version}")  # the engine reads changed pages again
    engine.resume()
    deadline = time.monotonic() + HANG / 10
    while not path.with_name("index.sqlite.broken").exists():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    await asyncio.wait_for(until_found(engine, shop), HANG / 10)


async def until_ready(states):
    """Follow a workspace until its index is ready, and return its state."""
    while (state := await anext(states)).progress.phase != "ready":
        pass
    return state


@pytest.fixture
def loads(hub, monkeypatch):
    """The names of the models that were loaded, in their order."""
    names = []

    def load(model, *options):
        names.append(model.name)
        return hub.load(model, *options)

    monkeypatch.setattr(registry, "load_encoder", load)
    return names


@pytest.fixture
def opened(monkeypatch):
    """The directories of the vector stores that were opened, in their order."""
    directories = []
    open_store = LocalVectors._open

    def record(store):
        directories.append(store.location)
        return open_store(store)

    monkeypatch.setattr(LocalVectors, "_open", record)
    return directories


async def test_search_without_settings_uses_those_of_a_following_client(engine, shop, hub, loads):
    hub.slow.hurry.set()
    states = engine.follow(str(shop), HASHING)
    await until_ready(states)
    for _ in range(3):
        assert (await search(engine, "cart", shop, settings=SETTINGS)).model == "hashing"
        await index(engine, shop, SETTINGS)
    assert (await engine.status(str(shop), SETTINGS))[0].model == "hashing"
    assert loads == ["hashing"]
    await states.aclose()
    await index(engine, shop, SETTINGS)
    assert (await search(engine, "cart", shop, settings=SETTINGS)).model == WANTED


INC = {"a.inc": "<?php\nfunction php_name() {}\n", "b.inc": "def python_name(): pass\n", "c.py": "x = 1\n"}


def with_languages(**languages):
    return Settings(
        model="hashing", languages={f"*.{extension}": name for extension, name in languages.items()}
    )


@pytest.fixture
def included(tmp_path):
    (tmp_path / "included").mkdir()
    for name, text in INC.items():
        (tmp_path / "included" / name).write_text(text)
    return tmp_path / "included"


async def languages_of(engine, root, settings):
    files = [(await engine.explain(str(root), settings, str(root / name))).language for name in INC]
    return " ".join(files)


async def test_change_of_languages_reads_affected_files_again(tmp_path, included):
    engine = Engine(tmp_path / "cache")
    await index(engine, included)
    assert await languages_of(engine, included, HASHING) == "php text python"
    python = with_languages(inc="Python")
    await index(engine, included, python)
    assert names(await search(engine, "name:python_name", included, settings=python)) == ["python_name"]
    assert await languages_of(engine, included, python) == "python python python"
    await engine.close()
    engine = Engine(tmp_path / "cache")
    assert await languages_of(engine, included, python) == "python python python"
    specific = replace(python, languages={"*.inc": "python", "a.inc": "text"})
    assert await languages_of(engine, included, specific) == "text python python"
    await index(engine, included)
    assert await languages_of(engine, included, HASHING) == "php text python"
    await engine.close()


async def test_change_of_editorconfig_decodes_files_again(tmp_path):
    root, engine = tmp_path / "root", Engine(tmp_path / "cache")
    (root / "old").mkdir(parents=True)
    (root / "old" / "a.py").write_bytes("def größe(): pass\n".encode("cp1252"))
    await index(engine, root)
    for charset, name in [("cp1251", "grцЯe"), ("latin1", "größe")]:
        (root / ".editorconfig").write_text(f"[*.py]\ncharset = {charset}\n")
        await index(engine, root)
        assert names(await search(engine, "name:gr*", root)) == [name]
    await engine.close()


async def test_search_with_absolute_path_in_filter_matches_files_of_workspace(engine, included):
    await index(engine, included)
    for path in (included / "a.inc", f"{included}/*.{{inc,x}}", included):
        assert "php_name" in names(await search(engine, f'path:"{path}"', included))
    assert names(await search(engine, f'-path:"{included}/b.inc"', included)) == ["php_name"]
    assert names(await search(engine, f"path:{included}x", included)) == []


async def test_languages_of_last_following_client_count_for_all(engine, included):
    python, text = with_languages(inc="python"), with_languages(inc="text")
    first, second = engine.follow(str(included), python), engine.follow(str(included), HASHING)
    await until_ready(first)
    await until_ready(second)
    for settings in (HASHING, text, python):
        await index(engine, included, settings)
        assert await languages_of(engine, included, settings) == "python python python"
    await first.aclose()
    await index(engine, included, text)
    assert await languages_of(engine, included, text) == "php text python"
    await second.aclose()
    assert await languages_of(engine, included, text) == "text text python"


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        ({"*.inc": "pyton"}, "Unknown language 'pyton' in the setting 'languages'. Did you mean 'python'?"),
        ({"*.inc": "klingon"}, "Unknown language 'klingon' in the setting 'languages'. Use a name"),
        ({"": "python"}, "A pattern in the setting 'languages' is empty."),
    ],
)
async def test_invalid_languages_raise_usage_error(engine, shop, languages, message):
    with pytest.raises(UsageError, match=f"^{re.escape(message)}"):
        await index(engine, shop, Settings(languages=languages))


async def test_search_with_different_settings_uses_the_model_of_each(engine, shop, hub, opened):
    hub.slow.hurry.set()
    wanted = Settings(model=WANTED)
    await index(engine, shop, HASHING)
    await index(engine, shop, wanted)
    for number in range(3):
        (shop / f"new{number}.py").write_text(f"def weigh_parcel_{number}():\n    pass\n")
        for settings in (HASHING, wanted):
            last = await index(engine, shop, settings)
            assert last.coverage.embedded == last.coverage.chunks
            assert (await search(engine, "cart", shop, settings=settings)).model == settings.model
    assert len(opened) == len(set(opened)) == len(list(engine._directory.glob("*/vectors/*"))) == 2
    while engine.busy:
        await asyncio.sleep(0.01)


async def test_follow_during_a_request_with_other_settings_keeps_its_model(engine, shop, hub):
    hub.slow.hurry.set()
    states = engine.follow(str(shop), SETTINGS)
    assert (await until_ready(states)).model == WANTED
    await index(engine, shop, HASHING)
    status, _ = await engine.status(str(shop), SETTINGS)
    assert (status.model, status.progress.phase) == (WANTED, "ready")
    engine.pause()  # changes the state
    assert (await anext(states)).model == WANTED
    await states.aclose()


async def test_follow_without_settings_uses_those_of_the_last_following_client(engine, shop, hub):
    hub.slow.hurry.set()
    first, second = engine.follow(str(shop), HASHING), engine.follow(str(shop), Settings(model=WANTED))
    await until_ready(first)
    await until_ready(second)
    follower = engine.follow(str(shop), SETTINGS)
    assert (await until_ready(follower)).model == WANTED
    await second.aclose()
    assert (await asyncio.wait_for(anext(follower), HANG)).model == "hashing"
    await first.aclose()
    await follower.aclose()


async def test_end_of_follow_keeps_the_order_of_other_following_clients(engine, shop, hub):
    hub.slow.hurry.set()
    wanted = Settings(model=WANTED)
    clients = [engine.follow(str(shop), settings) for settings in (HASHING, wanted, HASHING)]
    for states in clients:
        await until_ready(states)
    await clients[2].aclose()
    assert (await search(engine, "cart", shop, settings=SETTINGS)).model == WANTED
    for states in clients[:2]:
        await states.aclose()


async def test_close_unused_keeps_vector_sync_of_a_waiting_client(engine, shop, hub):
    hub.slow.hurry.set()
    hub.ready.clear()  # the model is loaded for longer than vector syncs stay unused
    waiting = asyncio.create_task(index(engine, shop, SETTINGS))
    while "loading" not in " ".join(engine.activities):
        await asyncio.sleep(0.01)
    await index(engine, shop, HASHING)
    await asyncio.sleep(0.5)  # until the state does not change any more
    unused_since = time.monotonic()
    await search(engine, "cart", shop, settings=HASHING)
    await engine.close_unused(time.monotonic() - unused_since)
    hub.ready.set()
    last = await asyncio.wait_for(waiting, HANG / 10)
    assert last.coverage.embedded == last.coverage.chunks > 0


async def test_close_unused_closes_vector_sync_and_deletes_its_store(engine, shop, hub, opened):
    hub.slow.hurry.set()
    await index(engine, shop, HASHING)
    await asyncio.sleep(0.02)
    unused_since = time.monotonic()
    await index(engine, shop, SETTINGS)
    assert len(list(engine._directory.glob("*/vectors/*"))) == 2
    await engine.close_unused(time.monotonic() - unused_since)
    (shop / "new.py").write_text("def weigh_parcel():\n    pass\n")
    await index(engine, shop, SETTINGS)
    (left,) = engine._directory.glob("*/vectors/*")
    assert left.name == SlowEncoder.fingerprint
    assert len(opened) == 2
    assert (await search(engine, "cart", shop, settings=SETTINGS)).model == WANTED
    assert (await index(engine, shop, HASHING)).encoded == 1  # all others are cached


async def test_fallback_model_shares_its_store_with_clients_that_want_it(engine, shop, hub, opened):
    hub.has_wanted = False
    hub.slow.hurry.set()
    await index(engine, shop, SETTINGS)
    await index(engine, shop, HASHING)
    for settings in (SETTINGS, HASHING):
        assert (await search(engine, "cart", shop, settings=settings)).model == "hashing"
    assert len(opened) == 1
    hub.has_wanted = True
    while (await search(engine, "cart", shop, settings=SETTINGS)).model != WANTED:
        await asyncio.sleep(0.01)
    assert (await search(engine, "cart", shop, settings=HASHING)).model == "hashing"
    assert len(opened) == 2
    assert not list(engine._directory.glob("*/vectors/*.broken-*"))


async def test_restart_with_complete_vectors_loads_no_former_model(tmp_path, shop, hub, loads):
    hub.slow.hurry.set()
    first = Engine(tmp_path / "cache")
    await index(first, shop, HASHING)
    await index(first, shop, SETTINGS)
    await first.close()
    loads.clear()
    second = Engine(tmp_path / "cache")
    await index(second, shop, HASHING)
    assert loads == ["hashing"]
    await second.close()


async def test_searches_beyond_what_the_model_can_answer_are_answered_lexically(engine, shop, hub):
    hub.slow.hurry.set()
    await index(engine, shop, SETTINGS)
    encode = hub.slow.encode_query

    def slow(text):
        time.sleep(0.1)
        return encode(text)

    hub.slow.encode_query = slow
    began = time.monotonic()
    answers = await asyncio.gather(
        *(search(engine, f"evict expired sessions {n}", shop, settings=SETTINGS) for n in range(60))
    )
    assert time.monotonic() - began < 0.1 * len(answers)
    assert all("evict_expired" in names(answer) for answer in answers)
    assert {answer.model for answer in answers} == {WANTED, ""}
