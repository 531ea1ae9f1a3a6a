"""`semls agent install` and `uninstall`, on configurations as the agents' documentation shows them."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from semls.agents.registry import AGENTS
from tests.conftest import FIXTURES, HANG
from tests.support.agent_client import AgentClient

tomllib = pytest.importorskip("tomllib")  # of Python 3.11

VARIABLES = {variable for agent in AGENTS.values() for _, variable in agent.moved}
VSCODE = {"darwin": "Library/Application Support/Code", "win32": "AppData/Roaming/Code"}.get(
    sys.platform, ".config/Code"
)
ZED = "AppData/Roaming/Zed" if sys.platform == "win32" else ".config/zed"
CONFIGURATIONS = {  # agent → file, section; tests/fixtures/agents has the contents
    "claude": (".claude.json", "mcpServers"),
    "codex": (".codex/config.toml", "mcp_servers"),
    "cursor": (".cursor/mcp.json", "mcpServers"),
    "gemini": (".gemini/settings.json", "mcpServers"),
    "opencode": (".config/opencode/opencode.jsonc", "mcp"),
    "vscode": (f"{VSCODE}/User/mcp.json", "servers"),
    "windsurf": (".codeium/windsurf/mcp_config.json", "mcpServers"),
    "zed": (f"{ZED}/settings.json", "context_servers"),
    "junie": (".junie/mcp/mcp.json", "mcpServers"),
    "copilot": (".copilot/mcp-config.json", "mcpServers"),
}


class User:
    """Runs `semls agent` with a home folder and a project of its own."""

    def __init__(self, directory):
        self.home, self.project = directory / "home", directory / "project"
        self.home.mkdir()
        self.project.mkdir()
        self.path = str(directory / "bin")

    def run(self, *arguments, status=0, **more):
        environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        done = subprocess.run(
            [sys.executable, "-m", "semls", "agent", *arguments],
            cwd=self.project,
            env={
                **environment,
                "HOME": str(self.home),
                "USERPROFILE": str(self.home),
                "PATH": self.path,
                **more,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=HANG,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done.stdout or done.stderr

    def write(self, path, text):
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        return file

    def files(self):
        return {
            str(file): file.read_bytes()
            for root in (self.home, self.project)
            for file in root.rglob("*")
            if file.is_file()
        }


@pytest.fixture
def user(tmp_path):
    return User(tmp_path)


def read_config(file, section):
    text = file.read_bytes().decode("utf-8-sig")
    if file.suffix == ".toml":
        return tomllib.loads(text)[section]
    text = re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', lambda match: match[1] or "", text)
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", text))[section]


def test_every_agent_has_a_configuration():
    assert set(CONFIGURATIONS) == set(AGENTS)


def test_install_edits_documented_configurations_and_uninstall_restores_them(user):
    (user.home / ".claude").mkdir()
    originals = {}
    for agent, (path, _) in CONFIGURATIONS.items():
        (fixture,) = (FIXTURES / "agents").glob(f"{agent}.*")
        originals[agent] = fixture.read_text("utf-8")
        user.write(path, originals[agent])
    before = user.files()
    user.run("install")
    for agent, (path, section) in CONFIGURATIONS.items():
        edited = (user.home / path).read_text("utf-8")
        assert all(comment in edited for comment in re.findall(r"(?://|/\*|# ).*", originals[agent]))
        servers = read_config(user.home / path, section)
        assert list(servers)[-1] == "semls"
        entry = servers["semls"]
        program, *arguments = entry["command"] if agent == "opencode" else [entry["command"], *entry["args"]]
        assert Path(program).is_absolute()
        assert arguments in (["mcp"], ["-m", "semls", "mcp"])
    installed = user.files()
    assert "semls is installed already." in user.run("install")
    assert user.files() == installed
    user.run("uninstall")
    assert user.files() == before
    assert "Nothing to remove." in user.run("uninstall")


def test_install_for_a_project_without_configuration(user):
    names = [name for name in AGENTS if name != "windsurf"]
    user.run("install", "--project", *(f"--agent={name}" for name in names))
    assert set(user.files()) == {
        str(user.project / path)
        for path in (
            ".mcp.json",
            ".codex/config.toml",
            ".cursor/mcp.json",
            ".gemini/settings.json",
            "opencode.json",
            ".vscode/mcp.json",
            ".zed/settings.json",
            ".junie/mcp/mcp.json",
            ".github/mcp.json",
        )
    }
    user.run("uninstall", "--project", *(f"--agent={name}" for name in names))
    assert user.files() == {}
    assert "no documented place" in user.run("install", "--project", "--agent=windsurf", status=2)


def test_skill_and_subagent_are_replaced_and_removed_only_if_unchanged(user):
    both = ("--agent=claude", "--agent=codex", "--type=skill", "--type=subagent")
    user.run("install", *both)
    skill = user.home / ".claude/skills/semls/SKILL.md"
    assert skill.read_text("utf-8").startswith("---\nname: semls\ndescription: ")
    subagent = (user.home / ".claude/agents/semls.md").read_text("utf-8")
    assert "\ntools: Read, mcp__semls__search, " in subagent
    codex = tomllib.loads((user.home / ".codex/agents/semls.toml").read_text("utf-8"))
    assert codex["sandbox_mode"] == "read-only"
    assert codex["developer_instructions"].strip() in subagent
    skill.write_text(skill.read_text("utf-8").replace("semls", "mine"), "utf-8")
    assert "was changed" in user.run("install", *both, status=2)
    user.run("uninstall", "--agent=claude", "--agent=codex")
    assert list(user.files()) == [str(skill)]


def test_print_shows_the_change_and_makes_none(user):
    file = user.write(".cursor/mcp.json", '{\n  "mcpServers": {}\n}\n')
    printed = user.run("install", "--print")
    assert f"--- {file}\n+++ {file}\n" in printed
    assert re.search(r'^\+ {6}"command": "', printed, re.MULTILINE)
    assert file.read_text() == '{\n  "mcpServers": {}\n}\n'


def test_entry_of_another_installation_is_updated_and_keeps_its_other_members(user):
    old = {"command": "/old/bin/semls", "args": ["mcp"], "env": {"SEMLS_THREADS": "2"}}
    file = user.write(".cursor/mcp.json", json.dumps({"mcpServers": {"semls": old}}))
    user.run("install")
    entry = read_config(file, "mcpServers")["semls"]
    assert entry["env"] == old["env"]
    assert entry["command"] != old["command"]


def test_entry_of_the_user_is_neither_replaced_nor_removed(user):
    text = '{"mcpServers": {"semls": {"command": "docker", "args": ["run", "semls", "mcp"]}}}'
    file = user.write(".cursor/mcp.json", text)
    assert "did not write" in user.run("install", status=2)
    assert "Nothing to remove." in user.run("uninstall")
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (".cursor/mcp.json", '{"mcpServers": {', "'end of file' in line 1 is unexpected"),
        (".cursor/mcp.json", '{"mcpServers": []}', "'mcpServers' is not an object"),
        (".cursor/mcp.json", "[" * 100_000, "nested too deeply"),
        (".cursor/mcp.json", '{"a": 1, "a": 2}', "occurs twice"),
        (".codex/config.toml", 'mcp_servers = {a = {command = "a"}}\n', "config.toml cannot be edited"),
        (".codex/config.toml", "model = \n", "config.toml cannot be edited"),
    ],
)
def test_file_that_cannot_be_edited_is_explained_and_stays(user, path, text, message):
    file = user.write(path, text)
    assert message in user.run("install", status=3)
    assert file.read_text() == text


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such links and permissions")
def test_links_and_permissions(user):
    real = user.write("dotfiles/mcp.json", '{"mcpServers": {"db": {"command": "db"}}}')
    real.chmod(0o600)
    link = user.home / ".cursor/mcp.json"
    link.parent.mkdir()
    link.symlink_to(real)
    user.run("install")
    assert link.is_symlink()
    assert "semls" in read_config(real, "mcpServers")
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    (user.project / ".cursor").symlink_to(user.home / ".cursor")
    assert "leaves the project" in user.run("install", "--project", "--agent=cursor", status=3)


def test_variables_of_agents_move_their_files(user):
    moved = {"CLAUDE_CONFIG_DIR": str(user.home / "a"), "CODEX_HOME": str(user.home / "b")}
    user.run("install", "--agent=claude", "--agent=codex", "--type=mcp", "--type=subagent", **moved)
    names = {"a/.claude.json", "a/agents/semls.md", "b/config.toml", "b/agents/semls.toml"}
    assert set(user.files()) == {str(user.home / name) for name in names}


def test_no_agent_is_found(user):
    assert "No coding agent was found. Name one with --agent: claude, codex," in user.run("install", status=2)


@pytest.mark.skipif(os.name == "nt", reason="the fake program is a shell script")
def test_commands_of_claude_and_codex_are_preferred(user):
    Path(user.path).mkdir()
    for name in ("claude", "codex"):
        program = Path(user.path) / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> "$HOME/log"\n')
        program.chmod(0o755)
    user.run("install")
    log = (user.home / "log").read_text().splitlines()
    assert re.fullmatch(r"claude mcp add --scope user semls -- /.+ mcp", log[0])
    assert re.fullmatch(r"codex mcp add semls -- /.+ mcp", log[1])
    assert len(log) == 2


def test_installed_command_serves_an_agent(user, shared_terminal):
    user.run("install", "--agent=junie")
    entry = read_config(user.home / ".junie/mcp/mcp.json", "mcpServers")["semls"]
    client = AgentClient(
        shared_terminal.environment, user.project, command=[entry["command"], *entry["args"]]
    )
    assert client.start()["serverInfo"]["name"] == "semls"
    assert client.end() == (0, "")
