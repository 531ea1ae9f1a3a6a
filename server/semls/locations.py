"""Read the locations of code that people, agents and the engine write: PATH:LINE and file URIs."""

import os
import re
from urllib.parse import unquote_to_bytes, urlsplit

from semls.errors import UsageError

_LOCATION = re.compile(
    r"(?P<file>.+?)(?::|#L)0*(?P<line>[1-9][0-9]{0,8})(?:-L?[0-9]*)?(?::[0-9]*)?:?", re.DOTALL
)


def split_location(location: str) -> tuple[str, int]:
    """Return the file and the zero-based row of FILE:LINE.

    What compilers, grep and GitHub print is accepted, too: FILE:LINE:COLUMN, FILE:FIRST-LAST, FILE#L10 and
    FILE#L10-L20. Raises UsageError.
    """
    match = _LOCATION.fullmatch(location)
    if match is None:
        raise UsageError(f"'{location}' is not a location: write FILE:LINE, for example src/http.py:42.")
    return match["file"], int(match["line"]) - 1


def path_of_uri(uri: str) -> str:
    """Return the path of a file URI, whose bytes may not be UTF-8."""
    path = urlsplit(uri).path
    if os.name == "nt":
        from urllib.request import url2pathname  # imports an HTTP client

        return url2pathname(path)
    return os.fsdecode(unquote_to_bytes(os.fsencode(path)))
