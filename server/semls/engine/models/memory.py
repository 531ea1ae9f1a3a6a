"""What becomes of freed memory, where glibc decides, and what Python looks through for garbage."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # numbers of mallopt, from malloc.h
_KEPT = 64 << 20  # bytes that are free and kept at the top; a batch of the encoder takes about as many


def keep() -> None:
    """Use freed memory again. Else each large tensor gets new pages, which the system has to clear first.

    That is a quarter of the time of embedding.
    """
    if libc := _glibc():
        libc.mallopt(_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(_TRIM_THRESHOLD, _KEPT)


def give_back() -> None:
    """Give the system all that is free, after much work, with what refers to itself, as networks do."""
    gc.collect()
    if libc := _glibc():
        libc.malloc_trim(0)


@contextmanager
def uncollected() -> Iterator[None]:
    """While libraries are imported, look for no garbage, and never among their half a million objects.

    They stay; each search among them takes 0.2 s, in which no other thread runs.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "malloc_trim") else None
