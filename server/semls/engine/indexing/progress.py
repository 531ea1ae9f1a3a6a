"""The progress of one workspace's index."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from semls.engine.storage.embedded_hashes import Coverage

Phase: TypeAlias = Literal["reading", "downloading", "loading", "embedding", "paused", "ready"]


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot of how far indexing has come.

    `files` counts the files that have chunks, `encoded` the texts that the model has encoded since the
    workspace was opened, `download` the bytes of the model that have been downloaded, and its size.
    """

    phase: Phase
    files: int
    coverage: Coverage
    encoded: int
    download: tuple[int, int] = (0, 0)
