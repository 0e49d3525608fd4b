"""core/performance/native/network.py: an event at a time, the numbers of the Keras network."""

from dataclasses import replace

import numpy as np
import pytest

from core.performance.engine import CHUNK
from core.performance.events import ATTRIBUTES, KEY, SHIFT, SIZES
from core.performance.model import network_of
from core.performance.native.network import NativeNetwork, read
from core.performance.native.sampling import after_event, remaining
from core.performance.native.state import State
from core.performance.native.weights import weights_of
from tests.core.performance.networks import TINY, any_events, checkpoint_of, logits_of

LENGTH, STYLE = 12_000, 1


def read_by_event(network, events):
    """For each attribute the logits of (1, count, 4) events, (count, size), and the buckets of the remaining time."""
    state, buckets = State.start(network.config, 1, 1), []
    logits = [np.zeros((events.shape[1], size), dtype=np.float32) for size in SIZES]
    style, length = np.array([STYLE], dtype=np.int32), np.array([LENGTH], dtype=np.int32)
    began = state.slots.decode.events_read.copy()
    for number, event in enumerate(events[0]):
        buckets.append(remaining(state.slots.decode, 0, LENGTH))
        hidden = network.read(state, style, length, began, number % CHUNK)
        assert hidden.shape == (1, network.config.width)
        for attribute in range(len(ATTRIBUTES)):
            logits[attribute][number] = network.predict(attribute, hidden, event[None])[0]
        state.slots.event[0] = event
        after_event(state.slots.decode, 0, event[SHIFT], event[KEY])
        if number % CHUNK == CHUNK - 1:
            state.settle()
            began = state.slots.decode.events_read.copy()
    return logits, np.array(buckets)


@pytest.mark.parametrize(
    "config",
    [TINY, replace(TINY, num_query_heads=2), replace(TINY, num_recall_layers=1, recall_length=4 * CHUNK)],
    ids=["grouped queries", "a query a head", "recall"],
)
def test_every_logit_is_that_of_the_full_pass(tmp_path, config):
    """Of all attributes, in a style, as the remaining time runs down, past the lengths of the window and of the
    memory. Keys and values are kept in 8 bits, no more is lost."""
    checkpoint, events = checkpoint_of(tmp_path, config), any_events(6 * CHUNK)
    network = NativeNetwork(weights_of(checkpoint, config, 0.0), config)
    logits, buckets = read_by_event(network, events)
    expected = logits_of(network_of(checkpoint), events, STYLE, buckets[None])
    for found, full in zip(logits, expected, strict=True):
        off, peak = np.abs(found - full[0]), np.abs(full).max()
        assert off.max() < peak / 100
        assert off.mean() < peak / 1000
    assert len(set(buckets)) > 3
    assert len(read.signatures) == 1  # the same machine code for all of these, so that no piece waits for a compiler
