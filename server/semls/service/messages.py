"""The JSON messages of the engine's responses, and the endpoints that send them.

The engine builds these messages and the client returns them, both checked by mypy. They are not validated at
run time: an engine and its clients always have the same version. Requests are validated, see `schemas`.
"""

from dataclasses import dataclass
from typing import Generic, TypedDict, TypeVar

Message = TypeVar("Message")


class Position(TypedDict):
    """A zero-based position in a file on disk; `character` counts bytes."""

    line: int
    character: int


class Range(TypedDict):
    """A range in a file on disk; the end is exclusive."""

    start: Position
    end: Position


class ChunkMessage(TypedDict):
    """A chunk. `range` is the definition, or the chunk itself where a long definition has several.

    `selectionRange` is the name. Where the name lies outside `range`, it is an empty range at the start of
    the line that shares the most words with the query, or at the start of `range`.
    """

    path: str
    uri: str
    range: Range
    selectionRange: Range
    name: str
    container: str
    kind: str
    language: str


class LineMessage(TypedDict):
    """A line of a file, zero-based, and its text without indentation and without markers of comments.

    `words` says where the words start and end in the text that the query has, in characters.
    """

    line: int
    text: str
    words: list[tuple[int, int]]


class HitMessage(ChunkMessage):
    """A chunk that was found. Scores are unbounded and not comparable across queries.

    `best` is the line that shares the most words with the query. If that is only the header with the name, it
    is the first line of the documentation, or else of the body.
    """

    score: float
    snippet: str
    best: LineMessage


class SearchHitMessage(HitMessage):
    """A hit of a search. `matched` lists what found it: "name", "lexical", "semantic"; [] if only filters."""

    matched: list[str]


class CoverageMessage(TypedDict):
    """How many of the chunks have an embedding."""

    chunks: int
    embedded: int


class AnswerHeaderMessage(TypedDict):
    """The fields that answers share. `model` is "" if only lexical search has found the hits.

    `confidence` is the probability that the first hit is right. Below 0.2, call no hit a strong match.
    `complete` is False while files are still being read: the same query may find more in a moment.
    `notice` says why no hit passes the filters, if that is known. There are hits nevertheless if the
    reason is a phrase in the middle of the query, as in a pasted message: those of the query without it.
    """

    query: str
    confidence: float
    model: str
    coverage: CoverageMessage
    complete: bool
    notice: str


class AnswerMessage(AnswerHeaderMessage):
    """The hits of a search, best first, or grouped by file in the order of the best hit of each file."""

    hits: list[SearchHitMessage]


class SimilarHitMessage(HitMessage):
    """Similar code that occurs `count` times in the workspace; this is one of its occurrences."""

    count: int


class SimilarMessage(ChunkMessage):
    """A chunk, its exact copies and similar code, best first; `model` as in an answer."""

    model: str
    coverage: CoverageMessage
    copies: list[ChunkMessage]
    hits: list[SimilarHitMessage]


class ClusterMessage(TypedDict):
    """Functions that are copies of the first one, or nearly.

    A score is the share of words that a function has in common with the first one.
    """

    copies: bool
    hits: list[HitMessage]


class DuplicatesMessage(TypedDict):
    """The first of `total` clusters of functions: copies first, then those that are nearly copies.

    `model` and `coverage` are as in an answer: without a model, there are copies only. `compared` of
    `functions` have been compared by their vectors.
    """

    model: str
    coverage: CoverageMessage
    functions: int
    compared: int
    total: int
    clusters: list[ClusterMessage]


class ExcerptMessage(TypedDict):
    """Consecutive lines of a file."""

    range: Range
    text: str


class SectionMessage(TypedDict):
    """The excerpts of one file.

    `name` is its path, below the folder of the workspace if several are searched.
    """

    path: str
    name: str
    uri: str
    language: str
    tokens: int
    parts: list[ExcerptMessage]


class ContextMessage(AnswerHeaderMessage):
    """Code for a language model to read, as Markdown and as sections."""

    tokens: int
    markdown: str
    sections: list[SectionMessage]


PHASE_LABELS = {
    "reading": "Reading files",
    "downloading": "Downloading the model",
    "loading": "Loading the model",
    "embedding": "Embedding",
    "paused": "Paused",
    "ready": "Ready",
}


class ProgressMessage(TypedDict):
    """The progress of indexing a workspace; `phase` is a key of PHASE_LABELS.

    `encoded` counts the texts that the model has encoded since the engine opened the workspace, and `rate`
    those that it encodes in a second, 0.0 if that is not known. `downloaded` of `download` bytes of the model
    have arrived; both are 0 except while it is downloaded.
    """

    phase: str
    files: int
    chunks: int
    embedded: int
    encoded: int
    rate: float
    downloaded: int
    download: int


class FileReasonMessage(TypedDict):
    """A file and why it is not indexed, or why it is chunked by lines."""

    path: str
    reason: str


class StateMessage(ProgressMessage):
    """The state of a workspace. `store` is the address of the server that keeps its vectors, or "".

    `indexed` is True once all files have been read.
    """

    workspace: str
    indexed: bool
    model: str
    device: str
    store: str
    notice: str
    error: str


class StatusMessage(StateMessage):
    """The state of a workspace, its files that are not indexed, and the engine.

    `queue` counts the chunks that are still to be embedded. `memory`, `disk` and `cache` are in bytes, 0
    where unknown. `by_lines` lists the files that are chunked by lines because they could not be parsed,
    `partial` those of which parts are left out because no person wrote them.
    """

    queue: int
    pid: int
    memory: int
    workspaces: list[str]
    disk: int
    cache: int
    skipped: dict[str, int]
    skipped_files: list[FileReasonMessage]
    by_lines: list[FileReasonMessage]
    partial: list[FileReasonMessage]


class ExplanationMessage(TypedDict):
    """Whether and how a file is indexed.

    `skipped` is why the file is not indexed, `by_lines` why it is chunked by lines, `omitted` what is left
    out of it because no person wrote it; each is "" otherwise.
    """

    path: str
    skipped: str
    by_lines: str
    omitted: str
    language: str
    chunks: int
    definitions: int
    embedded: int


class ListedFileMessage(TypedDict):
    """A file with its language and the number of its chunks, or the reason why it is skipped."""

    path: str
    language: str
    chunks: int
    reason: str


class FilesMessage(TypedDict):
    """The next files of a list, in the order of their paths."""

    files: list[ListedFileMessage]


class FindingMessage(TypedDict):
    """The result of one check of the installation; `advice` says what to do if it is not `well`.

    `pending` is True while the check is still running: a later request returns its result.
    """

    name: str
    well: bool
    detail: str
    advice: str
    pending: bool


class VectorCountMessage(TypedDict):
    """How many vectors were imported."""

    vectors: int


class PingMessage(TypedDict):
    """The engine's version and process id, and what the engine is doing, as text for the user."""

    version: str
    pid: int
    doing: str


class EmptyMessage(TypedDict):
    """The answer to a command that returns nothing."""


class ErrorMessage(TypedDict):
    """A failed request; `error` is the `code` of a SemlsError."""

    error: str
    message: str


@dataclass(frozen=True)
class Endpoint(Generic[Message]):
    """An HTTP path of the engine, and the type of its answer, or of each message of a stream."""

    path: str


PING = Endpoint[PingMessage]("/")
SEARCH = Endpoint[AnswerMessage]("/search")
SIMILAR = Endpoint[SimilarMessage]("/similar")
DUPLICATES = Endpoint[DuplicatesMessage]("/duplicates")
CONTEXT = Endpoint[ContextMessage]("/context")
INDEX = Endpoint[ProgressMessage]("/index")  # a stream
FOLLOW = Endpoint[StateMessage]("/follow")  # a stream
CHANGED = Endpoint[EmptyMessage]("/changed")
STATUS = Endpoint[StatusMessage]("/status")
FILES = Endpoint[FilesMessage]("/files")  # a stream
EXPLAIN = Endpoint[ExplanationMessage]("/why")
CLEAR = Endpoint[EmptyMessage]("/clear")
PAUSE = Endpoint[EmptyMessage]("/pause")
RESUME = Endpoint[EmptyMessage]("/resume")
EXPORT_CACHE = Endpoint[EmptyMessage]("/cache/export")
IMPORT_CACHE = Endpoint[VectorCountMessage]("/cache/import")
DOCTOR = Endpoint[list[FindingMessage]]("/doctor")
STOP = Endpoint[EmptyMessage]("/stop")
