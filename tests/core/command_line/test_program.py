"""`python -m core` as a process of its own: what it imports, how it is stopped, and a real network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pretty_midi import PrettyMIDI

from tests.support.music import played
from tests.support.tiny_checkpoint import make_article_checkpoint
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[3]
SLOW = """
import signal, sys, time
from core import __main__, loader
from tests.support.music import Pianist

class Slow(Pianist):
    def compose(self, request, progress, settled):
        print("composing", flush=True)
        time.sleep(60)

signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started in the background inherits deafness to it
loader.load_composer = lambda model, checkpoints, preset, slots, programs: Slow()
sys.exit(__main__.main(["compose"]))
"""


def test_ctrl_c_ends_it_quietly(tmp_path: Path):
    """A real SIGINT in the middle of composing: exit code 130, no traceback, no files."""
    program = tmp_path / "slow.py"
    program.write_text(SLOW)
    process = subprocess.Popen(
        [sys.executable, program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "composing\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (130, "stopped\n")
    assert list(tmp_path.rglob("*.mid")) == []


@pytest.mark.parametrize("arguments", [["compose", "--help"], ["compose", "--seed", "X5"]])
def test_help_and_refusals_come_at_once(arguments: list[str]):
    """Both load neither TensorFlow nor matplotlib."""
    program = (
        "import sys\nfrom core.__main__ import main\n"
        f"try: main({arguments})\nexcept SystemExit: pass\n"
        "print({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert said.stdout.endswith("set()\n")


def test_the_article_composes_from_the_command_line(tmp_path: Path):
    """The real program with a real, if untrained, network: files and JSON, and nothing is said but the progress."""
    make_article_checkpoint(tmp_path / "checkpoints" / "article")
    arguments = ["compose", "--model", "article", "--seed", "72", "--length", "100", "--take", "7", "--attention"]
    said = subprocess.run(
        [sys.executable, "-m", "core", *arguments, "--json", "--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"CHECKPOINTS": str(tmp_path / "checkpoints")},
        check=True,
    )
    piece = json.loads(said.stdout)
    first = played(PrettyMIDI(piece["files"][0]))[0]
    assert (first.pitch, first.start) == (72, 0.0)
    assert len(piece["files"]) == 5
    assert all(Path(file).is_file() for file in piece["files"])
    assert all("%" in line for line in said.stderr.replace("\r", "\n").splitlines() if line.strip())
