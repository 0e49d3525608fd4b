"""Processes of this machine, as /proc has them."""

from __future__ import annotations

from pathlib import Path


def children(of: int) -> list[int]:
    """The ids of the living processes that this one has started."""
    return [pid for pid, parent in _parents().items() if parent == of]


def _parents() -> dict[int, int]:
    """Every living process's id, and its parent's."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(") ")[2].split()[:2]
        except OSError:  # it ended while we looked
            continue
        if state != "Z":
            parents[int(stat.parent.name)] = int(parent)
    return parents
