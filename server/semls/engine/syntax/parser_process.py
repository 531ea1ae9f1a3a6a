"""Parses files in a process of its own: grammars are C code that a hostile file can crash or keep busy."""

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

_LIMIT = 10.0  # seconds of processor time for a file; one megabyte of code takes about one
_STALLED = 6.0  # times as long on the clock: the process is suspended, or the machine is very busy
_START = 60.0  # seconds
_ENDING = 5.0  # seconds that a process may take to end after its last answer
_ATTEMPTS = 2  # for a file whose process ends or stalls: that may have another cause than the file

TIMEOUT, CRASH, INTERNAL = "timeout", "crash", "internal error"


class ParseResult(NamedTuple):
    """The chunks of a file; `failure` says why it was cut by lines although its language has a grammar."""

    chunks: list[Chunk]
    failure: str = ""


class ParserProcess:
    """A parser process that starts with the first file, and again after each one that ended it."""

    def __init__(self, limit: float = _LIMIT) -> None:
        self._limit = limit
        self._process: subprocess.Popen[bytes] | None = None
        self._stalled = False  # whether the last process was killed because it did not answer
        self._turn = threading.Lock()

    def chunk(self, source: bytes, language: Language) -> list[Chunk]:
        """Chunk one file, see `chunk_all`. Raises EngineError."""
        return self.chunk_all([(source, language)])[0].chunks

    def chunk_all(self, files: Sequence[tuple[bytes, Language]]) -> list[ParseResult]:
        """Chunk files as `chunks.chunk` does, but by lines where that crashes, fails or takes too long.

        The process reads one file while another is answered for. Raises EngineError where it does not start.
        """
        found: list[ParseResult] = []
        attempts = 0
        with self._turn:
            while len(found) < len(files):
                process = self._process = self._process or self._start()
                try:
                    answers = self._ask(process, files[len(found) :], _STALLED * self._limit)
                except BaseException:
                    self.close()  # its next answer would be about another file
                    raise
                found += answers
                if len(found) == len(files):
                    break
                attempts = 1 if answers else attempts + 1
                out_of_time = self._end(process) == _OUT_OF_TIME
                if out_of_time or attempts == _ATTEMPTS:
                    failure = TIMEOUT if out_of_time or self._stalled else CRASH
                    found.append(_by_lines(*files[len(found)], failure))
                    attempts = 0
        return found

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.communicate()

    def _start(self) -> "subprocess.Popen[bytes]":
        """Start a process that answers. Raises EngineError."""
        for _ in range(_ATTEMPTS):
            try:
                process = subprocess.Popen(  # noqa: S603 - no shell, nothing from outside
                    [sys.executable, "-m", __name__, str(self._limit)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    cwd=Path(__file__).parents[3],  # Python imports what lies in the folder where it starts
                )
            except OSError as error:
                raise EngineError(f"The parser process does not start: {error}.") from error
            if self._ask(process, [(b"", TEXT)], _START):
                return process
            process.kill()
            process.communicate()
        raise EngineError("The parser process does not start. The engine's log says why.")

    def _end(self, process: "subprocess.Popen[bytes]") -> int:
        """End a process that does not answer any more. Return its exit status."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_ENDING)
        self.close()
        log.warning("The parser process has ended with status %d", process.returncode)
        return process.returncode

    def _ask(
        self, process: "subprocess.Popen[bytes]", files: Sequence[tuple[bytes, Language]], seconds: float
    ) -> list[ParseResult]:
        """The answers; without those from where the process ended, or was killed as it did not answer."""
        questions, answers = cast("tuple[IO[bytes], IO[bytes]]", (process.stdin, process.stdout))
        found: list[ParseResult] = []
        self._stalled = False

        def kill() -> None:
            self._stalled = True
            process.kill()

        with _Limit(seconds, kill) as time_limit:
            try:
                pickle.dump(files, questions)
                questions.flush()
                while len(found) < len(files):
                    answer: list[Chunk] | str = pickle.load(answers)  # noqa: S301 - from our own process
                    time_limit.begin_anew()
                    if isinstance(answer, str):
                        log.error("The parser failed:\n%s", answer)
                        found.append(_by_lines(*files[len(found)], INTERNAL))
                    else:
                        found.append(ParseResult(answer))
            except (EOFError, OSError, pickle.UnpicklingError):
                pass
        return found


def _by_lines(source: bytes, language: Language, failure: str) -> ParseResult:
    log.warning("A file in %s is cut by lines: %s", language.name, failure)
    try:
        return ParseResult(chunk(source, replace(language, grammar=None)), failure)
    except Exception:
        log.exception("A file cannot be cut by lines")
        return ParseResult([], INTERNAL)


class _Limit:
    """Calls something after a while, unless it ends or begins anew before that."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self._seconds, self._call = seconds, call

    def __enter__(self) -> "_Limit":
        self._start()
        return self

    def begin_anew(self) -> None:
        """To within a tenth: a timer is a thread, and files are many."""
        if time.monotonic() - self._began > self._seconds / 10:
            self._timer.cancel()
            self._start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _start(self) -> None:
        self._began = time.monotonic()
        self._timer = threading.Timer(self._seconds, self._call)
        self._timer.start()


def _serve(limit: float) -> None:
    """Answer until the pipe is closed, which it also is when the engine dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the engine's business
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a grammar prints must not get between
    while True:
        with _leaving_with_the_engine():
            files: Sequence[tuple[bytes, Language]] = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the engine
        for source, language in files:
            answer = _answer(source, language, limit)
            with _leaving_with_the_engine():
                pickle.dump(answer, answers)
                answers.flush()


def _answer(source: bytes, language: Language, limit: float) -> list[Chunk] | str:
    """The chunks, or the traceback of an error. Ends the process after `limit` seconds of processor time."""
    with _processor_time(limit):
        try:
            return chunk(source, language)
        except Exception:  # noqa: BLE001 - the engine logs it
            return traceback.format_exc()


if sys.platform == "win32":
    _OUT_OF_TIME = None  # only the clock limits it

    @contextmanager
    def _processor_time(_: float) -> Iterator[None]:
        yield
else:
    _OUT_OF_TIME = -signal.SIGPROF  # ends a process also while C code runs

    @contextmanager
    def _processor_time(limit: float) -> Iterator[None]:
        signal.setitimer(signal.ITIMER_PROF, limit)
        yield
        signal.setitimer(signal.ITIMER_PROF, 0)


@contextmanager
def _leaving_with_the_engine() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError, pickle.UnpicklingError):
        os._exit(0)  # what is left of an answer is nobody's


if __name__ == "__main__":
    _serve(float(sys.argv[1]))
