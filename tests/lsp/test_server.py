"""The language server over stdio with the offline model."""

import asyncio
import time
from itertools import groupby

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import client_capabilities

from tests.conftest import HANG
from tests.support.agent_client import AgentClient
from tests.support.language_clients import (
    EDITORS,
    as_dict,
    as_range,
    editing,
    execute,
    position_params,
    request,
    search_command,
    symbols,
    text_at,
)

# Tests that change nothing share a language server, and so all tests of the module share an event loop.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop_client(offline):
    async with editing(offline, "shop") as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gpt_client(offline):
    async with editing(offline, "gpt") as client:
        yield client


@pytest.mark.parametrize("editor", EDITORS)
async def test_workspace_symbol_with_question_finds_definition(offline, editor):
    async with editing(offline, "shop", editor=editor) as client:
        found = await symbols(client, "throw out visitors who were idle for too long")
        first = found[0]
        assert first.name == "evict_expired"
        assert first.kind == types.SymbolKind.Method
        assert first.container_name == "SessionStore"
        assert first.location.uri.endswith("store/session.rs")
        assert text_at(first.location) == "evict_expired"


@pytest.mark.parametrize("typed", ["GPTLanguageModel", "gptlanguagemodel", "GPTLang", "GLM"])
async def test_workspace_symbol_with_exact_or_partial_name_ranks_it_first(gpt_client, typed):
    assert (await symbols(gpt_client, typed))[0].name == "GPTLanguageModel"


@pytest.mark.parametrize("query", ["", "   "])
async def test_workspace_symbol_with_blank_query_is_empty(shop_client, query):
    assert not await symbols(shop_client, query)


async def test_search_with_filters_in_query_applies_them(shop_client):
    found = await symbols(shop_client, "lang:rust name:evict* session of a visitor")
    assert [symbol.name for symbol in found] == ["evict_expired"]
    listed = await symbols(shop_client, "lang:rust kind:method")
    assert {symbol.location.uri.rsplit(".")[-1] for symbol in listed} == {"rs"}
    assert {symbol.kind for symbol in listed} == {types.SymbolKind.Method}
    answer = await shop_client.protocol.send_request_async(
        "semls/search", {"query": 'session "sessions.retain"', "languages": ["rust"]}
    )
    assert [hit.name for hit in answer.hits] == ["evict_expired"]
    assert answer.query == 'session "sessions.retain"'
    answer = await request(shop_client, "semls/search", {"query": "session", "paths": ["nowhere"]})
    assert (answer["hits"], answer["notice"]) == ([], "No indexed file matches path:nowhere.")


async def test_workspace_symbol_with_incomplete_filter_logs_instead_of_failing(shop_client):
    query = "evict_expired lang:rust"
    for end in range(1, len(query)):
        await symbols(shop_client, query[:end])
    assert (await symbols(shop_client, query))[0].name == "evict_expired"
    assert not any("language" in message.message for message in shop_client.messages)
    assert any("Unknown language 'rus'" in message.message for message in shop_client.log_messages)


async def test_search_command_with_filters_returns_locations(shop_client):
    everywhere = await search_command(shop_client, {"query": "session of a visitor", "limit": 5})
    assert len(everywhere) == 5
    rust = await search_command(
        shop_client, {"query": "session of a visitor", "languages": ["rust"], "limit": 50}
    )
    assert rust
    assert {location["uri"].rsplit(".")[-1] for location in map(as_dict, rust)} == {"rs"}
    one = await search_command(shop_client, {"query": "cart", "paths": ["web"], "kinds": ["class"]})
    assert [as_dict(location)["uri"].rsplit("/")[-1] for location in one] == ["cart.ts"]


async def test_search_request_returns_scores_and_coverage(gpt_client):
    answer = await gpt_client.protocol.send_request_async(
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
    assert first["matched"] == ["lexical", "semantic"]


async def test_search_text_is_that_of_the_mcp_server(offline, shop_client):
    directory, terminal = offline
    agent = AgentClient(terminal.environment, directory / "shop")
    agent.start()
    try:
        for params in (
            {"query": "throw out visitors"},
            {"query": "cart", "limit": 2},
            {"query": "name:nothing"},
        ):
            answer = await request(shop_client, "semls/searchText", params)
            assert answer["text"] == await asyncio.to_thread(agent.call, "search", **params)
    finally:
        agent.process.kill()
        agent.process.communicate()


async def test_search_text_in_several_folders_starts_with_their_names(offline):
    async with editing(offline, "shop", "gpt") as client:
        answer = await request(client, "semls/searchText", {"query": "name:evict_expired"})
        assert answer["text"].startswith("shop/store/session.rs:26-31 SessionStore.evict_expired (method)\n")
        with pytest.raises(JsonRpcException, match="nonsense"):
            await request(client, "semls/searchText", {"query": "kind:nonsense"})


async def test_search_request_returns_what_matched(gpt_client):

    async def matched(query):
        hits = (await request(gpt_client, "semls/search", {"query": query}))["hits"]
        return {hit["name"]: hit["matched"] for hit in hits}

    assert (await matched("load_decoder"))["load_decoder"] == ["name", "lexical", "semantic"]
    assert (await matched("name:load_decoder")) == {"load_decoder": []}
    assert ["semantic"] in (await matched("turn numbers back into readable characters")).values()


async def test_search_request_returns_the_line_that_matches_best(shop_client):
    params = {"query": "throw out everybody who was idle", "limit": 1}
    (hit,) = (await request(shop_client, "semls/search", params))["hits"]
    assert hit["best"] == {"text": "Throw out everybody who was idle for too long."}


async def test_search_by_file_returns_adjacent_hits_of_each_file(shop_client):
    params = {"query": "the goods of an order", "limit": 9}
    flat = (await request(shop_client, "semls/search", params))["hits"]
    grouped = (await request(shop_client, "semls/search", {**params, "group": "file", "wait": True}))["hits"]
    paths = [hit["path"] for hit in grouped]
    groups = [(path, len(list(hits))) for path, hits in groupby(paths)]
    assert [path for path, _ in groups] == list(dict.fromkeys(paths))
    assert max(count for _, count in groups) > 1
    assert (grouped[0], set(grouped[0])) == (flat[0], set(flat[0]))
    assert paths != [hit["path"] for hit in flat]
    locations = await search_command(shop_client, {**params, "group": "file"})
    assert [as_dict(location)["uri"] for location in locations] == [hit["uri"] for hit in grouped]
    with pytest.raises(JsonRpcException, match=r"^'group' must be 'file'\.$"):
        await request(shop_client, "semls/search", {**params, "group": "folder"})


async def test_search_match_inside_long_definition_selects_its_line(offline):
    lines = [f"    total_{number} = first_{number} + second_{number}\n" for number in range(200)]
    lines[150] = "    quarantine = customs.inspect(letter)\n"
    file = offline[0] / "shop" / "long.py"
    file.write_text(f"def process(parcel):\n{''.join(lines)}")
    try:
        async with editing(offline, "shop") as client:
            query = "letters that customs have in quarantine path:long.py"
            (hit,) = (await request(client, "semls/search", {"query": query}))["hits"]
            assert hit["name"] == "process"
            assert "quarantine" in hit["snippet"]
            start, end = hit["range"]["start"], hit["range"]["end"]
            assert 100 < start["line"] < 151 <= end["line"]
            match = {"line": 151, "character": 4}
            assert hit["selectionRange"] == {"start": match, "end": match}
            (symbol,) = await symbols(client, query)
            assert symbol.location.range == as_range(hit["selectionRange"])
            (symbol,) = await symbols(client, "process path:long.py")
            assert text_at(symbol.location) == "process"
    finally:
        file.unlink()


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
        [{"query": "x lang:klingon"}],
        [{"query": "x path:"}],
        [{"query": "x", "colour": "red"}],
        [{"query": "x"}, {"query": "y"}],
    ],
)
async def test_search_command_with_invalid_arguments_explains_them(shop_client, arguments):
    with pytest.raises(JsonRpcException) as raised:
        await search_command(shop_client, *arguments)
    assert raised.value.code == -32602
    assert len(raised.value.message) > 20
    assert "Traceback" not in raised.value.message


async def test_similar_at_position_returns_similar_code(offline):
    directory, _ = offline
    async with editing(offline, "gpt", "shop") as client:
        params = position_params(directory, "gpt/model/tokenizer.py", 16)
        first, *rest = [
            as_dict(one) for one in await execute(client, "semls.similar", {**params, "limit": 4})
        ]
        assert text_at(types.Location(first["uri"], as_range(first["range"]))) == "load_decoder"
        assert len(rest) == 3
        answer = await request(client, "semls/similar", {**params, "limit": 4})
        assert (answer["name"], answer["container"], answer["copies"]) == ("load_encoder", "Tokenizer", [])
        assert answer["model"] == "sentence-transformers/all-MiniLM-L6-v2"
        assert [hit["uri"] for hit in answer["hits"]] == [first["uri"], *(one["uri"] for one in rest)]
        assert {hit["count"] for hit in answer["hits"]} == {1}


async def test_similar_copies_have_columns_in_client_encoding(offline):
    directory, _ = offline
    (directory / "twice").mkdir()
    for name in ("one.js", "two.js"):
        (directory / "twice" / name).write_text("/* 😋é */ function größe() { return 'the size' }\n", "utf-8")
    async with editing(offline, "twice") as client:
        answer = await request(client, "semls/similar", position_params(directory, "twice/one.js", 0))
        (copy,) = answer["copies"]
        assert (copy["path"], answer["hits"]) == ("two.js", [])
        for found in (answer, copy):
            assert text_at(types.Location(found["uri"], as_range(found["selectionRange"]))) == "größe"


async def test_context_returns_markdown_or_sections(gpt_client):
    question = {"query": "How can I load the decoder from the tokenizer?", "tokens": 300}
    text = await execute(gpt_client, "semls.context", question)
    assert text.startswith("## `model/tokenizer.py:")
    assert "def load_decoder" in text
    answer = await request(gpt_client, "semls/context", question)
    assert answer["markdown"] == text
    assert answer["tokens"] <= 300
    section = answer["sections"][0]
    assert section["path"] == "model/tokenizer.py"
    assert section["parts"][0]["text"].startswith("class Tokenizer:")
    assert as_range(section["parts"][0]["range"]).start.character == 0
    assert not await execute(gpt_client, "semls.context", {**question, "languages": ["go"]})


async def test_status_returns_state_of_each_folder(offline):
    directory, _ = offline
    async with editing(offline, "gpt", "shop") as client:
        folders = (await request(client, "semls/status", None))["folders"]
        assert [folder["workspace"] for folder in folders] == [
            str(directory / name) for name in ("gpt", "shop")
        ]
        for folder in folders:
            assert folder["chunks"] == folder["embedded"] > folder["files"] > 0
            assert folder["model"] == "sentence-transformers/all-MiniLM-L6-v2"
            assert folder["device"]
            assert (folder["queue"], folder["error"]) == (0, "")
            assert folder["disk"] > 0
            assert folder["skipped_files"] == []


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("semls.similar", {}),
        ("semls.similar", {"uri": "untitled:one", "position": {"line": 0, "character": 0}}),
        ("semls.similar", {"uri": "file:///etc/passwd", "position": {"line": 0, "character": 0}}),
        ("semls.similar", {"uri": "SHOP/api/orders.go"}),
        ("semls.similar", {"uri": "SHOP/api/orders.go", "position": {"character": 0}}),
        ("semls.similar", {"uri": "SHOP/api/orders.go", "position": {"line": -1, "character": 0}}),
        ("semls.similar", {"uri": "SHOP/api/orders.go", "position": {"line": 10**6, "character": 0}}),
        ("semls.similar", {"uri": "SHOP/api/orders.go", "position": {"line": 0, "character": 0}, "limit": 0}),
        ("semls.similar", {"uri": "SHOP/a%00b.go", "position": {"line": 0, "character": 0}}),
        ("semls.similar", {"uri": "SHOP/nowhere.go", "position": {"line": 0, "character": 0}}),
        ("semls.context", {}),
        ("semls.context", {"query": ""}),
        ("semls.context", {"query": "session", "tokens": 5}),
        ("semls.context", {"query": "session", "tokens": "many"}),
        ("semls.context", {"query": "session", "limit": 5}),
    ],
)
async def test_similar_and_context_with_invalid_arguments_explain_them(shop_client, offline, name, arguments):
    directory, _ = offline
    if "uri" in arguments:
        arguments = {**arguments, "uri": arguments["uri"].replace("SHOP", (directory / "shop").as_uri())}
    with pytest.raises(JsonRpcException) as raised:
        await execute(shop_client, name, arguments)
    assert raised.value.code == -32602
    assert len(raised.value.message) > 20
    assert "Traceback" not in raised.value.message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_search_command_returns_columns_in_negotiated_encoding(offline, encoding):
    directory, _ = offline
    (directory / "wide").mkdir(exist_ok=True)
    (directory / "wide/wide.js").write_text(
        "/* 😋é */ function größenwächter() { return 'guards the size' }\n", "utf-8"
    )
    capabilities = client_capabilities("visual_studio_code")
    capabilities.general = types.GeneralClientCapabilities(
        position_encodings=[types.PositionEncodingKind(encoding)]
    )
    async with editing(offline, "wide", capabilities=capabilities) as client:
        (location,) = [
            as_dict(one) for one in await search_command(client, {"query": "größenwächter", "limit": 1})
        ]
        found = types.Location(location["uri"], as_range(location["range"]))
        assert text_at(found, encoding) == "größenwächter"


async def test_added_folder_is_searched_and_removed_one_is_not(offline):
    directory, _ = offline
    gpt = types.WorkspaceFolder((directory / "gpt").as_uri(), "gpt")
    async with editing(offline, "shop") as client:
        change = types.WorkspaceFoldersChangeEvent(added=[gpt], removed=[])
        client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(change))
        assert (await symbols(client, "GPTLanguageModel"))[0].name == "GPTLanguageModel"
        change = types.WorkspaceFoldersChangeEvent(added=[], removed=[gpt])
        client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(change))
        assert all("/gpt/" not in found.location.uri for found in await symbols(client, "GPTLanguageModel"))


async def test_root_uri_without_workspace_folders_is_searched(offline):
    directory, _ = offline
    root = (directory / "gpt").as_uri()
    async with editing(offline, workspace_folders=None, root_uri=root) as client:
        assert (await symbols(client, "GPTLanguageModel"))[0].name == "GPTLanguageModel"


async def test_workspace_symbol_without_folders_is_empty(offline):
    async with editing(offline) as client:
        assert not await symbols(client, "GPTLanguageModel")


async def test_fallback_model_is_reported_once(offline):
    async with editing(offline, "shop", "gpt") as client:
        while not client.messages:
            await symbols(client, "cart")
        assert len(client.messages) == 1
        assert "nomic-ai/nomic-embed-text-v1" in client.messages[0].message


async def test_saved_file_is_found(offline):
    directory, _ = offline
    path = directory / "gpt/model/fresh.py"
    async with editing(offline, "gpt") as client:
        path.write_text("def quantize_weights(model):\n    return model\n")
        client.text_document_did_save(
            types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(path.as_uri()))
        )
        deadline = time.monotonic() + HANG
        while not any(one.name == "quantize_weights" for one in await symbols(client, "quantize_weights")):
            assert time.monotonic() < deadline


async def test_missing_folder_does_not_fail_search(offline):
    directory, _ = offline
    missing = types.WorkspaceFolder((directory / "missing").as_uri(), "missing")
    shop = types.WorkspaceFolder((directory / "shop").as_uri(), "shop")
    async with editing(offline, workspace_folders=[missing, shop]) as client:
        assert (await symbols(client, "evict_expired"))[0].name == "evict_expired"


async def test_progress_with_capability_is_sent(offline):
    directory, _ = offline
    folder = directory / "many"
    folder.mkdir()
    for number in range(200):
        (folder / f"m{number}.py").write_text(f"def number_{number}(x):\n    return x + {number}\n")
    async with editing(offline, "many") as client:
        deadline = time.monotonic() + HANG
        while not any(type(report) is types.WorkDoneProgressEnd for report in reports(client)):
            assert time.monotonic() < deadline
            await symbols(client, "number")
        assert isinstance(reports(client)[0], types.WorkDoneProgressBegin)


def reports(client):
    return [report for token in client.progress_reports.values() for report in token]
