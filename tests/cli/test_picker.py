"""`semls pick` in a terminal with fzf, as a person sees it."""

import os
import re
import shutil
import subprocess
import sys
import time

import pytest

from tests.conftest import FIXTURES, HANG, Terminal

QUESTION = "throw out visitors who were idle for too long"
TMUX = shutil.which("tmux") or ""
FOUND = "SessionStore.evict_expired"

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
    """A terminal of 120 columns, in which a command runs."""

    def __init__(self, directory, environment, command):
        self._tmux = [TMUX, "-S", str(directory / "tmux"), "-f", "/dev/null"]
        self._environment = {**os.environ, **environment, "SHELL": "/bin/sh", "TERM": "xterm-256color"}
        ending = f"echo $? > {directory}/ended; mv {directory}/ended {directory}/status; read line"
        self._run("new-session", "-d", "-x", "120", "-y", "36", f"{command}; {ending}")
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
            time.sleep(0.05)  # between two looks

    @property
    def text(self):
        return self._run("capture-pane", "-p")

    def type(self, text):
        self._run("send-keys", "-l", text)

    def key(self, name):
        self._run("send-keys", name)

    def ends(self):
        self.until(lambda: self.status.exists() and self.status.read_text())
        return int(self.status.read_text())

    def final(self):
        return self._run("capture-pane", "-p", "-J")  # with wrapped lines joined

    def close(self):
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def pick(terminal, tmp_path):
    """Starts `semls pick` with an editor of a name, which writes down what it was told."""
    screens = []

    def start(*arguments, editor="vim", into="", path=None, visual="", folder=FIXTURES / "shop"):
        script = tmp_path / editor
        script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/edited\n')
        script.chmod(0o755)
        words = [sys.executable, "-m", "semls", "pick", "--path", str(folder), *arguments]
        command = " ".join(f"'{word}'" for word in words) + into
        environment = {**terminal.environment, "EDITOR": str(script), "VISUAL": visual}
        screens.append(
            Screen(tmp_path, environment if path is None else environment | {"PATH": path}, command)
        )
        return screens[-1]

    yield start
    for screen in screens:
        screen.close()


def test_one_types_sees_and_opens(pick, tmp_path):
    screen = pick()
    screen.shows("semls>")
    screen.type(QUESTION)
    screen.shows(f"store/session.rs:27  {FOUND} Method", "pub fn evict_expired(&mut self")
    screen.key("Enter")
    assert screen.ends() == 0
    assert (tmp_path / "edited").read_text().splitlines() == ["+27", f"{FIXTURES}/shop/store/session.rs"]


@pytest.mark.parametrize(
    ("editor", "told"),
    [
        ("code", ["--goto", "{file}:27"]),
        ("hx", ["{file}:27"]),
        ("emacsclient", ["+27", "{file}"]),
    ],
)
def test_an_editor_is_told_the_line_in_its_own_way(pick, tmp_path, editor, told):
    screen = pick(QUESTION, editor=editor)
    screen.shows(FOUND)
    screen.key("Enter")
    assert screen.ends() == 0
    file = FIXTURES / "shop" / "store" / "session.rs"
    assert (tmp_path / "edited").read_text().splitlines() == [word.format(file=file) for word in told]


def test_the_order_is_that_of_the_search(pick, terminal):
    hits = terminal.json("search", QUESTION, "--path", FIXTURES / "shop", "-k", 5)["hits"]
    screen = pick(QUESTION)
    screen.shows(FOUND)
    places = [screen.text.index(f"{hit['path']}:") for hit in hits]
    assert places == sorted(places)


def test_a_place_is_printed_into_a_pipe(pick, tmp_path):
    screen = pick(QUESTION, into=f" > {tmp_path}/printed")
    screen.shows(FOUND)
    screen.key("Down")
    screen.key("Up")
    screen.key("Enter")
    assert screen.ends() == 0
    assert (tmp_path / "printed").read_text() == f"{FIXTURES}/shop/store/session.rs:27\n"


def test_nothing_is_opened_by_escape(pick, tmp_path):
    screen = pick(QUESTION)
    screen.shows(FOUND)
    screen.key("Escape")
    assert screen.ends() == 1
    assert not (tmp_path / "edited").exists()


@pytest.mark.parametrize(
    ("visual", "status", "words"),
    [
        ("vim 'unbalanced", 2, "cannot be parsed (No closing quotation)"),
        ("/nowhere/vim", 2, "The editor /nowhere/vim cannot be started"),
        ("not-a-program", 2, "The editor not-a-program cannot be started"),
        (f"{FIXTURES}/shop/store/session.rs", 2, "cannot be started (Permission denied)"),
        ("sh -c 'exit 1'", 3, "The editor sh failed with status 1"),
    ],
)
def test_pick_explains_an_editor_that_fails(pick, visual, status, words):
    screen = pick(QUESTION, visual=visual)
    screen.shows(FOUND)
    screen.key("Enter")
    assert screen.ends() == status
    assert words in screen.final()


def test_pick_without_a_terminal_explains_that_fzf_failed(terminal):
    done = terminal.run("pick", QUESTION, "--path", FIXTURES / "shop", TERM="nonsense")
    assert done.returncode == 3
    assert "fzf failed" in done.stderr


def test_pick_runs_no_program_of_the_current_folder(terminal, tmp_path):
    (tmp_path / "fzf").write_text("#!/bin/sh\ntouch was-run\n")
    (tmp_path / "fzf").chmod(0o755)
    done = terminal.run("pick", "--path", FIXTURES / "shop", cwd=tmp_path, PATH=f".{os.pathsep}")
    assert done.returncode == 2
    assert "fzf is not installed" in done.stderr
    assert not (tmp_path / "was-run").exists()


def test_pick_opens_a_hostile_name_and_shows_it_and_its_content_escaped(pick, tmp_path):
    folder = tmp_path / "w"
    folder.mkdir()
    name = "a\tb\n\x1b[31mc .py"
    (folder / name).write_text("def evil():\n    return '\x1b]0;owned\x07\u202e'\n")
    screen = pick("evil", folder=folder)
    screen.shows("a\\tb\\n\\x1b[31mc .py:1  evil", "\\x1b]0;owned\\x07\\u202e")
    screen.key("Enter")
    assert screen.ends() == 0
    assert (tmp_path / "edited").read_text() == f"+1\n{folder}/{name}\n"


def test_files_are_shown_without_bat(pick, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("fzf", "sh", "sleep"):
        (tools / name).symlink_to(shutil.which(name))
    screen = pick(QUESTION, path=str(tools))
    screen.shows(FOUND, "   27     pub fn evict_expired")


def test_preview_without_bat_marks_the_line_of_the_hit(terminal):
    done = terminal.run("preview", "27", (FIXTURES / "shop/store/session.rs").as_uri())
    (marked,) = [line for line in done.stdout.split("\n") if "\x1b" in line]
    assert re.fullmatch(r"   27 \x1b\[1;7m    pub fn evict_expired.*\x1b\[0m", marked)


def test_without_fzf_one_is_told_what_to_do(terminal):
    done = terminal.run("pick", "--path", FIXTURES / "shop", PATH="/nowhere")
    assert done.returncode == 2
    assert "fzf is not installed" in done.stderr


def test_a_filter_that_is_wrong_leaves_the_screen_alone_and_a_file_that_is_gone_is_named(pick, terminal):
    screen = pick("lang:nonsense")
    screen.shows("Command failed")
    screen.key("C-u")
    screen.type(QUESTION)
    screen.shows(FOUND)
    done = terminal.run("preview", "3", (FIXTURES / "gone.py").as_uri())
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "gone.py cannot be read" in done.stderr
