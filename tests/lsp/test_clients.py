"""Clients that pytest-lsp does not have: with their capabilities, and with what they do to symbols."""

import re
from typing import Any

import pytest

from tests.conftest import FIXTURES

QUESTION = "throw out visitors who were idle for too long"
CODE_KINDS = {5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 22, 23}  # SymbolKind of classes, functions and members

HELIX = {
    "clientInfo": {"name": "helix", "version": "25.07"},
    "capabilities": {
        "workspace": {
            "configuration": True,
            "didChangeConfiguration": {"dynamicRegistration": False},
            "workspaceFolders": True,
            "applyEdit": True,
            "symbol": {"dynamicRegistration": False},
            "executeCommand": {"dynamicRegistration": False},
            "didChangeWatchedFiles": {"dynamicRegistration": True, "relativePatternSupport": False},
        },
        "textDocument": {"publishDiagnostics": {"versionSupport": True}},
        "window": {"workDoneProgress": True, "showDocument": {"support": True}},
        "general": {"positionEncodings": ["utf-8", "utf-32", "utf-16"]},
    },
}
ZED = {
    "clientInfo": {"name": "Zed", "version": "0.210"},
    "capabilities": {
        "general": {"positionEncodings": ["utf-16"]},
        "workspace": {
            "configuration": True,
            "didChangeConfiguration": {"dynamicRegistration": True},
            "didChangeWatchedFiles": {"dynamicRegistration": True, "relativePatternSupport": True},
            "workspaceFolders": True,
            "symbol": {"resolveSupport": {"properties": ["location.range"]}},
        },
        "window": {"workDoneProgress": True},
    },
}
SUBLIME = {
    "clientInfo": {"name": "Sublime Text LSP", "version": "2.7.0"},
    "capabilities": {
        "general": {
            "regularExpressions": {"engine": "ECMAScript"},
            "markdown": {"parser": "Python-Markdown"},
        },
        "workspace": {
            "configuration": True,
            "workspaceFolders": True,
            "executeCommand": {},
            "symbol": {
                "dynamicRegistration": True,
                "resolveSupport": {"properties": ["location.range"]},
                "symbolKind": {"valueSet": list(range(1, 27))},
                "tagSupport": {"valueSet": [1]},
            },
        },
        "window": {"workDoneProgress": True, "showDocument": {"support": True}},
    },
}
KATE = {"capabilities": {"workspace": {"workspaceFolders": True}, "window": {"workDoneProgress": True}}}
CLIENTS: dict[str, dict[str, Any]] = {"helix": HELIX, "zed": ZED, "sublime": SUBLIME, "kate": KATE}


@pytest.fixture(params=CLIENTS)
def client(request, raw, workspace):
    started, shop = raw(), workspace("shop")
    folder = {"uri": shop.as_uri(), "name": "shop"}
    started.start(**CLIENTS[request.param], rootUri=shop.as_uri(), workspaceFolders=[folder])
    started.name = request.param
    assert started.search("evict_expired")
    return started


def is_kept(query, name):
    """Return whether a fuzzy filter keeps a name: it has the letters of the query in their order."""
    return re.search(".*".join(map(re.escape, query.lower().replace(" ", ""))), name.lower())


def test_workspace_symbol_in_each_client_ranks_definition_first(client):
    found = client.ask("workspace/symbol", {"query": "evict_expired"})["result"]
    assert found[0]["name"].endswith("evict_expired")
    assert found[0]["containerName"] == "SessionStore"


def test_workspace_symbol_in_each_client_has_range_and_known_kind(client):
    found = client.ask("workspace/symbol", {"query": QUESTION})["result"]
    assert len(found) > 3
    for symbol in found:
        where = symbol["location"]["range"]
        assert where["start"]["line"] == where["end"]["line"]
        assert where["start"]["character"] <= where["end"]["character"]
    assert {symbol["kind"] for symbol in found if symbol["containerName"] != "README.md"} & CODE_KINDS
    assert 1 not in {symbol["kind"] for symbol in found}  # File, which some pickers hide


def test_workspace_symbol_for_filtering_client_starts_with_query_and_rank(client):
    for query in (QUESTION, "evict_expired"):
        found = client.ask("workspace/symbol", {"query": query})["result"]
        names = [symbol["name"] for symbol in found]
        if client.name in ("zed", "sublime"):
            assert all(is_kept(query, name) for name in names)
            assert names == sorted(names)
        else:
            assert not any(query in name for name in names if query == QUESTION)
            assert not any("→" in name for name in names)


def test_open_best_in_client_with_show_document_opens_location(client):
    params = {"command": "semls.openBest", "arguments": [{"query": "name:evict_expired"}]}
    answer = client.ask("workspace/executeCommand", params)
    shown = [one["params"] for one in client.server_requests if one["method"] == "window/showDocument"]
    if client.name in ("helix", "sublime"):
        (document,) = shown
        assert document["takeFocus"]
        line = (
            (FIXTURES / "shop/store/session.rs")
            .read_text()
            .split("\n")[document["selection"]["start"]["line"]]
        )
        assert "fn evict_expired" in line
        assert answer["result"]["range"] == document["selection"]
    else:
        assert answer["error"]["code"] == -32803
        assert shown == []


def test_workspace_symbol_with_several_folders_names_folder(raw, workspace, tmp_path):
    client, shop = raw(), workspace("shop")
    other = tmp_path / "other"
    other.mkdir()
    (other / "again.py").write_text("def evict_expired(store):\n    return store\n")
    folders = [{"uri": shop.as_uri(), "name": "the shop"}, {"uri": other.as_uri(), "name": ""}]
    client.start(workspaceFolders=folders)
    assert client.search("evict_expired")
    found = client.ask("workspace/symbol", {"query": "name:evict_expired"})["result"]
    assert {symbol["containerName"] for symbol in found} == {"the shop: SessionStore", "other: again.py"}
    hits = client.search("name:evict_expired")
    assert {hit["folder"] for hit in hits} == {"the shop", "other"}
    change = {"added": [folders[0] | {"name": "renamed"}], "removed": [folders[0], folders[1]]}
    client.send(method="workspace/didChangeWorkspaceFolders", params={"event": change})
    hits = client.search("name:evict_expired")
    assert {hit["folder"] for hit in hits} == {"renamed"}
