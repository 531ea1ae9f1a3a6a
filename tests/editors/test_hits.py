"""VS Code, Neovim and Emacs list the hits that `semls search --json` prints: order, places and text."""

import json
import shutil
from typing import NamedTuple

import pytest
from playwright.sync_api import expect

from tests.conftest import FIXTURES
from tests.editors.emacs.emacs import PACKAGE, SEMLS, emacs
from tests.editors.nvim.neovim import headless
from tests.editors.vscode.code import Window, browsing, serving

pytestmark = pytest.mark.editors

LIMIT = 6  # as many rows as a quick pick shows at once
FILES = {
    "notes & plans/water the plants.py": """
def feed_the_goldfish(tank):
    \"\"\"Give the fish in the pond their flakes.\"\"\"
    return tank.flakes
""",
    "accounts.py": """
class Ledger:
    def recalculate_the_outstanding_balance_of_every_customer_account_after_conversion(self):
        return round(self.balance, 2)
""",
}
QUERIES = {
    "strong": "throw out visitors who were idle for too long",
    "weak": "zebra quantum pancakes",
    "filters": "session lang:rust -name:sign_in",
    "filters alone": "kind:class path:*.java",
    "long name": "outstanding balance of customers after conversion",
    "path with spaces": "give the fish in the pond their flakes",
    "name": "evict_expired",
}


class Row(NamedTuple):
    name: str
    place: str
    text: str


class Listed(NamedTuple):
    """What a list shows for a query."""

    is_weak: bool
    rows: list[Row]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, terminal):
    root = shutil.copytree(FIXTURES / "shop", tmp_path_factory.mktemp("workspace") / "my shop")
    (root / ".git").mkdir()
    for path, text in FILES.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text)
    assert terminal.run("index", root).returncode == 0
    return root


@pytest.fixture(scope="module")
def printed(workspace, terminal):
    """What `semls search --json` prints for each query."""
    return {
        name: to_listed(terminal.json("search", query, "-k", LIMIT, cwd=workspace))
        for name, query in QUERIES.items()
    }


def to_listed(answer):
    rows = [
        Row(
            ".".join(filter(None, (hit["container"], hit["name"]))),
            f"{hit['path']}:{hit['selectionRange']['start']['line'] + 1}",
            hit["best"]["text"],
        )
        for hit in answer["hits"]
    ]
    return Listed(bool(rows) and answer["confidence"] < 0.2, rows)


def test_queries_cover_strong_and_weak_answers_long_names_and_spaces(printed):
    assert [name for name, listed in printed.items() if listed.is_weak] == ["weak"]
    assert all(listed.rows for listed in printed.values())
    assert len(printed["long name"].rows[0].name) > 70
    assert " " in printed["path with spaces"].rows[0].place


def test_vscode_lists_what_the_terminal_prints(installed, terminal, workspace, printed, tmp_path):
    settings = {"path": SEMLS, "maxResults": LIMIT}
    with serving(installed, tmp_path, terminal.environment, **settings) as code, browsing() as page:
        window = Window(page, code.address(workspace))
        window.has_status("semls: ready")
        window.search("")
        assert {name: listed_in_vscode(window, name, printed[name]) for name in QUERIES} == printed


def listed_in_vscode(window, name, expected):
    window.box.fill(QUERIES[name])
    expect(window.rows.filter(has_text=expected.rows[0].place).first).to_contain_text(expected.rows[0].text)
    window.picture(f"hits-{name.replace(' ', '-')}")
    heading = window.rows.first.locator(".quick-input-list-separator").inner_text()
    labels = (".label-name", ".label-description", ".quick-input-list-label-meta")
    rows = [
        Row(*(row.locator(label).first.inner_text().strip() for label in labels)) for row in window.rows.all()
    ]
    return Listed(heading == "No strong match; nearest:", list(map(uncut, rows, expected.rows)))


def to_row(line, text):
    """Return the row for a line, which has two spaces between name and place."""
    name, place = line.split("  ", 1)
    return Row(name, place, text)


def uncut(row, expected):
    """Return a row with its whole name. A quick pick cuts it, its container first, so that the place fits."""
    part = row.name.removesuffix("…")
    is_cut = part != row.name and len(part) > 30 and part in expected.name
    return row._replace(name=expected.name) if is_cut else row


def test_neovim_lists_what_the_terminal_prints(terminal, workspace, printed, tmp_path):
    nvim = headless(tmp_path, terminal)
    try:
        nvim.setup(limit=LIMIT)
        nvim.nvim.command(f"set columns=400 | cd {workspace}".replace(" shop", "\\ shop"))
        assert {name: listed_in_neovim(nvim, name, printed[name]) for name in QUERIES} == printed
    finally:
        nvim.close()


def listed_in_neovim(nvim, name, expected):
    """Return the rows of the built-in picker, with the texts of the quickfix list that it fills."""
    nvim.nvim.command(f"Semls search {QUERIES[name]}")
    first = "{}  {}".format(*expected.rows[0])
    nvim.until(lambda: first in nvim.picker_lines())
    lines, title = nvim.picker_lines(), nvim.picker_title()
    nvim.nvim.input("<C-q>")
    nvim.until(lambda: nvim.quickfix[0] == QUERIES[name])
    texts = [text.split("  ", 1)[1] for *_, text in nvim.quickfix[1]]
    nvim.nvim.command("cclose")
    rows = [to_row(line, text) for line, text in zip(lines, texts, strict=True)]
    return Listed("No strong match; nearest:" in title, rows)


@pytest.mark.skipif(shutil.which("emacs") is None, reason="emacs is not installed")
def test_emacs_lists_what_the_terminal_prints(terminal, workspace, printed):
    script = f"""
(let* ((semls-command '("{SEMLS}" "lsp")) (semls-limit {LIMIT})
       (root (file-name-as-directory (file-truename "{workspace}"))))
  (dolist (query '({" ".join(json.dumps(query) for query in QUERIES.values())}))
    (let ((candidates (semls--candidates root query)))
      (princ (json-encode
              (vector (semls--group (car candidates) nil)
                      (vconcat (mapcar (lambda (each)
                                         (vector (substring-no-properties each) (semls--annotation each)))
                                       candidates)))))
      (princ "\\n"))))"""
    output = emacs("-L", PACKAGE.parent, "-l", PACKAGE, "--eval", script, **terminal.environment).stdout
    answers = [json.loads(line) for line in output.splitlines() if line.startswith("[")]
    assert dict(zip(QUERIES, map(listed_in_emacs, answers), strict=True)) == printed, output


def listed_in_emacs(answer):
    """Return the candidates with the texts in their annotations."""
    heading, candidates = answer
    rows = [to_row(label, annotation.split("  ", 2)[2]) for label, annotation in candidates]
    return Listed(heading == "No strong match; nearest:", rows)
