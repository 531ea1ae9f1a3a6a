"""What is written about the protocol, beside what is there."""

import ast
import re

from semls.lsp import server
from tests.support.documents import ROOT


def test_each_method_is_proved_by_tests_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## The protocol")[2].partition("\n## ")[0]
    modules = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "tests/lsp").glob("test_*.py")]
    known = {node.name for module in modules for node in ast.walk(module) if hasattr(node, "name")}
    assert set(re.findall(r"`(test_\w+)`", text)) <= known
    methods = {*server._FEATURES, *server._COMMANDS}
    assert methods <= set(re.findall(r"`([\w$/.]+)`", text))


def test_the_contract_names_every_method_of_ours():
    contract = (ROOT / "editors/README.md").read_text("utf-8")
    ours = {name for name in (*server._FEATURES, *server._COMMANDS) if name.startswith("semls")}
    assert ours <= set(re.findall(r"`(semls[\w/.]+)`", contract))
