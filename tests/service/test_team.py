"""VectorStore on a team's server: a real Chroma, and a wire that can be listened to and held."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import chromadb
import httpx
import pytest

from semls.engine.engine import Engine
from semls.engine.indexing import loop
from semls.engine.models.encoder import HashingEncoder
from semls.engine.search.query import parse_query
from semls.errors import StoreError
from semls.settings import Server, Settings
from tests.conftest import HANG
from tests.support import hostile
from tests.support.hostile import EmbeddingFunction

REMOTE = '[remote "origin"]\n\turl = git@example.org:team/shop.git\n'


class Chroma:
    """`chroma run`, as a team would."""

    def __init__(self, directory):
        self.directory = directory
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    async def start(self):
        self._run()
        await until(self._beats)

    def _run(self):
        program = shutil.which("chroma", path=str(Path(sys.executable).parent))
        assert program
        options = ["--path", self.directory, "--host", "127.0.0.1", "--port", str(self.port)]
        self._process = subprocess.Popen(
            [program, "run", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    async def _beats(self):
        assert self._process.poll() is None
        async with httpx.AsyncClient() as http:
            with contextlib.suppress(httpx.TransportError):
                return (await http.get(f"http://127.0.0.1:{self.port}/api/v2/heartbeat")).is_success

    def kill(self):
        self._process.kill()
        self._process.wait()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def client(self):
        return chromadb.HttpClient("127.0.0.1", self.port)

    @property
    def collection(self):
        (found,) = self.client.list_collections()
        return found


class Wire:
    """What lies between an engine and its server: it listens, and it can stop to carry."""

    def __init__(self, port):
        self._target = port
        self.heard = b""
        self.carries = asyncio.Event()
        self.carries.set()
        self._ends = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for writer in self._ends:
            writer.close()

    async def _serve(self, reader, writer):
        there = await asyncio.open_connection("127.0.0.1", self._target)
        self._ends |= {writer, there[1]}
        await asyncio.gather(self._carry(reader, there[1], listen=True), self._carry(there[0], writer))

    async def _carry(self, reader, writer, *, listen=False):
        with contextlib.suppress(ConnectionError):
            while part := await reader.read(1 << 16):
                self.heard += part if listen else b""
                await self.carries.wait()
                writer.write(part)
            writer.close()


class Colleague:
    """One machine: a clone, a cache, an engine."""

    def __init__(self, clone, cache, port, **store):
        self.root, self.cache = clone, cache
        self.settings = Settings("hashing", store=Server(f"http://127.0.0.1:{port}", **store))
        self.engine = Engine(cache)

    async def index(self):
        return [step async for step in self.engine.index(str(self.root), self.settings)][-1]

    async def ask(self, text):
        return await self.engine.search({str(self.root): self.settings}, parse_query(text))

    async def status(self):
        return (await self.engine.status(str(self.root), self.settings))[0]

    async def is_embedded(self):
        status = await self.status()
        covered = status.progress.coverage
        return not status.error and covered.chunks == covered.embedded > 0 and not self.engine.busy

    async def finds(self, text, path):
        return path in {hit.entry.path for _, hit in (await self.ask(text)).hits}

    async def resumes(self):
        """Whether meaning helps again, without being asked to index."""
        return (await self.ask("shrink a picture")).model == "hashing" and await self.is_embedded()


async def until(condition):
    deadline = time.monotonic() + HANG
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.fixture
async def chroma(tmp_path):
    server = Chroma(tmp_path / "chroma")
    await server.start()
    yield server
    server.kill()


@pytest.fixture
async def hire(workspace, tmp_path):
    """Makes colleagues."""
    clone = workspace("shop")
    (clone / ".git").mkdir()
    (clone / ".git/config").write_text(REMOTE)
    hired: list[Colleague] = []

    def hire(port, **store):
        number = len(hired)
        place = shutil.copytree(clone, tmp_path / f"clones/{number}")
        hired.append(Colleague(place, tmp_path / f"caches/{number}", port, **store))
        return hired[-1]

    yield hire
    for colleague in hired:
        await colleague.engine.close()


async def test_vectors_on_server_are_not_embedded_again(chroma, hire):
    first, second = hire(chroma.port), hire(chroma.port)
    done = await first.index()
    assert done.coverage.embedded == done.coverage.chunks
    assert done.encoded > 0
    copied = await second.index()
    assert copied.coverage == done.coverage
    assert copied.encoded == 0
    answers = [await colleague.ask("shrink a picture") for colleague in (first, second)]
    assert [answer.model for answer in answers] == ["hashing", "hashing"]
    assert [hit.entry for _, hit in answers[0].hits] == [hit.entry for _, hit in answers[1].hits]
    for colleague in (second, first):
        (colleague.root / "new.py").write_text("def quarantine_parcel():\n    pass\n")
    assert (await second.index()).encoded == 1
    assert (await first.index()).encoded == done.encoded


async def test_server_receives_vectors_but_no_text(chroma, hire):
    first = hire(chroma.port)
    await first.index()
    rows = chroma.collection.get(include=["documents", "metadatas", "embeddings"])
    assert len(rows["ids"]) > 0
    assert {*rows["documents"], *rows["metadatas"]} == {None}
    assert chroma.collection.metadata["repository"] == "example.org/team/shop"
    assert chroma.collection.metadata["model"] == "hashing"
    assert not list(first.cache.glob("*/vectors/*"))


async def test_similar_with_server_finds_similar_code(chroma, hire):
    first = hire(chroma.port)
    await first.index()
    file = str(first.root / "worker/thumbnails.py")
    found = await first.engine.similar(str(first.root), first.settings, file, 13, 5)
    assert found.model == "hashing"


async def test_search_with_many_foreign_vectors_finds_own_chunks(chroma, hire):
    first = hire(chroma.port)
    await first.index()
    asked = HashingEncoder().encode_query("shrink a picture")
    others = [f"other-{number}" for number in range(2000)]
    chroma.collection.upsert(ids=others, embeddings=[asked] * len(others))
    answer = await first.ask("shrink a picture")
    assert answer.model == "hashing"
    assert {hit.entry.path for _, hit in answer.hits} >= {"worker/thumbnails.py"}


async def test_filter_with_many_matches_is_not_sent_to_server(chroma, hire):
    async with Wire(chroma.port) as wire:
        first = hire(wire.port)
        many = "\n\n".join(f"def made_{number}():\n    return {number}" for number in range(600))
        (first.root / "many.py").write_text(many)
        await first.index()
        before = len(wire.heard)
        answer = await first.ask("shrink a picture lang:python")
        assert answer.model == "hashing"
        assert {hit.entry.language for _, hit in answer.hits} == {"python"}
        assert len(wire.heard) - before < 10_000


async def test_requests_to_server_have_tenant_database_token_and_headers(chroma, hire):
    chromadb.AdminClient(chroma.client.get_settings()).create_database("code")
    async with Wire(chroma.port) as wire:
        first = hire(wire.port, database="code", token="secret", headers={"X-Team": "shop"})
        await first.index()
        assert (await first.ask("shrink a picture")).model == "hashing"
        requests = wire.heard.lower().count(b"host: ")
        assert wire.heard.lower().count(b"authorization: bearer secret") == requests > 2
        assert wire.heard.lower().count(b"x-team: shop") == requests
    assert chroma.client.list_collections() == []


async def test_server_that_is_down_leaves_lexical_search_and_is_retried(hire, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_RETRY_DELAY", 0.1)
    chroma = Chroma(tmp_path / "chroma")
    first = hire(chroma.port)
    answer = await first.ask("make thumbnail")
    assert answer.hits[0][1].entry.path == "worker/thumbnails.py"
    assert answer.model == ""

    async def is_said():
        return f"127.0.0.1:{chroma.port} cannot be used" in (await first.status()).error

    await until(is_said)
    await chroma.start()
    await until(first.is_embedded)
    assert (await first.ask("shrink a picture")).model == "hashing"
    chroma.kill()


async def test_restarted_server_loses_nothing(chroma, hire, monkeypatch):
    monkeypatch.setattr(loop, "_RETRY_DELAY", 0.1)
    first = hire(chroma.port)
    encoded = (await first.index()).encoded
    chroma.kill()
    answer = await first.ask("make thumbnail")
    assert answer.hits[0][1].entry.path == "worker/thumbnails.py"
    assert answer.model == ""
    (first.root / "new.py").write_text("def quarantine_parcel():\n    pass\n")
    await until(lambda: first.finds("quarantine_parcel", "new.py"))
    await chroma.start()
    await until(first.resumes)
    assert (await first.status()).progress.encoded == encoded + 1


async def test_emptied_server_is_filled_from_cache(chroma, hire, monkeypatch):
    monkeypatch.setattr(loop, "_RETRY_DELAY", 0.1)
    first = hire(chroma.port)
    encoded = (await first.index()).encoded
    chroma.client.delete_collection(chroma.collection.name)
    assert (await first.ask("make thumbnail")).hits[0][1].entry.path == "worker/thumbnails.py"
    await until(first.resumes)
    assert (await first.status()).progress.encoded == encoded
    assert chroma.collection.count() > 0


async def test_search_with_silent_server_does_not_wait(chroma, hire, monkeypatch):
    monkeypatch.setattr(loop, "_RETRY_DELAY", 0.1)
    async with Wire(chroma.port) as wire:
        first = hire(wire.port)
        await first.index()
        wire.carries.clear()
        answer = await first.ask("make thumbnail")
        assert answer.hits[0][1].entry.path == "worker/thumbnails.py"
        assert answer.model == ""
        wire.carries.set()
        await until(first.resumes)


async def test_client_without_settings_uses_store_of_following_client(chroma, hire):
    first = hire(chroma.port)
    states = first.engine.follow(str(first.root), first.settings)
    while (state := await anext(states)).progress.phase != "ready":
        pass
    status, _ = await first.engine.status(str(first.root), Settings())
    assert status == state
    answer = await first.engine.search({str(first.root): Settings()}, parse_query("shrink a picture"))
    assert answer.model == "hashing"
    assert not list(first.cache.glob("*/vectors/*"))
    await states.aclose()


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


def test_hostile_schema_runs_code_when_chroma_builds_it(tmp_path):
    """Without this the next tests would prove nothing."""
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
    chroma, hire, tmp_path, where
):
    function = EmbeddingFunction(tmp_path)
    first = hire(chroma.port)
    await first.index()
    await first.engine.close()
    model = chroma.collection.get_model()
    chroma.client.delete_collection(model.name)
    wanted = {"name": model.name, "metadata": model.metadata, where: getattr(function, where)}
    address = f"{chroma.address}/api/v2/tenants/default_tenant/databases/default_database/collections"
    async with httpx.AsyncClient() as http:
        (await http.post(address, json=wanted)).raise_for_status()

    second = hire(chroma.port)
    with pytest.raises(StoreError, match="sentence_transformer"):
        await second.index()
    answer = await second.ask("make thumbnail")
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
async def test_invalid_response_is_reported_and_lexical_search_answers(hire, caplog, end, response):
    with hostile.chroma({end: response}) as server:
        first = hire(server.port)
        with contextlib.suppress(StoreError):
            await first.index()
        answer = await first.ask("make thumbnail")
        assert answer.hits[0][1].entry.path == "worker/thumbnails.py"
        assert answer.model == ""
        assert f"127.0.0.1:{server.port} cannot be used" in caplog.text


async def test_server_that_is_not_chroma_is_named(hire):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        with pytest.raises(Exception, match=f"127.0.0.1:{port} cannot be used"):
            await hire(port).index()
