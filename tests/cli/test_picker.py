"""Tests of `semls pick` with fzf in a terminal."""

import os
import shutil
import subprocess
import sys
import time

import pytest

from tests.conftest import FIXTURES, HANG, Terminal

QUERY = "throw out visitors who were idle for too long"
TMUX = shutil.which("tmux") or ""
BEST_HIT = "SessionStore.evict_expired"

pytestmark = [
    pytest.mark.editors,
    pytest.mark.skipif(not (shutil.which("fzf") and TMUX), reason="fzf and tmux are not installed"),
]


@pytest.fixture(scope="module")
def terminal(tmp_path_factory):
    started = Terminal(tmp_path_factory.mktemp("semls"), model="sentence-transformers/all-MiniLM-L6-v2")
    assert started.run("index", FIXTURES / "shop").returncode == 0
    yield started
    started.stop()


class Screen:
    """A terminal of 120 columns that runs a command."""

    def __init__(self, directory, environment, command):
        self._tmux = [TMUX, "-S", str(directory / "tmux"), "-f", "/dev/null"]
        self._environment = {**os.environ, **environment, "SHELL": "/bin/sh", "TERM": "xterm-256color"}
        after = f"echo $? > {directory}/exited; mv {directory}/exited {directory}/status; read line"
        self._run("new-session", "-d", "-x", "120", "-y", "36", f"{command}; {after}")
        self.status = directory / "status"

    def _run(self, *arguments):
        done = subprocess.run(
            [*self._tmux, *arguments], env=self._environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def shows(self, *texts):
        self.until(lambda: all(text in self.text for text in texts))

    def until(self, condition):
        deadline = time.monotonic() + HANG
        while not condition():
            assert time.monotonic() < deadline, self.text
            time.sleep(0.05)

    @property
    def text(self):
        return self._run("capture-pane", "-p")

    def type(self, text):
        self._run("send-keys", "-l", text)

    def key(self, name):
        self._run("send-keys", name)

    def wait_for_exit(self):
        """Return the exit status."""
        self.until(lambda: self.status.exists() and self.status.read_text())
        return int(self.status.read_text())

    def joined_text(self):
        """Return the text with wrapped lines joined."""
        return self._run("capture-pane", "-p", "-J")

    def close(self):
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def pick(terminal, tmp_path):
    """Return a function that starts `semls pick` with a fake editor, which records its arguments."""
    screens = []

    def start(*arguments, editor="vim", into="", path=None, visual="", folder=FIXTURES / "shop"):
        script = tmp_path / editor
        script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/arguments\necho opened\n')
        script.chmod(0o755)
        command = [sys.executable, "-m", "semls", "pick", "--path", str(folder), *arguments]
        line = " ".join(f"'{part}'" for part in command) + into
        environment = {**terminal.environment, "EDITOR": str(script), "VISUAL": visual}
        screens.append(Screen(tmp_path, environment if path is None else environment | {"PATH": path}, line))
        return screens[-1]

    yield start
    for screen in screens:
        screen.close()


def test_pick_while_typing_previews_and_opens_the_hit(pick, tmp_path):
    screen = pick()
    screen.shows("semls>")
    screen.type(QUERY)
    screen.shows(f"{BEST_HIT}  Method  store/session.rs:27", "pub fn evict_expired(&mut self")
    screen.key("Enter")
    assert screen.wait_for_exit() == 0
    assert (tmp_path / "arguments").read_text().splitlines() == ["+27", f"{FIXTURES}/shop/store/session.rs"]


@pytest.mark.parametrize(
    ("editor", "expected"),
    [
        ("code", ["--goto", "{file}:27"]),
        ("hx", ["{file}:27"]),
        ("emacsclient", ["+27", "{file}"]),
    ],
)
def test_pick_passes_the_line_in_the_editors_syntax(pick, tmp_path, editor, expected):
    screen = pick(QUERY, editor=editor)
    screen.shows(BEST_HIT)
    screen.key("Enter")
    assert screen.wait_for_exit() == 0
    file = FIXTURES / "shop" / "store" / "session.rs"
    assert (tmp_path / "arguments").read_text().splitlines() == [text.format(file=file) for text in expected]


def test_pick_lists_hits_in_ranking_order(pick, terminal):
    hits = terminal.json("search", QUERY, "--path", FIXTURES / "shop", "-k", 5)["hits"]
    screen = pick(QUERY)
    screen.shows(BEST_HIT)
    offsets = [screen.text.index(f"{hit['name']}  {hit['kind']}  ") for hit in hits]
    assert offsets == sorted(offsets)


def test_pick_into_a_pipe_prints_the_location(pick, tmp_path):
    screen = pick(QUERY, into=f" > {tmp_path}/printed")
    screen.shows(BEST_HIT)
    screen.key("Down")
    screen.key("Up")
    screen.key("Enter")
    assert screen.wait_for_exit() == 0
    assert (tmp_path / "printed").read_text() == f"{FIXTURES}/shop/store/session.rs:27\n"


def test_pick_escape_opens_nothing(pick, tmp_path):
    screen = pick(QUERY)
    screen.shows(BEST_HIT)
    screen.key("Escape")
    assert screen.wait_for_exit() == 130  # as fzf
    assert not (tmp_path / "arguments").exists()


@pytest.mark.parametrize(
    ("visual", "status", "text"),
    [
        ("vim 'unbalanced", 2, "cannot be parsed (No closing quotation)"),
        ("/nowhere/vim", 2, "The editor /nowhere/vim cannot be started"),
        ("not-a-program", 2, "The editor not-a-program cannot be started"),
        (f"{FIXTURES}/shop/store/session.rs", 2, "cannot be started (Permission denied)"),
        ("sh -c 'exit 1'", 3, "The editor sh failed with status 1"),
    ],
)
def test_pick_with_failing_editor_says_so(pick, visual, status, text):
    screen = pick(QUERY, visual=visual)
    screen.shows(BEST_HIT)
    screen.key("Enter")
    assert screen.wait_for_exit() == status
    assert text in screen.joined_text()


def test_pick_without_terminal_says_that_fzf_failed(terminal):
    done = terminal.run("pick", QUERY, "--path", FIXTURES / "shop", TERM="nonsense")
    assert done.returncode == 3
    assert "fzf failed" in done.stderr


def test_pick_does_not_run_fzf_from_the_current_folder(terminal, tmp_path):
    (tmp_path / "fzf").write_text("#!/bin/sh\ntouch was-run\n")
    (tmp_path / "fzf").chmod(0o755)
    done = terminal.run("pick", "--path", FIXTURES / "shop", cwd=tmp_path, PATH=f".{os.pathsep}")
    assert done.returncode == 2
    assert "fzf is not installed" in done.stderr
    assert not (tmp_path / "was-run").exists()


def test_pick_with_hostile_file_name_escapes_and_opens_it(pick, tmp_path):
    folder = tmp_path / "w"
    folder.mkdir()
    name = "a\tb\n\x1b[31mc .py"
    (folder / name).write_text("def evil():\n    return '\x1b]0;owned\x07\u202e'\n")
    screen = pick("evil", folder=folder)
    screen.shows("evil  Function  a\\tb\\n\\x1b[31mc .py:1", "\\x1b]0;owned\\x07\\u202e")
    screen.key("Enter")
    assert screen.wait_for_exit() == 0
    assert (tmp_path / "arguments").read_text() == f"+1\n{folder}/{name}\n"


def test_pick_without_bat_previews_the_file(pick, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("fzf", "sh", "sleep"):
        (tools / name).symlink_to(shutil.which(name))
    screen = pick(QUERY, path=str(tools))
    screen.shows(BEST_HIT, "   27     pub fn evict_expired")


def test_pick_without_fzf_says_so(terminal):
    done = terminal.run("pick", "--path", FIXTURES / "shop", PATH="/nowhere")
    assert done.returncode == 2
    assert "fzf is not installed" in done.stderr


def test_pick_with_invalid_filter_says_so_and_continues(pick):
    screen = pick("lang:nonsense")
    screen.shows("Unknown language 'nonsense'")
    screen.key("C-u")
    screen.type(QUERY)
    screen.shows(BEST_HIT)


def test_pick_with_ctrl_o_opens_the_hit_and_goes_on(pick, tmp_path):
    screen = pick(QUERY)
    screen.shows(BEST_HIT)
    screen.key("C-o")
    screen.until((tmp_path / "arguments").exists)
    assert (tmp_path / "arguments").read_text().splitlines() == ["+27", f"{FIXTURES}/shop/store/session.rs"]
    (tmp_path / "arguments").unlink()
    screen.shows(BEST_HIT)
    screen.key("Enter")
    assert screen.wait_for_exit() == 0
    assert (tmp_path / "arguments").exists()


def test_pick_with_ctrl_o_and_a_missing_editor_shows_the_error(pick):
    screen = pick(QUERY, visual="not-a-program")
    screen.shows(BEST_HIT)
    screen.key("C-o")
    screen.shows("The editor not-a-program cannot be started", "Press Enter.")
    screen.key("Enter")
    screen.shows("semls>", BEST_HIT)


def test_pick_selects_the_first_hit_of_a_changed_query(pick, tmp_path):
    screen = pick("order")
    screen.shows("api/orders.go")
    for _ in range(3):
        screen.key("Down")
    screen.key("C-u")
    screen.type(QUERY)
    screen.shows(f"> {BEST_HIT}")
    screen.key("Enter")
    assert screen.wait_for_exit() == 0
    assert (tmp_path / "arguments").read_text().splitlines() == ["+27", f"{FIXTURES}/shop/store/session.rs"]


def test_pick_with_ctrl_y_copies_the_location(pick, tmp_path):
    tools, copied = tmp_path / "tools", tmp_path / "copied"
    tools.mkdir()
    for name in ("fzf", "sh", "sleep", "cat", "mv"):
        (tools / name).symlink_to(shutil.which(name))
    (tools / "xclip").write_text(f"#!/bin/sh\ncat > {copied}.part\nmv {copied}.part {copied}\n")
    (tools / "xclip").chmod(0o755)
    screen = pick(QUERY, path=str(tools))
    screen.shows(BEST_HIT)
    screen.key("C-y")
    screen.until(copied.exists)
    assert copied.read_text() == f"{FIXTURES}/shop/store/session.rs:27"
    screen.shows("Copied ", "session.rs:27")


def test_pick_recalls_the_last_query(pick):
    screen = pick(QUERY)
    screen.shows(BEST_HIT)
    screen.key("Enter")
    assert screen.wait_for_exit() == 0
    screen.status.unlink()
    screen = pick()
    screen.shows("semls>")
    screen.key("C-p")
    screen.shows(f"semls> {QUERY}", BEST_HIT)
