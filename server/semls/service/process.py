"""The process of the engine: acquires the lock, serves requests and shuts down in order."""

import asyncio
import contextlib
import logging
import logging.handlers
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import Timeout

from semls import __version__
from semls.errors import EngineError
from semls.escaping import LogFormatter
from semls.service.state import EnginePaths, EngineState, store_errors
from semls.settings import EngineSettings

if TYPE_CHECKING:
    import uvicorn

    from semls.engine.engine import Engine
    from semls.service.routes import App

log = logging.getLogger(__name__)

_LOCK_TIMEOUT = 1.0  # seconds; a front-end that checks the lock holds it for a moment
_CLOSE_TIMEOUT = 2.0  # seconds that the engine may take to close its files
_MIN_IDLE = 0.5  # seconds; if an engine stopped sooner, the client that started it could not reach it
_IDLE_CHECK_INTERVAL = 5.0  # seconds
_FILES_CHECK_INTERVAL = 0.5  # seconds between checks of the engine's own files, which a user may delete
_NICENESS = 5  # about a third of the CPU time of a process at 0 that competes for the same core


def run(settings: EngineSettings) -> None:
    """Run the engine in this process until a client stops it or it has been idle for the configured time.

    Ends the process. Raises EngineError if an engine is already running, and StoreError.
    """
    paths = EnginePaths(settings)
    paths.create_directories()
    lock = paths.engine_lock()
    try:
        with store_errors():
            lock.acquire(_LOCK_TIMEOUT)
    except Timeout:
        raise EngineError(
            "An engine is already running. `semls engine status` shows it, `semls engine stop` stops it."
        ) from None
    lock_file_id = paths.lock_file_id()
    os.umask(0o077)  # other users must not read what the engine writes
    os.chdir(paths.cache_directory)  # not a workspace: Chroma reads settings from a file .env
    with store_errors():
        paths.delete_state(paths.read_state())  # left by an engine that was killed
        _log_to(paths.log)
    _limit_cpu_use(settings.threads)
    from semls.service.http_server import listen

    with contextlib.closing(listen(0)) as listener:
        state = EngineState(
            port=listener.getsockname()[1],
            token=secrets.token_urlsafe(32),
            pid=os.getpid(),
            version=__version__,
        )
        asyncio.run(_serve(settings, paths, lock_file_id, state, listener))


async def _serve(
    settings: EngineSettings,
    paths: EnginePaths,
    lock_file_id: tuple[int, int] | None,
    state: EngineState,
    listener: socket.socket,
) -> None:
    """Serve requests on `listener` until the engine has to stop, then end the process."""
    from uvicorn.server import HANDLED_SIGNALS

    from semls.engine.engine import Engine
    from semls.engine.models import memory
    from semls.service.http_server import http_server
    from semls.service.routes import App

    memory.reuse_freed()
    engine = Engine(settings.cache_directory, int(settings.cache_gigabytes * (1 << 30)))
    app = App(engine, state.port, state.token)
    server = http_server(app)
    stop_conditions = [
        asyncio.create_task(_wait_for_stop(app, engine, max(settings.idle_minutes * 60, _MIN_IDLE))),
        asyncio.create_task(_restore_files(paths, lock_file_id, state)),
    ]
    for task in stop_conditions:
        task.add_done_callback(lambda _: _stop_serving(paths, state, server))
    log.info("Engine %s started: process %d, port %d", state.version, state.pid, state.port)
    paths.write_state(state)
    for number in HANDLED_SIGNALS:  # uvicorn stops at a signal, and then raises it again
        signal.signal(number, lambda *_: None)
    try:
        await server.serve(sockets=[listener])
    finally:
        for task in stop_conditions:
            task.cancel()
        paths.delete_state(state)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(engine.close(), _CLOSE_TIMEOUT)
        log.info("Engine stopped")
    # sys.exit would wait for the thread of a download, and abort inside torch. All files are closed by now.
    logging.shutdown()
    os._exit(0)


async def _wait_for_stop(app: "App", engine: "Engine", idle_seconds: float) -> None:
    """Return when a client has requested a stop, or when it has been idle for `idle_seconds`."""
    while time.monotonic() - app.last_active <= idle_seconds:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(app.stop_requested.wait(), min(idle_seconds, _IDLE_CHECK_INTERVAL))
            return
        await engine.close_unused(idle_seconds)
        if engine.busy or app.active_requests:
            app.last_active = time.monotonic()


async def _restore_files(
    paths: EnginePaths, lock_file_id: tuple[int, int] | None, state: EngineState
) -> None:
    """Keep the state file in place. Return when the lock file was deleted.

    A deleted lock file no longer excludes other engines, and the index is usually deleted with it.
    """
    last_problem = ""
    while paths.lock_file_id() == lock_file_id:
        try:
            paths.restore(state)
            last_problem = ""
        except OSError as error:  # such as a full disk: retried, and logged once
            if str(error) != last_problem:
                last_problem = str(error)
                log.warning("The engine cannot write its state file: %s", error)
        await asyncio.sleep(_FILES_CHECK_INTERVAL)
    log.warning("%s was deleted; the engine stops.", paths.lock_file)


def _stop_serving(paths: EnginePaths, state: EngineState, server: "uvicorn.Server") -> None:
    """Delete the state file, then stop the server.

    In this order a new client does not find this engine: it waits for the lock and starts another one.
    """
    paths.delete_state(state)
    server.should_exit = True


def _limit_cpu_use(threads: int) -> None:
    """Give other processes precedence; bound the number of torch's threads if `threads` is not 0."""
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # torch reads it when it is imported
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), subprocess.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(_NICENESS)


def _log_to(path: Path) -> None:
    """Write all log records of semls, and the warnings of libraries, to a file of bounded size."""
    handler = _LogFile(path, maxBytes=1_000_000, backupCount=1, encoding="utf-8")
    handler.setFormatter(LogFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("semls").setLevel(logging.INFO)


class _LogFile(logging.handlers.RotatingFileHandler):
    """A rotating log file that is created again after it was deleted."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        if not os.path.exists(self.baseFilename):
            self.close()  # super().emit opens a closed file
        super().emit(record)
