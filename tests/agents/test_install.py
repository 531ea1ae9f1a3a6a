"""`semls agent install` and `uninstall`, on configurations as the agents' documentation shows them."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from semls.agents.registry import AGENTS
from tests.conftest import FIXTURES, HANG
from tests.support.agent_client import AgentClient
from tests.support.waiting import wait_until

tomllib = pytest.importorskip("tomllib")  # of Python 3.11

VARIABLES = {variable for agent in AGENTS.values() for _, variable in agent.moved}
VSCODE = {"darwin": "Library/Application Support/Code", "win32": "AppData/Roaming/Code"}.get(
    sys.platform, ".config/Code"
)
OLD_PROGRAM = r"C:\old\semls.exe" if sys.platform == "win32" else "/old/bin/semls"
MODULE = ["-m", "semls", "mcp"]
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
        self.state = directory / "state"
        self.home.mkdir()
        self.project.mkdir()
        self.path = str(directory / "bin")

    def run(self, *arguments, status=0, **more):
        """Run a command that does not ask. Return what it has printed."""
        return self.ask(*arguments, "--yes", status=status, **more)

    def ask(self, *arguments, status=0, stdin=subprocess.DEVNULL, **more):
        """Run a command that may ask."""
        with self.start(*arguments, stdin=stdin, stderr=subprocess.PIPE, **more) as process:
            printed, errors = process.communicate(timeout=HANG)
        assert process.returncode == status, errors
        return printed.decode() + errors.decode()

    def start(
        self, *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more
    ):
        """Start a command."""
        environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        return subprocess.Popen(
            [sys.executable, "-m", "semls", "agent", *arguments],
            cwd=self.project,
            env={
                **environment,
                "HOME": str(self.home),
                "USERPROFILE": str(self.home),
                "PATH": self.path,
                "SEMLS_STATE_DIR": str(self.state),
                **more,
            },
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )

    def add_program(self, name, script):
        """Put a shell script on the PATH."""
        program = Path(self.path) / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def write(self, path, text):
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        return file

    def folders(self):
        return {file for root in (self.home, self.project) for file in root.rglob("*") if file.is_dir()}

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


@pytest.mark.parametrize("scope", [(), ("--project",)])
def test_uninstall_needs_no_agent_that_is_found(user, scope):
    types = [f"--type={kind}" for kind in ("mcp", "skill", "subagent")]
    user.run("install", "--agent=claude", *types, *scope)
    user.run("install", "--agent=zed", *scope)
    assert len(user.files()) == 4
    user.run("uninstall", *scope)
    assert user.files() == {}
    assert [*user.home.iterdir(), *user.project.iterdir()] == []


@pytest.mark.parametrize(
    "text", ["", "\n\n", "{}", "{ }\n", "{\n}\n", '{"SECTION": {}}', '{\n  "SECTION": {\n  }\n}\n']
)
def test_uninstall_restores_empty_json_files_of_the_user(user, text):
    check_restored(user, {agent: text for agent in CONFIGURATIONS if agent != "codex"})


@pytest.mark.parametrize("text", ["", "\n", "a = 1", "a = 1\r\n", 'a = """\n[mcp_servers.semls]\n"""\n'])
def test_uninstall_restores_a_toml_file_of_the_user(user, text):
    check_restored(user, {"codex": text})


def check_restored(user, contents):
    for agent, text in contents.items():
        path, section = CONFIGURATIONS[agent]
        user.write(path, text.replace("SECTION", section))
    before = user.files()
    user.run("install", *(f"--agent={agent}" for agent in contents))
    for agent in contents:
        path, section = CONFIGURATIONS[agent]
        assert "semls" in read_config(user.home / path, section)
    user.run("uninstall")
    assert user.files() == before


def test_uninstall_removes_empty_folders_only(user):
    other = user.write(".cursor/skills/mine/SKILL.md", "mine")
    moved = {"COPILOT_HOME": str(user.home / "copilot")}
    Path(moved["COPILOT_HOME"]).mkdir()
    names = ("--agent=cursor", "--agent=copilot", "--agent=opencode")
    user.run("install", *names, "--type=mcp", "--type=skill", **moved)
    user.run("uninstall", **moved)
    assert list(user.files()) == [str(other)]
    assert {path.name for path in user.home.iterdir()} == {".cursor", "copilot"}
    assert [path.name for path in (user.home / ".cursor").iterdir()] == ["skills"]


def test_uninstall_keeps_folders_that_were_empty_before(user):
    (user.home / ".cursor").mkdir()
    (user.project / ".cursor" / "skills").mkdir(parents=True)
    (user.project / "shared").mkdir()
    (user.project / ".agents").symlink_to(user.project / "shared")
    before = user.folders()
    for scope in ((), ("--project",)):
        user.run("install", "--agent=cursor", "--agent=codex", "--type=mcp", "--type=skill", *scope)
    assert user.folders() > before
    for scope in ((), ("--project",)):
        user.run("uninstall", *scope)
    assert user.folders() == before
    assert not list(user.state.iterdir())  # nothing to remember


def test_uninstall_looks_into_both_files_of_opencode(user):
    user.run("install", "--agent=opencode")
    other = user.write(".config/opencode/opencode.jsonc", "{} // mine")
    user.run("uninstall")
    assert list(user.files()) == [str(other)]


def test_uninstall_ignores_files_that_do_not_mention_semls(user):
    user.write(".cursor/mcp.json", "{")
    user.run("install", "--agent=junie")
    user.run("uninstall")
    assert list(user.files()) == [str(user.home / ".cursor/mcp.json")]


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
    printed = user.ask("install", "--print")
    assert f"--- {file}\n+++ {file}\n" in printed
    assert re.search(r'^\+  "mcpServers": {"semls": {"command": "', printed, re.MULTILINE)
    assert file.read_text() == '{\n  "mcpServers": {}\n}\n'


OLD = {"command": OLD_PROGRAM, "args": ["mcp"]}


@pytest.mark.parametrize(
    "old", [OLD, {**OLD, "env": {}}, {"command": OLD_PROGRAM[:-5] + "python", "args": MODULE}]
)
def test_entry_of_another_installation_is_updated(user, old):
    file = user.write(".cursor/mcp.json", json.dumps({"mcpServers": {"semls": old}}))
    assert f"Change {file} (replaces `{old['command']} {' '.join(old['args'])}`)" in user.run("install")
    entry = read_config(file, "mcpServers")["semls"]
    assert entry["command"] != old["command"]
    assert entry.keys() == old.keys()
    assert entry["command"] != old["command"]
    user.run("uninstall")
    assert json.loads(file.read_text()) == {"mcpServers": {}}


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudoterminal")
@pytest.mark.parametrize(("answer", "is_updated"), [(b"n\n", False), (b"y\n", True)])
def test_install_in_terminal_shows_the_replaced_entry_and_asks(user, answer, is_updated):
    import pty

    text = json.dumps({"mcpServers": {"semls": OLD}})
    file = user.write(".cursor/mcp.json", text)
    reader, writer = pty.openpty()
    os.write(reader, answer)
    printed = user.ask("install", stdin=writer, status=0 if is_updated else 1)
    os.close(writer)
    os.close(reader)
    assert f"Change {file} (replaces `{OLD_PROGRAM} mcp`)" in printed
    assert "Make these changes?" in printed
    assert (file.read_text() != text) == is_updated


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudoterminal")
def test_file_that_changes_during_the_question_stays(user):
    import pty

    file = user.write(".cursor/mcp.json", "{}")
    reader, writer = pty.openpty()
    with user.start("install", stdin=writer) as process:
        printed = b""
        while b"Make these changes?" not in printed:
            part = process.stdout.read1()
            assert part
            printed += part
        file.write_text('{"a": 1}')
        os.write(reader, b"y\n")
        assert b"mcp.json was changed by another program: run this again." in process.stdout.read()
    os.close(writer)
    os.close(reader)
    assert process.returncode == 3
    assert file.read_text() == '{"a": 1}'


def test_without_terminal_the_changes_require_yes(user):
    file = user.write(".cursor/mcp.json", "{}")
    message = "Pass --yes to make the changes without a question."
    assert message in user.ask("install", status=2)
    assert file.read_text() == "{}"
    user.run("install")
    installed = file.read_text()
    assert message in user.ask("uninstall", status=2)
    assert file.read_text() == installed


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "semls mcp",
        {"url": "http://localhost/mcp"},
        {"command": "docker", "args": ["run", "semls", "mcp"]},
        {"command": "./evil/semls", "args": ["mcp"]},
        {"command": "semls", "args": ["mcp"]},
        {"command": OLD_PROGRAM, "args": ["mcp", "--verbose"]},
        {**OLD, "env": {"SEMLS_THREADS": "2"}},
        {**OLD, "disabled": True},
    ],
)
def test_entry_of_the_user_is_neither_replaced_nor_removed(user, entry):
    text = json.dumps({"mcpServers": {"semls": entry}})
    file = user.write(".cursor/mcp.json", text)
    assert "was changed, or not written by `semls agent install`" in user.run("install", status=2)
    printed = user.run("uninstall")
    assert "Nothing to remove." in printed
    assert f"{file} stays as it is: its MCP server 'semls' is yours, or changed by you." in printed
    assert file.read_text() == text


def test_entry_that_the_user_has_changed_counts_as_installed_and_is_not_removed(user):
    file = user.write(f"{ZED}/settings.json", "{}")
    user.run("install")
    settings = json.loads(file.read_text())
    settings["context_servers"]["semls"]["env"] = {"SEMLS_THREADS": "2"}
    file.write_text(json.dumps(settings))
    assert "semls is installed already." in user.run("install")
    assert "changed by you" in user.run("uninstall")
    assert json.loads(file.read_text()) == settings


def test_entry_of_the_user_does_not_keep_other_agents_from_being_changed(user):
    user.write(".cursor/mcp.json", '{"mcpServers": {"semls": null}}')
    file = user.write(".junie/mcp/mcp.json", "{}")
    assert f"Change {file}" in user.run("install", status=2)
    assert "semls" in read_config(file, "mcpServers")


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (".cursor/mcp.json", '{"mcpServers": {', "'end of file' in line 1 is unexpected"),
        (".cursor/mcp.json", '{"mcpServers": []}', "'mcpServers' is not an object"),
        (".cursor/mcp.json", "[" * 100_000, "nested too deeply"),
        (".cursor/mcp.json", '{"a": 1, "a": 2}', "occurs twice"),
        (
            ".codex/config.toml",
            'mcp_servers = {a = {command = "a"}}\n',
            "cannot be edited, because 'mcp_servers' is not written as tables such as [mcp_servers.NAME]: ",
        ),
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
    user.run("uninstall")
    assert link.is_symlink()
    assert real.read_text() == '{"mcpServers": {"db": {"command": "db"}}}'
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    (user.project / ".cursor").symlink_to(user.home / ".cursor")
    assert "leaves the project" in user.run("install", "--project", "--agent=cursor", status=3)
    assert "Nothing to remove." in user.run("uninstall", "--project")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such links")
def test_uninstall_keeps_links_that_install_has_written_through(user):
    for agent, (path, _) in CONFIGURATIONS.items():
        link = user.home / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(user.home / f"dotfiles/{agent}{link.suffix}")
    names = [f"--agent={agent}" for agent in CONFIGURATIONS]
    user.run("install", *names)
    assert all("semls" in (user.home / path).read_text() for path, _ in CONFIGURATIONS.values())
    user.run("uninstall")
    for path, _ in CONFIGURATIONS.values():
        assert (user.home / path).is_symlink()
        assert (user.home / path).read_text() == ("" if path.endswith(".toml") else "{}\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such links")
def test_uninstall_keeps_a_skill_that_is_a_link(user):
    user.run("install", "--agent=claude", "--type=skill")
    skill = user.home / ".claude/skills/semls/SKILL.md"
    skill.rename(user.home / "skill.md")
    skill.symlink_to(user.home / "skill.md")
    assert f"{skill} stays as it is: it is a symbolic link." in user.run("uninstall")
    assert "semls" in skill.read_text("utf-8")


def make_file_of_folder(home):
    (home / ".cursor").write_text("")


def make_file_of_inner_folder(home):
    (home / ".cursor").mkdir()
    (home / ".cursor/skills").write_text("")


def make_link_to_itself(home):
    (home / ".cursor").mkdir()
    (home / ".cursor/mcp.json").symlink_to("mcp.json")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such links and permissions")
@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (
            make_file_of_folder,
            "mcp.json cannot be written, because HOME/.cursor is not a folder: rename that.",
        ),
        (make_file_of_inner_folder, "because HOME/.cursor/skills is not a folder: rename that."),
        (make_link_to_itself, "symbolic links): delete the symbolic link that leads to itself."),
    ],
)
def test_file_that_cannot_be_written_is_explained(user, prepare, message):
    prepare(user.home)
    printed = user.run("install", "--agent=cursor", "--type=mcp", "--type=skill", status=3)
    assert message.replace("HOME", str(user.home)) in printed
    for path in (".cursor/mcp.json", ".cursor/skills/semls/SKILL.md"):
        assert (f"Create {user.home / path}" in printed) == (user.home / path).is_file()


def test_variables_of_agents_move_their_files(user):
    moved = {"CLAUDE_CONFIG_DIR": str(user.home / "a"), "CODEX_HOME": str(user.home / "b")}
    user.run("install", "--agent=claude", "--agent=codex", "--type=mcp", "--type=subagent", **moved)
    names = {"a/.claude.json", "a/agents/semls.md", "b/config.toml", "b/agents/semls.toml"}
    assert set(user.files()) == {str(user.home / name) for name in names}


def test_no_agent_is_found(user):
    assert "No coding agent was found. Name one with --agent: claude, codex," in user.run("install", status=2)


@pytest.mark.skipif(os.name == "nt", reason="the fake program is a shell script")
def test_commands_of_claude_and_codex_are_preferred(user):
    for name in ("claude", "codex"):
        user.add_program(name, f'echo {name} "$@" >> "$HOME/log"')
    user.run("install")
    log = (user.home / "log").read_text().splitlines()
    assert re.fullmatch(r"claude mcp add --scope user semls -- /.+ mcp", log[0])
    assert re.fullmatch(r"codex mcp add semls -- /.+ mcp", log[1])
    assert len(log) == 2


@pytest.mark.skipif(os.name == "nt", reason="the fake program is a shell script")
def test_entry_of_another_installation_is_replaced_with_the_commands_of_claude(user):
    user.write(".claude.json", json.dumps({"mcpServers": {"semls": {"type": "stdio", **OLD, "env": {}}}}))
    user.add_program("claude", 'echo "$@" >> "$HOME/log"')
    assert f"(replaces `{OLD_PROGRAM} mcp`)" in user.run("install")
    log = (user.home / "log").read_text().splitlines()
    assert [line.split()[1] for line in log] == ["remove", "add"]


@pytest.mark.skipif(os.name == "nt", reason="the fake program is a shell script")
def test_entry_of_another_installation_is_restored_if_it_cannot_be_replaced(user):
    user.write(".claude.json", json.dumps({"mcpServers": {"semls": {"type": "stdio", **OLD, "env": {}}}}))
    user.add_program(
        "claude", f'echo "$@" >> "$HOME/log"; case "$*" in *add*{OLD_PROGRAM}*|*remove*) ;; *) exit 1;; esac'
    )
    assert "failed (status 1)" in user.run("install", status=3)
    log = (user.home / "log").read_text().splitlines()
    assert [line.split()[1] for line in log] == ["remove", "add", "add"]
    assert log[-1].endswith(f"{OLD_PROGRAM} mcp")


@pytest.mark.skipif(os.name == "nt", reason="the fake program is a shell script")
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("kill -9 $$", "was killed by SIGKILL: run it yourself to see why."),
        ("exit 5", "failed (status 5): run it yourself to see why."),
        ("echo Usage; echo Unknown scope >&2; exit 1", "failed (Unknown scope): run it yourself to see why."),
    ],
)
def test_failing_command_of_an_agent_is_explained(user, script, message):
    user.add_program("claude", script)
    file = user.write(".cursor/mcp.json", "{}")
    printed = user.run("install", status=3)
    assert re.search(rf"`claude mcp add .+` {re.escape(message)}", printed)
    assert "Run claude" not in printed
    assert f"Change {file}" in printed


HANGING = 'PATH=/usr/bin:/bin; sleep 3600 & echo $! > "$HOME/new" && mv "$HOME/new" "$HOME/child"; wait'


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_command_that_hangs_is_killed_with_its_children(user):
    user.add_program("claude", HANGING)
    message = (
        r"`claude mcp add .+ mcp` has not ended after 60 s and was stopped: run it yourself to see why\."
    )
    assert re.search(message, user.run("install", status=3))
    child = int((user.home / "child").read_text())
    wait_until(lambda: not is_running(child))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_interrupt_kills_the_command_of_an_agent_with_its_children(user):
    user.add_program("claude", HANGING)
    with user.start("install", "--yes") as process:
        wait_until((user.home / "child").exists)
        process.send_signal(signal.SIGINT)
        assert b"Traceback" not in process.stdout.read()
    assert process.returncode == 130
    child = int((user.home / "child").read_text())
    wait_until(lambda: not is_running(child))


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_installed_command_serves_an_agent(user, shared_terminal):
    user.run("install", "--agent=junie")
    entry = read_config(user.home / ".junie/mcp/mcp.json", "mcpServers")["semls"]
    client = AgentClient(
        shared_terminal.environment, user.project, command=[entry["command"], *entry["args"]]
    )
    assert client.start()["serverInfo"]["name"] == "semls"
    assert client.end() == (0, "")


def test_help_tells_the_defaults_of_each_command(user):
    words = {command: " ".join(user.ask(command, "--help").split()) for command in ("install", "uninstall")}
    assert "by default, all that are found." in words["install"]
    assert "by default, mcp." in words["install"]
    assert words["uninstall"].count("by default, all.") == 2
