"""Files that are skipped because of their names or contents."""

from pathlib import Path

import pytest

from semls.engine.files import classify
from tests.support.trees import (
    read_reason,
    skipped,
    write_tree,
)

pytestmark = pytest.mark.usefixtures("home")


REASONS_BY_NAME = {
    "a.png": classify.BINARY,
    "A.PDF": classify.BINARY,
    "lib.so": classify.BINARY,
    ".DS_Store": classify.BINARY,
    "package-lock.json": classify.LOCK_FILE,
    "Cargo.lock": classify.LOCK_FILE,
    "go.sum": classify.LOCK_FILE,
    "app.min.js": classify.MINIFIED,
    "app.js.map": classify.GENERATED,
}


def test_scan_and_read_file_with_excluded_names_skip_files(tmp_path: Path) -> None:
    write_tree(
        tmp_path, dict.fromkeys([*REASONS_BY_NAME, "png", "min.js", "locks.py", "a.lock", "admin.js"], "x")
    )
    assert skipped(tmp_path) == REASONS_BY_NAME
    assert {path: read_reason(tmp_path, path) for path in REASONS_BY_NAME} == REASONS_BY_NAME


def test_read_file_with_nul_in_first_8_kib_skips_file(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a": "text\0", "b": "x" * 8191 + "\0", "c": "x" * 8192 + "\0", "utf8": "äöü"})
    assert [read_reason(tmp_path, path) for path in ("a", "b", "c", "utf8")] == [
        classify.BINARY,
        classify.BINARY,
        None,
        None,
    ]


def test_read_file_with_minified_content_skips_file(tmp_path: Path) -> None:
    line = "function a(b,c){return b+c}var d=a(1,2);" * 100
    code = "function total(items) {\n  return items.reduce((sum, item) => sum + item.price, 0);\n}\n"
    tree = {
        "a.js": f"/*! licence of\n a library */\n{line}\n//# sourceMappingURL=a.map",
        "b.css": line,
        "c.js": f'"use strict";\n{line}\nexport default d;\n',
        "page.html": f"<!doctype html><html>{line}\n<p>This is the text of a page that a program wrote.</p>",
        "d.js": "call();\n" * 1000,
        "e.js": f"const BUNDLE = `{line}`;\n{code}",
        "f.js": f"{code}{line}\n",
        "g.py": line,
    }
    write_tree(tmp_path, tree)
    assert {path: read_reason(tmp_path, path) for path in tree} == {
        **dict.fromkeys(["a.js", "b.css", "c.js", "page.html"], classify.MINIFIED),
        **dict.fromkeys(["d.js", "e.js", "f.js", "g.py"]),
    }
