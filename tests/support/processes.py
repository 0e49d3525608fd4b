"""Processes of this machine, as /proc has them."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.waiting import PATIENCE


def children(of: int) -> list[int]:
    """The ids of the living processes that this one has started."""
    return [pid for pid, parent in _parents().items() if parent == of]


def alive(pid: int) -> bool:
    """Whether this process runs; a zombie, which waits for its parent or for init alone, does not."""
    return _parent(Path(f"/proc/{pid}/stat")) is not None


def wait_for_end(pid: int) -> None:
    """Of a process that another one has started, and so nobody here can be told of."""
    patience = time.monotonic() + PATIENCE
    while alive(pid):
        assert time.monotonic() < patience, f"process {pid} still runs"
        time.sleep(0.05)


def _parents() -> dict[int, int]:
    """Every living process's id, and its parent's."""
    found = {int(stat.parent.name): _parent(stat) for stat in Path("/proc").glob("[0-9]*/stat")}
    return {pid: parent for pid, parent in found.items() if parent is not None}


def _parent(stat: Path) -> int | None:
    """The id of a living process's parent; None of one that has ended."""
    try:
        state, parent = stat.read_text().rpartition(") ")[2].split()[:2]
    except OSError:  # it ended while we looked
        return None
    return None if state == "Z" else int(parent)
