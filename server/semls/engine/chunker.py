"""Chunks files in a process of its own: grammars are C code that a hostile file can crash or keep busy."""

import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

from semls.engine.chunks import Chunk, chunk
from semls.engine.languages import Language
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
        with self._turn:
            process = self._process = self._process or self._start()
            chunks = self._ask(process, (source, language), self._limit)
            if chunks is None:
                self.close()
        if chunks is None:
            log.warning("A file is cut by lines: reading it as %s crashed or took too long", language.name)
            return chunk(source, replace(language, grammar=None))
        return chunks

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
        if self._ask(process, None, _START) is None:
            process.kill()
            process.communicate()
            raise EngineError("The process that reads files does not start. The engine's log says why.")
        return process

    def _ask(
        self, process: "subprocess.Popen[bytes]", question: tuple[bytes, Language] | None, limit: float
    ) -> list[Chunk] | None:
        """The answer; None where the process died, or was killed because it took too long."""
        questions, answers = cast("tuple[IO[bytes], IO[bytes]]", (process.stdin, process.stdout))
        timer = threading.Timer(limit, process.kill)
        timer.start()
        try:
            pickle.dump(question, questions)
            questions.flush()
            chunks: list[Chunk] = pickle.load(answers)  # noqa: S301 - from our own process
            return chunks
        except (EOFError, OSError, pickle.UnpicklingError):
            return None
        finally:
            timer.cancel()


def _serve() -> None:
    """Answer until the pipe is closed, which it also is when the engine dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the engine's business
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a grammar prints must not get between
    while True:
        with _leaving_with_the_engine():
            question: tuple[bytes, Language] | None = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the engine
        chunks = chunk(*question) if question else []
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
