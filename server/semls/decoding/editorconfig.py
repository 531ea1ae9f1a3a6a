"""Read the property `charset` of EditorConfig files: https://spec.editorconfig.org."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

from semls.globs import MAX_ALTERNATIVES, expand_braces, translate
from semls.reading import read_regular

EDITORCONFIG = ".editorconfig"
_MAX_BYTES = 1 << 16  # of a file
_MAX_PATTERNS = MAX_ALTERNATIVES  # of a file; each is a glob without braces
_MAX_PATTERN_LENGTH = 1024  # as the specification says


def charset(file: Path) -> str:
    """Return the value of `charset` for a file in lower case, or "" if there is none.

    The EditorConfig files of its folder and of the folders above are read, up to one that is a root.
    """
    for folder in file.parents:
        is_root, rules = _read(folder / EDITORCONFIG)
        path = file.relative_to(folder).as_posix()
        values = [value for pattern, value in rules if pattern.match(path)]
        if values:
            return "" if values[-1] == "unset" else values[-1]
        if is_root:
            break
    return ""


_Rules = list[tuple[re.Pattern[str], str]]  # the last one that matches a path gives its charset


def _read(file: Path) -> tuple[bool, _Rules]:
    try:
        content = read_regular(file, _MAX_BYTES)
    except (OSError, ValueError):
        content = None
    return _parse(content[:_MAX_BYTES]) if content else (False, [])


@lru_cache(64)
def _parse(content: bytes) -> tuple[bool, _Rules]:
    """Return whether an EditorConfig file is a root, and its rules."""
    is_root, section = False, ""
    rules: _Rules = []
    for line in content.decode("utf-8-sig", "replace").splitlines():
        line = line.strip()  # noqa: PLW2901 - the same line
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            continue
        key, separator, value = (part.strip().lower() for part in line.partition("="))
        if not separator or line[0] in "#;":
            continue
        if key == "root" and not section:
            is_root = value == "true"
        elif key == "charset" and section:
            new = ((pattern, value) for pattern in _patterns(section))
            rules += islice(new, _MAX_PATTERNS - len(rules))
    return is_root, rules


def _patterns(section: str) -> Iterator[re.Pattern[str]]:
    """Yield the regular expressions of a section's name, one for each alternative in its braces."""
    if len(section) > _MAX_PATTERN_LENGTH:
        return
    for glob in expand_braces(section):
        # Git's "**" has a meaning only between slashes, that of EditorConfig everywhere.
        path = re.sub(r"\*\*+(?!/|$)", "**/*", glob).removeprefix("/") if "/" in glob else f"**/{glob}"
        try:
            yield re.compile(translate(path) + r"\Z")
        except (ValueError, re.error):
            continue
