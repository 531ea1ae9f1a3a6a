"""The plugin, the skill and the subagent, as agents read them."""

import json
import re
from pathlib import Path

import pytest

from semls.agents import texts
from semls.agents.registry import AGENTS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "editors" / "agents"


def read_json(path):
    return json.loads(path.read_text("utf-8"))


def front_matter(text):
    head = re.match(r"---\n(.+?)\n---\n\n", text, re.DOTALL)
    assert head
    return dict(line.split(": ", 1) for line in head[1].splitlines() if ": " in line)


def test_marketplace_points_to_the_plugin():
    (plugin,) = read_json(ROOT / ".claude-plugin/marketplace.json")["plugins"]
    assert ROOT / plugin["source"] == FOLDER
    manifest = read_json(FOLDER / ".claude-plugin/plugin.json")
    assert manifest["name"] == plugin["name"]
    server = manifest["mcpServers"]["semls"]
    assert [server["command"], *server["args"]] == ["semls", "mcp"]


def test_tools_of_the_subagent_are_those_of_the_plugin():
    tools = front_matter((FOLDER / "agents/semls.md").read_text("utf-8"))["tools"].split(", ")
    names = ("search", "similar", "context")
    assert tools == ["Read", *(f"mcp__plugin_semls_semls__{name}" for name in names)]


def test_skill_has_the_required_form():
    skill = texts.skill()
    fields = front_matter(skill)
    assert fields["name"] == "semls"
    assert len(fields["description"]) <= 1024
    assert texts.is_unchanged(skill)
    assert texts.is_unchanged(skill.replace("\n", "\r\n"))
    assert not texts.is_unchanged(skill.replace("grep", "rg"))


@pytest.mark.parametrize(
    "agent", [agent for agent in AGENTS.values() if agent.subagent], ids=lambda each: each.name
)
def test_subagent_has_the_front_matter_of_the_agent(agent):
    text = texts.subagent(agent.subagent)
    assert set(front_matter(text)) >= {"name", "description"}
    assert agent.subagent in text
    assert texts.is_unchanged(text)


def test_description_in_the_mcp_registry_is_short():
    server = read_json(ROOT / "server/packaging/server.json")
    assert len(server["description"]) <= 100
    assert f"<!-- mcp-name: {server['name']} -->" in (ROOT / "README.md").read_text("utf-8")
