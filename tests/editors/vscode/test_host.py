"""Tests that run inside the extension host: the API that other extensions and agents see."""

from pathlib import Path

import pytest

from tests.editors.vscode.code import EXTENSION, browsing, serving
from tests.editors.vscode.conftest import SEMLS

pytestmark = pytest.mark.editors

HOST = Path(__file__).parent / "host"


@pytest.fixture(scope="module")
def output(installed, terminal, shop, tmp_path_factory):
    """The lines that host/index.js prints."""
    assert terminal.run("index", shop).returncode == 0
    directory, driver = tmp_path_factory.mktemp("host"), ("--vscode-option", "enable-smoke-test-driver")
    lines: list[str] = []
    with serving(installed, directory, terminal.environment, *driver, path=SEMLS) as code, browsing() as page:
        ended: list[int] = []
        page.expose_function("codeAutomationLog", lambda _, given: lines.extend(map(str, given)))
        page.expose_function("codeAutomationExit", lambda code: ended.append(code))  # noqa: PLW0108
        remote = f"vscode-remote://127.0.0.1:{code.port}"
        paths = {"extensionDevelopmentPath": EXTENSION, "extensionTestsPath": HOST / "index.js"}
        page.goto(code.address(shop, **{key: f"{remote}{path}" for key, path in paths.items()}))
        for _ in range(600):
            if ended:
                break
            page.wait_for_timeout(100)
    return lines


@pytest.mark.usefixtures("installed")  # install.sh has built the bundle
def test_bundle_is_small():
    assert (EXTENSION / "dist" / "extension.js").stat().st_size < 500_000


@pytest.mark.parametrize(
    "name",
    [
        "activation succeeds",
        "commands are registered and differ from those of the server",
        "language model tool searches the index",
        "workspace symbols come from the server",
    ],
)
def test_extension_host_test_passes(output, name):
    assert f"passed: {name}" in output, "\n".join(output)
