"""The exception tree. A message is one clear sentence for a person: what is wrong and what to do.

SemlsError
├── UsageError           wrong arguments or settings
│   └── BroadWorkspaceError  a folder that is too broad to index
├── ModelError           a model that exists but must not or cannot be loaded
│   └── ModelUnavailable weights neither on disk nor reachable
├── StoreError           a file or directory of the index cannot be used
│   └── StoreCorrupted     it was corrupted, has been quarantined and is being rebuilt
├── EngineError          the engine cannot be started or reached, or failed inside
└── OutputError          standard output cannot be written
    └── OutputClosed     its reader is gone
"""


class SemlsError(Exception):
    """Anything a person can do something about."""

    code = "failure"
    exit_status = 3


class UsageError(SemlsError):
    """Wrong arguments or settings."""

    code = "usage"
    exit_status = 2


class BroadWorkspaceError(UsageError):
    """A folder that is too broad to index unless the user insists: the home folder or one around it."""

    code = "broad-workspace"


class ModelError(SemlsError):
    """A model that exists but must not or cannot be loaded."""

    code = "model"


class ModelUnavailable(ModelError):
    """Weights that are neither on disk nor reachable."""

    code = "model-unavailable"


class StoreError(SemlsError):
    """A file or directory of the index that cannot be used."""

    code = "store"


class StoreCorrupted(StoreError):
    """A part of the index that was corrupted, has been quarantined and is being rebuilt."""

    code = "store-damaged"


class EngineError(SemlsError):
    """An engine that cannot be started or reached, or that failed inside."""

    code = "engine"


class OutputError(SemlsError):
    """Standard output that cannot be written."""

    code = "output"


class OutputClosed(OutputError):
    """Standard output whose reader has closed it, as `head` does."""

    code = "output-closed"
    exit_status = 141  # as of a process that SIGPIPE ends


def reason(error: BaseException) -> str:
    """The first line of what is behind an error, to stand in a sentence."""
    lines = str(error.__cause__ or error).strip().splitlines()
    return lines[0].rstrip(".: ") if lines else type(error).__name__
