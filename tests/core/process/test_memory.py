"""A process that keeps small."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.fake_worker import surroundings

RECORDINGS = """
from core.process.memory import keep_small, resident

def stays():
    b"x" * 20_000_000  # from here on glibc takes what is smaller for small
    before = resident()
    pieces = [(b"x" * 1_500_000, b"x" * 20_000) for _ in range(60)]
    kept = [small for _, small in pieces]  # among what is free
    del pieces
    return resident() - before
"""
A_PROCESS = RECORDINGS + "print(stays())"
A_SMALL_PROCESS = RECORDINGS + "keep_small(); print(stays())"
A_WORKER = f"""
from core.errors import BadSetting
from core.worker import main
{RECORDINGS}
def start(settings):
    print(stays())
    raise BadSetting("enough")

main([], lambda settings: {{}}, start)
"""
GLIBC_ALLOCATES = platform.libc_ver()[0] == "glibc" and "LD_PRELOAD" not in os.environ
"""Not so with musl, on macOS, or where another allocator is preloaded."""


@pytest.mark.skipif(not GLIBC_ALLOCATES, reason="only glibc's allocator has these settings (mallopt, malloc_trim)")
def test_large_blocks_are_given_back(tmp_path: Path):
    """After 60 recordings are gone, none of their memory stays; without `keep_small`, which a worker calls, all of it
    does."""

    def stays(code: str) -> int:
        environment = surroundings(DATA_DIR=str(tmp_path))
        told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        return int(told.stdout)

    assert stays(A_PROCESS) > 60
    assert stays(A_SMALL_PROCESS) < 10
    assert stays(A_WORKER) < 10
