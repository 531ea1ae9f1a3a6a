"""Remembers which folders an installation has created, so that uninstalling deletes no other ones."""

import contextlib
import json
from pathlib import Path

from semls.reading import read_regular

_NAME = "created-folders.json"
_MAX_BYTES = 1 << 20


class CreatedFolders:
    """The folders that were created, in a file of the state directory.

    If that file is lost, uninstalling leaves empty folders behind.
    """

    def __init__(self, state_directory: Path) -> None:
        self._file = state_directory / _NAME

    def create(self, folder: Path) -> None:
        """Create a folder and those around it. Raises OSError."""
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for each in reversed(missing):
            each.mkdir()
        if missing:
            self._write(self._read() | {str(each) for each in missing})

    def delete_empty(self, folder: Path) -> None:
        """Delete a folder and those around it, as long as they are empty and were created."""
        created = self._read()
        with contextlib.suppress(OSError):  # of the first folder that is not empty
            while str(folder) in created:
                folder.rmdir()
                created.remove(str(folder))
                folder = folder.parent
        self._write(created)

    def _read(self) -> set[str]:
        with contextlib.suppress(OSError, ValueError, TypeError):
            return set(json.loads(read_regular(self._file, _MAX_BYTES) or b"[]"))
        return set()

    def _write(self, folders: set[str]) -> None:
        with contextlib.suppress(OSError):
            if folders:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._file.write_text(json.dumps(sorted(folders)), "utf-8")
            else:
                self._file.unlink(missing_ok=True)
