"""What the engine and its workspaces return."""

from dataclasses import dataclass, field
from pathlib import Path

from semls.engine.indexing.progress import Progress
from semls.engine.search.duplicates import Duplicates
from semls.engine.search.retrieval import Hit
from semls.engine.search.similar import SimilarCode
from semls.engine.storage.embedded_hashes import Coverage
from semls.engine.storage.schema import File


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The hits of a query in one workspace, best first or grouped by file.

    `confidence` is the probability that the first hit is right, 0 if there is none. `model` is the name of
    the model whose vectors were used, "" for lexical search alone, and `coverage` that of its vectors.
    `complete` is False until all files have been read once since the workspace was opened. `notice` explains
    why there are no hits, or none that contain the query's phrases, if the reason is known.
    """

    hits: list[Hit]
    confidence: float
    model: str
    coverage: Coverage
    complete: bool
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits of a query in several workspaces, each with its workspace as the client named it.

    The other fields are those of `SearchResult`, over all workspaces.
    """

    query: str
    confidence: float
    model: str
    coverage: Coverage
    complete: bool
    notice: str
    hits: tuple[tuple[Path, Hit], ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Code that is similar to a chunk. `model` and `coverage` are those of `SearchResult`."""

    similar: SimilarCode
    model: str
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class DuplicatesResult:
    """The duplicates in a workspace. `model` and `coverage` are those of `SearchResult`."""

    duplicates: Duplicates
    model: str
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether and how a file is indexed."""

    path: str
    skipped: str  # the reason, "" if the file is indexed
    by_lines: str  # why it is chunked by lines although its language has a grammar, "" if it is not
    omitted: str  # what is left out of the file, "" if nothing is
    language: str
    chunks: int
    definitions: int
    embedded: int


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a workspace."""

    root: Path
    indexed: bool  # whether every file has been read once
    progress: Progress
    model: str
    device: str
    store: str  # the address of the server that stores the vectors, "" if they are on this machine
    notice: str
    error: str


@dataclass(frozen=True, slots=True)
class Usage:
    """The skipped files of a workspace, and the disk space of its index; empty if they are not known."""

    skipped: dict[str, int] = field(default_factory=dict)  # number of files by reason
    skipped_files: list[File] = field(default_factory=list)  # the first thousand
    by_lines: list[File] = field(default_factory=list)  # the first thousand, chunked by lines: parsing failed
    partial: list[File] = field(default_factory=list)  # the first thousand of which parts are left out
    disk: int = 0  # bytes of the index
    cache: int = 0  # bytes of the embedding cache, which all workspaces share
