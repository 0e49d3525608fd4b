"""The command by which a process was started, as its help and its refusals name it."""

from __future__ import annotations

import sys
from pathlib import Path


def called_as(module: str, subcommand: str = "") -> str:
    """`nocturne worker`, or `python -m core.worker`. `core.cli` runs a module too, and `sys.orig_argv` tells the two
    apart."""
    by_name = "nocturne" in (Path(word).name for word in sys.orig_argv[:2])
    return f"nocturne {subcommand}".rstrip() if by_name else f"python -m {module}"
