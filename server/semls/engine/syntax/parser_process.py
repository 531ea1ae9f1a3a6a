"""Parse files in a separate process, because grammars are C code that a hostile file can crash or block."""

import contextlib
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, NamedTuple, cast

from semls.engine.syntax.chunker import Chunk, chunk
from semls.engine.syntax.languages import TEXT, Language
from semls.errors import EngineError

log = logging.getLogger(__name__)

_CPU_LIMIT = 10.0  # seconds of CPU time for a file; one megabyte of code takes about one
_STALL_FACTOR = 6.0  # times the CPU limit: real time after which a silent process is killed
_START_TIMEOUT = 60.0  # seconds
_EXIT_TIMEOUT = 5.0  # seconds that a process may take to exit after its last response
_MAX_ATTEMPTS = 2  # for a file during which the process exits or stalls, as the file may not be the cause

TIMEOUT, CRASH, INTERNAL = "timeout", "crash", "internal error"


class ParseResult(NamedTuple):
    """The chunks of a file. `failure` says why they were made by lines although there is a grammar."""

    chunks: list[Chunk]
    failure: str = ""


class ParserProcess:
    """A process that chunks files. It starts with the first file, and again after a file has terminated it.

    Methods may be called from any thread; only one thread at a time uses the process.
    """

    def __init__(self, cpu_limit: float = _CPU_LIMIT) -> None:
        self._cpu_limit = cpu_limit
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._stalled = False  # the last process was killed because it did not respond
        self._lock = threading.Lock()

    def chunk(self, content: bytes, language: Language) -> list[Chunk]:
        """Chunk one file, see `chunk_all`. Raises EngineError."""
        return self.chunk_all([(content, language)])[0].chunks

    def chunk_all(self, files: Sequence[tuple[bytes, Language]]) -> list[ParseResult]:
        """Chunk files as `chunker.chunk` does, but by lines if that crashes, fails or takes too long.

        The process parses the next files while the results of the previous ones are received. Raises
        EngineError if the process does not start, and after `close`.
        """
        results: list[ParseResult] = []
        attempts = 0
        with self._lock:
            while len(results) < len(files):
                self._require_open()
                process = self._process = self._process or self._start()
                try:
                    self._require_open()  # it may have been closed while the process was starting
                    received = self._request(process, files[len(results) :], _STALL_FACTOR * self._cpu_limit)
                except BaseException:
                    self._kill()  # its next response would belong to this request
                    raise
                results += received
                if len(results) == len(files):
                    break
                attempts = 1 if received else attempts + 1
                exceeded_cpu_limit = self._reap(process) == _CPU_LIMIT_STATUS
                if exceeded_cpu_limit or attempts == _MAX_ATTEMPTS:
                    failure = TIMEOUT if exceeded_cpu_limit or self._stalled else CRASH
                    results.append(_chunk_by_lines(*files[len(results)], failure))
                    attempts = 0
        return results

    def close(self) -> None:
        """Kill the process, also while another thread uses it. No other is started.

        Waits until that thread has noticed.
        """
        self._closed = True
        if process := self._process:
            process.kill()
        with self._lock:
            self._kill()

    def _require_open(self) -> None:
        if self._closed:
            raise EngineError("The engine is stopping.")

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()
            process.communicate()

    def _start(self) -> "subprocess.Popen[bytes]":
        """Start a process and wait until it responds. Raises EngineError."""
        for _ in range(_MAX_ATTEMPTS):
            try:
                process = subprocess.Popen(  # noqa: S603 - no shell, no external input
                    [sys.executable, "-m", __name__, str(self._cpu_limit)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    cwd=Path(__file__).parents[3],  # Python would import modules from the current directory
                )
            except OSError as error:
                raise EngineError(
                    f"The parser process cannot be started: {error}. Free some memory and try again."
                ) from error
            if self._request(process, [(b"", TEXT)], _START_TIMEOUT):
                return process
            process.kill()
            process.communicate()
        raise EngineError("The parser process cannot be started; see the engine's log for the reason.")

    def _reap(self, process: "subprocess.Popen[bytes]") -> int:
        """Wait for a process that no longer responds, or kill it. Return its exit status."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_EXIT_TIMEOUT)
        self._kill()
        log.warning("The parser process exited with status %d", process.returncode)
        return process.returncode

    def _request(
        self, process: "subprocess.Popen[bytes]", files: Sequence[tuple[bytes, Language]], timeout: float
    ) -> list[ParseResult]:
        """Return the results for the first files, up to the one during which the process exits or is killed.

        A process that sends no response for `timeout` seconds is killed.
        """
        requests, responses = cast("tuple[IO[bytes], IO[bytes]]", (process.stdin, process.stdout))
        results: list[ParseResult] = []
        self._stalled = False

        def kill() -> None:
            self._stalled = True
            process.kill()

        with _Watchdog(timeout, kill) as watchdog:
            try:
                pickle.dump(files, requests)
                requests.flush()
                while len(results) < len(files):
                    response: list[Chunk] | str = pickle.load(responses)  # noqa: S301 - from our own process
                    watchdog.reset()
                    if isinstance(response, str):
                        log.error("The parser failed:\n%s", response)
                        results.append(_chunk_by_lines(*files[len(results)], INTERNAL))
                    else:
                        results.append(ParseResult(response))
            except (EOFError, OSError, pickle.UnpicklingError):
                pass
        return results


def _chunk_by_lines(content: bytes, language: Language, failure: str) -> ParseResult:
    log.warning("Chunking a %s file by lines: %s", language.name, failure)
    try:
        return ParseResult(chunk(content, replace(language, grammar=None)), failure)
    except Exception:
        log.exception("Chunking a file by lines failed")
        return ParseResult([], INTERNAL)


class _Watchdog:
    """Calls a function in another thread after a timeout, unless it is reset or its block ends before."""

    def __init__(self, timeout: float, on_timeout: Callable[[], None]) -> None:
        self._timeout, self._on_timeout = timeout, on_timeout
        self._started, self._timer = time.monotonic(), self._start_timer()

    def __enter__(self) -> "_Watchdog":
        return self

    def reset(self) -> None:
        """Start the timeout again, unless it was started very recently, since each timer is a thread."""
        if time.monotonic() - self._started > self._timeout / 10:
            self._timer.cancel()
            self._started, self._timer = time.monotonic(), self._start_timer()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _start_timer(self) -> threading.Timer:
        timer = threading.Timer(self._timeout, self._on_timeout)
        timer.start()
        return timer


def _serve(cpu_limit: float) -> None:
    """Respond to requests until the engine closes the pipe or exits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the engine handles Ctrl-C and closes the pipe
    responses = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Output that a grammar prints goes to standard error, so that it does not corrupt the responses.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while True:
        with _exit_with_engine():
            files: Sequence[tuple[bytes, Language]] = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the engine
        for content, language in files:
            response = _chunk_with_limit(content, language, cpu_limit)
            with _exit_with_engine():
                pickle.dump(response, responses)
                responses.flush()


def _chunk_with_limit(content: bytes, language: Language, cpu_limit: float) -> list[Chunk] | str:
    """Return the chunks of a file, or the traceback of an error.

    Terminates this process if that takes more than `cpu_limit` seconds of CPU time.
    """
    with _limited_cpu_time(cpu_limit):
        try:
            return chunk(content, language)
        except Exception:  # noqa: BLE001 - the engine logs the traceback
            return traceback.format_exc()


if sys.platform == "win32":
    _CPU_LIMIT_STATUS = None  # Windows has no such limit; only the timeout applies

    @contextmanager
    def _limited_cpu_time(_: float) -> Iterator[None]:
        yield
else:
    _CPU_LIMIT_STATUS = -signal.SIGPROF  # the signal terminates the process even while C code runs

    @contextmanager
    def _limited_cpu_time(seconds: float) -> Iterator[None]:
        signal.setitimer(signal.ITIMER_PROF, seconds)
        yield
        signal.setitimer(signal.ITIMER_PROF, 0)


@contextmanager
def _exit_with_engine() -> Iterator[None]:
    """Exit the process if the pipe to the engine is closed, without a traceback or flushing of buffers."""
    try:
        yield
    except (EOFError, OSError, pickle.UnpicklingError):
        os._exit(0)


if __name__ == "__main__":
    _serve(float(sys.argv[1]))
