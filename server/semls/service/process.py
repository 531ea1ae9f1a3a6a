"""The engine as a process: its lock, its state file, how it starts and how it leaves."""

import asyncio
import contextlib
import hashlib
import json
import logging
import logging.handlers
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from filelock import FileLock, Timeout

from semls import __version__
from semls.errors import EngineError, StoreError
from semls.escaping import LogFormatter
from semls.reading import read_regular
from semls.settings import EngineSettings

if TYPE_CHECKING:
    import uvicorn

    from semls.engine.engine import Engine
    from semls.service.routes import App

log = logging.getLogger(__name__)

_CLOSING = 2.0  # seconds for an orderly end
_SHORTEST = 0.5  # seconds that an engine stays: else whoever starts it would not meet it
_MOMENT = 1.0  # seconds in which others may look whether the lock is free
_CHECK = 0.5  # seconds between two looks at the engine's own files, which the user may delete
_LONGEST_OUTPUT = 1 << 20  # bytes that are looked at
_NICE = 5  # a third of the share of what the user runs, where both want the processor

_started: "list[subprocess.Popen[bytes]]" = []  # by this process; kept until they have ended and are reaped


@dataclass(frozen=True, slots=True)
class State:
    """Where an engine is found, and the token that opens it."""

    port: int
    token: str
    pid: int
    version: str


class Whereabouts:
    """The files by which engines and front-ends of one cache directory find each other."""

    def __init__(self, settings: EngineSettings) -> None:
        name = hashlib.blake2b(os.fsencode(settings.cache_directory), digest_size=4).hexdigest()
        self.cache_directory = settings.cache_directory
        self.lock_file = self.cache_directory / "engine.lock"
        self._state = self.cache_directory / "engine.json"  # deleted together with the lock
        self.log = settings.state_directory / f"engine-{name}.log"
        # Apart from the log: Windows does not rename, so does not rotate, a file that another handle holds.
        self.output = self.log.with_suffix(".out")

    def prepare(self) -> None:
        """Make the directories, for this user alone. Raises StoreError."""
        for directory, variable in ((self.cache_directory, "CACHE"), (self.log.parent, "STATE")):
            try:
                directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                tempfile.TemporaryFile(dir=directory).close()
            except OSError as error:
                raise StoreError(
                    f"The {variable.lower()} directory {directory} cannot be written to ({error.strerror}): "
                    f"make it writable or set SEMLS_{variable}_DIR to another one."
                ) from error

    def starting(self) -> FileLock:
        """Held by the front-end that starts an engine, so that ten of them start one."""
        return FileLock(self.cache_directory / "engine-start.lock", mode=0o600, thread_local=False)

    def owning(self) -> FileLock:
        """Held by an engine as long as it lives: a store has one owner."""
        return FileLock(self.lock_file, mode=0o600, thread_local=False)

    def owned(self) -> bool:
        """Whether an engine lives, which the system knows by its lock. Raises StoreError."""
        if not self.cache_directory.is_dir():
            return False
        try:
            with usable(), self.owning().acquire(blocking=False):
                return False
        except Timeout:
            return True

    def read(self) -> State | None:
        """What the last engine wrote; it may be gone."""
        try:
            found = json.loads(self._state.read_bytes())
            return State(int(found["port"]), str(found["token"]), int(found["pid"]), str(found["version"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, state: State) -> None:
        """Tell front-ends where the engine is; only this user can read it."""
        new = self._state.with_suffix(f".{state.pid}")
        new.unlink(missing_ok=True)
        with open(new, "x", opener=_private) as file:
            json.dump(asdict(state), file)
        os.replace(new, self._state)

    def last_output(self) -> str:
        """Return the last line that an engine, a library or a crash has printed, or ""."""
        try:
            content = read_regular(self.output, _LONGEST_OUTPUT) or b""
        except OSError:
            return ""
        return next(iter(reversed(content.decode("utf-8", "replace").split("\n")[:-1])), "").strip()

    def locked_file(self) -> tuple[int, int] | None:
        """Return the device and the inode of the lock file, None if it was deleted."""
        try:
            found = os.stat(self.lock_file)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_dev, found.st_ino

    def restore(self, state: State) -> None:
        """Write the state file again if it was deleted or changed; make the directory of the log."""
        if self.read() != state:
            self.write(state)
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def forget(self, state: State | None) -> None:
        """Take back what was written, unless another engine has written meanwhile."""
        if self.read() == state:
            self._state.unlink(missing_ok=True)


@contextlib.contextmanager
def usable() -> Iterator[None]:
    """Raise StoreError for an error of the files of semls. Let filelock's Timeout pass, an OSError, too."""
    try:
        yield
    except Timeout:
        raise
    except OSError as error:
        raise StoreError(
            f"The file {error.filename or 'of a lock'} cannot be used ({error.strerror or error}): make it "
            "readable and writable for you, or delete it while no engine runs."
        ) from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def spawn(places: Whereabouts) -> "subprocess.Popen[bytes]":
    """Start an engine that outlives this process. What it prints goes to a file of its own.

    Raises StoreError and EngineError.
    """
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    _started[:] = [engine for engine in _started if engine.poll() is None]
    with usable(), open(places.output, "wb", opener=_private) as output:
        try:
            engine = subprocess.Popen(
                [sys.executable, "-X", "utf8", "-m", "semls", "engine", "run"],
                env={  # absolute: the engine runs in another folder
                    **os.environ,
                    "SEMLS_CACHE_DIR": str(places.cache_directory),
                    "SEMLS_STATE_DIR": str(places.log.parent),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=places.cache_directory,  # not a workspace: Python would import what lies there
                creationflags=flags,
                start_new_session=True,  # Ctrl-C in a terminal is not for the engine
            )
        except OSError as error:
            raise EngineError(f"The engine does not start: {error}.") from error
    _started.append(engine)
    return engine


def run(settings: EngineSettings) -> None:
    """Be the engine until asked to stop or idle for long. Raises EngineError if there is one already."""
    places = Whereabouts(settings)
    places.prepare()
    lock = places.owning()
    try:
        with usable():
            lock.acquire(_MOMENT)
    except Timeout:
        raise EngineError("An engine is running already: `semls engine status` shows it.") from None
    locked_file = places.locked_file()
    os.umask(0o077)  # what is made from now on is nobody else's business
    os.chdir(places.cache_directory)  # not a workspace: Chroma reads settings from a file .env
    with usable():
        places.forget(places.read())  # of an engine that was killed
        _log_to(places.log)
    _yield_to_the_person(settings.threads)
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as listener:
        # Connections inherit it. asyncio does not see to it for all: python/cpython#148783. Without it, a
        # request that comes right after another one waits for 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        state = State(listener.getsockname()[1], secrets.token_urlsafe(32), os.getpid(), __version__)
        asyncio.run(_serve(places, locked_file, state, settings, listener))


async def _serve(
    places: Whereabouts,
    locked_file: tuple[int, int] | None,
    state: State,
    settings: EngineSettings,
    listener: socket.socket,
) -> None:
    import uvicorn

    from semls.engine.engine import Engine
    from semls.engine.models import memory
    from semls.service.connections import (
        BACKLOG,
        LONGEST_HEAD,
        MOST_PENDING,
        Connection,
        Pending,
        raise_descriptor_limit,
    )
    from semls.service.routes import App

    memory.keep()
    engine = Engine(settings.cache_directory, int(settings.cache_gigabytes * (1 << 30)))
    app = App(engine, state.port, state.token)
    pending = Pending(min(MOST_PENDING, raise_descriptor_limit() // 4))
    config = uvicorn.Config(
        app,
        http=cast(type[asyncio.Protocol], partial(Connection, pending=pending)),
        h11_max_incomplete_event_size=LONGEST_HEAD,
        log_config=None,
        log_level="error",  # below that, every malformed request leaves a line
        access_log=False,
        backlog=BACKLOG,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    leaving = [
        asyncio.create_task(_leave(app, engine, max(settings.idle_minutes * 60, _SHORTEST))),
        asyncio.create_task(_keep_files(places, locked_file, state)),
    ]
    for task in leaving:
        task.add_done_callback(lambda _: _let_go(places, state, server))
    places.write(state)
    log.info("Engine %s, process %d, port %d", state.version, state.pid, state.port)
    for number in uvicorn.server.HANDLED_SIGNALS:  # uvicorn stops at them, and then raises them once more
        signal.signal(number, lambda *_: None)
    try:
        await server.serve(sockets=[listener])
    finally:
        for task in leaving:
            task.cancel()
        places.forget(state)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(engine.close(), _CLOSING)
        log.info("Engine left")
    # An orderly end would wait for a download, and abort inside torch; all that is ours is closed by now.
    logging.shutdown()
    os._exit(0)


async def _leave(app: "App", engine: "Engine", idle: float) -> None:
    """Return when asked to leave, or after a quiet while."""
    while time.monotonic() - app.last_request <= idle:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(app.stopping.wait(), min(idle, 5.0))
            return
        await engine.close_unused(idle)
        if engine.busy or app.requests:
            app.last_request = time.monotonic()


async def _keep_files(places: Whereabouts, locked_file: tuple[int, int] | None, state: State) -> None:
    """Restore the files by which front-ends find the engine. Return when its lock file was deleted.

    Then the lock excludes no other engine any more, and mostly the index is deleted, too.
    """
    problem = ""
    while places.locked_file() == locked_file:
        try:
            places.restore(state)
            problem = ""
        except OSError as error:  # a full disk, for example: tried again, and logged once
            if str(error) != problem:
                problem = str(error)
                log.warning("The engine cannot write its state file: %s", error)
        await asyncio.sleep(_CHECK)
    log.warning("%s was deleted: the engine stops.", places.lock_file)


def _let_go(places: Whereabouts, state: State, server: "uvicorn.Server") -> None:
    """Be found no more, then stop serving: who comes now waits for the lock, and starts another engine."""
    places.forget(state)
    server.should_exit = True


def _yield_to_the_person(threads: int) -> None:
    """Let what the user does go first."""
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # torch reads it when it is imported
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), subprocess.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(_NICE)


def _log_to(path: Path) -> None:
    handler = _LogFile(path, maxBytes=1_000_000, backupCount=1, encoding="utf-8")
    handler.setFormatter(LogFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("semls").setLevel(logging.INFO)


class _LogFile(logging.handlers.RotatingFileHandler):
    """A log file that is created again when it was deleted."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        if not os.path.exists(self.baseFilename):
            self.close()  # the next record opens it
        super().emit(record)
