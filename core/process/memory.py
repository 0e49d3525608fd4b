"""What a process has in memory, and how it keeps that small: only where the C library is glibc, elsewhere nothing is
done."""

from __future__ import annotations

import ctypes
import resource
from contextlib import suppress
from pathlib import Path

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_LARGE = 256 * 1024
"""Bytes. Left to itself glibc takes what is as large as a recording for small after a while, and keeps it."""
_ARENAS = 2
"""Of which threads take turns; left to itself glibc has eight a core, each with what it keeps."""


def keep_small() -> None:
    """Call it first of all: give large blocks back as soon as they are free, and share small ones between threads."""
    with suppress(OSError, AttributeError):
        adjust = ctypes.CDLL(None).mallopt
        adjust(_M_MMAP_THRESHOLD, _LARGE)
        adjust(_M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Give back now what is free of small blocks too."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def resident() -> int:
    """MiB that this process has in memory now, or at most had where that is all that can be known."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmRSS:")[2].split()[0]) // 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20  # in bytes on macOS
