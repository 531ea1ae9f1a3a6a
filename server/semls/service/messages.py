"""What travels between the engine and its front-ends, as JSON."""

from typing import TypedDict


class Position(TypedDict):
    """Zero-based; `character` counts bytes."""

    line: int
    character: int


class Range(TypedDict):
    """The end is exclusive."""

    start: Position
    end: Position


class PlaceMessage(TypedDict):
    """A chunk as it travels; `range` is the definition, or the chunk of a long one.

    `selectionRange` is the name. Where the name is not in `range`, it is empty and lies at the start of the
    line that shares the most words with the query, or at the start of `range`.
    """

    path: str
    uri: str
    range: Range
    selectionRange: Range
    name: str
    container: str
    kind: str
    language: str


class HitMessage(PlaceMessage):
    """A hit."""

    score: float
    snippet: str


class FoundMessage(HitMessage):
    """A hit and the searches that found it: "name", "lexical", "semantic"; empty for filters alone."""

    matched: list[str]


class CoverageMessage(TypedDict):
    """How much of the workspace the vectors cover."""

    chunks: int
    embedded: int


class AnswerMessage(TypedDict):
    """Hits, best first; `model` is empty when they were found by words alone.

    `complete` is False while files are still being read: the same query may find more in a moment.
    `notice` says why there are no hits, where that is known: for example that no file matches a filter.
    """

    query: str
    model: str
    coverage: CoverageMessage
    complete: bool
    notice: str
    hits: list[FoundMessage]


class AlikeMessage(HitMessage):
    """A hit that stands in `count` places, of which this is one."""

    count: int


class SimilarMessage(PlaceMessage):
    """What was asked about, its exact copies, and what is like it; `model` as in an answer."""

    model: str
    coverage: CoverageMessage
    copies: list[PlaceMessage]
    hits: list[AlikeMessage]


class PartMessage(TypedDict):
    """Whole lines of a file."""

    range: Range
    text: str


class SectionMessage(TypedDict):
    """What was taken of a file."""

    path: str
    uri: str
    language: str
    tokens: int
    parts: list[PartMessage]


class ContextMessage(TypedDict):
    """What a language model should read to answer, as Markdown and in parts; the rest as in an answer."""

    query: str
    model: str
    coverage: CoverageMessage
    complete: bool
    notice: str
    tokens: int
    markdown: str
    sections: list[SectionMessage]


PHASES = {
    "reading": "Reading files",
    "downloading": "Downloading the model",
    "loading": "Loading the model",
    "embedding": "Embedding",
    "paused": "Paused",
    "ready": "Ready",
}


class ProgressMessage(TypedDict):
    """How far a workspace is; `phase` is one of PHASES, which say it to people.

    While its model is downloaded, `downloaded` of `download` bytes have come; else both are 0.
    """

    phase: str
    files: int
    chunks: int
    embedded: int
    encoded: int
    downloaded: int
    download: int


class SkippedMessage(TypedDict):
    """A file that is not indexed."""

    path: str
    reason: str


class StateMessage(ProgressMessage):
    """A workspace's state; `store` is the address of the vectors' server, "" without one.

    `indexed` tells whether all files have been read at least once.
    """

    workspace: str
    indexed: bool
    model: str
    device: str
    store: str
    notice: str
    error: str


class StatusMessage(StateMessage):
    """A workspace's state, what it leaves out and takes, and the engine; sizes in bytes, 0 where unknown.

    `by_lines` lists files that are cut by lines because parsing failed.

    `queue` counts the chunks that are still to be embedded.
    """

    queue: int
    pid: int
    memory: int
    workspaces: list[str]
    disk: int
    cache: int
    skipped: dict[str, int]
    skipped_files: list[SkippedMessage]
    by_lines: list[SkippedMessage]


class WhyMessage(TypedDict):
    """Whether and how a file is indexed.

    `skipped` is the reason if it is not, `by_lines` the reason if it is cut by lines because parsing failed.
    """

    path: str
    skipped: str
    by_lines: str
    language: str
    chunks: int
    definitions: int
    embedded: int


class FindingMessage(TypedDict):
    """One thing examined; `advice` says what to do where it is not well.

    `pending` tells that the examination is still under way: asked again, the engine may know more.
    """

    name: str
    well: bool
    detail: str
    advice: str
    pending: bool
