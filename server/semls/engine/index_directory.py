"""The directory of a workspace's index: its location, its size and its deletion."""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

from semls.engine.storage.catalog import Catalog
from semls.errors import StoreError


def index_directory(cache_directory: Path, root: Path) -> Path:
    """Return the directory of the index of the workspace at `root`."""
    return cache_directory / hashlib.blake2b(os.fsencode(root), digest_size=8).hexdigest()


def disk_usage(directory: Path) -> int:
    """Return the bytes of all files in a directory, except those that are deleted during the count."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(folder, name)).st_size
    return total


def delete_index(directory: Path) -> None:
    """Delete the index of a workspace that is closed. Raises StoreError."""
    if not directory.exists():
        return
    Catalog(directory / "index.sqlite").close()  # fails while another program has it open
    try:
        shutil.rmtree(directory)
    except OSError as error:
        raise StoreError(
            f"The index in {directory} cannot be deleted ({error}). Close programs that use it, then retry."
        ) from error
