"""One process of a kind a folder: a lock that the kernel gives back when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import secrets
import time
from pathlib import Path
from typing import TextIO

LOCK_SECONDS = 5
"""How long a process that is just leaving is waited for."""


def lock(path: Path) -> TextIO | None:
    """Hold the lock in this file until what is returned is closed; None means that another process holds it. What the
    file says stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    patience = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            if time.monotonic() > patience:
                file.close()
                return None
            time.sleep(0.2)


def lines(held: TextIO) -> list[str]:
    """What the file of a lock says."""
    held.seek(0)
    return held.read().splitlines()


def write(held: TextIO, *said: str) -> None:
    """Let the file of a lock say this and nothing else."""
    held.truncate(0)  # it is open for appending, which is then at the beginning
    held.write("".join(f"{line}\n" for line in said))
    held.flush()


def fresh_name() -> str:
    return secrets.token_hex(4)
