"""The engine in this process, with real stores; an encoder that takes its time stands in for a slow model."""

import asyncio
import contextlib
import sqlite3
import threading
import time
from dataclasses import replace

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


class Slow(HashingEncoder):
    """Another model, which takes its time until it is told to hurry."""

    model = replace(presets.HASHING, name=WANTED)
    fingerprint = "0123456789abcdef"

    def __init__(self):
        self.told = threading.Event()

    def encode_documents(self, texts, preempt=None):
        self.told.wait(0.3)
        return super().encode_documents(texts, preempt)


class Hub:
    """What can be loaded; without the wanted model, the hashing one is taken for the bundled one."""

    def __init__(self, monkeypatch):
        self.slow = Slow()
        self.has_wanted = True
        self.ready = threading.Event()
        self.ready.set()
        monkeypatch.setattr(registry, "load_encoder", self.load)
        monkeypatch.setattr(registry, "bundled_model", lambda: presets.HASHING)
        monkeypatch.setattr(encoder_source, "_RETRY_INTERVAL", 0.01)

    def load(self, model, _fetched):
        if model.name != WANTED:
            return HashingEncoder()
        self.ready.wait()
        if not self.has_wanted:
            raise ModelUnavailable("It is not to be had.")
        return self.slow


@pytest.fixture
def hub(monkeypatch):
    made = Hub(monkeypatch)
    yield made
    made.slow.told.set()
    made.ready.set()


@pytest.fixture
async def engine(tmp_path):
    made = Engine(tmp_path / "cache")
    yield made
    await made.close()


@pytest.fixture
def shop(workspace):
    return workspace("shop")


async def index(engine, root, settings=HASHING):
    steps = [step async for step in engine.index(str(root), settings)]
    return steps[-1]


async def ask(engine, text, *roots, settings=HASHING, **options):
    return await engine.search({str(root): settings for root in roots}, parse_query(text, **options))


def names(answer):
    return [hit.entry.name for _, hit in answer.hits]


async def test_progress_ends_with_everything_embedded(engine, shop):
    last = await index(engine, shop)
    assert last.phase == "ready"
    assert last.files == 7
    assert last.coverage == Coverage(last.encoded, last.encoded)


class Gate:
    """Holds those who open vectors until it is raised."""

    def __init__(self, monkeypatch):
        self.reached, self.raised = threading.Event(), threading.Event()
        opens = LocalVectors._open
        monkeypatch.setattr(LocalVectors, "_open", lambda store: self._pass() and opens(store))

    def _pass(self):
        self.reached.set()
        return self.raised.wait(HANG)


@pytest.fixture
def gate(monkeypatch):
    made = Gate(monkeypatch)
    yield made
    made.raised.set()


async def test_words_answer_while_the_vectors_are_being_opened(engine, shop, gate):
    task = asyncio.create_task(index(engine, shop))
    assert await asyncio.to_thread(gate.reached.wait, HANG)
    assert names(await ask(engine, "evict_expired", shop))[0] == "evict_expired"
    gate.raised.set()
    assert (await task).coverage.embedded > 10


async def test_what_is_cleared_while_its_vectors_are_being_opened_is_gone(engine, shop, gate):
    task = asyncio.create_task(index(engine, shop))
    assert await asyncio.to_thread(gate.reached.wait, HANG)
    clearing = asyncio.create_task(engine.clear(str(shop)))
    done, _ = await asyncio.wait({clearing}, timeout=0.2)
    assert not done
    gate.raised.set()
    await clearing
    await task
    assert not list(engine._directory.glob("*/vectors"))
    assert (await index(engine, shop)).coverage.embedded > 10


async def test_words_answer_while_the_model_is_being_made_ready(engine, shop, hub):
    hub.ready.clear()
    task = asyncio.create_task(index(engine, shop, SETTINGS))
    answer = await ask(engine, "evict_expired", shop, settings=SETTINGS)
    assert names(answer)[0] == "evict_expired"
    assert answer.coverage.chunks > 10
    assert answer.coverage.embedded == 0
    hub.ready.set()
    hub.slow.told.set()
    await task


async def test_the_wanted_model_takes_over_when_it_comes(engine, shop, hub):
    hub.has_wanted = False
    await index(engine, shop, SETTINGS)
    before = await ask(engine, "evict_expired", shop, settings=SETTINGS)
    status, _ = await engine.status(str(shop), SETTINGS)
    assert before.model == status.model == "hashing"
    assert "not to be had" in status.notice

    hub.has_wanted = True
    while not engine.busy:  # until it has looked again
        await asyncio.sleep(0.01)
    meanwhile = await ask(engine, "evict_expired", shop, settings=SETTINGS)
    assert (meanwhile.model, meanwhile.coverage) == ("hashing", before.coverage)
    hub.slow.told.set()
    while engine.busy:
        await asyncio.sleep(0.01)
    after = await ask(engine, "evict_expired", shop, settings=SETTINGS)
    assert (after.model, after.coverage) == (WANTED, before.coverage)
    assert names(after)[0] == "evict_expired"
    status, _ = await engine.status(str(shop), SETTINGS)
    assert status.notice == ""


async def test_without_any_model_words_alone_answer(engine, shop, hub, monkeypatch):
    hub.has_wanted = False
    monkeypatch.setattr(registry, "bundled_model", lambda: None)
    last = await index(engine, shop, SETTINGS)
    assert (last.phase, last.coverage.embedded) == ("ready", 0)
    answer = await ask(engine, "evict_expired", shop, settings=SETTINGS)
    assert answer.model == ""
    assert names(answer)[0] == "evict_expired"
    status, _ = await engine.status(str(shop), SETTINGS)
    assert "lexical only" in status.notice
    assert "semls[offline]" in status.notice


async def test_vectors_of_an_earlier_life_answer_while_better_ones_are_made(tmp_path, shop, hub):
    first = Engine(tmp_path / "cache")
    await index(first, shop, HASHING)
    await first.close()
    second = Engine(tmp_path / "cache")
    task = asyncio.create_task(index(second, shop, SETTINGS))
    answer = await ask(second, "evict_expired", shop, settings=SETTINGS)
    while not answer.model:  # until the former encoder is loaded
        answer = await ask(second, "evict_expired", shop, settings=SETTINGS)
    assert answer.model == "hashing"
    assert answer.coverage.embedded == answer.coverage.chunks
    hub.slow.told.set()
    await task
    assert (await ask(second, "evict_expired", shop, settings=SETTINGS)).model == WANTED
    await second.close()
    assert len(list((tmp_path / "cache").glob("*/vectors/*"))) == 1


async def test_a_semls_that_cuts_files_otherwise_cuts_them_anew_and_embeds_nothing_twice(
    tmp_path, shop, monkeypatch
):
    async def answers_of(chunker_version):
        monkeypatch.setattr(read_pipeline, "fingerprint", lambda: chunker_version)
        engine = Engine(tmp_path / "cache")
        last = await index(engine, shop)
        found = names(await ask(engine, "evict_expired", shop))[0]
        await engine.close()
        return found, last.encoded

    assert (await answers_of("first"))[0] == "evict_expired"
    (catalog,) = (tmp_path / "cache").glob("*/index.sqlite")
    with contextlib.closing(sqlite3.connect(catalog)) as database, database:
        database.execute("UPDATE chunks SET name = 'evict' WHERE name = 'evict_expired'")
    assert await answers_of("first") == ("evict", 0)
    assert await answers_of("second") == ("evict_expired", 0)


async def test_who_follows_misses_nothing_while_it_takes_its_time(engine, shop, monkeypatch):
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


async def test_going_on_after_a_restart_embeds_nothing(tmp_path, shop):
    first = Engine(tmp_path / "cache")
    await index(first, shop)
    await first.close()
    second = Engine(tmp_path / "cache")
    assert (await index(second, shop)).encoded == 0
    await second.close()


async def test_a_hit_in_a_changed_file_is_moved_and_one_in_a_vanished_file_dropped(engine, shop):
    await index(engine, shop)
    path = shop / "worker/thumbnails.py"
    path.write_text("\n\n\n" + path.read_text())
    (_, hit), *_ = (await ask(engine, "fit_into", shop)).hits
    assert path.read_text().splitlines()[hit.entry.name_row].startswith("def fit_into")
    path.unlink()
    assert "fit_into" not in names(await ask(engine, "fit_into", shop))


async def test_several_workspaces_answer_together(engine, shop, workspace):
    gpt = workspace("gpt")
    await index(engine, shop)
    await index(engine, gpt)
    answer = await ask(engine, "load_decoder evict_expired", shop, gpt)
    assert {root for root, _ in answer.hits} == {shop, gpt}
    assert [name for name in names(answer) if name in ("load_decoder", "evict_expired")] == names(answer)[:2]
    alone = await ask(engine, "load_decoder", gpt)
    assert answer.coverage.chunks > alone.coverage.chunks


async def test_a_file_that_crashes_its_grammar_is_found_and_so_are_the_others(engine, shop):
    (shop / "evil.md").write_text("> " * 300 + "unmistakable")
    await index(engine, shop)
    answer = await ask(engine, "unmistakable", shop)
    assert next(hit.entry.path for _, hit in answer.hits) == "evil.md"
    assert names(await ask(engine, "evict_expired", shop))[0] == "evict_expired"


async def test_a_search_may_come_before_any_indexing(engine, shop):
    assert names(await ask(engine, "evict_expired", shop))[0] == "evict_expired"


async def test_a_search_without_workspaces_only_checks_the_question(engine):
    assert (await ask(engine, "anything")).hits == ()


@pytest.mark.parametrize("path", ["relative/path", "/no/such/folder"])
async def test_a_workspace_that_is_none(engine, path):
    with pytest.raises(UsageError):
        await ask(engine, "anything", path)


async def test_a_workspace_that_vanishes_is_said_to_be_gone(engine, shop):
    await index(engine, shop)
    shop.rename(shop.with_name("elsewhere"))
    with pytest.raises(UsageError, match="no folder"):
        await index(engine, shop)


async def test_another_model_may_be_wanted_later(engine, shop, hub):
    hub.slow.told.set()
    await index(engine, shop, HASHING)
    last = await index(engine, shop, SETTINGS)
    assert last.coverage.embedded == last.coverage.chunks
    assert (await ask(engine, "cart", shop, settings=SETTINGS)).model == WANTED


async def test_search_while_its_workspace_is_cleared_is_answered(engine, shop, monkeypatch):
    monkeypatch.setattr(indexer, "_FIRST_READ_TIMEOUT", HANG)

    async def search(number):
        await asyncio.sleep(number / 1000)  # so that some come before the clearing and some within
        return await ask(engine, "evict_expired", shop)

    for _ in range(6):
        await index(engine, shop)
        searches = [asyncio.create_task(search(number)) for number in range(40)]
        await asyncio.sleep(0.01)
        await engine.clear(str(shop))
        for answer in await asyncio.gather(*searches):
            assert names(answer)[0] == "evict_expired"
    status, _ = await engine.status(str(shop), HASHING)
    assert (status.notice, status.error) == ("", "")
    assert not list(engine._directory.rglob("*.broken"))


async def test_search_whose_workspace_is_cleared_before_it_was_read_is_told_so(engine, shop, monkeypatch):
    monkeypatch.setattr(indexer, "_FIRST_READ_TIMEOUT", HANG)
    reading, goes_on = threading.Event(), threading.Event()
    chunk_files = read_pipeline.chunk_files

    def held(chunker, opened):
        reading.set()
        goes_on.wait(HANG)
        return chunk_files(chunker, opened)

    monkeypatch.setattr(read_pipeline, "chunk_files", held)
    searching = asyncio.create_task(ask(engine, "evict_expired", shop))
    assert await asyncio.to_thread(reading.wait, HANG)
    await engine.clear(str(shop))
    goes_on.set()
    with pytest.raises(StoreError, match="cleared before its files were read"):
        await searching
    assert names(await ask(engine, "evict_expired", shop))[0] == "evict_expired"


async def found_again(engine, shop):
    while names(await ask(engine, "evict_expired", shop))[:1] != ["evict_expired"]:
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("way", ["search", "similar"])
async def test_engine_catalog_corrupted_while_open_is_rebuilt_and_read_again(engine, shop, way):
    await index(engine, shop)
    (path,) = engine._directory.glob("*/index.sqlite")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE fulltext_data SET block = x'00ff00ff00ff' WHERE id > 10")
    asking = {
        "search": lambda: ask(engine, "evict_expired", shop, lexical_only=True),
        "similar": lambda: engine.similar(str(shop), HASHING, str(shop / "store" / "session.rs"), 7, 10),
    }
    with pytest.raises(StoreCorrupted, match="is being rebuilt"):
        await asking[way]()
    await asyncio.wait_for(found_again(engine, shop), HANG)
    assert path.with_name("index.sqlite.broken").exists()


@without_override
async def test_file_that_could_not_be_read_is_read_when_workspace_is_opened_again(engine, shop):
    secret = shop / "store" / "session.rs"
    secret.chmod(0)
    await index(engine, shop)
    assert (await engine.status(str(shop), HASHING))[1].skipped == {"unreadable: Permission denied": 1}
    await engine.close_unused(0)
    secret.chmod(0o600)  # which does not change the time of its last change
    await index(engine, shop)
    assert names(await ask(engine, "evict_expired", shop))[0] == "evict_expired"


async def test_engine_catalog_corrupted_before_embedding_is_rebuilt_and_read_again(engine, shop):
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
    await asyncio.wait_for(found_again(engine, shop), HANG / 10)


async def ready(states):
    """Follow until the index is ready, and return the state."""
    while (state := await anext(states)).progress.phase != "ready":
        pass
    return state


@pytest.fixture
def loads(hub, monkeypatch):
    """The names of the models that were loaded."""
    names = []

    def load(model, fetched):
        names.append(model.name)
        return hub.load(model, fetched)

    monkeypatch.setattr(registry, "load_encoder", load)
    return names


@pytest.fixture
def opened(monkeypatch):
    """The directories of the stores that were opened."""
    directories = []
    opens = LocalVectors._open

    def _open(store):
        directories.append(store.location)
        return opens(store)

    monkeypatch.setattr(LocalVectors, "_open", _open)
    return directories


async def test_client_without_settings_uses_those_of_the_client_that_follows(engine, shop, hub, loads):
    hub.slow.told.set()
    states = engine.follow(str(shop), HASHING)
    await ready(states)
    for _ in range(3):
        assert (await ask(engine, "cart", shop, settings=SETTINGS)).model == "hashing"
        await index(engine, shop, SETTINGS)
    assert (await engine.status(str(shop), SETTINGS))[0].model == "hashing"
    assert loads == ["hashing"]
    await states.aclose()
    await index(engine, shop, SETTINGS)
    assert (await ask(engine, "cart", shop, settings=SETTINGS)).model == WANTED


async def test_clients_with_different_settings_are_each_answered_by_their_own_model(
    engine, shop, hub, opened
):
    hub.slow.told.set()
    wanted = Settings(model=WANTED)
    await index(engine, shop, HASHING)
    await index(engine, shop, wanted)
    for number in range(3):
        (shop / f"new{number}.py").write_text(f"def weigh_parcel_{number}():\n    pass\n")
        for settings in (HASHING, wanted):
            last = await index(engine, shop, settings)
            assert last.coverage.embedded == last.coverage.chunks
            assert (await ask(engine, "cart", shop, settings=settings)).model == settings.model
    assert len(opened) == len(set(opened)) == len(list(engine._directory.glob("*/vectors/*"))) == 2
    while engine.busy:
        await asyncio.sleep(0.01)


async def test_client_that_follows_is_not_affected_by_a_request_with_other_settings(engine, shop, hub):
    hub.slow.told.set()
    states = engine.follow(str(shop), SETTINGS)
    assert (await ready(states)).model == WANTED
    await index(engine, shop, HASHING)
    status, _ = await engine.status(str(shop), SETTINGS)
    assert (status.model, status.progress.phase) == (WANTED, "ready")
    engine.pause()  # for a new state
    assert (await anext(states)).model == WANTED
    await states.aclose()


async def test_client_that_follows_last_decides_for_clients_without_settings(engine, shop, hub):
    hub.slow.told.set()
    first, second = engine.follow(str(shop), HASHING), engine.follow(str(shop), Settings(model=WANTED))
    await ready(first)
    await ready(second)
    follower = engine.follow(str(shop), SETTINGS)
    assert (await ready(follower)).model == WANTED
    await second.aclose()
    assert (await asyncio.wait_for(anext(follower), HANG)).model == "hashing"
    await first.aclose()
    await follower.aclose()


async def test_client_that_stops_following_leaves_the_order_of_the_others(engine, shop, hub):
    hub.slow.told.set()
    wanted = Settings(model=WANTED)
    clients = [engine.follow(str(shop), settings) for settings in (HASHING, wanted, HASHING)]
    for states in clients:
        await ready(states)
    await clients[2].aclose()
    assert (await ask(engine, "cart", shop, settings=SETTINGS)).model == WANTED
    for states in clients[:2]:
        await states.aclose()


async def test_embedder_that_a_client_waits_for_is_not_closed(engine, shop, hub):
    hub.slow.told.set()
    hub.ready.clear()  # the model is loaded for longer than vector syncs stay unused
    waiting = asyncio.create_task(index(engine, shop, SETTINGS))
    while "loading" not in " ".join(engine.activities):
        await asyncio.sleep(0.01)
    await index(engine, shop, HASHING)
    await asyncio.sleep(0.5)  # until there is no news
    unused_since = time.monotonic()
    await ask(engine, "cart", shop, settings=HASHING)
    await engine.close_unused(time.monotonic() - unused_since)
    hub.ready.set()
    last = await asyncio.wait_for(waiting, HANG / 10)
    assert last.coverage.embedded == last.coverage.chunks > 0


async def test_unused_embedder_is_closed_and_its_vectors_are_deleted(engine, shop, hub, opened):
    hub.slow.told.set()
    await index(engine, shop, HASHING)
    await asyncio.sleep(0.02)
    unused_since = time.monotonic()
    await index(engine, shop, SETTINGS)
    assert len(list(engine._directory.glob("*/vectors/*"))) == 2
    await engine.close_unused(time.monotonic() - unused_since)
    (shop / "new.py").write_text("def weigh_parcel():\n    pass\n")
    await index(engine, shop, SETTINGS)
    (left,) = engine._directory.glob("*/vectors/*")
    assert left.name == Slow.fingerprint
    assert len(opened) == 2
    assert (await ask(engine, "cart", shop, settings=SETTINGS)).model == WANTED
    assert (await index(engine, shop, HASHING)).encoded == 1  # the rest comes from the cache


async def test_fallback_model_shares_its_store_with_clients_that_have_set_it(engine, shop, hub, opened):
    hub.has_wanted = False
    hub.slow.told.set()
    await index(engine, shop, SETTINGS)
    await index(engine, shop, HASHING)
    for settings in (SETTINGS, HASHING):
        assert (await ask(engine, "cart", shop, settings=settings)).model == "hashing"
    assert len(opened) == 1
    hub.has_wanted = True
    while (await ask(engine, "cart", shop, settings=SETTINGS)).model != WANTED:
        await asyncio.sleep(0.01)
    assert (await ask(engine, "cart", shop, settings=HASHING)).model == "hashing"
    assert len(opened) == 2
    assert not list(engine._directory.glob("*/vectors/*.broken-*"))


async def test_models_with_complete_vectors_need_no_former_model_after_a_restart(tmp_path, shop, hub, loads):
    hub.slow.told.set()
    first = Engine(tmp_path / "cache")
    await index(first, shop, HASHING)
    await index(first, shop, SETTINGS)
    await first.close()
    loads.clear()
    second = Engine(tmp_path / "cache")
    await index(second, shop, HASHING)
    assert loads == ["hashing"]
    await second.close()
