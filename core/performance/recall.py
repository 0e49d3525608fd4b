"""Recall: attention to what was played before the sliding window. A moment looks for moments of the piece that were
like it, however long ago, and reads what followed them. Shapes as in `core.performance.model`."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import keras
from keras import ops

from core.performance.architecture import SCORE_SCALE, SINK_SIMILARITY
from core.performance.engine import STRETCH
from core.performance.xla.cache import KVCache, attend, by_piece, by_slot

Tensor: TypeAlias = Any

TILE = 512
"""Events of a memory that are read at once; tiles that no slot has filled yet are not read."""


class Recall(keras.layers.Layer):
    """Each moment, after an event, looks for moments like it, and reads the events that followed those, as far as they
    are at least `window` events back. A learnt attention sink takes the weight where nothing is alike. The layer's
    contribution begins as zero."""

    def __init__(
        self, width: int, num_heads: int, head_dim: int, window: int, length: int, dropout: float, **kwargs: Any
    ) -> None:
        """The layer reads events that are at least `window` and less than `length` events back."""
        super().__init__(**kwargs)
        self.num_heads, self.head_dim, self.window, self.length = num_heads, head_dim, window, length
        self.norm = keras.layers.RMSNormalization(name="norm")
        self.query_key = keras.layers.Dense(num_heads * head_dim, use_bias=False, name="query_key_projection")
        self.query_norm = keras.layers.RMSNormalization(name="query_norm")
        self.key_norm = keras.layers.RMSNormalization(name="key_norm")
        self.value = keras.layers.Dense(num_heads * head_dim, use_bias=False, name="value_projection")
        self.out = keras.layers.Dense(width, use_bias=False, kernel_initializer="zeros", name="out_projection")
        self.dropout = keras.layers.Dropout(dropout, name="dropout")

    def build(self, shape: Any) -> None:
        for layer in (self.norm, self.query_key, self.value):
            layer.build(shape)
        for norm in (self.query_norm, self.key_norm):
            norm.build((self.head_dim,))
        self.out.build((self.num_heads * self.head_dim,))
        self.sink = self.add_weight(shape=(self.num_heads,), initializer="ones", name="sink")

    def project(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(batch, events, width) -> queries, keys and values, (batch, events, kv_heads, head_dim) each."""
        normed = self.norm(hidden)
        shape = (-1, ops.shape(hidden)[1], self.num_heads, self.head_dim)
        shared = ops.reshape(self.query_key(normed), shape)
        queries = self.query_norm(shared) * (SCORE_SCALE * self.head_dim**-0.5)
        return queries, self.key_norm(shared), ops.reshape(self.value(normed), shape)

    def _sink_score(self, bias: float = 0.0) -> Tensor:
        """The score of reading nothing, (kv_heads, 1, 1), lowered by `bias` of what it is at first."""
        return SINK_SIMILARITY * SCORE_SCALE * self.head_dim**0.5 * (self.sink - bias)[:, None, None]

    def finish(self, hidden: Tensor, attended: Tensor, training: bool = False) -> Tensor:
        """Add what was read, (batch, events, kv_heads, head_dim)."""
        attended = ops.reshape(attended, (-1, ops.shape(hidden)[1], self.num_heads * self.head_dim))
        return hidden + self.dropout(self.out(attended), training=training)

    def call(self, hidden: Tensor, training: bool = False) -> Tensor:
        queries, keys, values = self.project(hidden)
        reach = hidden.shape[1] - self.window
        if reach < 2:
            return self.finish(hidden, ops.zeros_like(values), training)
        # the moment `row` places behind the window's end may read events 1 to `row`
        scores = ops.einsum("bqhd,bkhd->bhqk", queries[:, self.window :], keys[:, : reach - 1])
        later = ops.arange(reach)[:, None] - ops.arange(1, reach)[None, :]
        seen = ops.logical_and(later >= 0, later < self.length - self.window)
        scores = ops.where(seen, ops.cast(scores, "float32"), -1e9)
        sink = ops.cast(self._sink_score(), "float32")
        peak = ops.stop_gradient(ops.maximum(ops.max(scores, axis=-1, keepdims=True), sink))
        weights = ops.exp(scores - peak)
        weights = weights / (ops.sum(weights, axis=-1, keepdims=True) + ops.exp(sink - peak))
        attended = ops.einsum("bhqk,bkhd->bqhd", ops.cast(weights, values.dtype), values[:, 1:reach])
        return self.finish(hidden, ops.pad(attended, ((0, 0), (self.window, 0), (0, 0), (0, 0))), training)

    def step(
        self, hidden: Tensor, memory: KVCache, began: Tensor, place: Tensor, bias: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The decode step of `call`: one event a slot, (slots, 1, width), `place` events after the `began`, (slots,),
        that were played before the chunk; `memory` is that of each piece, see `remember`. The sink's score is lowered
        by `bias`. Returns the hidden state, and the event's key, (slots, kv_heads, head_dim, 1), and value, (slots,
        kv_heads, 1, head_dim)."""
        queries, keys, values = (ops.transpose(part, (0, 2, 1, 3)) for part in self.project(hidden))
        slots, pieces, length = queries.shape[0], memory.keys.shape[0], memory.events
        queries = by_piece(queries, pieces)
        tile = math.gcd(TILE, length)
        began = ops.reshape(began, (pieces, 1, slots // pieces, 1))

        def read(number: Tensor, carried: Any) -> Any:
            total, attended = carried
            first = number * tile
            age = began + place - remembered(first + ops.arange(tile), began, length)
            seen = ops.logical_and(age >= self.window, age < ops.minimum(length, began + place))
            weight, more = attend(queries, memory.part(first, tile).cast("float32"), seen)
            return total + weight, attended + more

        sink = ops.broadcast_to(ops.exp(self._sink_score(bias)), (*queries.shape[:3], 1))
        old = ops.maximum(ops.max(began) + place - self.window + 1, 0)  # what is younger is not read yet
        tiles = ops.minimum(-(-old // tile), length // tile)
        total, attended = ops.fori_loop(0, tiles, read, (sink, ops.zeros_like(queries)))
        attended = ops.transpose(by_slot(attended / total, slots), (0, 2, 1, 3))
        return self.finish(hidden, attended), ops.transpose(keys, (0, 1, 3, 2)), values


def remembered(places: Tensor, began: Tensor, length: int) -> Tensor:
    """The numbers of the events that lie at these places of a memory when `began` events were played: below 1 where
    there is none that has a moment before it. The last STRETCH events are not in it yet."""
    last = began - STRETCH - 1
    return last - (last - places) % length


def remember(memory: KVCache, chunk: KVCache, began: Tensor) -> KVCache:
    """A memory is a KV cache of all events of a piece, each with the key of the moment before it and its own value: the
    event of number n lies at place n modulo the memory's length. This is the memory with the chunk of events that
    settles when `began`, (pieces,), events were played. Events as old as the memory is long make room. The length and
    `began` are multiples of a chunk."""
    pieces, heads, head_dim, length = memory.keys.shape
    events = chunk.events
    chunks = length // events
    here = ops.arange(chunks)[None] == ((began - STRETCH) // events % chunks)[:, None]
    old_keys = ops.reshape(memory.keys, (pieces, heads, head_dim, chunks, events))
    old_values = ops.reshape(memory.values, (pieces, heads, chunks, events, head_dim))
    chunk = chunk.cast(memory.keys.dtype)
    keys = ops.where(here[:, None, None, :, None], chunk.keys[..., None, :], old_keys)
    values = ops.where(here[:, None, :, None, None], chunk.values[:, :, None], old_values)
    return KVCache(ops.reshape(keys, memory.keys.shape), ops.reshape(values, memory.values.shape))
