"""Finds, starts, replaces and stops the engine of a cache directory."""

import asyncio
import json
import os
import subprocess
import sys
import time

from filelock import Timeout

from semls import __version__
from semls.errors import EngineError
from semls.service.http_client import TRANSPORT_ERRORS, post
from semls.service.state import EnginePaths, EngineState, open_private, store_errors
from semls.settings import EngineSettings

_START_TIMEOUT = 60.0  # seconds; a slow disk takes long to import torch and chromadb
_STOP_TIMEOUT = 4.0  # seconds
_PING_TIMEOUT = 10.0  # seconds; only a process that hangs, or an overloaded computer, takes longer
_POLL_INTERVAL = 0.02  # seconds

_children: "list[subprocess.Popen[bytes]]" = []  # engines that this process started and has to reap


async def find(settings: EngineSettings) -> EngineState | None:
    """Return the state of the running engine, or None. Raises EngineError when it does not answer."""
    return await _find_settled(EnginePaths(settings))


async def stop(settings: EngineSettings) -> bool:
    """Stop the running engine and wait until it has stopped. Return False if none was running.

    Raises EngineError.
    """
    paths = EnginePaths(settings)
    state = await _find_settled(paths)
    if state is None:
        return False
    await _stop(paths, state)
    return True


async def ensure_running(paths: EnginePaths) -> EngineState:
    """Return the state of a running engine of this version; start one if there is none.

    Stops an engine of an older version first. Raises EngineError when the running engine is newer than this
    process or does not answer, and when no engine can be started.
    """
    state = await _running(paths)
    if state and _is_same_version(state):
        return state
    await asyncio.to_thread(paths.create_directories)
    lock = paths.start_lock()
    try:
        with store_errors():
            await asyncio.to_thread(lock.acquire, _START_TIMEOUT)
    except Timeout:
        raise EngineError(
            f"Another program has been starting the engine for more than {_START_TIMEOUT:.0f} s. Try again."
        ) from None
    try:
        return await _start(paths)
    finally:
        lock.release()


async def activity(paths: EnginePaths) -> str:
    """Return what the engine is doing, as text for the user. Raises EngineError when it does not answer."""
    found = await _ping(paths)
    return str(found[1].get("doing") or "busy") if found else "starting"


async def _find_settled(paths: EnginePaths) -> EngineState | None:
    """Return the state of the running engine, or None; wait for one that is starting or stopping."""
    deadline = time.monotonic() + _STOP_TIMEOUT
    while (state := await _running(paths)) is None and paths.is_locked():
        if time.monotonic() > deadline:
            raise EngineError(
                f"An engine holds the lock {paths.lock_file} but cannot be reached: it is starting or "
                "stopping. Try again in a moment, or end its process."
            )
        await asyncio.sleep(_POLL_INTERVAL)
    return state


async def _start(paths: EnginePaths) -> EngineState:
    """Start an engine and wait until it answers; the caller holds the start lock.

    Waits for an engine that is stopping, and stops one of an older version.
    """
    process = None
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        last_state = paths.read_state()
        state = await _running(paths)
        if state and _is_same_version(state):
            return state
        if state:
            await _stop(paths, state)
        elif not paths.is_locked():
            if process and process.poll():
                break
            if process is None or process.returncode == 0:  # stopped in order, such as by `semls engine stop`
                with store_errors():
                    # Otherwise the old state would be trusted as soon as the new engine has the lock.
                    paths.delete_state(last_state)
                process = _spawn(paths)
        await asyncio.sleep(_POLL_INTERVAL)
    if paths.is_locked():
        raise EngineError(
            f"An engine holds the lock {paths.lock_file} but cannot be reached. "
            "End its process and try again."
        )
    line = paths.last_output()
    if line:
        raise EngineError(f"The engine did not start ({line}). Its output is in {paths.output}.")
    raise EngineError(f"The engine did not start. Its log is {paths.log}.")


def _spawn(paths: EnginePaths) -> "subprocess.Popen[bytes]":
    """Start an engine as a process that outlives this one. Raises StoreError and EngineError."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    _children[:] = [child for child in _children if child.poll() is None]
    with store_errors(), open(paths.output, "wb", opener=open_private) as output:
        try:
            engine = subprocess.Popen(
                [sys.executable, "-X", "utf8", "-m", "semls", "engine", "run"],
                env={  # absolute paths: the engine's working directory is another one
                    **os.environ,
                    "SEMLS_CACHE_DIR": str(paths.cache_directory),
                    "SEMLS_STATE_DIR": str(paths.log.parent),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=paths.cache_directory,  # not a workspace: Python would import modules from it
                creationflags=flags,
                start_new_session=True,  # Ctrl-C in the terminal must not reach the engine
            )
        except OSError as error:
            raise EngineError(
                f"The engine did not start ({error}). `semls engine run` starts it in the foreground."
            ) from error
    _children.append(engine)
    return engine


async def _stop(paths: EnginePaths, state: EngineState) -> None:
    """Tell an engine to stop and wait until it has released its lock. Raises EngineError."""
    try:
        await _post(state, "/stop")
    except asyncio.TimeoutError as error:
        raise _hung(state, "does not answer") from error
    except TRANSPORT_ERRORS:
        return  # it has stopped already
    try:
        lock = paths.engine_lock()
        await asyncio.to_thread(lock.acquire, _STOP_TIMEOUT)
        lock.release()
    except Timeout:
        raise _hung(state, "does not stop") from None


async def _running(paths: EnginePaths) -> EngineState | None:
    """Return the state of the engine that answers, of any version, or None. Raises EngineError."""
    found = await _ping(paths)
    return found[0] if found else None


async def _ping(paths: EnginePaths) -> tuple[EngineState, dict[str, object]] | None:
    """Return the state of the running engine and its answer to a ping; None if there is no engine.

    Raises EngineError when the engine does not answer.
    """
    state = paths.read_state()
    if state is None or not paths.is_locked():  # another program may have the engine's port or its process id
        return None
    try:
        answer = json.loads(await _post(state, "/"))
    except asyncio.TimeoutError as error:
        if paths.read_state() == state and paths.is_locked():
            raise _hung(state, "does not answer") from error
    except (*TRANSPORT_ERRORS, ValueError):
        pass  # it is starting or stopping
    else:
        if isinstance(answer, dict) and answer.get("pid") == state.pid:
            return state, answer
    return None


async def _post(state: EngineState, path: str) -> bytes:
    """Send a request without parameters and return the answer.

    Raises one of `TRANSPORT_ERRORS`, and TimeoutError.
    """

    async def request() -> bytes:
        async with post(state, path) as response:
            return await response.read()

    return await asyncio.wait_for(request(), _PING_TIMEOUT)


def _hung(state: EngineState, problem: str) -> EngineError:
    return EngineError(
        f"The engine (process {state.pid}) {problem}. Try again in a moment, or end that process."
    )


def _is_same_version(state: EngineState) -> bool:
    """Return whether an engine has this process's version. Raises EngineError when it is newer.

    A newer engine is not replaced: the two versions would stop each other's engines in turns.
    """
    if _is_newer(state.version):
        raise EngineError(
            f"semls was updated to {state.version}, and its engine is running. Restart this program, "
            f"which is still semls {__version__}."
        )
    return state.version == __version__


def _is_newer(version: str) -> bool:
    if version == __version__:
        return False
    from packaging.version import InvalidVersion, Version  # rarely needed

    try:
        return Version(version) > Version(__version__)
    except InvalidVersion:
        return False
