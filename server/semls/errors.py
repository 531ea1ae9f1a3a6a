"""Exceptions whose message is shown to the user: what failed, why, and what to do.

SemlsError
├── UsageError               invalid arguments or settings
│   └── BroadWorkspaceError  a folder that is too broad to index
├── ModelError               a model that exists but must not or cannot be loaded
│   └── ModelUnavailable     weights that are neither on disk nor reachable
├── StoreError               a file or directory of the index that cannot be used
│   └── StoreCorrupted       one that was corrupted, has been quarantined and is being rebuilt
├── AskError                 a language model that cannot be reached, or gives no complete answer
├── EngineError              an engine that cannot be started or reached, or that failed internally
├── AgentError               a coding agent's configuration that cannot be changed
└── OutputError              standard output cannot be written
    └── OutputClosed         its reader has closed it
"""

from collections.abc import Iterable

# The least similarity of a suggestion, from 0 to 1: pyton is similar to python, klingon not to kotlin.
_MIN_SIMILARITY = 0.75


class SemlsError(Exception):
    """An error that the user can do something about.

    `code` identifies the class in responses of the engine; `exit_status` is that of the command line.
    """

    code = "failure"
    exit_status = 3


class UsageError(SemlsError):
    """The arguments or settings are invalid."""

    code = "usage"
    exit_status = 2


class BroadWorkspaceError(UsageError):
    """A folder is too broad to index unless the user insists: the home folder or one of its parents."""

    code = "broad-workspace"


class ModelError(SemlsError):
    """A model exists but must not or cannot be loaded."""

    code = "model"


class ModelUnavailable(ModelError):
    """The weights of a model are neither on disk nor reachable."""

    code = "model-unavailable"


class StoreError(SemlsError):
    """A file or directory of the index cannot be used."""

    code = "store"


class StoreCorrupted(StoreError):
    """A part of the index was corrupted, has been quarantined and is being rebuilt."""

    code = "store-damaged"


class AskError(SemlsError):
    """A language model cannot be reached, or gives no complete answer."""

    code = "ask"


class EngineError(SemlsError):
    """The engine cannot be started or reached, or it failed internally."""

    code = "engine"


class AgentError(SemlsError):
    """The configuration of a coding agent cannot be read or changed."""

    code = "agent"


class OutputError(SemlsError):
    """Standard output cannot be written."""

    code = "output"


class OutputClosed(OutputError):
    """The reader of standard output has closed it, as `head` does."""

    code = "output-closed"
    exit_status = 141  # as of a process that SIGPIPE ends


def suggestion(name: str, names: Iterable[str]) -> str:
    """Return a sentence that suggests the most similar of some lower-case names, "" if none is similar."""
    import difflib  # rarely needed

    matches = difflib.get_close_matches(name.lower(), names, 1, _MIN_SIMILARITY)
    return f"Did you mean {matches[0]!r}?" if matches else ""


def reason(error: BaseException) -> str:
    """Return the first line of an error's cause, or of the error itself, for use within a sentence."""
    lines = str(error.__cause__ or error).strip().splitlines()
    return lines[0].rstrip(".: ") if lines else type(error).__name__
