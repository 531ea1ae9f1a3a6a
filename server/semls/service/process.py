"""The engine as a process: its lock, its state file, how it starts and how it leaves."""

import asyncio
import contextlib
import hashlib
import json
import logging
import logging.handlers
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from filelock import FileLock, Timeout

from semls import __version__
from semls.errors import EngineError, StoreError
from semls.settings import EngineSettings

if TYPE_CHECKING:
    import uvicorn

    from semls.engine.engine import Engine
    from semls.service.app import App

log = logging.getLogger(__name__)

_CLOSING = 2.0  # seconds for an orderly end
_SHORTEST = 0.5  # seconds that an engine stays: else whoever starts it would not meet it
_MOMENT = 1.0  # seconds in which others may look whether the lock is free
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
        self._state = settings.state_directory / f"engine-{name}.json"
        self.log = settings.state_directory / f"engine-{name}.log"

    def prepare(self) -> None:
        """Make the directories, for this user alone. Raises StoreError."""
        for directory, variable in ((self.cache_directory, "CACHE"), (self._state.parent, "STATE")):
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
        return FileLock(self._state.with_suffix(".lock"), mode=0o600, thread_local=False)

    def owning(self) -> FileLock:
        """Held by an engine as long as it lives: a store has one owner."""
        return FileLock(self.cache_directory / "engine.lock", mode=0o600, thread_local=False)

    def owned(self) -> bool:
        """Whether an engine lives: the system's word for it, which a crash does not leave behind."""
        if not self.cache_directory.is_dir():
            return False
        try:
            with self.owning().acquire(blocking=False):
                return False
        except (Timeout, OSError):
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

    def forget(self, state: State | None) -> None:
        """Take back what was written, unless another engine has written meanwhile."""
        if self.read() == state:
            self._state.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def spawn(places: Whereabouts) -> "subprocess.Popen[bytes]":
    """Start an engine that outlives this process. What it prints goes to its log."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    _started[:] = [engine for engine in _started if engine.poll() is None]
    with open(places.log, "ab", opener=_private) as output:
        engine = subprocess.Popen(
            [sys.executable, "-m", "semls", "engine", "run"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=places.log.parent,  # not a workspace: Python would import what lies there
            creationflags=flags,
            start_new_session=True,  # Ctrl-C in a terminal is not for the engine
        )
    _started.append(engine)
    return engine


def run(settings: EngineSettings) -> None:
    """Be the engine until asked to stop or idle for long. Raises EngineError if there is one already."""
    places = Whereabouts(settings)
    places.prepare()
    lock = places.owning()
    try:
        lock.acquire(_MOMENT)
    except Timeout:
        raise EngineError("An engine is running already: `semls engine status` shows it.") from None
    os.umask(0o077)  # what is made from now on is nobody else's business
    os.chdir(places.log.parent)  # not a workspace: Chroma reads settings from a file .env
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
        asyncio.run(_serve(places, state, settings, listener))


async def _serve(
    places: Whereabouts, state: State, settings: EngineSettings, listener: socket.socket
) -> None:
    import uvicorn

    from semls.engine import memory
    from semls.engine.engine import Engine
    from semls.service.app import App
    from semls.service.connections import (
        BACKLOG,
        LONGEST_HEAD,
        MOST_PENDING,
        Connection,
        Pending,
        raise_descriptor_limit,
    )

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
    leaving = asyncio.create_task(_leave(app, engine, max(settings.idle_minutes * 60, _SHORTEST)))
    leaving.add_done_callback(lambda _: _let_go(places, state, server))
    places.write(state)
    log.info("Engine %s, process %d, port %d", state.version, state.pid, state.port)
    try:
        await server.serve(sockets=[listener])
    finally:
        places.forget(state)
        leaving.cancel()
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
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=1_000_000, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("semls").setLevel(logging.INFO)
