"""What lets a piece come back to what it had: attention to all of it that lies further back than the network's window.

A pianist's sections return after minutes, beyond any window that reads every event closely. So one layer looks for
moments of the piece that were like this one, without regard to how long ago they were, and reads what followed them.
Shapes as in `core.performance.model`."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import keras
from keras import ops

SHARPNESS = 4.0
"""How much more a likeness counts at first than a product of attention does elsewhere: a moment that came before is one
among thousands."""
FAINT = 40.0
"""What is attended to with less than exp(-FAINT) of the most is left out: its weight would vanish in the rounding, and
numbers as small as float32 can only just hold make processors many times slower."""
ALIKE = 0.84
"""The likeness, at first, whose score is that of reading nothing; 1 is the same direction."""
BAND = 512
"""Events of a memory that are read at once; what no slot has filled yet is not read."""


class Memory(NamedTuple):
    """The events of a piece, each with the key of the moment before it and its own value: the event of number n lies at
    place n modulo the length of the memory. Keys are (slots, heads, size, events), values (slots, heads, events, size).
    They change between chunks only; `last_key`, (slots, heads, size, 1), is that of the last moment, whose event is yet
    to come."""

    last_key: Any
    keys: Any
    values: Any


class Recall(keras.layers.Layer):
    """Each moment, after an event, looks for moments like it, and reads the events that followed those, as far as they
    are at least `window` events back. A score of its own, `nothing`, is for reading none. It begins as zero."""

    def __init__(
        self, width: int, heads: int, size: int, window: int, memory: int, dropout: float, **kwargs: Any
    ) -> None:
        """It reads what is at least `window` and less than `memory` events back."""
        super().__init__(**kwargs)
        self.heads, self.size, self.window, self.memory = heads, size, window, memory
        self.norm = keras.layers.RMSNormalization(name="norm")
        self.likeness = keras.layers.Dense(heads * size, use_bias=False, name="likeness")
        self.query_norm = keras.layers.RMSNormalization(name="query_norm")
        self.key_norm = keras.layers.RMSNormalization(name="key_norm")
        self.value = keras.layers.Dense(heads * size, use_bias=False, name="value")
        self.merge = keras.layers.Dense(width, use_bias=False, kernel_initializer="zeros", name="merge")
        self.dropout = keras.layers.Dropout(dropout, name="dropout")

    def build(self, shape: Any) -> None:
        self.nothing = self.add_weight(shape=(self.heads,), initializer="ones", name="nothing")

    def project(self, hidden: Any) -> tuple[Any, Any, Any]:
        """(batch, events, width) -> queries, keys and values, (batch, events, heads, size) each."""
        normed = self.norm(hidden)
        shape = (-1, ops.shape(hidden)[1], self.heads, self.size)
        alike = ops.reshape(self.likeness(normed), shape)
        queries = self.query_norm(alike) * (SHARPNESS * self.size**-0.5)
        return queries, self.key_norm(alike), ops.reshape(self.value(normed), shape)

    def _nothing(self, readily: float = 0.0) -> Any:
        """The score of reading nothing, (heads, 1, 1)."""
        return ALIKE * SHARPNESS * self.size**0.5 * (self.nothing - readily)[:, None, None]

    def finish(self, hidden: Any, attended: Any, training: bool = False) -> Any:
        """Add what was read, (batch, events, heads, size)."""
        attended = ops.reshape(attended, (-1, ops.shape(hidden)[1], self.heads * self.size))
        return hidden + self.dropout(self.merge(attended), training=training)

    def call(self, hidden: Any, training: bool = False) -> Any:
        queries, keys, values = self.project(hidden)
        reach = hidden.shape[1] - self.window
        if reach < 2:
            return self.finish(hidden, ops.zeros_like(values), training)
        # the moment `row` places behind the window's end may read events 1 to `row`
        scores = ops.einsum("bqhd,bkhd->bhqk", queries[:, self.window :], keys[:, : reach - 1])
        later = ops.arange(reach)[:, None] - ops.arange(1, reach)[None, :]
        seen = ops.logical_and(later >= 0, later < self.memory - self.window)
        scores = ops.where(seen, ops.cast(scores, "float32"), -1e9)
        nothing = ops.cast(self._nothing(), "float32")
        peak = ops.stop_gradient(ops.maximum(ops.max(scores, axis=-1, keepdims=True), nothing))
        weights = ops.exp(scores - peak)
        weights = weights / (ops.sum(weights, axis=-1, keepdims=True) + ops.exp(nothing - peak))
        attended = ops.einsum("bhqk,bkhd->bqhd", ops.cast(weights, values.dtype), values[:, 1:reach])
        return self.finish(hidden, ops.pad(attended, ((0, 0), (self.window, 0), (0, 0), (0, 0))), training)

    def step(self, hidden: Any, memory: Memory, began: Any, place: Any, readily: float) -> tuple[Any, Any, Any]:
        """What `call` does, for one event a slot: (slots, 1, width), `place` events after the `began`, (slots,), that
        are in the memory. A moment may be less alike than in training to be read, by the share `readily` of what that
        is at first. Returns the hidden state, and the event's key, (slots, heads, size, 1), and value, (slots, heads,
        1, size)."""
        queries, keys, values = (ops.transpose(part, (0, 2, 1, 3)) for part in self.project(hidden))
        length = memory.keys.shape[-1]
        band = math.gcd(BAND, length)
        nothing = ops.broadcast_to(self._nothing(readily), (*queries.shape[:3], 1))

        def read(number: Any, carried: Any) -> Any:
            peak, total, attended = carried
            first = number * band
            places = first + ops.arange(band)
            # the number of the event that lies there; below 1, none does that has a moment before it
            event = began[:, None] - 1 - (began[:, None] - 1 - places[None]) % length
            age = began[:, None] + place - event
            seen = ops.logical_and(event >= 1, ops.logical_and(age >= self.window, age < length))
            near = ops.slice(memory.keys, (0, 0, 0, first), (*keys.shape[:2], self.size, band))
            scores = ops.matmul(queries, ops.cast(near, queries.dtype))
            scores = ops.where(seen[:, None, None], scores, -1e9)
            higher = ops.maximum(peak, ops.max(scores, axis=-1, keepdims=True))
            weights = ops.where(scores > higher - FAINT, ops.exp(scores - higher), 0.0)
            before = ops.where(peak > higher - FAINT, ops.exp(peak - higher), 0.0)
            said = ops.slice(memory.values, (0, 0, first, 0), (*keys.shape[:2], band, self.size))
            total = total * before + ops.sum(weights, axis=-1, keepdims=True)
            return higher, total, attended * before + ops.matmul(weights, ops.cast(said, weights.dtype))

        old = ops.maximum(ops.max(began) + place - self.window + 1, 0)  # what is younger is not read yet
        bands = ops.minimum(-(-old // band), length // band)
        _, total, attended = ops.fori_loop(0, bands, read, (nothing, ops.ones_like(nothing), ops.zeros_like(values)))
        attended = ops.transpose(attended / total, (0, 2, 1, 3))
        return self.finish(hidden, attended), ops.transpose(keys, (0, 1, 3, 2)), values


def with_chunk(memory: Memory, keys: Any, values: Any, began: Any) -> Memory:
    """The memory with a chunk that came after the `began`, (slots,), events in it: `keys` has the last moment's before
    the chunk too, (slots, heads, size, chunk + 1), and `values` is (slots, heads, chunk, size). What is as old as the
    memory is long makes room. Memory and `began` are multiples of a chunk."""
    chunk = values.shape[2]
    length = memory.keys.shape[-1]
    slots, heads, size = keys.shape[:3]
    here = (ops.arange(length // chunk)[None] == (began // chunk % (length // chunk))[:, None])[:, None, :, None]
    old_keys = ops.reshape(memory.keys, (slots, heads, size, length // chunk, chunk))
    old_values = ops.reshape(memory.values, (slots, heads, length // chunk, chunk, size))
    new_keys = ops.where(here[:, :, None], ops.cast(keys[..., None, :chunk], old_keys.dtype), old_keys)
    new_values = ops.where(here[..., None], ops.cast(values[:, :, None], old_values.dtype), old_values)
    return Memory(
        keys[..., chunk:],
        ops.reshape(new_keys, memory.keys.shape),
        ops.reshape(new_values, memory.values.shape),
    )
