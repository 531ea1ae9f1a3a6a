"""Reserves standard input and output for the protocol."""

import os
import sys
from typing import BinaryIO


def claim() -> tuple[BinaryIO, BinaryIO]:
    """Return the process's stdin and stdout as streams that no other code can use.

    From now on, what is printed goes to stderr, and stdin is empty. Otherwise a stray `print`, or a child
    process that reads its stdin, would corrupt the protocol.
    """
    stdin, stdout = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.stdout = sys.stderr
    return stdin, stdout
