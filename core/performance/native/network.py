"""The decode step of the network: the last event of each slot in, hidden states and then logits out. It is
`core.performance.model` an event at a time, with caches of what was read before."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.native import compiled
from core.performance.architecture import PerformanceConfig
from core.performance.events import REMAINING_UNSAID
from core.performance.native.attention import attention_layer, rotary_angles
from core.performance.native.products import add, feed_forward, norm, normed, product
from core.performance.native.recall import recall_layer
from core.performance.native.sampling import remaining
from core.performance.native.state import State
from core.performance.native.weights import (
    FIRST_ROWS,
    Embeddings,
    Head,
    Weights,
    attention_at,
    feed_forward_at,
    recall_at,
)
from core.performance.sampling import DecodeState


class NativeNetwork:
    """A network that reads and predicts."""

    def __init__(self, weights: Weights, config: PerformanceConfig) -> None:
        self.config = config
        self._weights = weights

    def read(self, state: State, style: np.ndarray, length: np.ndarray, began: np.ndarray, place: int) -> np.ndarray:
        """The hidden states, (slots, width), after the last events: the `place`-th of a chunk before which each slot
        had read `began`. Their keys and values join the state. `style` and `length`, in cells, are those of
        `ChunkInputs`; all are (slots,)."""
        return read(self._weights, state, style, length, began, place)

    def predict(self, attribute: int, hidden: np.ndarray, event: np.ndarray) -> np.ndarray:
        """The logits of an attribute, (rows, choices), for (rows, width) hidden states, given what is chosen before it
        of (rows, ...) events."""
        return predicted(hidden, event, attribute, self._weights.heads[attribute])


@compiled
def read(weights: Weights, state: State, style: Any, length: Any, began: Any, place: int) -> Any:
    """`NativeNetwork.read` as one call from Python: one for each layer took a seventh of a step."""
    slots, pieces = state.slots, state.pieces
    hidden = embedded(slots.event, style, length, slots.decode, weights.embeddings)
    angles = rotary_angles(weights.frequencies, slots.decode.events_read, slots.decode.time)
    blocks = weights.attention.norm.shape[0]
    first_recall = blocks - weights.recall.sink.shape[0]
    for block in range(blocks):
        if block >= first_recall:
            number = block - first_recall
            layer = recall_at(weights.recall, number)
            recall_layer(hidden, layer, number, pieces.memory, slots.moments, weights.window, began, place)
        attention = attention_at(weights.attention, block)
        attention_layer(hidden, attention, block, angles, pieces.past, slots.recent, began, place)
        feed_forward(hidden, feed_forward_at(weights.feed_forward, block))
    return normed(hidden, weights.norm)


@compiled
def embedded(event: Any, style: Any, length: Any, decode: DecodeState, tables: Embeddings) -> Any:
    """The embeddings of the slots' last events, (slots, width)."""
    slots = event.shape[0]
    hidden = np.empty((slots, tables.style.shape[1]), dtype=np.float32)
    for slot in range(slots):
        row = hidden[slot]
        row[:] = tables.style[style[slot]]
        for attribute in range(event.shape[1]):
            add(row, tables.attributes[FIRST_ROWS[attribute] + event[slot, attribute]])
        bucket = remaining(decode, slot, length[slot])
        if bucket != REMAINING_UNSAID:
            add(row, tables.remaining[bucket])
        norm(row, tables.norm, row)
    return hidden


@compiled
def predicted(hidden: Any, event: Any, attribute: int, head: Head) -> Any:
    """A head's logits of an attribute for (rows, width) hidden states, given what is chosen before it of (rows, ...)
    events."""
    told = hidden.copy()
    for row in range(event.shape[0]):
        for earlier in range(attribute):
            add(told[row], head.embeddings[FIRST_ROWS[earlier] + event[row, earlier]])
    feed_forward(told, head.feed_forward)
    logits = product(normed(told, head.norm), head.output)
    for row in range(logits.shape[0]):
        add(logits[row], head.bias)
    return logits
