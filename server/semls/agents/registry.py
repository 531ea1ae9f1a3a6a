"""The coding agents whose configuration `semls agent install` can edit."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Command = tuple[str, ...]


def _stdio(command: Command) -> Mapping[str, object]:
    return {"command": command[0], "args": list(command[1:])}


def _typed(command: Command) -> Mapping[str, object]:
    return {"type": "stdio", **_stdio(command)}


def _copilot(command: Command) -> Mapping[str, object]:
    return {"type": "local", **_stdio(command), "tools": ["*"]}


def _opencode(command: Command) -> Mapping[str, object]:
    return {"type": "local", "command": list(command), "enabled": True}


@dataclass(frozen=True, slots=True)
class Places:
    """Paths below the user's home folder, or below a project. A path is "" if the agent does not have it."""

    config: str
    skills: str = ""
    subagent: str = ""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent, its files, and how it writes an MCP server.

    `program` and `folder` tell that it is installed. `add` and `remove` are its own commands that change the
    user's configuration. `subagent` is the front matter of its subagents, besides name and description.
    `moved` are prefixes of the user's paths that variables replace.
    """

    name: str
    title: str
    program: str
    folder: str
    section: str
    user: Places
    project: Places
    entry: Callable[[Command], Mapping[str, object]] = _stdio
    add: Command = ()
    remove: Command = ()
    subagent: str = ""
    moved: tuple[tuple[str, str], ...] = ()


_XDG = ((".config/", "XDG_CONFIG_HOME"),)


def _application_data(name: str) -> str:
    """Return the folder of an application's settings, relative to the home folder."""
    if sys.platform == "darwin":
        return f"Library/Application Support/{name}"
    return f"AppData/Roaming/{name}" if os.name == "nt" else f".config/{name}"


_ZED = "AppData/Roaming/Zed" if os.name == "nt" else ".config/zed"

AGENTS: Mapping[str, Agent] = {
    agent.name: agent
    for agent in (
        Agent(
            "claude",
            "Claude Code",
            program="claude",
            folder=".claude",
            section="mcpServers",
            user=Places(".claude.json", ".claude/skills", ".claude/agents/semls.md"),
            project=Places(".mcp.json", ".claude/skills", ".claude/agents/semls.md"),
            entry=_typed,
            add=("claude", "mcp", "add", "--scope", "user", "semls", "--"),
            remove=("claude", "mcp", "remove", "--scope", "user", "semls"),
            subagent="tools: Read, mcp__semls__search, mcp__semls__similar, mcp__semls__context",
            moved=((".claude/", "CLAUDE_CONFIG_DIR"), ("", "CLAUDE_CONFIG_DIR")),
        ),
        Agent(
            "codex",
            "Codex",
            program="codex",
            folder=".codex",
            section="mcp_servers",
            user=Places(".codex/config.toml", ".agents/skills", ".codex/agents/semls.toml"),
            project=Places(".codex/config.toml", ".agents/skills", ".codex/agents/semls.toml"),
            add=("codex", "mcp", "add", "semls", "--"),
            remove=("codex", "mcp", "remove", "semls"),
            moved=((".codex/", "CODEX_HOME"),),
        ),
        Agent(
            "cursor",
            "Cursor",
            program="cursor-agent",
            folder=".cursor",
            section="mcpServers",
            user=Places(".cursor/mcp.json", ".cursor/skills", ".cursor/agents/semls.md"),
            project=Places(".cursor/mcp.json", ".cursor/skills", ".cursor/agents/semls.md"),
            subagent="model: inherit\nreadonly: true",
        ),
        Agent(
            "gemini",
            "Gemini CLI",
            program="gemini",
            folder=".gemini",
            section="mcpServers",
            user=Places(".gemini/settings.json", ".gemini/skills", ".gemini/agents/semls.md"),
            project=Places(".gemini/settings.json", ".gemini/skills", ".gemini/agents/semls.md"),
            subagent="kind: local\ntools:\n  - read_file\n  - mcp_semls_*",
        ),
        Agent(
            "opencode",
            "opencode",
            program="opencode",
            folder=".config/opencode",
            section="mcp",
            user=Places(
                ".config/opencode/opencode.json",
                ".config/opencode/skills",
                ".config/opencode/agents/semls.md",
            ),
            project=Places("opencode.json", ".opencode/skills", ".opencode/agents/semls.md"),
            entry=_opencode,
            subagent="mode: subagent\npermission:\n  edit: deny\n  bash: deny",
            moved=_XDG,
        ),
        Agent(
            "vscode",
            "VS Code",
            program="code",
            folder=_application_data("Code"),
            section="servers",
            user=Places(f"{_application_data('Code')}/User/mcp.json", ".copilot/skills"),
            project=Places(".vscode/mcp.json", ".github/skills", ".github/agents/semls.agent.md"),
            entry=_typed,
            subagent="tools: ['read', 'search', 'semls/*']",
            moved=_XDG,
        ),
        Agent(
            "windsurf",
            "Windsurf",
            program="windsurf",
            folder=".codeium/windsurf",
            section="mcpServers",
            user=Places(".codeium/windsurf/mcp_config.json", ".codeium/windsurf/skills"),
            project=Places("", ".windsurf/skills"),
        ),
        Agent(
            "zed",
            "Zed",
            program="zed",
            folder=_ZED,
            section="context_servers",
            user=Places(f"{_ZED}/settings.json"),
            project=Places(".zed/settings.json"),
            moved=_XDG,
        ),
        Agent(
            "junie",
            "Junie",
            program="junie",
            folder=".junie",
            section="mcpServers",
            user=Places(".junie/mcp/mcp.json", ".junie/skills"),
            project=Places(".junie/mcp/mcp.json", ".junie/skills"),
        ),
        Agent(
            "copilot",
            "Copilot CLI",
            program="copilot",
            folder=".copilot",
            section="mcpServers",
            user=Places(".copilot/mcp-config.json", ".copilot/skills", ".copilot/agents/semls.agent.md"),
            project=Places(".github/mcp.json", ".github/skills", ".github/agents/semls.agent.md"),
            entry=_copilot,
            subagent="tools: ['read', 'search', 'semls/*']",
            moved=((".copilot/", "COPILOT_HOME"),),
        ),
    )
}
