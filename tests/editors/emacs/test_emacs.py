"""Runs the Emacs package in a real Emacs with the real server and the bundled model."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import FIXTURES, HANG
from tests.editors.emacs.emacs import PACKAGE, SEMLS, SETUP, emacs
from tests.support.chat_server import answering, serve_chat

HERE = Path(__file__).parent
OTHER = f"{sys.executable} {HERE / 'other_server.py'}"
CASES = HERE / "test-semls.el"
TESTS = re.findall(r"^\(ert-deftest semls-test-(\S+)", CASES.read_text("utf-8"), re.MULTILINE)
QUERY = "throw out visitors who were idle for too long"

FILES = {
    "notes/todo.py": "def water_the_plants():\n    return 'every second day'\n",
    "notes/signs.ts": """// wide characters
/* 日本語 😀 é 👩\u200d👩\u200d👧 */ function reconnectSocket() {
  return retry();
}
""",
    "notes/été 100%/a#b?.py": "def feed_the_cat():\n    return 'twice a day'\n",
    "hostile/code.py": "pass\n",
    "hostile/.dir-locals.el": """
((nil . ((semls-command . ("evil")) (semls-settings . (:model "evil")) (semls-limit . 7))))
""",
}

pytestmark = [
    pytest.mark.editors,
    pytest.mark.skipif(shutil.which("emacs") is None, reason="emacs is not installed"),
]


@pytest.fixture(scope="module", autouse=True)
def _home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory, terminal):
    root = tmp_path_factory.mktemp("workspace")
    for name in ("shop", "gpt"):
        shutil.copytree(FIXTURES / name, root / name)
        subprocess.run(["git", "init", "--quiet", root / name], check=True)
        assert terminal.run("index", root / name).returncode == 0
    for path, text in FILES.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def environment(folder, terminal):
    return {
        **terminal.environment,
        "SEMLS_TEST_FOLDER": str(folder),
        "SEMLS_TEST_PROGRAM": SEMLS,
        "SEMLS_TEST_OTHER": OTHER,
        "SEMLS_TEST_HANG": str(HANG),
    }


@pytest.fixture(scope="module")
def outcomes(environment):
    """The output of one Emacs that runs all tests."""
    arguments = ("-L", PACKAGE.parent, "-l", CASES, "-f", "ert-run-tests-batch-and-exit")
    with serve_chat(answering("It is in session.rs:27", ", not in session.rs:999.")) as model:
        return emacs(
            *arguments,
            limit=4 * HANG,
            **environment,
            SEMLS_ASK_URL=model.url,
            SEMLS_ASK_MODEL="qwen3",
        ).stdout


@pytest.mark.parametrize("name", TESTS)
def test_ert_test_passes(outcomes, name):
    (outcome,) = re.findall(rf"^ +(\w+) +\d+/\d+  semls-test-{name} ", outcomes, re.MULTILINE) or ["missing"]
    if outcome == "skipped":
        pytest.skip("the package that the test needs is not installed")
    assert outcome == "passed", outcomes


def test_package_compiles_without_warnings(tmp_path):
    copy = shutil.copy(PACKAGE, tmp_path)
    done = emacs("--eval", "(setq byte-compile-error-on-warn t)", "-f", "batch-byte-compile", copy)
    assert done.returncode == 0, done.stdout


def test_package_passes_checkdoc():
    assert "Warning" not in (output := emacs("--eval", f'(checkdoc-file "{PACKAGE}")').stdout), output


def test_package_passes_package_lint():
    output = emacs("--eval", "(require 'package-lint)", "-f", "package-lint-batch-and-exit", PACKAGE).stdout
    if "Cannot open load file" in output:
        pytest.skip("package-lint is not installed")
    warnings = re.findall(r"^\S+?:\d+:\d+: .*", output, re.MULTILINE)
    # Debian's package-lint is older than Emacs 28. embark, an optional package, may be loaded after semls.
    expected = ("uninstallable in all released Emacs", "`with-eval-after-load'")
    assert [text for text in warnings if not any(part in text for part in expected)] == []


def test_package_after_installation_is_autoloaded(tmp_path):
    done = emacs(
        "--eval",
        f"""
(progn (setq package-user-dir "{tmp_path}")
       (package-install-file "{PACKAGE}")
       (princ (list (autoloadp (symbol-function 'semls-search)) (keymapp semls-command-map)))
       (setq semls-command '("/no/such/semls"))
       (condition-case problem (semls-status) (user-error (princ (cadr problem)))))
""",
    )
    assert "(t t)Program /no/such/semls not found" in done.stdout, done.stdout


class Screen:
    """Emacs in a terminal: types keys and reads the screen."""

    def __init__(self, directory, environment):
        self.socket = str(directory / "tmux")
        variables = [
            f"{name}={value}" for name, value in environment.items() if value != os.environ.get(name)
        ]
        command = [
            "env",
            *variables,
            "TERM=screen-256color",
            "emacs",
            "-nw",
            "-q",
            "-l",
            directory / "init.el",
        ]
        self.tmux("new-session", "-d", "-x", "160", "-y", "48", *map(str, command))

    def tmux(self, *arguments):
        return subprocess.run(
            ["tmux", "-S", self.socket, "-f", "/dev/null", *arguments],
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            check=True,
            capture_output=True,
            encoding="utf-8",
            timeout=HANG,
        ).stdout

    def close(self):
        """Close the terminal and wait until Emacs has exited because of that."""
        pid = self.tmux("display-message", "-p", "#{pane_pid}").strip()
        self.tmux("kill-server")
        deadline = time.monotonic() + HANG
        while self.status(pid)[:1] not in ("", "Z"):
            assert time.monotonic() < deadline, "Emacs is still running"
            time.sleep(0.05)

    def status(self, pid):
        command = ["ps", "-o", "stat=", "-p", pid]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def until(self, *texts):
        deadline = time.monotonic() + HANG
        while not all(text in (seen := self.tmux("capture-pane", "-p")) for text in texts):
            assert time.monotonic() < deadline, seen
            time.sleep(0.05)
        return seen


@pytest.fixture
def screen(tmp_path, environment, folder):
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    if emacs("--eval", "(require 'consult)", "--eval", "(require 'vertico)").returncode:
        pytest.skip("consult and vertico are not installed")
    (tmp_path / "init.el").write_text(
        f"""
{SETUP}
(setq inhibit-startup-screen t)
(setq semls-command '("{SEMLS}" "lsp"))
(add-to-list 'load-path "{PACKAGE.parent}")
(require 'semls)
(require 'vertico)
(vertico-mode 1)
(column-number-mode 1)
(add-to-list 'mode-line-misc-info '("" semls-mode-line " "))
(global-set-key (kbd "C-c s") semls-command-map)
(when (require 'embark nil t)
  (define-key minibuffer-local-map (kbd "C-c a") #'embark-act)
  (define-key minibuffer-local-map (kbd "C-c e") #'embark-export))
(find-file "{folder}/shop/web/src/cart.ts")
"""
    )
    shown = Screen(tmp_path, environment)
    yield shown
    shown.close()


def test_search_while_typing_previews_and_visits_the_hit(screen):
    screen.until("cart.ts")
    screen.press("C-c", "s", "s")
    screen.until("Search by meaning:")
    screen.type(QUERY)
    # The label of the hit, and a line of the previewed file.
    seen = screen.until("evict_expired  store/session.rs:27", "impl SessionStore {")
    assert "Method  Throw out everybody who was idle for too long." in seen
    screen.press("Enter")
    screen.until("session.rs", "(27,11)", " semls ")
    screen.press("M-,")
    screen.until("cart.ts", "(1,0)")


def test_last_opens_the_minibuffer_with_the_query(screen):
    screen.until("cart.ts")
    screen.press("C-c", "s", "s")
    screen.until("Search by meaning:")
    screen.type(QUERY)
    screen.until("evict_expired  store/session.rs:27", "impl SessionStore {")
    screen.press("Enter")
    screen.until("session.rs", "(27,11)")
    screen.press("C-x", "k", "Enter")
    screen.until("cart.ts", "(1,0)")
    screen.press("C-c", "s", ".")
    screen.until(QUERY, "evict_expired  store/session.rs:27", "impl SessionStore {")


def test_weak_answer_has_a_heading(screen):
    screen.until("cart.ts")
    screen.press("C-c", "s", "s")
    screen.until("Search by meaning:")
    screen.type("zebra quantum pancakes")
    screen.until("No strong match; nearest:")


def test_embark_acts_on_a_hit_and_exports_all(screen):
    if emacs("--eval", "(require 'embark)").returncode:
        pytest.skip("embark is not installed")
    screen.until("cart.ts")
    screen.press("C-c", "s", "s")
    screen.until("Search by meaning:")
    screen.type(QUERY)
    screen.until("evict_expired  store/session.rs:27", "impl SessionStore {")
    screen.press("C-c", "a", "l")
    screen.until("Similar to evict_expired")
    screen.press("C-x", "1", "C-c", "s", "s")
    screen.until("Search by meaning:")
    screen.type(QUERY)
    screen.until("evict_expired  store/session.rs:27", "impl SessionStore {")
    screen.press("C-c", "e")
    screen.until("Embark Export", "Order.Cancel  api/orders.go:36")


def test_search_quit_restores_the_buffer_and_invalid_filter_is_reported(screen):
    screen.until("cart.ts")
    screen.press("C-c", "s", "s")
    screen.until("Search by meaning:")
    screen.type("kind:nonsense")
    screen.until("Unknown kind 'nonsense'")
    screen.press("C-a", "C-k")
    screen.type(f"#{QUERY}")
    screen.until("impl SessionStore {")
    screen.press("C-g")
    screen.until("cart.ts", "(1,0)")
