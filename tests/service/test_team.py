"""Vectors on a team's Chroma server, through a proxy that records and can hold the traffic."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys

import chromadb
import httpx
import pytest

from semls.engine.engine import Engine
from semls.engine.indexing import loop
from semls.engine.models.encoder import HashingEncoder
from semls.engine.search.query import parse_query
from semls.errors import StoreError
from semls.settings import Server, Settings
from tests.support import hostile
from tests.support.chroma_server import Chroma
from tests.support.hostile import EmbeddingFunction
from tests.support.waiting import wait_until_async

REMOTE_OF_CI = '[remote "origin"]\n\turl = https://ci:secret@example.org/team/shop\n'
REMOTE = '[remote "origin"]\n\turl = git@example.org:team/shop.git\n'


class Proxy:
    """A TCP proxy that records the requests, and forwards nothing while `forwarding` is cleared."""

    def __init__(self, port):
        self._target = port
        self.recorded = b""
        self.forwarding = asyncio.Event()
        self.forwarding.set()
        self._writers = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader, writer):
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, server_writer}
        await asyncio.gather(
            self._forward(reader, server_writer, record=True), self._forward(server_reader, writer)
        )

    async def _forward(self, reader, writer, *, record=False):
        with contextlib.suppress(ConnectionError):
            while part := await reader.read(1 << 16):
                self.recorded += part if record else b""
                await self.forwarding.wait()
                writer.write(part)
            writer.close()


class Machine:
    """A developer's machine: a clone, a cache and an engine."""

    def __init__(self, clone, cache, port, **store):
        self.root, self.cache = clone, cache
        self.settings = Settings("hashing", store=Server(f"http://127.0.0.1:{port}", **store))
        self.engine = Engine(cache)

    async def index(self):
        return [progress async for progress in self.engine.index(str(self.root), self.settings)][-1]

    async def search(self, text):
        return await self.engine.search({str(self.root): self.settings}, parse_query(text))

    async def status(self):
        return (await self.engine.status(str(self.root), self.settings))[0]

    async def is_embedded(self):
        status = await self.status()
        coverage = status.progress.coverage
        return not status.error and coverage.chunks == coverage.embedded > 0 and not self.engine.busy

    async def finds(self, text, path):
        return path in {hit.entry.path for _, hit in (await self.search(text)).hits}

    async def has_semantic_search(self):
        """Return whether semantic search works again, without a request to index."""
        return (await self.search("shrink a picture")).model == "hashing" and await self.is_embedded()


@pytest.fixture
async def chroma(tmp_path):
    server = Chroma(tmp_path / "chroma")
    await server.start()
    yield server
    server.kill()


@pytest.fixture
async def create_machine(workspace, tmp_path):
    """Creates machines with clones of one repository."""
    clone = workspace("shop")
    (clone / ".git").mkdir()
    (clone / ".git/config").write_text(REMOTE)
    machines: list[Machine] = []

    def create(port, **store):
        number = len(machines)
        copy = shutil.copytree(clone, tmp_path / f"clones/{number}")
        machines.append(Machine(copy, tmp_path / f"caches/{number}", port, **store))
        return machines[-1]

    yield create
    for machine in machines:
        await machine.engine.close()


async def test_vectors_on_server_are_not_embedded_again(chroma, create_machine):
    first, second = create_machine(chroma.port), create_machine(chroma.port)
    (first.root / ".git/config").write_text(REMOTE_OF_CI)
    done = await first.index()
    assert done.coverage.embedded == done.coverage.chunks
    assert done.encoded > 0
    copied = await second.index()
    assert copied.coverage == done.coverage
    assert copied.encoded == 0
    answers = [await machine.search("shrink a picture") for machine in (first, second)]
    assert [answer.model for answer in answers] == ["hashing", "hashing"]
    assert [hit.entry for _, hit in answers[0].hits] == [hit.entry for _, hit in answers[1].hits]
    (second.root / "new.py").write_text("def quarantine_parcel():\n    pass\n")
    assert (await second.index()).encoded == 1
    (first.root / "new.py").write_text("def quarantine_parcel():\n    pass\n")
    assert (await first.index()).encoded == done.encoded


async def test_machines_that_begin_at_once_share_the_work(chroma, create_machine):
    machines = [create_machine(chroma.port) for _ in "12"]
    for machine in machines:
        for number in range(0, 3000, 100):
            functions = (
                f"def weigh_{each}(scale):\n    return scale\n\n\n" for each in range(number, number + 100)
            )
            (machine.root / f"m{number}.py").write_text("".join(functions))
    done = await asyncio.gather(*(machine.index() for machine in machines))
    chunks = done[0].coverage.chunks
    assert [each.coverage.embedded for each in done] == [chunks, chunks]
    assert done[0].encoded + done[1].encoded < 1.2 * chunks  # much more if both take the same order


async def test_server_receives_vectors_but_no_text(chroma, create_machine):
    first = create_machine(chroma.port)
    await first.index()
    rows = chroma.collection.get(include=["documents", "metadatas", "embeddings"])
    assert len(rows["ids"]) > 0
    assert {*rows["documents"], *rows["metadatas"]} == {None}
    assert chroma.collection.metadata["repository"] == "example.org/team/shop"
    assert chroma.collection.metadata["model"] == "hashing"
    assert not list(first.cache.glob("*/vectors/*"))


async def test_similar_with_server_finds_similar_code(chroma, create_machine):
    first = create_machine(chroma.port)
    await first.index()
    file = str(first.root / "worker/thumbnails.py")
    found = await first.engine.similar(str(first.root), first.settings, file, 13, 5)
    assert found.model == "hashing"


async def test_search_with_many_foreign_vectors_finds_own_chunks(chroma, create_machine):
    first = create_machine(chroma.port)
    await first.index()
    vector = HashingEncoder().encode_query("shrink a picture")
    foreign = [f"other-{number}" for number in range(2000)]
    chroma.collection.upsert(ids=foreign, embeddings=[vector] * len(foreign))
    answer = await first.search("shrink a picture")
    assert answer.model == "hashing"
    assert {hit.entry.path for _, hit in answer.hits} >= {"worker/thumbnails.py"}


async def test_filter_with_many_matches_is_not_sent_to_server(chroma, create_machine):
    async with Proxy(chroma.port) as proxy:
        first = create_machine(proxy.port)
        functions = "\n\n".join(f"def made_{number}():\n    return {number}" for number in range(600))
        (first.root / "many.py").write_text(functions)
        await first.index()
        before = len(proxy.recorded)
        answer = await first.search("shrink a picture lang:python")
        assert answer.model == "hashing"
        assert {hit.entry.language for _, hit in answer.hits} == {"python"}
        assert len(proxy.recorded) - before < 10_000


async def test_requests_to_server_have_tenant_database_token_and_headers(chroma, create_machine):
    chromadb.AdminClient(chroma.client.get_settings()).create_database("code")
    async with Proxy(chroma.port) as proxy:
        first = create_machine(proxy.port, database="code", token="secret", headers={"X-Team": "shop"})
        await first.index()
        assert (await first.search("shrink a picture")).model == "hashing"
        requests = proxy.recorded.lower().count(b"host: ")
        assert proxy.recorded.lower().count(b"authorization: bearer secret") == requests > 2
        assert proxy.recorded.lower().count(b"x-team: shop") == requests
    assert chroma.client.list_collections() == []


async def test_server_that_is_down_leaves_lexical_search_and_is_retried(
    create_machine, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop, "_RETRY_DELAY", 0.1)
    chroma = Chroma(tmp_path / "chroma")
    first = create_machine(chroma.port)
    await wait_until_async(lambda: first.finds("make thumbnail", "worker/thumbnails.py"))
    assert (await first.search("make thumbnail")).model == ""

    async def is_reported():
        return f"127.0.0.1:{chroma.port} cannot be used" in (await first.status()).error

    await wait_until_async(is_reported)
    await chroma.start()
    await wait_until_async(first.is_embedded)
    assert (await first.search("shrink a picture")).model == "hashing"
    chroma.kill()


async def test_restarted_server_loses_nothing(chroma, create_machine, monkeypatch):
    monkeypatch.setattr(loop, "_RETRY_DELAY", 0.1)
    first = create_machine(chroma.port)
    encoded = (await first.index()).encoded
    chroma.kill()
    answer = await first.search("make thumbnail")
    assert answer.hits[0][1].entry.path == "worker/thumbnails.py"
    assert answer.model == ""
    (first.root / "new.py").write_text("def quarantine_parcel():\n    pass\n")
    await wait_until_async(lambda: first.finds("quarantine_parcel", "new.py"))
    await chroma.start()
    await wait_until_async(first.has_semantic_search)
    assert (await first.status()).progress.encoded == encoded + 1


async def test_emptied_server_is_filled_from_cache(chroma, create_machine, monkeypatch):
    monkeypatch.setattr(loop, "_RETRY_DELAY", 0.1)
    first = create_machine(chroma.port)
    encoded = (await first.index()).encoded
    chroma.client.delete_collection(chroma.collection.name)
    assert (await first.search("make thumbnail")).hits[0][1].entry.path == "worker/thumbnails.py"
    await wait_until_async(first.has_semantic_search)
    assert (await first.status()).progress.encoded == encoded
    assert chroma.collection.count() > 0


async def test_search_with_silent_server_does_not_wait(chroma, create_machine, monkeypatch):
    monkeypatch.setattr(loop, "_RETRY_DELAY", 0.1)
    async with Proxy(chroma.port) as proxy:
        first = create_machine(proxy.port)
        await first.index()
        proxy.forwarding.clear()
        answer = await first.search("make thumbnail")
        assert answer.hits[0][1].entry.path == "worker/thumbnails.py"
        assert answer.model == ""
        proxy.forwarding.set()
        await wait_until_async(first.has_semantic_search)


async def test_client_without_settings_uses_store_of_following_client(chroma, create_machine):
    first = create_machine(chroma.port)
    states = first.engine.follow(str(first.root), first.settings)
    while (state := await anext(states)).progress.phase != "ready":
        pass
    status, _ = await first.engine.status(str(first.root), Settings())
    assert status == state
    answer = await first.engine.search({str(first.root): Settings()}, parse_query("shrink a picture"))
    assert answer.model == "hashing"
    assert not list(first.cache.glob("*/vectors/*"))
    await states.aclose()


@pytest.mark.slow
async def test_command_with_store_url_uses_server(chroma, terminal, workspace):
    address = f"http://127.0.0.1:{chroma.port}"
    terminal.environment["SEMLS_STORE_URL"] = address
    root = workspace("shop")
    assert (await asyncio.to_thread(terminal.run, "index", root)).returncode == 0
    status = await asyncio.to_thread(terminal.json, "status", root)
    assert (status["store"], status["error"]) == (address, "")
    assert chroma.collection.count() > 0
    doctor = await asyncio.to_thread(terminal.run, "doctor")
    assert address in doctor.stdout
    chroma.kill()
    doctor = await asyncio.to_thread(terminal.run, "doctor")
    assert doctor.returncode == 3
    assert "SEMLS_STORE_URL" in doctor.stdout
    terminal.environment["SEMLS_STORE_URL"] = "chroma.example"
    refused = await asyncio.to_thread(terminal.run, "search", "anything", "--path", root)
    assert refused.returncode == 2
    assert "store.url" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
def test_hostile_schema_runs_code_when_chroma_builds_it(tmp_path):
    """Without this defect of Chroma the next tests would prove nothing."""
    function = EmbeddingFunction(tmp_path)
    program = (
        "import json, sys; from chromadb.api.types import Schema; "
        "Schema.deserialize_from_json(json.loads(sys.argv[1]))"
    )
    subprocess.run(
        [sys.executable, "-c", program, json.dumps(function.schema)],
        env={**os.environ, "HF_MODULES_CACHE": str(tmp_path / "modules")},
        capture_output=True,
        check=True,
    )
    assert function.ran.exists()


@pytest.mark.parametrize("where", ["configuration", "schema"])
async def test_collection_with_embedding_function_is_refused_and_lexical_search_answers(
    chroma, create_machine, tmp_path, where
):
    function = EmbeddingFunction(tmp_path)
    first = create_machine(chroma.port)
    await first.index()
    await first.engine.close()
    model = chroma.collection.get_model()
    chroma.client.delete_collection(model.name)
    wanted = {"name": model.name, "metadata": model.metadata, where: getattr(function, where)}
    address = f"{chroma.address}/api/v2/tenants/default_tenant/databases/default_database/collections"
    async with httpx.AsyncClient() as http:
        (await http.post(address, json=wanted)).raise_for_status()

    second = create_machine(chroma.port)
    with pytest.raises(StoreError, match="sentence_transformer"):
        await second.index()
    answer = await second.search("make thumbnail")
    assert answer.hits[0][1].entry.path == "worker/thumbnails.py"
    assert answer.model == ""
    assert not function.ran.exists()


@pytest.mark.parametrize(
    ("end", "response"),
    [
        ("query", {"ids": [["a"]], "distances": [[float("nan")]]}),
        ("query", b"[" * (1 << 22)),
        ("get", {"ids": ["a"]}),
        ("collections", []),
    ],
)
async def test_invalid_response_is_reported_and_lexical_search_answers(create_machine, caplog, end, response):
    with hostile.chroma({end: response}) as server:
        first = create_machine(server.port)
        with contextlib.suppress(StoreError):
            await first.index()
        answer = await first.search("make thumbnail")
        assert answer.hits[0][1].entry.path == "worker/thumbnails.py"
        assert answer.model == ""
        assert f"127.0.0.1:{server.port} cannot be used" in caplog.text


async def test_server_that_is_not_chroma_is_named(create_machine):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        with pytest.raises(Exception, match=f"127.0.0.1:{port} cannot be used"):
            await create_machine(port).index()
