"""Faults of a machine that no process can be given from outside, for those whose PYTHONPATH begins with this folder:
while a file `clock` is in the folder MACHINE, the clock is by so many seconds ahead; while a file `read-only` is, the
place that it names cannot be written to."""

import errno
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_MACHINE = Path(os.environ["MACHINE"])
_CLOCK, _READ_ONLY = _MACHINE / "clock", _MACHINE / "read-only"
_CHANGES = ("os.mkdir", "os.remove", "os.rename", "os.rmdir")
_now = time.time


def _read(file: Path) -> str:
    with suppress(OSError):
        return file.read_text()
    return ""


def _stepped() -> float:
    return _now() + float(_read(_CLOCK) or 0.0)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Hear of everything that is opened or changed (an audit hook), and raise what a read-only file system would."""
    if event != "open" and event not in _CHANGES:
        return
    path, changes = arguments[0], event in _CHANGES or arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if changes and isinstance(path, str) and (place := _read(_READ_ONLY)) and path.startswith(place):
        raise OSError(errno.EROFS, "Read-only file system", path)


time.time = _stepped
sys.addaudithook(_refuse)
