"""The progress of one workspace's index."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from semls.engine.storage.embedded_hashes import Coverage

Phase: TypeAlias = Literal["reading", "downloading", "loading", "embedding", "paused", "ready"]


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of indexing at one moment.

    `files` counts the files that have chunks, `encoded` the texts that the model has encoded since the
    workspace was opened, and `rate` those that it encodes in a second, 0.0 if that is not known. `download`
    is the number of downloaded bytes of the model, and its size in bytes.
    """

    phase: Phase
    files: int
    coverage: Coverage
    encoded: int
    rate: float = 0.0
    download: tuple[int, int] = (0, 0)
