"""The decode step of the network: the last event of each slot in, hidden states and then logits out. It is
`core.performance.model` an event at a time, with caches of what was read before."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.native import compiled
from core.performance.architecture import PerformanceConfig, rotary_frequencies
from core.performance.events import REMAINING_UNSAID
from core.performance.native.attention import attention_layer, rotary_angles
from core.performance.native.products import add, feed_forward, norm, normed, product
from core.performance.native.recall import recall_layer
from core.performance.native.sampling import remaining
from core.performance.native.state import State
from core.performance.native.weights import FIRST_ROWS, Embeddings, Head, Weights
from core.performance.sampling import DecodeState


class NativeNetwork:
    """A network that reads and predicts."""

    def __init__(self, weights: Weights, config: PerformanceConfig) -> None:
        self.config = config
        self._weights = weights
        self._frequencies = rotary_frequencies(config.head_dim)

    def read(self, state: State, style: np.ndarray, length: np.ndarray, began: np.ndarray, place: int) -> np.ndarray:
        """The hidden states, (rows, width), after the last events: the `place`-th of a chunk before which each slot had
        read `began`. Their keys and values join the state. `style` and `length`, in cells, are those of `ChunkInputs`;
        all are (slots,)."""
        (event, decode, recent, moments), (past, memories) = state
        weights = self._weights
        hidden = embedded(event, style, length, decode, weights.embeddings)
        angles = rotary_angles(self._frequencies, decode.events_read, decode.time)
        recalls = iter(zip(weights.recalls, memories, moments, strict=True))
        for number, block in enumerate(weights.blocks, start=1):
            if number in self.config.recall_numbers:
                layer, memory, moment = next(recalls)
                recall_layer(hidden, layer, memory, moment, self.config.window, began, place)
            attention_layer(hidden, block.attention, angles, past[number - 1], recent[number - 1], began, place)
            feed_forward(hidden, block.feed_forward)
        return normed(hidden, weights.norm)

    def predict(self, attribute: int, hidden: np.ndarray, event: np.ndarray) -> np.ndarray:
        """The logits of an attribute, (rows, choices), given what is chosen before it of (slots, 4)
        events."""
        return predicted(hidden, event, attribute, self._weights.heads[attribute])


@compiled
def embedded(event: Any, style: Any, length: Any, decode: DecodeState, tables: Embeddings) -> Any:
    """The embeddings of the slots' last events, (rows, width)."""
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
    """A head's logits of an attribute for (rows, width) hidden states, given what is chosen before it of (slots, …)
    events."""
    told = hidden.copy()
    for slot in range(event.shape[0]):
        for earlier in range(attribute):
            add(told[slot], head.embeddings[FIRST_ROWS[earlier] + event[slot, earlier]])
    feed_forward(told, head.feed_forward)
    logits = product(normed(told, head.norm), head.output)
    for row in range(logits.shape[0]):
        add(logits[row], head.bias)
    return logits
