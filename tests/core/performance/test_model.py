"""core/performance/model.py: a prediction depends on the events before it and on nothing after it."""

import numpy as np
import pytest
from keras import ops

from core.performance.architecture import PerformanceConfig
from core.performance.events import PITCHES, SIZES
from core.performance.model import Lookup
from tests.core.performance.networks import any_events, logits_of, network


def test_the_heads_give_probabilities():
    """Each attribute's probabilities sum to 1."""
    for logits, size in zip(logits_of(network(), any_events(20)), SIZES, strict=True):
        assert logits.shape == (1, 20, size)
        np.testing.assert_allclose(np.asarray(ops.softmax(logits)).sum(axis=-1), 1, rtol=1e-5)


def test_no_prediction_knows_what_comes_after_it():
    """Changing event 12 leaves every prediction of the events before it as it was, and that of its own onset shift."""
    model, events = network(), any_events(20)
    changed = events.copy()
    changed[:, 12] = [[5, 40, 3, 9]]
    for attribute, (one, other) in enumerate(zip(logits_of(model, events), logits_of(model, changed), strict=True)):
        same = 13 if attribute == 0 else 12
        np.testing.assert_array_equal(one[:, :same], other[:, :same])
        assert np.abs(one[:, 13:] - other[:, 13:]).max() > 1e-3


@pytest.mark.parametrize("attribute", [1, 2, 3])
def test_an_attribute_knows_those_chosen_before_it(attribute):
    """Changing one attribute of an event changes the predictions of those after it in the chain, and not its own."""
    model, events = network(), any_events(6)
    changed = events.copy()
    changed[0, -1, attribute - 1] = events[0, -1, attribute - 1] % 20 + 1
    before, after = logits_of(model, events), logits_of(model, changed)
    np.testing.assert_array_equal(before[attribute - 1][0, -1], after[attribute - 1][0, -1])
    assert np.abs(before[attribute][0, -1] - after[attribute][0, -1]).max() > 1e-3


def test_the_style_makes_a_difference():
    """The same events are predicted otherwise in another style."""
    model, events = network(), any_events(6)
    assert np.abs(logits_of(model, events, 0)[1] - logits_of(model, events, 1)[1]).max() > 1e-3


def test_the_remaining_time_makes_a_difference():
    """The same events are predicted otherwise shortly before the end; where nothing is said, as by bucket 0."""
    model, events = network(), any_events(6)
    style = np.zeros(1, dtype=np.int32)
    unsaid, zero, late = (
        np.asarray(model.read(events, style, remaining))
        for remaining in (None, np.zeros((1, 6), dtype=np.int32), np.full((1, 6), 3, dtype=np.int32))
    )
    np.testing.assert_array_equal(unsaid, zero)
    assert np.abs(unsaid - late).max() > 1e-3


def test_an_event_sees_no_further_than_its_window():
    """In a network of one block, what is more than a window back makes no difference."""
    model = network(
        PerformanceConfig(width=16, num_blocks=1, num_query_heads=2, num_kv_heads=1, window=8)
    )  # no clock but the events' own
    events = any_events(30)
    changed = events.copy()
    changed[0, 3, 1] = (events[0, 3, 1] + 1) % PITCHES
    one, other = logits_of(model, events)[0], logits_of(model, changed)[0]
    # event 3 is read at place 4, and seen from there to place 11
    assert np.abs(one[0, 11] - other[0, 11]).max() > 1e-4
    np.testing.assert_array_equal(one[0, 12:], other[0, 12:])


def test_a_memory_reaches_beyond_the_window():
    """With it, an event further back than the window makes a difference, as soon as the one after it is that far back
    too, and down to the memory's length."""
    config = PerformanceConfig(
        width=16, num_blocks=1, num_query_heads=2, num_kv_heads=1, window=8, num_recall_layers=1, recall_length=16
    )
    model, events = network(config), any_events(40)
    changed = events.copy()
    changed[0, 3, 1] = (events[0, 3, 1] + 1) % PITCHES
    one, other = logits_of(model, events)[0], logits_of(model, changed)[0]
    differs = np.abs(one - other).max(axis=-1)[0] > 1e-4
    # event 3 is read at place 4, by places 12 to 19 as what came, by 20 as what the next came after; and the block
    # after the memory reads 7 places back
    assert differs[4:28].all()
    np.testing.assert_array_equal(one[0, 28:], other[0, 28:])


def test_a_lookup_by_product_is_the_same_lookup():
    """The same rows, and the same sums where an index comes twice; for training on a GPU."""
    layer = Lookup(5, 3)
    indices = np.array([[0, 4, 4]], dtype=np.int32)
    rows = np.asarray(layer(indices))
    layer.one_hot = True
    np.testing.assert_allclose(np.asarray(layer(indices)), rows, rtol=1e-6)
