"""Add a table at the end of a TOML file, and remove it again; the rest of the text stays as it is."""

import json
import re
import sys
from collections.abc import Mapping

_HEADER = re.compile(r"^[ \t]*\[", re.MULTILINE)


def read(text: str, section: str, name: str) -> Mapping[str, object] | None:
    """Return the table `[section.name]`, None if there is none. Raises ValueError for invalid TOML."""
    if sys.version_info >= (3, 11):
        import tomllib

        tables = tomllib.loads(text.replace("\r\n", "\n")).get(section, {})
        table = tables.get(name) if isinstance(tables, dict) else None
        return table if isinstance(table, dict) else None
    span = _span(text, section, name)  # Python 3.10 has no parser: keys written in other ways are not found
    lines = text[span[0] : span[1]].split("\n")[1:] if span else []
    pairs = [line.partition("=") for line in lines if "=" in line]
    return {key.strip(): json.loads(value) for key, _, value in pairs} if span else None


def insert(text: str, section: str, name: str, table: Mapping[str, object]) -> str:
    """Return the text with a table of strings and lists of strings. Raises ValueError for invalid TOML."""
    newline = "\r\n" if "\r\n" in text else "\n"
    # A JSON string is a TOML string if it has no surrogates, which `ensure_ascii` would write.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
    block = newline.join([f"[{section}.{name}]", *lines, ""])
    separator = newline if not text or text.endswith("\n") else 2 * newline
    changed = f"{text}{separator if text else ''}{block}"
    if read(changed, section, name) != table:
        raise ValueError(f"'{section}' is not a table that can be extended")
    return changed


def remove(text: str, section: str, name: str) -> str:
    """Return the text without the table. Raises ValueError if only parts of it can be removed."""
    span = _span(text, section, name)
    if span is None:
        raise ValueError(f"'{section}.{name}' is not written as a table")
    before, after = text[: span[0]], text[span[1] :]
    if not after:
        before = re.sub(r"\r?\n\Z", "", before)  # the empty line that `insert` has added
        before = f"{before}\n" if before and not before.endswith("\n") else before
    if read(before + after, section, name) is not None:
        raise ValueError(f"'{section}.{name}' has tables of its own")
    return before + after


def _span(text: str, section: str, name: str) -> tuple[int, int] | None:
    """Return where a table starts and ends."""
    header = re.search(
        rf"^[ \t]*\[{re.escape(section)}\.{re.escape(name)}\][ \t]*\r?$\n?", text, re.MULTILINE
    )
    if header is None:
        return None
    following = _HEADER.search(text, header.end())
    return header.start(), following.start() if following else len(text)
