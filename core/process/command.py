"""The command line of every program: the command by which a process was started, as its help and its refusals name it,
and refusals of one sentence."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

EXIT_REFUSED = 2
"""The exit code for wrong input."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence, without the usage above it."""
        self.exit(EXIT_REFUSED, f"{message}; `{self.prog} --help` says what is accepted\n")


def called_as(module: str, subcommand: str = "") -> str:
    """`nocturne worker`, or `python -m core.worker`. `core.cli` runs a module too, and `sys.orig_argv` tells the two
    apart."""
    by_name = "nocturne" in (Path(word).name for word in sys.orig_argv[:2])
    return f"nocturne {subcommand}".rstrip() if by_name else f"python -m {module}"
