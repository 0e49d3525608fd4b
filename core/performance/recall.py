"""Recall: attention to what was played before the sliding window. A moment looks for moments of the piece that were
like it, however long ago, and reads what followed them. Shapes as in `core.performance.model`."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

import keras
from keras import ops

Tensor: TypeAlias = Any

SCORE_SCALE = 4.0
"""How much more a likeness counts at first than a product of attention does elsewhere: a moment that came before is one
among thousands."""
SINK_SIMILARITY = 0.84
"""The likeness, at first, whose score is that of the sink; 1 is the same direction."""
NEGLIGIBLE_NATS = 40.0
"""Attention weights below exp(-NEGLIGIBLE_NATS) of the greatest are left out: they would vanish in the rounding, and
numbers as small as float32 can only just hold make processors many times slower."""
TILE = 512
"""Events of a memory that are read at once; tiles that no slot has filled yet are not read."""


class Memory(NamedTuple):
    """A KV cache of all events of a piece, each with the key of the moment before it and its own value: the event of
    number n lies at place n modulo the length of the memory. Keys are (slots, kv_heads, head_dim, events), values
    (slots, kv_heads, events, head_dim). They change between chunks only; `last_key`, (slots, kv_heads, head_dim, 1), is
    that of the last moment, whose event is yet to come."""

    last_key: Tensor
    keys: Tensor
    values: Tensor


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
        self, hidden: Tensor, memory: Memory, began: Tensor, place: Tensor, bias: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The decode step of `call`: one event a slot, (slots, 1, width), `place` events after the `began`, (slots,),
        that are in the memory. The sink's score is lowered by `bias`. Returns the hidden state, and the event's key,
        (slots, kv_heads, head_dim, 1), and value, (slots, kv_heads, 1, head_dim)."""
        queries, keys, values = (ops.transpose(part, (0, 2, 1, 3)) for part in self.project(hidden))
        length = memory.keys.shape[-1]
        tile = math.gcd(TILE, length)
        sink = ops.broadcast_to(self._sink_score(bias), (*queries.shape[:3], 1))

        def read(number: Tensor, carried: Any) -> Any:
            """Flash attention's running softmax: peak, sum of the weights and weighted values, a tile further."""
            peak, total, attended = carried
            first = number * tile
            places = first + ops.arange(tile)
            # the number of the event that lies there; below 1, none does that has a moment before it
            event = began[:, None] - 1 - (began[:, None] - 1 - places[None]) % length
            age = began[:, None] + place - event
            seen = ops.logical_and(event >= 1, ops.logical_and(age >= self.window, age < length))
            tile_keys = ops.slice(memory.keys, (0, 0, 0, first), (*keys.shape[:2], self.head_dim, tile))
            scores = ops.matmul(queries, ops.cast(tile_keys, queries.dtype))
            scores = ops.where(seen[:, None, None], scores, -1e9)
            higher = ops.maximum(peak, ops.max(scores, axis=-1, keepdims=True))
            weights = ops.where(scores > higher - NEGLIGIBLE_NATS, ops.exp(scores - higher), 0.0)
            before = ops.where(peak > higher - NEGLIGIBLE_NATS, ops.exp(peak - higher), 0.0)
            tile_values = ops.slice(memory.values, (0, 0, first, 0), (*keys.shape[:2], tile, self.head_dim))
            total = total * before + ops.sum(weights, axis=-1, keepdims=True)
            return higher, total, attended * before + ops.matmul(weights, ops.cast(tile_values, weights.dtype))

        old = ops.maximum(ops.max(began) + place - self.window + 1, 0)  # what is younger is not read yet
        tiles = ops.minimum(-(-old // tile), length // tile)
        _, total, attended = ops.fori_loop(0, tiles, read, (sink, ops.ones_like(sink), ops.zeros_like(values)))
        attended = ops.transpose(attended / total, (0, 2, 1, 3))
        return self.finish(hidden, attended), ops.transpose(keys, (0, 1, 3, 2)), values


def with_chunk(memory: Memory, keys: Tensor, values: Tensor, began: Tensor) -> Memory:
    """The memory with a chunk that came after the `began`, (slots,), events in it: `keys` has the last moment's before
    the chunk too, (slots, kv_heads, head_dim, chunk + 1), and `values` is (slots, kv_heads, chunk, head_dim). Events as
    old as the memory is long make room. The memory's length and `began` are multiples of a chunk."""
    chunk = values.shape[2]
    length = memory.keys.shape[-1]
    slots, heads, head_dim = keys.shape[:3]
    here = (ops.arange(length // chunk)[None] == (began // chunk % (length // chunk))[:, None])[:, None, :, None]
    old_keys = ops.reshape(memory.keys, (slots, heads, head_dim, length // chunk, chunk))
    old_values = ops.reshape(memory.values, (slots, heads, length // chunk, chunk, head_dim))
    new_keys = ops.where(here[:, :, None], ops.cast(keys[..., None, :chunk], old_keys.dtype), old_keys)
    new_values = ops.where(here[..., None], ops.cast(values[:, :, None], old_values.dtype), old_values)
    return Memory(
        keys[..., chunk:],
        ops.reshape(new_keys, memory.keys.shape),
        ops.reshape(new_values, memory.values.shape),
    )
