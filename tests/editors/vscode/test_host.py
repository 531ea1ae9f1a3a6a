"""The extension as other extensions and agents see it: what runs inside the extension host."""

from pathlib import Path

import pytest

from tests.editors.vscode.code import EXTENSION, browsing, serving
from tests.editors.vscode.conftest import SEMLS

pytestmark = pytest.mark.editors

HOST = Path(__file__).parent / "host"


@pytest.fixture(scope="module")
def told(installed, terminal, shop, tmp_path_factory):
    """What the program in `host` prints."""
    assert terminal.run("index", shop).returncode == 0
    place, driver = tmp_path_factory.mktemp("host"), ("--vscode-option", "enable-smoke-test-driver")
    lines: list[str] = []
    with serving(installed, place, terminal.environment, *driver, path=SEMLS) as code, browsing() as page:
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


@pytest.mark.usefixtures("installed")  # it was packed then
def test_the_bundle_is_small():
    assert (EXTENSION / "dist" / "extension.js").stat().st_size < 500_000


@pytest.mark.parametrize(
    "name",
    [
        "it is activated in no time",
        "its commands are there, and none has the name of one of the server",
        "agents search through the same index",
        "the server is asked for symbols, too",
    ],
)
def test_inside_the_extension_host(told, name):
    assert f"passed: {name}" in told, "\n".join(told)
