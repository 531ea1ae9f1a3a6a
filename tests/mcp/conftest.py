import shutil
import subprocess

import pytest

from tests.conftest import FIXTURES
from tests.support.agent_client import AgentClient
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A repository."""
    shop = tmp_path_factory.mktemp("agents") / "shop"
    shutil.copytree(FIXTURES / "shop", shop)
    subprocess.run(["git", "init", "--quiet", shop], check=True)
    return shop


@pytest.fixture(scope="module")
def start(shared_terminal, shop):
    """Starts agents that share an engine, and kills them after the module."""
    started = []

    def start_agent(cwd=shop, *, stateless=False, options=(), **environment):
        hidden = {"SEMLS_PATH": "", "CLAUDE_PROJECT_DIR": ""}
        every = {**shared_terminal.environment, **hidden, **environment}
        agent = AgentClient(every, cwd, stateless=stateless, options=options)
        started.append(agent)
        return agent

    yield start_agent
    for agent in started:
        agent.process.kill()
        agent.process.communicate()


@pytest.fixture(scope="module")
def agent(start):
    """An agent in the shop, whose code is embedded; all tests of a module share it."""
    agent = start()
    agent.start()

    def is_ready():
        (content,) = agent.ask("resources/read", {"uri": "semls://status"})["result"]["contents"]
        return "phase: ready" in content["text"]

    wait_until(is_ready)
    return agent
