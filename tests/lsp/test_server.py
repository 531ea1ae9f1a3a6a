"""The language server as editors meet it: over stdio, with the real bundled model."""

import shutil
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.uris import to_fs_path
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

from tests.conftest import FIXTURES, HANG, Terminal

EDITORS = ["visual_studio_code", "neovim", "emacs"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    directory = tmp_path_factory.mktemp("lsp")
    shutil.copytree(FIXTURES / "shop", directory / "shop")
    shutil.copytree(FIXTURES / "gpt", directory / "gpt")
    terminal = Terminal(directory / "semls", model="")
    for name in ("shop", "gpt"):
        done = terminal.run("index", directory / name)
        assert done.returncode == 0, done.stderr
    yield directory, terminal
    terminal.stop()


@asynccontextmanager
async def editing(place, *folders, editor="visual_studio_code", **initialize):
    """An editor that has opened folders; `initialize` replaces parts of its first message."""
    directory, terminal = place
    command = [sys.executable, "-m", "semls", "lsp", "--stdio"]
    client = await ClientServerConfig(server_command=command, server_env=terminal.environment).start()
    assert isinstance(client, LanguageClient)
    opened = [types.WorkspaceFolder((directory / name).as_uri(), name) for name in folders]
    await client.initialize_session(
        types.InitializeParams(
            **{"capabilities": client_capabilities(editor), "process_id": None, "workspace_folders": opened}
            | initialize
        )
    )
    try:
        yield client
    finally:
        await client.shutdown_session()
        await client.stop()


async def symbols(client, query):
    return await client.workspace_symbol_async(types.WorkspaceSymbolParams(query))


async def command(client, *arguments):
    params = types.ExecuteCommandParams("semls.search", list(arguments))
    return await client.workspace_execute_command_async(params)


def text_at(location, encoding="utf-16"):
    """What the editor would select."""
    path = to_fs_path(location.uri)
    assert path
    line = Path(path).read_bytes().decode().split("\n")[location.range.start.line]
    size = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
    name = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding]
    start, end = location.range.start.character * size, location.range.end.character * size
    return line.encode(name)[start:end].decode(name)


@pytest.mark.parametrize("editor", EDITORS)
async def test_a_question_in_the_symbol_picker_finds_the_definition(place, editor):
    async with editing(place, "shop", editor=editor) as client:
        found = await symbols(client, "throw out visitors who were idle for too long")
        first = found[0]
        assert first.name == "evict_expired"
        assert first.kind == types.SymbolKind.Method
        assert first.container_name == "SessionStore"
        assert first.location.uri.endswith("store/session.rs")
        assert text_at(first.location) == "evict_expired"


async def test_an_exact_name_comes_first(place):
    async with editing(place, "gpt") as client:
        assert (await symbols(client, "GPTLanguageModel"))[0].name == "GPTLanguageModel"


@pytest.mark.parametrize("query", ["", "   "])
async def test_nothing_is_found_for_nothing(place, query):
    async with editing(place, "shop") as client:
        assert not await symbols(client, query)


async def test_the_command_answers_locations_and_takes_filters(place):
    async with editing(place, "shop") as client:
        everywhere = await command(client, {"query": "session of a visitor", "limit": 5})
        assert len(everywhere) == 5
        rust = await command(client, {"query": "session of a visitor", "languages": ["rust"], "limit": 50})
        assert rust
        assert {location["uri"].rsplit(".")[-1] for location in map(as_dict, rust)} == {"rs"}
        one = await command(client, {"query": "cart", "paths": ["web"], "kinds": ["class"]})
        assert [as_dict(location)["uri"].rsplit("/")[-1] for location in one] == ["cart.ts"]


def as_dict(thing):
    return thing if isinstance(thing, dict) else {"uri": thing.uri, "range": thing.range}


async def test_the_request_answers_hits_with_scores_and_coverage(place):
    async with editing(place, "gpt") as client:
        answer = await client.protocol.send_request_async(
            "semls/search", {"query": "How can I load the decoder from the tokenizer?", "limit": 3}
        )
        assert answer.model == "sentence-transformers/all-MiniLM-L6-v2"
        assert answer.coverage.chunks == answer.coverage.embedded
        assert len(answer.hits) == 3
        first = answer.hits[0] if isinstance(answer.hits[0], dict) else answer.hits[0]._asdict()
        assert (first["name"], first["container"], first["path"]) == (
            "load_decoder",
            "Tokenizer",
            "model/tokenizer.py",
        )
        assert first["score"] > 0
        assert "def load_decoder" in first["snippet"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["where"],
        [{}],
        [{"query": ""}],
        [{"query": 3}],
        [{"query": "x", "limit": 0}],
        [{"query": "x", "limit": "many"}],
        [{"query": "x", "languages": ["klingon"]}],
        [{"query": "x", "colour": "red"}],
        [{"query": "x"}, {"query": "y"}],
    ],
)
async def test_wrong_arguments_are_explained(place, arguments):
    async with editing(place, "shop") as client:
        with pytest.raises(JsonRpcException) as raised:
            await command(client, *arguments)
        assert raised.value.code == -32602
        assert len(raised.value.message) > 20
        assert "Traceback" not in raised.value.message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_columns_are_in_the_units_of_the_client(place, encoding):
    directory, _ = place
    (directory / "wide").mkdir(exist_ok=True)
    (directory / "wide/wide.js").write_text(
        "/* 😋é */ function größenwächter() { return 'guards the size' }\n", "utf-8"
    )
    capabilities = client_capabilities("visual_studio_code")
    capabilities.general = types.GeneralClientCapabilities(
        position_encodings=[types.PositionEncodingKind(encoding)]
    )
    async with editing(place, "wide", capabilities=capabilities) as client:
        (location,) = [as_dict(one) for one in await command(client, {"query": "größenwächter", "limit": 1})]
        found = types.Location(location["uri"], as_range(location["range"]))
        assert text_at(found, encoding) == "größenwächter"


def as_range(given):
    if isinstance(given, types.Range):
        return given
    start, end = given["start"], given["end"]
    return types.Range(types.Position(**start), types.Position(**end))


async def test_folders_come_and_go(place):
    directory, _ = place
    gpt = types.WorkspaceFolder((directory / "gpt").as_uri(), "gpt")
    async with editing(place, "shop") as client:
        change = types.WorkspaceFoldersChangeEvent(added=[gpt], removed=[])
        client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(change))
        assert (await symbols(client, "GPTLanguageModel"))[0].name == "GPTLanguageModel"
        change = types.WorkspaceFoldersChangeEvent(added=[], removed=[gpt])
        client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(change))
        assert all("/gpt/" not in found.location.uri for found in await symbols(client, "GPTLanguageModel"))


async def test_a_client_without_folders_has_its_root(place):
    directory, _ = place
    root = (directory / "gpt").as_uri()
    async with editing(place, workspace_folders=None, root_uri=root) as client:
        assert (await symbols(client, "GPTLanguageModel"))[0].name == "GPTLanguageModel"


async def test_without_any_folder_nothing_is_found(place):
    async with editing(place) as client:
        assert not await symbols(client, "GPTLanguageModel")


async def test_the_model_in_the_place_of_the_default_is_mentioned_once(place):
    async with editing(place, "shop", "gpt") as client:
        while not client.messages:
            await symbols(client, "cart")
        assert len(client.messages) == 1
        assert "nomic-ai/nomic-embed-text-v1" in client.messages[0].message


async def test_what_is_saved_is_found(place):
    directory, _ = place
    path = directory / "gpt/model/fresh.py"
    async with editing(place, "gpt") as client:
        path.write_text("def quantize_weights(model):\n    return model\n")
        client.text_document_did_save(
            types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(path.as_uri()))
        )
        deadline = time.monotonic() + HANG
        while not any(one.name == "quantize_weights" for one in await symbols(client, "quantize_weights")):
            assert time.monotonic() < deadline


async def test_a_folder_that_is_gone_does_not_silence_the_others(place):
    directory, _ = place
    gone = types.WorkspaceFolder((directory / "gone").as_uri(), "gone")
    shop = types.WorkspaceFolder((directory / "shop").as_uri(), "shop")
    async with editing(place, workspace_folders=[gone, shop]) as client:
        assert (await symbols(client, "evict_expired"))[0].name == "evict_expired"


async def test_progress_is_shown_to_a_client_that_can(place):
    directory, _ = place
    many = directory / "many"
    many.mkdir()
    for number in range(200):
        (many / f"m{number}.py").write_text(f"def number_{number}(x):\n    return x + {number}\n")
    async with editing(place, "many") as client:
        deadline = time.monotonic() + HANG
        while not any(type(report) is types.WorkDoneProgressEnd for report in reports(client)):
            assert time.monotonic() < deadline
            await symbols(client, "number")
        assert isinstance(reports(client)[0], types.WorkDoneProgressBegin)


def reports(client):
    return [report for token in client.progress_reports.values() for report in token]
