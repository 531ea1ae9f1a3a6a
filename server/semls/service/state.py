"""The files of an engine that its front-ends use: its lock, its state file, its log and its output."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from filelock import FileLock, Timeout

from semls.errors import StoreError
from semls.reading import read_regular
from semls.settings import EngineSettings

_MAX_OUTPUT_BYTES = 1 << 20  # of the engine's output that are searched for its last line


@dataclass(frozen=True, slots=True)
class EngineState:
    """The address of a running engine on the loopback interface, and the token that its requests need."""

    port: int
    token: str
    pid: int
    version: str


class EnginePaths:
    """The paths of the files that the engine of one cache directory shares with its front-ends.

    `log` is the engine's log file, `output` what the process prints. They are separate files because Windows
    cannot rotate a log file that another handle holds open.
    """

    def __init__(self, settings: EngineSettings) -> None:
        name = hashlib.blake2b(os.fsencode(settings.cache_directory), digest_size=4).hexdigest()
        self.cache_directory = settings.cache_directory
        self.lock_file = self.cache_directory / "engine.lock"
        self.log = settings.state_directory / f"engine-{name}.log"
        self.output = self.log.with_suffix(".out")
        self._state_file = self.cache_directory / "engine.json"  # deleted when the cache directory is

    def create_directories(self) -> None:
        """Create the cache and the state directory, readable only for this user. Raises StoreError."""
        for directory, kind in ((self.cache_directory, "cache"), (self.log.parent, "state")):
            try:
                directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                tempfile.TemporaryFile(dir=directory).close()
            except OSError as error:
                raise StoreError(
                    f"The {kind} directory {directory} cannot be written to ({error.strerror}). "
                    f"Make it writable, or set SEMLS_{kind.upper()}_DIR to another directory."
                ) from error

    def start_lock(self) -> FileLock:
        """Return the lock that a front-end holds while it starts an engine, so that only one is started."""
        return FileLock(self.cache_directory / "engine-start.lock", mode=0o600, thread_local=False)

    def engine_lock(self) -> FileLock:
        """Return the lock that an engine holds as long as it runs, since a store must have one owner."""
        return FileLock(self.lock_file, mode=0o600, thread_local=False)

    def is_locked(self) -> bool:
        """Return whether a process holds the engine lock. Raises StoreError."""
        if not self.cache_directory.is_dir():
            return False
        try:
            with store_errors(), self.engine_lock().acquire(blocking=False):
                return False
        except Timeout:
            return True

    def lock_file_id(self) -> tuple[int, int] | None:
        """Return the device and inode of the lock file, or None if the file was deleted."""
        try:
            status = os.stat(self.lock_file)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_dev, status.st_ino

    def read_state(self) -> EngineState | None:
        """Return the content of the state file, or None if it is missing or malformed.

        The engine that wrote the file may have been killed since: check `is_locked`, too.
        """
        try:
            fields = json.loads(self._state_file.read_bytes())
            return EngineState(
                port=int(fields["port"]),
                token=str(fields["token"]),
                pid=int(fields["pid"]),
                version=str(fields["version"]),
            )
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write_state(self, state: EngineState) -> None:
        """Replace the state file. Only this user can read it. Raises OSError."""
        temporary = self._state_file.with_suffix(f".{state.pid}")
        temporary.unlink(missing_ok=True)
        with open(temporary, "x", opener=open_private) as file:
            json.dump(asdict(state), file)
        os.replace(temporary, self._state_file)

    def restore(self, state: EngineState) -> None:
        """Write the state file and create the log's directory if they were deleted or changed.

        Raises OSError.
        """
        if self.read_state() != state:
            self.write_state(state)
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def delete_state(self, state: EngineState | None) -> None:
        """Delete the state file if it contains `state`; otherwise another engine has written it."""
        if self.read_state() == state:
            self._state_file.unlink(missing_ok=True)

    def last_output(self) -> str:
        """Return the last line that the engine's process printed, for example of a traceback, or ""."""
        try:
            content = read_regular(self.output, _MAX_OUTPUT_BYTES) or b""
        except OSError:
            return ""
        complete_lines = content.decode("utf-8", "replace").split("\n")[:-1]
        return complete_lines[-1].strip() if complete_lines else ""


@contextlib.contextmanager
def store_errors() -> Iterator[None]:
    """Raise StoreError for any OSError of the block, except filelock's Timeout, which is an OSError too."""
    try:
        yield
    except Timeout:
        raise
    except OSError as error:
        raise StoreError(
            f"The file {error.filename or 'of a lock'} cannot be used ({error.strerror or error}). Make it "
            "readable and writable for your user, or delete it while no engine is running."
        ) from error


def open_private(path: str, flags: int) -> int:
    """Open a file that only this user can read; an `opener` for `open`."""
    return os.open(path, flags, 0o600)
