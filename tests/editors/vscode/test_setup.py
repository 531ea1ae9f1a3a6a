"""Where the server comes from, and whose settings count."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import HANG
from tests.editors.vscode.code import Person, browsing, serving
from tests.editors.vscode.conftest import SEMLS

pytestmark = pytest.mark.editors

QUESTION = "throw out visitors who were idle for too long"


@pytest.fixture
def bare(terminal):
    """An environment without the program."""
    folders = os.environ["PATH"].split(os.pathsep)
    path = os.pathsep.join(folder for folder in folders if not Path(folder, "semls").exists())
    pip = [sys.executable, "-m", "pip", "cache", "dir"]
    cache = subprocess.run(pip, capture_output=True, text=True, check=True).stdout.strip()
    return {**terminal.environment, "PATH": path, "PIP_CACHE_DIR": cache}


def test_a_missing_server_is_installed_after_asking(installed, bare, shop, tmp_path):
    with serving(installed, tmp_path, bare) as code, browsing() as page:
        person = Person(page, code.address(shop))
        person.is_told("semls: semls is not installed")
        person.command("semls: Search Code by Meaning")
        expect(person.message).to_contain_text("Install it into a separate Python environment?")
        person.message.get_by_role("button", name="Install", exact=True).click()
        page.get_by_placeholder("Describe what the code does").wait_for(timeout=HANG * 1000)
        page.keyboard.type(QUESTION)
        expect(person.rows.first).to_contain_text("evict_expired")
        assert list((tmp_path / "data").rglob("environment/bin/semls"))


def test_the_server_of_the_selected_python_environment_is_taken(installed, bare, shop, tmp_path):
    python = packed_python_extension(tmp_path, sys.executable)
    with serving(installed, tmp_path / "code", bare, extensions=[python]) as code, browsing() as page:
        Person(page, code.address(shop)).is_told("semls: ready")


def packed_python_extension(folder, interpreter):
    """As much of Microsoft's extension as is asked: it is on no package registry."""
    environments = f"{{ getActiveEnvironmentPath: () => ({{ path: {json.dumps(interpreter)} }}) }}"
    about: dict[str, object] = {
        "name": "python",
        "publisher": "ms-python",
        "version": "0.0.1",
        "main": "index.js",
    }
    about |= {"engines": {"vscode": "^1.95.0"}, "activationEvents": ["*"]}
    files = {
        "extension.vsixmanifest": "<PackageManifest/>",
        "extension/index.js": f"exports.activate = () => ({{ environments: {environments} }});",
        "extension/package.json": json.dumps(
            {**about, "engines": {"vscode": "^1.95.0"}, "activationEvents": ["*"]}
        ),
    }
    with zipfile.ZipFile(folder / "python.vsix", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return folder / "python.vsix"


def test_an_installation_that_fails_says_why_and_leaves_nothing(installed, bare, shop, tmp_path):
    with serving(installed, tmp_path, {**bare, "PIP_NO_INDEX": "1"}) as code, browsing() as page:
        person = Person(page, code.address(shop))
        person.command("semls: Install Server")
        failed = page.locator(".notification-list-item", has_text="Failed to install semls").first
        expect(failed).to_contain_text("No matching distribution found", timeout=HANG * 1000)
        assert not list((tmp_path / "data").rglob("environment"))


def test_a_program_that_is_none_is_named(installed, bare, shop, tmp_path):
    with serving(installed, tmp_path, bare, path="/no/such/semls") as code, browsing() as page:
        person = Person(page, code.address(shop))
        person.command("semls: Search Code by Meaning")
        expect(person.message).to_contain_text("semls.path names /no/such/semls, which is not a program")
        code.set(path=SEMLS)
        person.is_told("semls: ready")


def test_the_settings_of_a_restricted_workspace_do_not_count(installed, terminal, shop, tmp_path):
    settings = shop / ".vscode" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"semls.model": "no-such-model"}))
    complaint = "Unknown model 'no-such-model'"
    with (
        serving(installed, tmp_path, terminal.environment, trusting=False, path=SEMLS) as code,
        browsing() as page,
    ):
        person = Person(page, code.address(shop))
        person.ask(QUESTION)
        expect(person.rows.first).to_contain_text("evict_expired")
        page.keyboard.press("Escape")
        assert complaint not in page.inner_text("body")
        person.command("Workspaces: Manage Workspace Trust")
        page.get_by_role("button", name="Trust", exact=True).first.click()
        expect(page.get_by_text(complaint).first).to_be_visible()
