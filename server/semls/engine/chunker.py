"""Chunks files in a process of its own: grammars are C code that a hostile file can crash or keep busy."""

import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

from semls.engine.chunks import Chunk, chunk
from semls.engine.languages import TEXT, Language
from semls.errors import EngineError

log = logging.getLogger(__name__)

_LIMIT = 10.0  # seconds for a file; one megabyte of code takes about one
_START = 60.0  # seconds


class Chunker:
    """A process that starts with the first file, and again after one that killed it."""

    def __init__(self, limit: float = _LIMIT) -> None:
        self._limit = limit
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    def chunk(self, source: bytes, language: Language) -> list[Chunk]:
        """As `chunks.chunk`, but by lines where that crashes, fails or takes too long. Raises EngineError."""
        return self.chunk_all([(source, language)])[0]

    def chunk_all(self, files: Sequence[tuple[bytes, Language]]) -> list[list[Chunk]]:
        """The same for several files, of which the process reads one while another is answered for."""
        found: list[list[Chunk]] = []
        with self._turn:
            while len(found) < len(files):
                process = self._process = self._process or self._start()
                found += self._ask(process, files[len(found) :], self._limit)
                if len(found) < len(files):
                    self.close()
                    found.append(_by_lines(*files[len(found)]))
        return found

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.communicate()

    def _start(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(  # noqa: S603 - no shell, nothing from outside
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],  # Python imports what lies in the folder where it starts
        )
        if not self._ask(process, [(b"", TEXT)], _START):
            process.kill()
            process.communicate()
            raise EngineError("The process that reads files does not start. The engine's log says why.")
        return process

    def _ask(
        self, process: "subprocess.Popen[bytes]", files: Sequence[tuple[bytes, Language]], limit: float
    ) -> list[list[Chunk]]:
        """The answers; without those from where the process died, or was killed because one took too long."""
        questions, answers = cast("tuple[IO[bytes], IO[bytes]]", (process.stdin, process.stdout))
        found: list[list[Chunk]] = []
        with _Limit(limit, process.kill) as time_limit:
            try:
                pickle.dump(files, questions)
                questions.flush()
                while len(found) < len(files):
                    found.append(pickle.load(answers))  # noqa: S301 - from our own process
                    time_limit.begin_anew()
            except (EOFError, OSError, pickle.UnpicklingError):
                pass
        return found


def _by_lines(source: bytes, language: Language) -> list[Chunk]:
    log.warning("A file is cut by lines: reading it as %s crashed or took too long", language.name)
    return chunk(source, replace(language, grammar=None))


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


def _serve() -> None:
    """Answer until the pipe is closed, which it also is when the engine dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the engine's business
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a grammar prints must not get between
    while True:
        with _leaving_with_the_engine():
            files: Sequence[tuple[bytes, Language]] = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the engine
        for source, language in files:
            chunks = chunk(source, language)
            with _leaving_with_the_engine():
                pickle.dump(chunks, answers)
                answers.flush()


@contextmanager
def _leaving_with_the_engine() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError, pickle.UnpicklingError):
        os._exit(0)  # what is left of an answer is nobody's


if __name__ == "__main__":
    _serve()
