"""Memory of a process, and how it keeps that small: by settings of glibc's allocator, and elsewhere not at all."""

from __future__ import annotations

import ctypes
import resource
from contextlib import suppress
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGE_BYTES = 256 * 1024
"""A block from this size on goes back to the system once it is free. Left to itself glibc raises the threshold above
the size of a recording, and keeps those."""
_SPARE_BYTES = 2 * 2**20
"""Free memory that each heap keeps at its end. With glibc's 128 KiB, which a threshold for large blocks makes final, an
array of that size goes back to the system and comes again each time: to level a piece took 1.6 times as long."""
_ARENAS = 2
"""Heaps that the threads share; left to itself glibc has eight a core, each with what it keeps."""


def keep_small() -> None:
    """Call it first of all: give large blocks back as soon as they are free, and share small ones between threads."""
    with suppress(OSError, AttributeError):
        adjust = ctypes.CDLL(None).mallopt
        adjust(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        adjust(_M_TRIM_THRESHOLD, _SPARE_BYTES)
        adjust(_M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Give free small blocks back to the system too, now."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def resident() -> int:
    """Resident memory of this process in MiB; where that cannot be known, its peak."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmRSS:")[2].split()[0]) // 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20  # in bytes on macOS
