"""What agents of both versions of the protocol rely on, as JSON lines."""

import json

import pytest

from semls import __version__

RESULT = "store/session.rs:26-31 SessionStore.evict_expired (method)\npub fn evict_expired("


@pytest.fixture(scope="module", params=["session", "stateless"])
def connection(request, start):
    """An agent of each version of the protocol, and what the server says about itself."""
    agent = start(stateless=request.param == "stateless")
    return agent, agent.start()


def test_handshake_describes_server(connection):
    _, result = connection
    about = result.get("serverInfo") or result["_meta"]["io.modelcontextprotocol/serverInfo"]
    assert (about["name"], about["version"]) == ("semls", __version__)
    assert "2026-07-28" in result["supportedVersions"] if "supportedVersions" in result else True
    assert set(result["capabilities"]) == {"tools", "resources", "prompts"}
    assert "search" in result["instructions"]
    assert len(result["instructions"]) < 900


def test_tools_are_few_short_and_read_only(connection):
    agent, _ = connection
    response = agent.ask("tools/list")
    tools = response["result"]["tools"]
    assert len(json.dumps(response, separators=(",", ":"))) < 3000
    assert [tool["name"] for tool in tools] == ["search", "similar", "context"]
    for tool in tools:
        hints = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}
        assert tool["annotations"] == hints
        assert "outputSchema" not in tool
        types = {parameter["type"] for parameter in tool["inputSchema"]["properties"].values()}
        assert types <= {"string", "integer"}
        assert all(parameter["description"] for parameter in tool["inputSchema"]["properties"].values())


def test_search_returns_locations_and_code(connection):
    agent, _ = connection
    assert agent.call("search", query="evict expired sessions").startswith(RESULT)


def test_resource_and_prompt(connection):
    agent, _ = connection
    status = agent.ask("resources/read", {"uri": "semls://status"})["result"]["contents"][0]
    assert status["mimeType"] == "text/plain"
    assert "phase: " in status["text"]
    prompt = agent.ask("prompts/get", {"name": "explain", "arguments": {"topic": "how sessions expire"}})
    (message,) = prompt["result"]["messages"]
    assert message["role"] == "user"
    assert "store/session.rs:" in message["content"]["text"]
    assert agent.ask("prompts/get", {"name": "explain"})["error"]["code"] == -32602
