"""The protocol's own standard streams, out of everybody else's reach."""

import os
import sys
from typing import BinaryIO


def claim() -> tuple[BinaryIO, BinaryIO]:
    """Streams for the protocol alone: what prints from now on goes to stderr, what reads finds nothing.

    Without it one stray `print`, or a child that reads its stdin, corrupts the protocol.
    """
    stdin, stdout = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.stdout = sys.stderr
    return stdin, stdout
