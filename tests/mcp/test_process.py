"""The process of `semls mcp`: its streams, its size, and what it does when the engine fails."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import HANG
from tests.support.waiting import wait_until


def engine_process(terminal):
    return json.loads(terminal.state_file.read_text())["pid"]


def test_two_agents_share_an_engine_that_is_replaced_after_a_crash(agent, start, shared_terminal):
    def found(agent):
        return agent.call("search", query="name:evict_expired", lines=0).splitlines()[0]

    other = start(stateless=True)
    other.start()
    before = found(agent)
    assert found(other) == before
    if os.name != "nt":
        first = engine_process(shared_terminal)
        os.kill(first, signal.SIGKILL)
        assert found(agent) == before
        assert found(other) == before
        assert engine_process(shared_terminal) != first


def test_start_folder_is_read_before_the_first_message(start, own_terminal):
    agent = start(**own_terminal.environment)
    wait_until(lambda: any(own_terminal.cache.rglob("index.sqlite")))
    assert agent.end() == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_cancelled_calls_get_no_answer_and_close_their_connections(agent, shared_terminal):
    agent.call("search", query="session")
    engine = json.loads(shared_terminal.state_file.read_text())

    def connections():
        with open("/proc/net/tcp") as table:
            rows = [line.split() for line in table]
        return sum(
            row[2].endswith(f":{engine['port']:04X}") and row[3] == "01" for row in rows
        )  # established

    idle = connections()
    os.kill(engine["pid"], signal.SIGSTOP)
    calls = [agent.request_call("search", query=query) for query in ("evict", "retry", "total")]
    wait_until(lambda: connections() >= idle + 2)  # one of them uses an idle connection
    for call in calls:
        agent.send(method="notifications/cancelled", params={"requestId": call})
    wait_until(lambda: connections() <= idle)  # then the engine cancels the search
    os.kill(engine["pid"], signal.SIGCONT)
    assert "evict_expired" in agent.call("search", query="evict")
    assert not set(calls) & set(agent.answered)


def test_stray_output_does_not_corrupt_protocol(start, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import os, subprocess, sys, threading, time\n"
        "def noise():\n"
        "    while sys.stdout is not sys.stderr: time.sleep(0.01)\n"
        "    while True:\n"
        "        print('noise'); os.write(1, b'noise')\n"
        "        subprocess.run([sys.executable, '-S', '-c', 'print(1)'])\n"
        "if 'mcp' in sys.orig_argv: threading.Thread(target=noise, daemon=True).start()\n"
    )
    agent = start(options=["-u"], PYTHONPATH=str(tmp_path))
    agent.start()
    for _ in range(30):
        assert agent.ask("ping")["result"] == {}
    agent.process.kill()
    assert "noise" in agent.process.communicate()[1]


def test_engine_that_cannot_start_is_explained(start):
    agent = start(SEMLS_CACHE_DIR="/dev/null/nowhere")
    agent.start()
    error = agent.fail("search", query="anything")
    assert "SEMLS_CACHE_DIR" in error
    assert "sandbox" in error
    message = agent.ask("resources/read", {"uri": "semls://status"})["error"]["message"]
    assert "SEMLS_CACHE_DIR" in message
    prompt = agent.ask("prompts/get", {"name": "explain", "arguments": {"topic": "anything"}})
    assert "SEMLS_CACHE_DIR" in prompt["error"]["message"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_front_end_stays_small(agent):
    agent.call("context", question="how do sessions expire")
    with open(f"/proc/{agent.process.pid}/status") as status:
        peak = re.search(r"VmHWM:\s+(\d+) kB", status.read())
    assert peak
    assert int(peak[1]) < 90_000
    with open(f"/proc/{agent.process.pid}/maps") as maps:
        mapped = maps.read()
    assert not re.search(r"/(torch|chromadb\w*|tree_sitter\w*|numpy|transformers)/", mapped)


def test_missing_sdk_is_explained(shared_terminal):
    program = "import sys; sys.modules['mcp'] = None; from semls.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "mcp"],
        env=shared_terminal.environment,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 2
    assert re.fullmatch(
        r"semls: The package mcp is missing. Install it: .+ -m pip install mcp\n", done.stderr
    )


@pytest.mark.slow
def test_new_large_folder_reports_progress_and_is_answered_in_time(start, shared_terminal, tmp_path):
    body = "".join(f"def work_{n}(value):\n    return value * {n}\n\n" for n in range(300))
    for number in range(400):
        (tmp_path / f"module_{number}.py").write_text(f"MODULE = {number}\n\n{body}")
    agent = start(tmp_path)
    agent.start()
    result = agent.call("search", token="call", query="multiply a value")
    params = [each["params"] for each in agent.notifications if each["method"] == "notifications/progress"]
    assert {each["progressToken"] for each in params} == {"call"}
    assert params[0]["message"].startswith("Reading files: ")
    amounts = [each["progress"] for each in params]
    assert amounts == sorted(set(amounts))
    assert max(amounts) < 10
    assert "Files are still being read" in result
    shared_terminal.stop()


@pytest.mark.serial
def test_first_answer_of_a_new_folder_comes_within_two_seconds(agent, start, tmp_path):
    agent.call("search", query="session")  # the engine runs
    (tmp_path / "one.py").write_text("def parse_header(line):\n    return line.split(':')\n")
    fresh = start(tmp_path)
    fresh.start()
    began = time.monotonic()
    assert fresh.call("search", query="parse the header").startswith("one.py:1-2 parse_header (function)\n")
    assert time.monotonic() - began < 2
