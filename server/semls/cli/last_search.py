"""Remember the hits of the last search that was printed, or the places of an answer, for `semls open`."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from semls.cli import terminal
from semls.cli.editor import Location
from semls.errors import UsageError, reason
from semls.locations import path_of_uri
from semls.reading import read_regular
from semls.settings import EngineSettings

_NAME = "last-search.json"
_MAX_BYTES = 1 << 20


def save(hits: Iterable[tuple[int, str]]) -> None:
    """Remember lines and URIs.

    The former ones stay if there are no new ones, or if the state directory cannot be written to.
    """
    places = list(hits)
    if not places:
        return
    path = _path()
    with contextlib.suppress(OSError):
        descriptor, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump(places, file)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)


def location(number: int) -> Location:
    """Return the location of a hit; numbers count from 1. Raises UsageError."""
    try:
        content = read_regular(_path(), _MAX_BYTES)
        places = [Location(int(line), path_of_uri(uri)) for line, uri in json.loads(content or b"[]")]
    except FileNotFoundError:
        places = []
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"The last search cannot be read ({reason(error)}): search again.") from error
    if not places:
        raise UsageError("There is no last search: run `semls search` first.")
    if not 1 <= number <= len(places):
        hits = terminal.count(len(places), "hit")
        raise UsageError(f"The last search has {hits}: pass a number from 1 to {len(places)}.")
    return places[number - 1]


def _path() -> Path:
    return EngineSettings.from_environment().state_directory / _NAME
