"""benchmarks/: each runs to its end. Figures that are measured are not judged here."""

from __future__ import annotations

import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks.costs import DELIVERY_SECONDS, Cost, day

ROOT = Path(__file__).parents[2]
BENCHMARKS = sorted(file.stem for file in (ROOT / "benchmarks").glob("[a-z]*.py"))


@pytest.mark.long
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_prints_its_table(name: str):
    """`python -m benchmarks.NAME --quick` ends without an error, and each table names its machine and its baseline."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    machines = re.findall(r"^Machine: .* cores, Python 3\.", done.stdout, re.MULTILINE)
    assert len(machines) == len(re.findall(r"^\| -", done.stdout, re.MULTILINE)) > 0
    assert len(machines) == len(re.findall(r"^Baseline: ", done.stdout, re.MULTILINE))


def test_costs_are_those_of_the_prices():
    """An hour of a core and 1 GB a piece, at 2, 3 and 5 dollars, kept for a day: of 24 pieces a day a core is busy."""
    cost = Cost(composing=3000, playing=600 - DELIVERY_SECONDS, files=1e9, queued=0)
    prices = Namespace(keep_days=1, core_hour=2, gb_month=3, gb_sent=5)
    processors, disk, network = 30 * 24 * 2, 24 * 3, 30 * 24 * 5
    total = processors + disk + network
    assert day(cost, 24, prices) == pytest.approx([24, 1, 4, 24, 720, processors, disk, network, total])
