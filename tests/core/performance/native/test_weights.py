"""core/performance/native/weights.py: a checkpoint's weights fit the network or are refused."""

import numpy as np
import pytest

from core.checkpoint import Checkpoint, Weight
from core.errors import BadCheckpoint
from core.performance.architecture import config_of
from core.performance.composer import MODEL
from core.performance.events import ATTRIBUTES, SIZES
from core.performance.native.products import product
from core.performance.native.weights import matrix_at, weights_of
from tests.support.tiny_performance import make_performance_checkpoint

KERNEL = "performance/block_2/out_projection/kernel"
WIDTH = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_performance_checkpoint(tmp_path_factory.mktemp("performance"), width=WIDTH)


@pytest.fixture
def checkpoint(folder):
    return Checkpoint(folder, MODEL)


@pytest.fixture
def weights(checkpoint, monkeypatch):
    """The checkpoint's weights by name, which a test may change."""
    weights = checkpoint.weights()
    monkeypatch.setattr(checkpoint, "weights", lambda: dict(weights))
    return weights


def read(checkpoint):
    return weights_of(checkpoint, config_of(checkpoint), 0.0)


def unpacked(matrix):
    """(inputs, columns) of the tiny network's width, as products have it."""
    return product(np.eye(WIDTH, dtype=np.float32), matrix)


@pytest.mark.parametrize("name", [KERNEL, "performance/recall_2/sink", "performance/head_key/output/bias"])
def test_weights_that_are_missing_are_refused(checkpoint, weights, name):
    """By a sentence that names them."""
    del weights[name]
    with pytest.raises(BadCheckpoint, match=rf"does not fit the network: its weights {name.partition('/')[2]}"):
        read(checkpoint)


@pytest.mark.parametrize("change", [np.transpose, np.ravel, lambda array: array[:, 1:]])
def test_weights_of_another_shape_are_refused(checkpoint, weights, change):
    """Also where there are as many numbers."""
    name = "performance/block_1/feed_forward/up_projection/kernel"
    weights[name] = Weight(change(weights[name].array))
    with pytest.raises(BadCheckpoint, match="its weights block_1/feed_forward/up_projection/kernel differ in shape"):
        read(checkpoint)


def test_weights_that_the_network_has_not_are_refused(checkpoint, weights):
    """As those of a network with more blocks are."""
    weights["performance/block_3/norm/scale"] = Weight(np.ones(WIDTH, dtype=np.float32))
    with pytest.raises(BadCheckpoint, match="it has no weights performance/block_3/norm/scale"):
        read(checkpoint)


def test_matrices_are_those_of_the_checkpoint(checkpoint, weights):
    """In the order in which products read them: a row of the unit matrix brings a row of the kernel."""
    for head, size, attribute in zip(read(checkpoint).heads, SIZES, ATTRIBUTES, strict=True):
        kernel = weights[f"performance/head_{attribute}/output/kernel"].array
        assert head.bias.shape == (size,)
        np.testing.assert_allclose(unpacked(head.output), kernel, rtol=1e-5)


@pytest.mark.parametrize("kept", [Weight, lambda array: Weight.of(array, scale_axis=0)])
def test_a_matrix_that_is_kept_otherwise_is_rounded(checkpoint, weights, kept):
    """To 8 bits with a scale for each column, from float16 or with a scale for each row."""
    array = np.random.default_rng(7).normal(size=weights[KERNEL].values.shape).astype(np.float16).astype(np.float32)
    weights[KERNEL] = kept(array)
    out = matrix_at(read(checkpoint).attention.out, 1)
    assert out.numbers.dtype == np.int8
    np.testing.assert_allclose(unpacked(out), weights[KERNEL].array, atol=np.abs(array).max() / 250)
