"""core/performance/engines.py: a processor composes without TensorFlow, which is asked for GPUs alone."""

import subprocess
import sys

import pytest

from core.performance import engines
from core.performance.xla import engine as xla
from tests.support.tiny_performance import make_performance_checkpoint

COMPOSES = """
import sys
from pathlib import Path
from core.performance import engines
from core.performance.composer import PerformanceComposer
from core.request import ComposeRequest
from core.seed import Seed
engines.DEVICES = ()
composer = PerformanceComposer.load(Path(sys.argv[1]), slots=1)
request = ComposeRequest(Seed.parse("60"), take=1, length=25, model="performance")
print(len(composer.compose(request).music.instruments[0].notes) > 0, {"keras", "tensorflow"} & {*sys.modules})
"""


def test_a_processor_composes_without_tensorflow(tmp_path):
    """Where there is no GPU, a piece is made in a process that imports neither TensorFlow nor Keras."""
    folder = make_performance_checkpoint(tmp_path)
    done = subprocess.run([sys.executable, "-c", COMPOSES, str(folder)], capture_output=True, text=True)
    assert done.stdout == "True set()\n", done.stderr


def test_tensorflow_is_not_asked_without_a_driver(monkeypatch, tmp_path):
    """Without the file of a GPU's driver there is none, whatever TensorFlow would say."""
    monkeypatch.setattr(engines, "DEVICES", (str(tmp_path / "missing"),))
    monkeypatch.setattr(xla, "gpus", lambda: pytest.fail("it was asked"))
    assert not engines.on_gpu.__wrapped__()


@pytest.mark.parametrize("gpus", [0, 1])
def test_a_driver_alone_makes_no_gpu(monkeypatch, tmp_path, gpus):
    """With the file of one of the drivers it is as TensorFlow says."""
    monkeypatch.setattr(engines, "DEVICES", (str(tmp_path / "missing"), str(tmp_path)))
    monkeypatch.setattr(xla, "gpus", lambda: gpus)
    assert engines.on_gpu.__wrapped__() == (gpus > 0)
