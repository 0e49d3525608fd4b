"""Parts that the benchmarks share: the option `--quick`, tables that name machine and baseline, and the memory and the
processor time of processes."""

from __future__ import annotations

import argparse
import os
import platform
import re
import resource
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from core.process.programs import backend
from tests.support.processes import children

_TICKS = os.sysconf("SC_CLK_TCK")


def parser(module: str, description: str | None, takes: str) -> argparse.ArgumentParser:
    """The command line of `python -m benchmarks.<module>`. It `takes` so long on two cores that have nothing else to
    do. `--quick` shows that a benchmark runs to its end."""
    result = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{module}",
        description=description,
        epilog=f"Takes {takes} on two cores with nothing else to do.",
    )
    result.add_argument("--quick", action="store_true", help="measure the least there is; such figures mean nothing")
    return result


def machine() -> str:
    """The processor, its cores, and what runs the models: `AMD EPYC, 2 cores, Python 3.11.7, Numba 0.68.1, TensorFlow
    2.21.0`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    engines = f"Numba {version('numba')}, {backend()}"
    return f"{_processor()}, {cores} cores, Python {platform.python_version()}, {engines}"


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], baseline: str) -> str:
    """A table in Markdown under its title, with the machine, and the baseline that its figures are to be compared with.
    Columns are as wide as their widest cell: the first to the left, figures to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    rule = ["-" * width if not column else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    lines = [
        "| "
        + " | ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in (header, rule, *rows)
    ]
    head = [f"{title[:1].upper()}{title[1:]}", f"Machine: {machine()}", f"Baseline: {baseline}"]
    return "\n".join([*head, "", *lines, ""])


def resident_mib(pid: int, what: str = "VmRSS") -> float:
    """The resident memory of a process now, or with `VmHWM` its peak, in MiB."""
    (kibibytes,) = re.findall(rf"{what}:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kibibytes) / 1024


def processor_seconds(pid: int) -> float:
    """The processor time so far of a process and of all that it started, also of those that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    own = sum(int(field) for field in fields[11:15]) / _TICKS
    return own + sum(processor_seconds(child) for child in children(pid))


def seconds_of(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """The seconds that it takes by a clock."""
    began = clock()
    work()
    return clock() - began


def spent() -> tuple[float, float]:
    """The processor seconds so far of this process, and of those that it started and that have ended."""
    usages = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    own, others = (usage.ru_utime + usage.ru_stime for usage in usages)
    return own, others


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
