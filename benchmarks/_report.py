"""Parts that the benchmarks share: the option `--quick`, a table that names the machine, a process's memory."""

from __future__ import annotations

import argparse
import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from core.process.programs import tensorflow_version


def parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """The command line of `python -m benchmarks.<module>`. `--quick` shows that a benchmark runs to its end."""
    result = argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=description)
    result.add_argument("--quick", action="store_true", help="measure the least there is; such figures mean nothing")
    return result


def machine() -> str:
    """The processor, its cores, and what runs the models: `AMD EPYC, 2 cores, Python 3.11.7, Numba 0.68.1, TensorFlow
    2.21.0`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    engines = f"Numba {version('numba')}, TensorFlow {tensorflow_version()}"
    return f"{_processor()}, {cores} cores, Python {platform.python_version()}, {engines}"


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The title, the machine, and columns as wide as their widest cell: the first to the left, figures to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [
        "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in (header, ["-" * width for width in widths], *rows))
    ]
    return "\n".join([f"{title} ({machine()})", "", *lines, ""])


def megabytes(pid: int, what: str = "VmRSS") -> float:
    """The resident memory of a process now, or with `VmHWM` its peak, in MB."""
    (kilobytes,) = re.findall(rf"{what}:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kilobytes) / 1024


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
