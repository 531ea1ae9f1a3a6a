"""Tests of the installation of the server and of the settings."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import HANG
from tests.editors.vscode.code import Window, browsing, serving
from tests.editors.vscode.conftest import SEMLS

pytestmark = pytest.mark.editors

QUERY = "throw out visitors who were idle for too long"


@pytest.fixture
def bare(terminal):
    """Environment variables with a PATH on which semls is not."""
    folders = os.environ["PATH"].split(os.pathsep)
    path = os.pathsep.join(folder for folder in folders if not Path(folder, "semls").exists())
    pip = [sys.executable, "-m", "pip", "cache", "dir"]
    cache = subprocess.run(pip, capture_output=True, text=True, check=True).stdout.strip()
    # With `no`, pip's `--no-compile` is set: compiling takes minutes, and most modules are never imported.
    return {**terminal.environment, "PATH": path, "PIP_CACHE_DIR": cache, "PIP_NO_COMPILE": "no"}


def test_search_without_server_offers_to_install_it(installed, bare, shop, tmp_path):
    with serving(installed, tmp_path, bare) as code, browsing() as page:
        window = Window(page, code.address(shop))
        window.has_status("semls: semls is not installed")
        expect(window.message).to_contain_text("Install it into a separate Python environment?")
        page.get_by_role("tab", name="Search by Meaning").click()
        expect(page.get_by_text("semls is not installed yet.")).to_be_visible()
        window.picture("setup")
        window.command("semls: Search Code by Meaning")
        window.message.get_by_role("button", name="Install", exact=True).click()
        expect(window.message).to_contain_text(
            re.compile(r"Installing semls: \w+, \d+ MB \(\d+ MB in total\)")
        )
        window.picture("installing")
        page.get_by_placeholder("Describe what the code does").wait_for(timeout=HANG * 1000)
        page.keyboard.type(QUERY)
        expect(window.rows.first).to_contain_text("evict_expired")
        assert list((tmp_path / "data").rglob("environment/bin/semls"))


def test_walkthrough_leads_from_the_installation_to_agents(code, shop):
    with browsing() as page:
        window = Window(page, code.address(shop))
        window.has_status("semls: ready")
        page.get_by_role("tab", name="Search by Meaning").click()
        page.get_by_text("Take the first steps").click()
        steps = ("The server is installed", "Ask the first question", "Keep the results", "Let agents search")
        for step in steps:
            expect(page.get_by_role("button", name=step).first).to_be_visible()
        done = page.locator("[data-done-step-id]")
        expect(done).to_have_count(len(steps))
        expect(done.first).to_have_attribute("aria-checked", "true")
        expect(done.nth(1)).to_have_attribute("aria-checked", "false")
        window.picture("walkthrough")


def test_walkthrough_notices_that_the_server_is_found(code, shop):
    code.set(path="/no/such/semls")
    try:
        with browsing() as page:
            window = Window(page, code.address(shop))
            window.command("Welcome: Open Walkthrough")
            window.rows.filter(has_text="Search Code by Meaning").first.click()
            install = page.get_by_role("checkbox", name="Install the server")
            expect(install).to_have_attribute("aria-checked", "false")
            code.set(path=SEMLS)
            installed = page.get_by_role("checkbox", name="The server is installed")
            expect(installed).to_have_attribute("aria-checked", "true")
            expect(install).to_have_count(0)
    finally:
        code.set(path=SEMLS)


def test_view_says_that_the_server_does_not_run(installed, bare, shop, tmp_path):
    with serving(installed, tmp_path, bare, path="/bin/false") as code, browsing() as page:
        window = Window(page, code.address(shop))
        expect(window.status.locator(".codicon-warning")).to_be_visible()
        page.get_by_role("tab", name="Search by Meaning").click()
        expect(page.get_by_text("semls cannot search: its status says why.")).to_be_visible()
        window.picture("not-running")
        page.get_by_role("button", name="Show Status").click()
        expect(window.rows.first).to_contain_text("/bin/false does not start.")
        window.picture("not-running-status")


def test_agents_are_offered_the_mcp_server(installed, terminal, shop, tmp_path):
    with serving(installed, tmp_path, terminal.environment, path=SEMLS) as code, browsing() as page:
        code.allow_agents()
        window = Window(page, code.address(shop))
        window.has_status("semls: ready")
        window.command("MCP: List Servers")
        window.rows.filter(has_text="semls").click()
        window.rows.filter(has_text="Start Server").click()
        expect(page.get_by_text("Discovered 3 tools")).to_be_visible()
        window.picture("agents")


def test_start_uses_the_selected_python_environment(installed, bare, shop, tmp_path):
    python = fake_python_extension(tmp_path, sys.executable)
    with serving(installed, tmp_path / "code", bare, extensions=[python]) as code, browsing() as page:
        Window(page, code.address(shop)).has_status("semls: ready")


def fake_python_extension(folder, interpreter):
    """Build a fake of Microsoft's Python extension, which no package registry has."""
    environments = f"{{ getActiveEnvironmentPath: () => ({{ path: {json.dumps(interpreter)} }}) }}"
    manifest: dict[str, object] = {
        "name": "python",
        "publisher": "ms-python",
        "version": "0.0.1",
        "main": "index.js",
    }
    manifest |= {"engines": {"vscode": "^1.95.0"}, "activationEvents": ["*"]}
    files = {
        "extension.vsixmanifest": "<PackageManifest/>",
        "extension/index.js": f"exports.activate = () => ({{ environments: {environments} }});",
        "extension/package.json": json.dumps(
            {**manifest, "engines": {"vscode": "^1.95.0"}, "activationEvents": ["*"]}
        ),
    }
    with zipfile.ZipFile(folder / "python.vsix", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return folder / "python.vsix"


def test_install_failure_shows_the_reason_and_removes_the_environment(installed, bare, shop, tmp_path):
    with serving(installed, tmp_path, {**bare, "PIP_NO_INDEX": "1"}) as code, browsing() as page:
        window = Window(page, code.address(shop))
        window.command("semls: Install Server")
        notification = page.locator(".notification-list-item", has_text="Failed to install semls").first
        expect(notification).to_contain_text("No matching distribution found", timeout=HANG * 1000)
        assert not list((tmp_path / "data").rglob("environment"))


def test_start_with_wrong_path_names_it(installed, bare, shop, tmp_path):
    with serving(installed, tmp_path, bare, path="/no/such/semls") as code, browsing() as page:
        window = Window(page, code.address(shop))
        window.command("semls: Search Code by Meaning")
        expect(window.message).to_contain_text("semls.path names /no/such/semls, which is not a program")
        code.set(path=SEMLS)
        window.has_status("semls: ready")


def test_settings_of_restricted_workspace_are_ignored(installed, terminal, shop, tmp_path):
    settings = shop / ".vscode" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"semls.model": "no-such-model"}))
    message = "Unknown model 'no-such-model'"
    with (
        serving(installed, tmp_path, terminal.environment, trusting=False, path=SEMLS) as code,
        browsing() as page,
    ):
        window = Window(page, code.address(shop))
        window.search(QUERY)
        expect(window.rows.first).to_contain_text("evict_expired")
        page.keyboard.press("Escape")
        assert message not in page.inner_text("body")
        window.command("Workspaces: Manage Workspace Trust")
        page.get_by_role("button", name="Trust", exact=True).first.click()
        expect(page.get_by_text(message).first).to_be_visible()
