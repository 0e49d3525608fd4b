"""A lock of a folder, so that one process of a kind works there: the kernel frees it when the process ends, however
that ends."""

from __future__ import annotations

import fcntl
import secrets
import time
from pathlib import Path
from typing import TextIO

from core.errors import BadSetting

BOT_LOCK, WORKER_LOCK = LOCKS = ("bot.lock", "worker.lock")
"""The files in DATA_DIR whose locks a bot and a worker hold."""
LOCK_SECONDS = 5
"""How long to wait for the lock of a process that is just leaving."""


def lock(path: Path) -> TextIO | None:
    """The file, locked until it is closed; None when another process holds it. Its content stays. Raises BadSetting
    where DATA_DIR, its folder, cannot be written to."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise BadSetting(f"DATA_DIR is '{path.parent}', which cannot be written to ({error.strerror})") from None
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
    """The lines in the file of a lock."""
    held.seek(0)
    return held.read().splitlines()


def write(held: TextIO, *new: str) -> None:
    """Replace the lines in the file of a lock."""
    held.truncate(0)  # it is open for appending, which is then at the beginning
    held.write("".join(f"{line}\n" for line in new))
    held.flush()


def fresh_name() -> str:
    """A name that no other process has or had."""
    return secrets.token_hex(4)
