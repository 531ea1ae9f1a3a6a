"""`semls mcp --http`: who may connect."""

import re
import subprocess
import sys

import httpx
import pytest

HEADERS = {"Accept": "application/json, text/event-stream"}
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "search", "arguments": {"query": "name:evict_expired"}},
}


@pytest.fixture(scope="module")
def served(shared_terminal, shop):
    """Return the address of a server that chose its port and token, and the token."""
    server = subprocess.Popen(
        [sys.executable, "-m", "semls", "mcp", "--http", "0"],
        stderr=subprocess.PIPE,
        cwd=shop,
        env=shared_terminal.environment,
        text=True,
    )
    assert server.stderr
    text = server.stderr.readline() + server.stderr.readline()
    printed = re.fullmatch(
        r"Serving MCP at (\S+)\nClients need the header `Authorization: Bearer (\S+)`\n", text
    )
    assert printed, text
    yield printed[1], printed[2]
    server.kill()
    server.communicate()


def post(served, **headers):
    url, token = served
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.post(url, json=CALL, headers={**HEADERS, "Authorization": f"Bearer {token}", **headers})


def test_client_with_token_is_answered(served):
    response = post(served)
    assert response.status_code == 200
    assert "store/session.rs:26-31" in response.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Host": "evil.example"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
    ],
)
def test_other_client_is_refused(served, headers, status):
    assert post(served, **headers).status_code == status


def test_token_of_the_environment_is_not_printed_and_port_in_use_is_explained(shared_terminal, served):
    port = re.search(r":(\d+)/", served[0])
    assert port
    done = shared_terminal.run("mcp", "--http", port[1], SEMLS_MCP_TOKEN="chosen")
    assert done.returncode == 2
    assert f"The port {port[1]} cannot be used" in done.stderr
    assert "chosen" not in done.stderr


def test_token_that_no_header_can_contain_is_refused(shared_terminal):
    done = shared_terminal.run("mcp", "--http", "0", SEMLS_MCP_TOKEN="one\n")
    assert done.returncode == 2
    assert "SEMLS_MCP_TOKEN contains white space" in done.stderr
