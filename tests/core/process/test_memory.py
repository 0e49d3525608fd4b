"""A process that keeps small."""

import ctypes
import subprocess
import sys

import pytest

from tests.support.fake_worker import surroundings

CODE = """
import sys
from core.process.memory import keep_small, resident

if "small" in sys.argv:
    keep_small()
b"x" * 20_000_000  # from here on glibc takes what is smaller for small
before = resident()
pieces = [(b"x" * 1_500_000, b"x" * 20_000) for _ in range(60)]
kept = [small for _, small in pieces]  # among what is free
del pieces
print(resident() - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library has no such settings")
def test_large_blocks_are_given_back():
    """After 60 recordings are gone, none of their memory stays; without `keep_small` all of it does."""

    def stays(*arguments: str) -> int:
        return int(subprocess.check_output([sys.executable, "-c", CODE, *arguments], env=surroundings(), text=True))

    assert stays() > 60
    assert stays("small") < 10
