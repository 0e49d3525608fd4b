"""The performance model's network: a causal Transformer over events, with a chain of output heads, one an attribute.

Written with Keras layers and `keras.ops` alone, so that every backend runs it. Its attention is grouped-query attention
with QK norm, rotary positions and a sliding window. Shapes below: batch, events, width, kv_heads, group (the
query heads that share a key/value head), head_dim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from core.checkpoint import Checkpoint
from core.performance.architecture import READ_SIZES, PerformanceConfig, config_of, rotary_frequencies
from core.performance.attention import sliding_window_attention, sliding_window_mask
from core.performance.events import (
    ATTRIBUTES,
    BIN_CELLS,
    REMAINING_BUCKETS,
    SHIFT,
    SIZES,
)
from core.performance.recall import Recall
from core.performance.xla.cache import KVCache, attend, by_piece, by_slot

Tensor: TypeAlias = Any
Shape: TypeAlias = tuple[int | None, ...]


def rotary_angles(config: PerformanceConfig, places: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the rotary angles of queries and keys, each (batch, events, kv_heads, 1, head_dim / 2).

    Every other head measures distance in events, from `places`; the others in time, from `times` in cells: both
    (batch, events). So attention can look for the bar before as well as for the note before."""
    clocks = zip((places, times), rotary_frequencies(config.head_dim), strict=True)
    angles = [ops.cast(clock, "float32")[:, :, None, None] * frequencies for clock, frequencies in clocks]
    angle = ops.stack([angles[head % 2] for head in range(config.num_kv_heads)], axis=2)
    return ops.cos(angle), ops.sin(angle)


def apply_rotary(vectors: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary position: the two halves of (batch, events, kv_heads, group, head_dim) vectors rotated as pairs."""
    cosine, sine = (ops.cast(part, vectors.dtype) for part in angles)
    first, second = ops.split(vectors, 2, axis=-1)
    return ops.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)


def squared_relu(hidden: Tensor) -> Tensor:
    return ops.square(ops.relu(hidden))


class Lookup(keras.layers.Embedding):
    """An embedding. With `one_hot` its rows are taken by a product with one-hot vectors: in training, a GPU adds up the
    gradients of rows that many events share one after another otherwise, which takes most of its time."""

    one_hot = False

    def call(self, indices: Tensor) -> Tensor:
        if not self.one_hot:
            return super().call(indices)
        return ops.matmul(ops.one_hot(indices, self.input_dim, dtype=self.compute_dtype), self.embeddings)


class FeedForward(keras.layers.Layer):
    """Norm, up-projection, squared ReLU, down-projection. The last begins as zero, so that what the result is added to
    begins unchanged."""

    def __init__(self, width: int, inner_width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.norm = keras.layers.RMSNormalization(name="norm")
        self.up = keras.layers.Dense(inner_width, use_bias=False, activation=squared_relu, name="up_projection")
        self.down = keras.layers.Dense(width, use_bias=False, kernel_initializer="zeros", name="down_projection")

    def build(self, shape: Shape) -> None:
        self.norm.build(shape)
        self.up.build(shape)
        self.down.build((*shape[:-1], self.up.units))

    def call(self, hidden: Tensor) -> Tensor:
        return self.down(self.up(self.norm(hidden)))


class Block(keras.layers.Layer):
    """Attention and a feed-forward layer, each normalised before and added to what came in."""

    def __init__(self, config: PerformanceConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        query_width, kv_width = config.num_query_heads * config.head_dim, config.num_kv_heads * config.head_dim
        self.norm = keras.layers.RMSNormalization(name="norm")
        self.query = keras.layers.Dense(query_width, use_bias=False, name="query_projection")
        self.key = keras.layers.Dense(kv_width, use_bias=False, name="key_projection")
        self.value = keras.layers.Dense(kv_width, use_bias=False, name="value_projection")
        self.query_norm = keras.layers.RMSNormalization(name="query_norm")
        self.key_norm = keras.layers.RMSNormalization(name="key_norm")
        self.out = keras.layers.Dense(config.width, use_bias=False, kernel_initializer="zeros", name="out_projection")
        self.feed_forward = FeedForward(config.width, 4 * config.width, name="feed_forward")
        self.dropout = keras.layers.Dropout(config.dropout, name="dropout")

    def build(self, shape: Shape) -> None:
        config = self.config
        for layer in (self.norm, self.query, self.key, self.value, self.feed_forward):
            layer.build(shape)
        for norm in (self.query_norm, self.key_norm):
            norm.build((config.head_dim,))
        self.out.build((config.num_query_heads * config.head_dim,))

    def project(self, hidden: Tensor, angles: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """(batch, events, width) -> queries (batch, events, kv_heads, group, head_dim), and keys and values, each
        (batch, events, kv_heads, head_dim)."""
        config, events = self.config, ops.shape(hidden)[1]
        shape = (-1, events, config.num_kv_heads)
        normed = self.norm(hidden)
        queries = ops.reshape(self.query(normed), (*shape, config.group_size, config.head_dim))
        keys = ops.reshape(self.key(normed), (*shape, 1, config.head_dim))
        values = ops.reshape(self.value(normed), (*shape, config.head_dim))
        queries = apply_rotary(self.query_norm(queries), angles) * config.head_dim**-0.5
        return queries, apply_rotary(self.key_norm(keys), angles)[:, :, :, 0], values

    def finish(self, hidden: Tensor, attended: Tensor, training: bool = False) -> Tensor:
        """Add what was attended to, (batch, events, kv_heads, group, head_dim), and the feed-forward layer."""
        width = self.config.num_query_heads * self.config.head_dim
        attended = ops.reshape(attended, (-1, ops.shape(hidden)[1], width))
        hidden = hidden + self.dropout(self.out(attended), training=training)
        return hidden + self.dropout(self.feed_forward(hidden), training=training)

    def step(
        self,
        hidden: Tensor,
        angles: tuple[Tensor, Tensor],
        past: KVCache,
        recent: KVCache,
        seen: tuple[Tensor, Tensor],
        place: Tensor,
    ) -> tuple[Tensor, KVCache]:
        """The decode step of `call`: one event a slot, (slots, 1, width). `past` is the KV cache of each piece, and
        `recent` that of each slot, in which this event's key and value go to `place`; `seen` says where each may be
        looked at, as `attend` takes it. Returns the hidden state and the recent cache."""
        queries, keys, values = self.project(hidden, angles)
        recent = recent.put(place, keys[:, 0, :, :, None], values[:, 0, :, None])
        slots, pieces = recent.keys.shape[0], past.keys.shape[0]
        queries = queries[:, 0]
        # one softmax over both parts, which are never joined: that would copy them
        past_weight, from_past = (by_slot(part, slots) for part in attend(by_piece(queries, pieces), past, seen[0]))
        weight, attended = attend(queries, recent, seen[1])
        attended = (from_past + attended) / (past_weight + weight)
        return self.finish(hidden, attended[:, None]), recent

    def call(self, hidden: Tensor, angles: tuple[Tensor, Tensor], mask: Tensor, training: bool = False) -> Tensor:
        """`mask` is that of `sliding_window_mask`: True where the row's event may attend to the column's."""
        queries, keys, values = self.project(hidden, angles)
        attended = sliding_window_attention(queries, keys, values, mask, self.config.window)
        return self.finish(hidden, attended, training)


class OutputHead(keras.layers.Layer):
    """Predicts one attribute from the hidden state and the attributes of the event that are already chosen."""

    def __init__(self, width: int, size: int, given_sizes: Sequence[int], dropout: float, **kwargs: Any) -> None:
        """`given_sizes` are those of the attributes before this one."""
        super().__init__(**kwargs)
        self.embeddings = [
            Lookup(given_size, width, name=f"embedding_{ATTRIBUTES[attribute]}")
            for attribute, given_size in enumerate(given_sizes)
        ]
        self.feed_forward = FeedForward(width, width, name="feed_forward")
        self.dropout = keras.layers.Dropout(dropout, name="dropout")
        self.norm = keras.layers.RMSNormalization(name="norm")
        self.output_dense = keras.layers.Dense(size, name="output", dtype="float32")

    def build(self, shape: Shape) -> None:
        for embed in self.embeddings:
            embed.build()
        for layer in (self.feed_forward, self.norm, self.output_dense):
            layer.build(shape)

    def call(self, hidden: Tensor, chosen: Sequence[Tensor], training: bool = False) -> Tensor:
        """(…, width) hidden state and (…) indices of each earlier attribute -> (…, size) logits."""
        for embed, index in zip(self.embeddings, chosen, strict=True):
            hidden = hidden + embed(index)
        return self.output_dense(self.norm(hidden + self.dropout(self.feed_forward(hidden), training=training)))


class PerformanceModel(keras.Model):
    """Reads events and predicts the one after each; see `call`. A style is the index of its name in the config, and
    `remaining` the bucket of `core.performance.events.remaining_bucket`, 0 where nothing is said."""

    def __init__(self, config: PerformanceConfig) -> None:
        super().__init__(name="performance")  # the weights' names in a checkpoint begin with it
        self.config = config
        self.embeddings = [
            Lookup(size, config.width, name=f"embedding_{name}")
            for name, size in zip(ATTRIBUTES, READ_SIZES, strict=True)
        ]
        self.style_embedding = Lookup(len(config.styles), config.width, name="embedding_style")
        self.remaining_embedding = Lookup(
            REMAINING_BUCKETS, config.width, embeddings_initializer="zeros", name="embedding_remaining"
        )
        self.embedding_norm = keras.layers.RMSNormalization(name="embedding_norm")
        numbers = range(1, config.num_blocks + 1)
        self.blocks = [Block(config, name=f"block_{number}") for number in numbers]
        self.recall_layers = [
            self._recall_layer(number) if number > config.num_blocks - config.num_recall_layers else None
            for number in numbers
        ]
        """For each block the layer before it, if any."""
        self.norm = keras.layers.RMSNormalization(name="norm")
        self.output_heads = [
            OutputHead(config.width, size, READ_SIZES[:number], config.dropout, name=f"head_{name}")
            for number, (name, size) in enumerate(zip(ATTRIBUTES, SIZES, strict=True))
        ]

    def build(self, shape: Shape = ()) -> None:
        """Make the weights. Keras would trace the whole network to find out their shapes, 1.2 s of a worker's start."""
        for embed in (*self.embeddings, self.style_embedding, self.remaining_embedding):
            embed.build()
        recalls = [recall for recall in self.recall_layers if recall is not None]
        for layer in (self.embedding_norm, *self.blocks, *recalls, self.norm, *self.output_heads):
            layer.build((None, None, self.config.width))

    @property
    def scale_axes(self) -> dict[str, int]:
        """The weights that a checkpoint keeps in 8 bits, as `core.checkpoint.save` takes them: those of Dense layers,
        with a scale for each output column."""
        return {weight.path: 1 for weight in self.weights if weight.path.endswith("/kernel")}

    def _recall_layer(self, number: int) -> Recall:
        config = self.config
        return Recall(
            config.width,
            config.num_kv_heads,
            config.head_dim,
            window=config.window,
            length=config.recall_length,
            dropout=config.dropout,
            name=f"recall_{number}",
        )

    def embed(self, events: Tensor, style: Tensor, remaining: Tensor) -> Tensor:
        """(batch, events, 4) events, (batch,) styles and (batch, events) buckets of the remaining time ->
        (batch, events, width)."""
        hidden = self.style_embedding(style)[:, None]
        for attribute, embed in enumerate(self.embeddings):
            hidden = hidden + embed(events[:, :, attribute])
        said = ops.cast(remaining > 0, hidden.dtype)[:, :, None]  # bucket 0 adds nothing, and learns nothing
        return self.embedding_norm(hidden + said * self.remaining_embedding(remaining))

    def read(self, events: Tensor, style: Tensor, remaining: Tensor | None = None, training: bool = False) -> Tensor:
        """(batch, events, 4) events, (batch,) styles and, where it is said, (batch, events) buckets of the remaining
        time -> hidden states, (batch, events, width), each of which knows the events up to its own, `window` of them
        at most to a block, and those beyond it by recall."""
        asked, window = events.shape[1], self.config.window
        count = asked if asked <= window else -(-asked // window) * window
        if remaining is None:
            remaining = ops.zeros_like(events[:, :, 0])
        events = ops.pad(events, ((0, 0), (0, count - asked), (0, 0)))
        remaining = ops.pad(remaining, ((0, 0), (0, count - asked)))
        mask = sliding_window_mask(count, window)
        place = ops.arange(count)
        times = ops.cumsum(ops.take(ops.convert_to_tensor(BIN_CELLS, "float32"), events[:, :, SHIFT]), axis=1)
        angles = rotary_angles(self.config, ops.broadcast_to(place[None], ops.shape(times)), times)
        hidden = self.embed(events, style, remaining)
        for recall, block in zip(self.recall_layers, self.blocks, strict=True):
            if recall is not None:
                hidden = recall(hidden, training=training)
            hidden = block(hidden, angles, mask, training=training)
        return self.norm(hidden)[:, :asked]

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> list[Tensor]:
        """Teacher forcing. `inputs` has `events` and the `following` event of each, both (batch, events, 4), the
        `style`, (batch,), and maybe the bucket of the `remaining` time of each event, (batch, events). Gives for each
        attribute of the following event its logits, (batch, events, size), each given the true attributes before
        it."""
        hidden = self.read(inputs["events"], inputs["style"], inputs.get("remaining"), training)
        following = ops.maximum(inputs["following"], 0)
        chosen = [following[:, :, attribute] for attribute in range(len(ATTRIBUTES))]
        return [head(hidden, chosen[:number], training=training) for number, head in enumerate(self.output_heads)]


def built(config: PerformanceConfig, kind: type[PerformanceModel] = PerformanceModel) -> PerformanceModel:
    """A network whose weights exist."""
    model = kind(config)
    model.build()
    return model


def network_of(checkpoint: Checkpoint) -> PerformanceModel:
    """The network with the checkpoint's weights. Raises BadCheckpoint for one whose parts do not fit together."""
    network = built(config_of(checkpoint))
    checkpoint.load_into(network)
    return network
