"""The performance model's network: a causal Transformer over events, with a chain of four heads, one an attribute.

Written with Keras layers and `keras.ops` alone, so that every backend runs it. Shapes below: batch, events, width,
heads (of keys and values), share (queries to a head), size (of a head)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
from keras import ops

from core.performance.events import ATTRIBUTES, BIN_CELLS, DURATION, KEY, PITCHES, SHIFT, SIZES, VELOCITY
from core.performance.recall import FAINT, Recall

ANY = "any"
"""The style that stands for none in particular."""
READ_SIZES = tuple(size + 1 for size in SIZES)
"""How many values of each attribute can be read: those predicted, and the start's key, no velocity, no duration."""


@dataclass(frozen=True, slots=True)
class PerformanceConfig:
    """The sizes of a network. `window` is how many events one attends to, itself included; `styles` are in the order
    of their embeddings, the first being `any`. The last `recalls` blocks have a layer before them that reads what is
    further back, of the last `memory` events. In training, `dropout` of what each layer adds is left out."""

    styles: tuple[str, ...] = (ANY,)
    width: int = 256
    blocks: int = 4
    queries: int = 4
    heads: int = 2
    window: int = 512
    recalls: int = 0
    memory: int = 8192
    dropout: float = 0.0

    @property
    def size(self) -> int:
        return self.width // self.queries

    @property
    def reach(self) -> int:
        """How many events back it reads, in one way or the other."""
        return self.memory if self.recalls else self.window


def rotation(config: PerformanceConfig, places: Any, times: Any) -> tuple[Any, Any]:
    """Cosine and sine of the angles by which queries and keys are turned, each (batch, events, heads, 1, size / 2).

    Every other head measures distance in events, from `places`; the others in time, from `times` in cells: both
    (batch, events). So attention can look for the bar before as well as for the note before."""
    halves = config.size // 2
    by_events = 1000.0 ** -(ops.arange(halves, dtype="float32") / halves)
    by_time = (2 * math.pi / 8) * 1000.0 ** -(ops.arange(halves, dtype="float32") / halves)  # 80 ms to 80 s a turn
    angles = [
        ops.cast(clock, "float32")[:, :, None, None] * frequencies
        for clock, frequencies in [(places, by_events), (times, by_time)]
    ]
    angle = ops.stack([angles[head % 2] for head in range(config.heads)], axis=2)
    return ops.cos(angle), ops.sin(angle)


def turned(vectors: Any, rotation: tuple[Any, Any]) -> Any:
    """Rotary position: (batch, events, heads, share, size) vectors, the two halves of each turned as pairs."""
    cosine, sine = (ops.cast(part, vectors.dtype) for part in rotation)
    first, second = ops.split(vectors, 2, axis=-1)
    return ops.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)


def squared_relu(hidden: Any) -> Any:
    return ops.square(ops.relu(hidden))


class Cache(NamedTuple):
    """A block's keys and values: those of the past, which only change between chunks, oldest first, and the recent ones
    of the chunk that is being played. Keys are (slots, heads, size, events) and values (slots, heads, events, size), so
    that no product has to turn them: keys the other way round take half as long again."""

    past_keys: Any
    past_values: Any
    recent_keys: Any
    recent_values: Any


class Lookup(keras.layers.Embedding):
    """A row for each index. With `by_product` the rows are taken by a product with ones and zeros: in training, a GPU
    adds up the gradients of rows that many events share one after another otherwise, which takes most of its time."""

    by_product = False

    def call(self, indices: Any) -> Any:
        if not self.by_product:
            return super().call(indices)
        return ops.matmul(ops.one_hot(indices, self.input_dim, dtype=self.compute_dtype), self.embeddings)


class Gated(keras.layers.Layer):
    """Normalise, widen, squared ReLU, narrow again. It begins as zero, so that what it is added to begins unchanged."""

    def __init__(self, width: int, inner: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.norm = keras.layers.RMSNormalization(name="norm")
        self.widen = keras.layers.Dense(inner, use_bias=False, activation=squared_relu, name="widen")
        self.narrow = keras.layers.Dense(width, use_bias=False, kernel_initializer="zeros", name="narrow")

    def call(self, hidden: Any) -> Any:
        return self.narrow(self.widen(self.norm(hidden)))


class Block(keras.layers.Layer):
    """Attention and a feed-forward part, each normalised before and added to what came in."""

    def __init__(self, config: PerformanceConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.norm = keras.layers.RMSNormalization(name="norm")
        self.query = keras.layers.Dense(config.queries * config.size, use_bias=False, name="query")
        self.key = keras.layers.Dense(config.heads * config.size, use_bias=False, name="key")
        self.value = keras.layers.Dense(config.heads * config.size, use_bias=False, name="value")
        self.query_norm = keras.layers.RMSNormalization(name="query_norm")
        self.key_norm = keras.layers.RMSNormalization(name="key_norm")
        self.merge = keras.layers.Dense(config.width, use_bias=False, kernel_initializer="zeros", name="merge")
        self.feed = Gated(config.width, 4 * config.width, name="feed")
        self.dropout = keras.layers.Dropout(config.dropout, name="dropout")

    def project(self, hidden: Any, rotation: tuple[Any, Any]) -> tuple[Any, Any, Any]:
        """(batch, events, width) -> queries (batch, events, heads, share, size), and keys and values, each
        (batch, events, heads, size)."""
        heads, share, size = self.config.heads, self.config.queries // self.config.heads, self.config.size
        events = ops.shape(hidden)[1]
        normed = self.norm(hidden)
        queries = ops.reshape(self.query(normed), (-1, events, heads, share, size))
        keys = ops.reshape(self.key(normed), (-1, events, heads, 1, size))
        values = ops.reshape(self.value(normed), (-1, events, heads, size))
        queries = turned(self.query_norm(queries), rotation) * size**-0.5
        return queries, turned(self.key_norm(keys), rotation)[:, :, :, 0], values

    def finish(self, hidden: Any, attended: Any, training: bool = False) -> Any:
        """Add what was attended to, (batch, events, heads, share, size), and the feed-forward part."""
        attended = ops.reshape(attended, (-1, ops.shape(hidden)[1], self.config.queries * self.config.size))
        hidden = hidden + self.dropout(self.merge(attended), training=training)
        return hidden + self.dropout(self.feed(hidden), training=training)

    def step(
        self, hidden: Any, rotation: tuple[Any, Any], cache: Cache, masks: tuple[Any, Any], place: Any
    ) -> tuple[Any, Any, Any]:
        """What `call` does, for one event a slot and with its past in the cache. `hidden` is (slots, 1, width), the
        masks are (slots, past) and (slots, recent), and `place` is where in `recent` this event's keys and values go.
        Returns the hidden state and the new recent keys and values."""
        queries, keys, values = self.project(hidden, rotation)
        recent_keys = ops.slice_update(cache.recent_keys, (0, 0, 0, place), keys[:, 0, :, :, None])
        recent_values = ops.slice_update(cache.recent_values, (0, 0, place, 0), values[:, 0, :, None])
        queries = queries[:, 0]
        # one softmax over both parts, which are never joined: that would copy them
        parts = [
            ops.where(mask[:, None, None], ops.matmul(queries, keys), -1e9)
            for mask, keys in zip(masks, (cache.past_keys, recent_keys), strict=True)
        ]
        peak = ops.maximum(*(ops.max(scores, axis=-1, keepdims=True) for scores in parts))
        weights = [ops.where(scores > peak - FAINT, ops.exp(scores - peak), 0.0) for scores in parts]
        attended = ops.matmul(weights[0], cache.past_values) + ops.matmul(weights[1], recent_values)
        attended = attended / (
            ops.sum(weights[0], axis=-1, keepdims=True) + ops.sum(weights[1], axis=-1, keepdims=True)
        )
        return self.finish(hidden, attended[:, None]), recent_keys, recent_values

    def call(self, hidden: Any, rotation: tuple[Any, Any], mask: Any, training: bool = False) -> Any:
        """`mask` is that of `bands_of`: True where the row's event may attend to the column's."""
        queries, keys, values = self.project(hidden, rotation)
        bands, size = mask.shape[0], mask.shape[1]
        queries, keys, values = (
            ops.reshape(vectors, (-1, bands, size, *vectors.shape[2:])) for vectors in (queries, keys, values)
        )
        if bands > 1:
            keys, values = _behind_the_last(keys), _behind_the_last(values)
        scores = ops.einsum("bnqhsd,bnkhd->bnhsqk", queries, keys)
        shape = ops.shape(scores)
        # TensorFlow's softmax takes five dimensions at the most
        scores = ops.reshape(ops.cast(scores, "float32"), (-1, bands, self.config.queries, *shape[-2:]))
        attention = ops.reshape(ops.softmax(ops.where(mask[:, None], scores, -1e9), axis=-1), shape)
        attended = ops.einsum("bnhsqk,bnkhd->bnqhsd", ops.cast(attention, values.dtype), values)
        return self.finish(hidden, attended, training)


def bands_of(count: int, window: int) -> Any:
    """Which events may attend to which, (bands, events, events read). So that the work grows with the count alone, the
    events stand in bands as long as a window, each of which reads itself and the band before; a count that is more than
    a window is a multiple of it."""
    if count <= window:
        place = ops.arange(count)
        return (place[:, None] >= place[None, :])[None]
    age = ops.arange(window)[:, None] + window - ops.arange(2 * window)[None, :]
    seen = ops.logical_and(age >= 0, age < window)[None]
    first = ops.logical_and(seen, ops.arange(2 * window)[None, None, :] >= window)
    return ops.concatenate([first, ops.repeat(seen, count // window - 1, axis=0)], axis=0)


def _behind_the_last(bands: Any) -> Any:
    """(batch, bands, events, …) -> (batch, bands, 2 events, …): each behind the one before it."""
    before = ops.concatenate([ops.zeros_like(bands[:, :1]), bands[:, :-1]], axis=1)
    return ops.concatenate([before, bands], axis=2)


class Head(keras.layers.Layer):
    """Predicts one attribute from the hidden state and the attributes of the event that are already chosen."""

    def __init__(self, width: int, size: int, given: Sequence[int], dropout: float, **kwargs: Any) -> None:
        """`given` has the sizes of the attributes before this one."""
        super().__init__(**kwargs)
        self.embeddings = [
            Lookup(given_size, width, name=f"embedding_{ATTRIBUTES[attribute]}")
            for attribute, given_size in enumerate(given)
        ]
        self.feed = Gated(width, width, name="feed")
        self.dropout = keras.layers.Dropout(dropout, name="dropout")
        self.norm = keras.layers.RMSNormalization(name="norm")
        self.output_dense = keras.layers.Dense(size, name="output", dtype="float32")

    def call(self, hidden: Any, chosen: Sequence[Any], training: bool = False) -> Any:
        """(…, width) hidden state and (…) indices of each earlier attribute -> (…, size) logits."""
        for embed, index in zip(self.embeddings, chosen, strict=True):
            hidden = hidden + embed(index)
        return self.output_dense(self.norm(hidden + self.dropout(self.feed(hidden), training=training)))


class PerformanceModel(keras.Model):
    """Reads events and predicts the one after each; see `call`. A style is the index of its name in the config."""

    def __init__(self, config: PerformanceConfig) -> None:
        super().__init__(name="performance")  # the weights' names in a checkpoint begin with it
        self.config = config
        self.embeddings = [
            Lookup(size, config.width, name=f"embedding_{name}")
            for name, size in zip(ATTRIBUTES, READ_SIZES, strict=True)
        ]
        self.style_embedding = Lookup(len(config.styles), config.width, name="embedding_style")
        self.embedding_norm = keras.layers.RMSNormalization(name="embedding_norm")
        numbers = range(1, config.blocks + 1)
        self.blocks = [Block(config, name=f"block_{number}") for number in numbers]
        self.recalls = [
            Recall(
                config.width,
                config.heads,
                config.size,
                window=config.window,
                memory=config.memory,
                dropout=config.dropout,
                name=f"recall_{number}",
            )
            if number > config.blocks - config.recalls
            else None
            for number in numbers
        ]
        """For each block what stands before it, if anything."""
        self.norm = keras.layers.RMSNormalization(name="norm")
        self.heads = [
            Head(config.width, size, READ_SIZES[:number], config.dropout, name=f"head_{name}")
            for number, (name, size) in enumerate(zip(ATTRIBUTES, SIZES, strict=True))
        ]

    def embed(self, events: Any, style: Any) -> Any:
        """(batch, events, 4) events and (batch,) styles -> (batch, events, width)."""
        hidden = self.style_embedding(style)[:, None]
        for attribute, embed in enumerate(self.embeddings):
            hidden = hidden + embed(events[:, :, attribute])
        return self.embedding_norm(hidden)

    def read(self, events: Any, style: Any, training: bool = False) -> Any:
        """(batch, events, 4) events and (batch,) styles -> hidden states, (batch, events, width), each of which knows
        the events up to its own, `window` of them at most to a block, and those beyond it by recall."""
        asked, window = events.shape[1], self.config.window
        count = asked if asked <= window else -(-asked // window) * window
        events = ops.pad(events, ((0, 0), (0, count - asked), (0, 0)))
        mask = bands_of(count, window)
        place = ops.arange(count)
        times = ops.cumsum(ops.take(ops.convert_to_tensor(BIN_CELLS, "float32"), events[:, :, SHIFT]), axis=1)
        turns = rotation(self.config, ops.broadcast_to(place[None], ops.shape(times)), times)
        hidden = self.embed(events, style)
        for recall, block in zip(self.recalls, self.blocks, strict=True):
            if recall is not None:
                hidden = recall(hidden, training=training)
            hidden = block(hidden, turns, mask, training=training)
        return self.norm(hidden)[:, :asked]

    def call(self, inputs: dict[str, Any], training: bool = False) -> list[Any]:
        """Teacher forcing. `inputs` has `events` and the `following` event of each, both (batch, events, 4), and the
        `style`, (batch,). Gives for each attribute of the following event its logits, (batch, events, size), each
        given the true attributes before it."""
        hidden = self.read(inputs["events"], inputs["style"], training)
        following = ops.maximum(inputs["following"], 0)
        chosen = [following[:, :, attribute] for attribute in range(len(ATTRIBUTES))]
        return [head(hidden, chosen[:number], training=training) for number, head in enumerate(self.heads)]


def nats_of(logits: Sequence[Any], following: Any, taught: Sequence[Any] | None = None, share: float = 0.0) -> Any:
    """-ln p of each attribute of the true events, (batch, events, 4); 0 for the velocity and duration of the pedal and
    the end, which have none, and for events of -1, which only fill up a window.

    With `taught`, the probabilities that a teacher gives each attribute, (batch, events, size) each: the mean of -ln p
    over what may follow, of which `share` is as the teacher says and the rest what is true."""
    nats = []
    for attribute, scores in enumerate(logits):
        true = following[:, :, attribute]
        hit = ops.one_hot(true, SIZES[attribute], dtype=scores.dtype)  # all 0 for a value that is not predicted
        if taught is not None:
            hit = (1 - share) * hit + share * ops.cast(taught[attribute], scores.dtype)
        missed = ops.logsumexp(scores, axis=-1) - ops.sum(hit * scores, axis=-1)
        applies = following[:, :, KEY] < PITCHES if attribute in (VELOCITY, DURATION) else true >= 0
        nats.append(ops.where(ops.logical_and(applies, true >= 0), missed, 0.0))
    return ops.stack(nats, axis=-1)


def built(config: PerformanceConfig, kind: type[PerformanceModel] = PerformanceModel) -> PerformanceModel:
    """A network whose weights exist."""
    model = kind(config)
    events = ops.zeros((1, 2, 4), dtype="int32")
    model({"events": events, "following": events, "style": ops.zeros((1,), dtype="int32")})
    return model
