"""core/performance/model.py: a prediction depends on the events before it and on nothing after it, with the cache as
without."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from core.performance.cache import STRETCH
from keras import ops

from core.performance import engine
from core.performance.engine import CHUNK, ChunkInputs, Engine, Origin, remaining
from core.performance.events import (
    BIN_CELLS,
    CELL,
    KEY,
    NO_DURATION,
    NO_VELOCITY,
    PITCHES,
    SHIFT,
    SIZES,
    START_EVENT,
    remaining_bucket,
)
from core.performance.model import Lookup, PerformanceConfig, built
from core.performance.sampling import SamplingParameters
from core.performance.score import Playing, windows
from core.performance.steering import NO_BIAS, LogitBias

TINY = PerformanceConfig(
    styles=("any", "Bach"), width=16, num_blocks=2, num_query_heads=4, num_kv_heads=2, window=3 * CHUNK
)


def network(config=TINY):
    """One whose every weight is drawn, also those that training begins at zero."""
    keras.utils.set_random_seed(7)
    model = built(config)
    generator = np.random.default_rng(7)
    for weight in model.trainable_variables:
        weight.assign(np.asarray(weight) + 0.2 * generator.normal(size=weight.shape))
    for recall in filter(None, model.recall_layers):
        recall.sink.assign([0.2] * config.num_kv_heads)  # so that it reads what is a little alike
    return model


def any_events(count, seed=0):
    """(1, count, 4) events that the network can read: mostly notes, some moves of the pedal."""
    generator = np.random.default_rng(seed)
    events = np.stack([generator.integers(1, size - 1, count) for size in SIZES], axis=-1).astype(np.int32)
    pedal = events[:, 1] >= PITCHES
    events[pedal, 1] = PITCHES
    events[pedal, 2:] = NO_VELOCITY, NO_DURATION
    return events[None]


def logits_of(model, events, style=0):
    """The logits of every event after the start, given all before it."""
    before = np.concatenate([START_EVENT[None, None], events[:, :-1]], axis=1)
    inputs = {"events": ops.convert_to_tensor(before), "following": ops.convert_to_tensor(events)}
    logits = model(inputs | {"style": ops.convert_to_tensor(np.array([style], dtype=np.int32))})
    return [np.asarray(ops.convert_to_numpy(each)) for each in logits]


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


class Probing(Engine):
    """Tells a fixed mixture of the hidden state in place of the probability of the end."""

    def _choose(self, hidden, decode, inputs, place):
        event, _, note = super()._choose(hidden, decode, inputs, place)
        return event, ops.matmul(hidden, PROBE), note


LENGTH = 12_000
"""Cells, in the midst of the events of the test."""
PROBE = np.random.default_rng(3).normal(size=TINY.width).astype(np.float32)


@pytest.mark.parametrize(
    "recalls, kept, tolerance",
    [(0, engine.CACHE_DTYPE, 1e-3), (2, "float32", 1e-3), (2, engine.CACHE_DTYPE, 5e-2)],
    ids=["a window", "and memories", "which are rounded"],
)
def test_the_cached_step_gives_what_the_full_pass_gives(monkeypatch, recalls, kept, tolerance):
    """Event by event with the cache, in a slot that began a chunk later than its neighbour, the hidden state from which
    all logits come is that of the full forward pass, also past the lengths of the window and of the memory, where the
    cache forgets. The time that is left counts down from the first note."""
    monkeypatch.setattr(engine, "CACHE_DTYPE", kept)
    model = network(replace(TINY, num_recall_layers=recalls, recall_length=4 * CHUNK))
    probing = Probing(model, 2, sampling=SamplingParameters(recall_bias=0.0))
    events, neighbour = any_events(7 * CHUNK), any_events(8 * CHUNK, seed=1)
    state, probed = probing.start(), []
    for chunk in range(8):
        here = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
        late = neighbour[0, here] if chunk == 0 else events[0, here.start - CHUNK : here.stop - CHUNK]
        if chunk == 1:
            state = probing.gather(state, [Origin(0, 0), None])
        state, decoded = probing.advance(state, inputs_of(np.stack([neighbour[0, here], late], axis=1), LENGTH))
        probed.append(np.asarray(decoded.ends))
    np.testing.assert_allclose(np.concatenate(probed[1:])[:, 1], probed_by_a_full_pass(model, events), atol=tolerance)


def test_candidates_of_a_piece_read_its_past_and_each_its_own_end(monkeypatch):
    """Two that differ in their last stretch: each has the hidden states of the full forward pass over its events."""
    monkeypatch.setattr(engine, "CACHE_DTYPE", "float32")
    model = network(replace(TINY, num_recall_layers=2, recall_length=4 * CHUNK))
    probing = Probing(model, 1, candidates=2, sampling=SamplingParameters(recall_bias=0.0))
    common, ends = any_events(6 * CHUNK), [any_events(STRETCH, seed) for seed in (1, 2)]
    both = np.stack([np.concatenate([common, end], axis=1)[0] for end in ends], axis=1)
    state, probed = probing.start(), []
    for first in range(0, len(both), CHUNK):
        state, decoded = probing.advance(state, inputs_of(both[first : first + CHUNK], LENGTH))
        probed.append(np.asarray(decoded.ends))
    full = [probed_by_a_full_pass(model, both[None, :, candidate]) for candidate in range(2)]
    np.testing.assert_allclose(np.concatenate(probed), np.stack(full, axis=1), atol=1e-3)


def probed_by_a_full_pass(model, events):
    """The mixture that `Probing` tells before each of (1, count, 4) events."""
    before = np.concatenate([START_EVENT[None, None], events[:, :-1]], axis=1)
    remaining = remaining_bucket((LENGTH - times_of(before[0])) * CELL)
    hidden = model.read(ops.convert_to_tensor(before), ops.zeros((1,), dtype="int32"), remaining[None])
    return np.asarray(hidden)[0] @ PROBE


def times_of(events):
    """Cells from the first note to each event; 0 before it."""
    times = np.cumsum(BIN_CELLS[events[:, SHIFT]])
    return np.maximum(times - times[(events[:, KEY] < PITCHES).argmax()], 0)


def inputs_of(forced, length):
    slots = forced.shape[1]
    return ChunkInputs(
        forced=forced.astype(np.int32),
        uniforms=np.zeros(forced.shape, dtype=np.float32),
        temperature=np.ones(slots, dtype=np.float32),
        top_p=np.ones(slots, dtype=np.float32),
        earliest_end=np.zeros(slots, dtype=np.int32),
        length=np.full(slots, length, dtype=np.int32),
        style=np.zeros(slots, dtype=np.int32),
        bias=LogitBias(*(np.tile(bias, (slots, 1)) for bias in NO_BIAS)),
        given=windows([Playing()] * slots),
    )


def test_a_network_is_told_the_remaining_time():
    """By the bucket of the seconds to the end of the length, all of it before the first note; unsaid without one."""
    state = Engine(network(), 2).start().slots.decode
    state = state._replace(time=np.array([900, 900]), first_onset=np.array([100, 900]), sounded=np.array([True, False]))
    said = [np.asarray(remaining(state, np.array([length] * 2))).tolist() for length in (0, 800, 1000, 2000, 40_000)]
    wanted = [[0, 0], *[remaining_bucket(np.array([length - 8, length])).tolist() for length in (8, 10, 20, 400)]]
    assert said == wanted


def test_a_lookup_by_product_is_the_same_lookup():
    """The same rows, and the same sums where an index comes twice; for training on a GPU."""
    layer = Lookup(5, 3)
    indices = np.array([[0, 4, 4]], dtype=np.int32)
    rows = np.asarray(layer(indices))
    layer.one_hot = True
    np.testing.assert_allclose(np.asarray(layer(indices)), rows, rtol=1e-6)
