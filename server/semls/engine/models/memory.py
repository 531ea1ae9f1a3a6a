"""Tune how glibc returns freed memory to the system, and what Python's garbage collector scans."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Parameters of mallopt(3), from malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_MAX_HEAP_BLOCK = 1 << 30  # bytes: smaller blocks come from the heap and not from mmap
_MAX_FREE = 64 << 20  # bytes that stay free at the top of the heap; a batch takes about as many


def reuse_freed() -> None:
    """Let glibc keep freed memory and reuse it.

    By default each large tensor gets new pages, which the kernel has to clear first: that is a quarter of the
    time of embedding.
    """
    if libc := _glibc():
        libc.mallopt(_M_MMAP_THRESHOLD, _MAX_HEAP_BLOCK)
        libc.mallopt(_M_TRIM_THRESHOLD, _MAX_FREE)


def release_freed() -> None:
    """Return all free memory to the system, including that of unreachable reference cycles."""
    gc.collect()  # networks refer to themselves
    if libc := _glibc():
        libc.malloc_trim(0)


@contextmanager
def gc_frozen() -> Iterator[None]:
    """Disable garbage collection in the block, and exclude all objects created so far from later collections.

    For imports of large libraries: they create half a million objects, which stay, and each scan of these
    takes 0.2 s, in which no other thread runs.
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
