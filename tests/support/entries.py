"""Chunks for tests that do not parse source files."""

from typing import Any

from semls.engine.storage.schema import Entry


def make_entry(path: str = "a.py", name: str = "parseHeader", **changes: Any) -> Entry:
    """Return a Python function at the start of a file; `changes` replace its fields."""
    plain = Entry(
        path=path,
        language="python",
        kind="Function",
        name=name,
        container="",
        signature="",
        doc="",
        content_hash=f"hash of {name}",
        start_byte=0,
        end_byte=0,
        start_row=0,
        start_column=0,
        end_row=0,
        end_column=0,
        name_row=0,
        name_column=0,
        name_end_row=0,
        name_end_column=0,
    )
    return plain._replace(**changes)
