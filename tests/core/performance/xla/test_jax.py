"""core/performance/xla/engine.py on JAX, which a GPU worker may have in place of TensorFlow."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np

from core.performance.engine import CHUNK, Origin
from core.performance.engines import EngineMaker
from core.performance.events import END, KEY
from core.performance.model import network_of
from core.performance.sampling import SamplingParameters
from tests.core.performance.networks import TINY, any_events, checkpoint_of, inputs_of, logits_of

CONFIG = replace(TINY, num_blocks=1, num_recall_layers=1, recall_length=4 * CHUNK)
UNBIASED = SamplingParameters(recall_bias=0.0)
PIECES = [any_events(4 * CHUNK, seed) for seed in (0, 1)]
ON_JAX = """
import sys
from pathlib import Path
import numpy as np
from core.checkpoint import Checkpoint
from core.performance.composer import MODEL
from tests.core.performance.networks import maker_of
from tests.core.performance.xla.test_jax import UNBIASED, ends
np.save(sys.argv[2], ends(maker_of("xla", Checkpoint(Path(sys.argv[1]), MODEL), UNBIASED)))
print("tensorflow" in sys.modules)
"""


def ends(make: EngineMaker) -> np.ndarray:
    """The probability of the end before each event of `PIECES`, (events, slots). The second piece begins anew after a
    chunk, and at last both go on from copies."""
    engine = make(2, 1)
    state, found = engine.start(), []
    for number, chunk in enumerate(np.split(np.concatenate(PIECES).transpose(1, 0, 2), 4)):
        if number == 1:
            state = engine.gather([state], [Origin(0, 0), None])
        if number == 3:
            state = engine.gather([engine.row(state, slot) for slot in (0, 1)], [Origin(0, 0), Origin(1, 0)])
        state, decoded = engine.advance(state, inputs_of(chunk))
        found.append(np.asarray(decoded.ends))
    return np.concatenate(found)


def test_jax_decodes_what_the_network_expects(tmp_path):
    """By JAX the probability of the end is that of a full pass on TensorFlow, of which JAX loads nothing. (Compiling
    takes most of the test's time.)"""
    checkpoint, file = checkpoint_of(tmp_path / "network", CONFIG), tmp_path / "ends.npy"
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    command = [sys.executable, "-c", ON_JAX, str(checkpoint.folder), str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
    for slot, (events, began) in enumerate(zip(PIECES, (0, CHUNK), strict=True)):
        logits = logits_of(network_of(checkpoint), events[:, began:])[KEY][0].astype(np.float64)
        expected = logits[:, END] - np.log(np.exp(logits).sum(axis=-1))
        np.testing.assert_allclose(np.log(np.load(file)[began:, slot]), expected, atol=1e-2)
