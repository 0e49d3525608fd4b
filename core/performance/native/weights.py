"""The network's weights as the compiled loop reads them. Those of layers of a kind are one array, (layers, ...), each:
so the loop is the same code whatever their number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from core.checkpoint import Checkpoint, Weight
from core.errors import BadCheckpoint
from core.native import compiled
from core.performance.architecture import (
    READ_SIZES,
    SCORE_SCALE,
    SINK_SIMILARITY,
    PerformanceConfig,
    rotary_frequencies,
)
from core.performance.events import ATTRIBUTES, REMAINING_BUCKETS, SIZES
from core.performance.native.products import FeedForward, Matrix

FIRST_ROWS = np.concatenate([[0], np.cumsum(READ_SIZES)])[:-1]
"""Where the embeddings of each attribute begin in a table of several."""


class Attention(NamedTuple):
    """The weights of an attention layer. The projection gives queries, keys and values, one after another; the gain of
    the queries has their scale in it."""

    norm: np.ndarray
    projection: Matrix
    query_norm: np.ndarray
    key_norm: np.ndarray
    out: Matrix


class RecallLayer(NamedTuple):
    """The weights of a recall layer: those of an attention layer, whose projection gives what queries and keys are both
    made of, and the values; and the `sink`, the weight of recalling nothing, (kv_heads,)."""

    attention: Attention
    sink: np.ndarray


class Head(NamedTuple):
    """The weights of an output head. The embeddings of the attributes that are chosen before are one table."""

    embeddings: np.ndarray
    feed_forward: FeedForward
    norm: np.ndarray
    output: Matrix
    bias: np.ndarray


class Embeddings(NamedTuple):
    """Those of all attributes are one table."""

    attributes: np.ndarray
    style: np.ndarray
    remaining: np.ndarray
    norm: np.ndarray


class Weights(NamedTuple):
    """The network: of its blocks the attention and feed-forward layers, and the recall layers, which stand before the
    last blocks, all in one; an output head for each attribute; and what is not trained, the `window`, in events, and
    the `frequencies` of rotary angles, (2, head_dim / 2)."""

    embeddings: Embeddings
    attention: Attention
    feed_forward: FeedForward
    recall: RecallLayer
    norm: np.ndarray
    heads: tuple[Head, ...]
    window: int
    frequencies: np.ndarray


@compiled
def matrix_at(matrices: Matrix, layer: int) -> Matrix:
    """The matrix of one layer, without a copy."""
    return Matrix(matrices.numbers[layer], matrices.scales[layer])


@compiled
def feed_forward_at(layers: FeedForward, layer: int) -> FeedForward:
    """One of the feed-forward layers."""
    return FeedForward(layers.norm[layer], matrix_at(layers.up, layer), matrix_at(layers.down, layer))


@compiled
def attention_at(layers: Attention, layer: int) -> Attention:
    """One of the attention layers."""
    return Attention(
        layers.norm[layer],
        matrix_at(layers.projection, layer),
        layers.query_norm[layer],
        layers.key_norm[layer],
        matrix_at(layers.out, layer),
    )


@compiled
def recall_at(layers: RecallLayer, layer: int) -> RecallLayer:
    """One of the recall layers."""
    return RecallLayer(attention_at(layers.attention, layer), layers.sink[layer])


def weights_of(checkpoint: Checkpoint, config: PerformanceConfig, recall_bias: float) -> Weights:
    """The weights of a network of these sizes; the score of recalling nothing is lowered by `recall_bias` of what it is
    at first. Raises BadCheckpoint when names or shapes differ."""
    reader = _Reader(checkpoint, config)
    attention = _stacked([reader.attention(f"block_{number}") for number in config.block_numbers])
    recalls = [reader.recall(f"recall_{number}", recall_bias) for number in config.recall_numbers]
    no_recall = RecallLayer(_none_of(attention), np.zeros((0, config.num_kv_heads), dtype=np.float32))
    weights = Weights(
        embeddings=Embeddings(
            attributes=reader.table("", len(ATTRIBUTES)),
            style=reader.array("embedding_style/embeddings", len(config.styles), config.width),
            remaining=reader.array("embedding_remaining/embeddings", REMAINING_BUCKETS, config.width),
            norm=reader.array("embedding_norm/scale", config.width),
        ),
        attention=attention,
        feed_forward=_stacked(
            [reader.feed_forward(f"block_{number}/feed_forward", 4 * config.width) for number in config.block_numbers]
        ),
        recall=_stacked(recalls) if recalls else no_recall,
        norm=reader.array("norm/scale", config.width),
        heads=tuple(reader.head(place) for place in range(len(ATTRIBUTES))),
        window=config.window,
        frequencies=rotary_frequencies(config.head_dim),
    )
    reader.finish()
    return weights


def _stacked(layers: Sequence[Any]) -> Any:
    """The weights of several layers, each as one array, or named tuple of such."""
    first = layers[0]
    if isinstance(first, np.ndarray):
        return np.stack(layers)
    return type(first)(*map(_stacked, zip(*layers, strict=True)))


def _none_of(layers: Any) -> Any:
    """As many arrays, of no layer."""
    return layers[:0] if isinstance(layers, np.ndarray) else type(layers)(*map(_none_of, layers))


class _Reader:
    """Reads weights by name, and knows which are left."""

    def __init__(self, checkpoint: Checkpoint, config: PerformanceConfig) -> None:
        self._folder, self._left, self._config = checkpoint.folder, checkpoint.weights(), config

    def attention(self, name: str) -> Attention:
        config, width = self._config, self._config.width
        queries, heads = config.num_query_heads * config.head_dim, config.num_kv_heads * config.head_dim
        return Attention(
            norm=self.array(f"{name}/norm/scale", width),
            projection=self.matrix(
                width,
                (f"{name}/query_projection", queries),
                (f"{name}/key_projection", heads),
                (f"{name}/value_projection", heads),
            ),
            query_norm=self.array(f"{name}/query_norm/scale", config.head_dim) * np.float32(config.head_dim**-0.5),
            key_norm=self.array(f"{name}/key_norm/scale", config.head_dim),
            out=self.matrix(queries, (f"{name}/out_projection", width)),
        )

    def feed_forward(self, name: str, inner_width: int) -> FeedForward:
        width = self._config.width
        return FeedForward(
            norm=self.array(f"{name}/norm/scale", width),
            up=self.matrix(width, (f"{name}/up_projection", inner_width)),
            down=self.matrix(inner_width, (f"{name}/down_projection", width)),
        )

    def recall(self, name: str, bias: float) -> RecallLayer:
        config, width = self._config, self._config.width
        heads = config.num_kv_heads * config.head_dim
        scale = np.float32(SCORE_SCALE * config.head_dim**-0.5)
        sink = self.array(f"{name}/sink", config.num_kv_heads)
        attention = Attention(
            norm=self.array(f"{name}/norm/scale", width),
            projection=self.matrix(width, (f"{name}/query_key_projection", heads), (f"{name}/value_projection", heads)),
            query_norm=self.array(f"{name}/query_norm/scale", config.head_dim) * scale,
            key_norm=self.array(f"{name}/key_norm/scale", config.head_dim),
            out=self.matrix(heads, (f"{name}/out_projection", width)),
        )
        nothing = SINK_SIMILARITY * SCORE_SCALE * config.head_dim**0.5
        return RecallLayer(attention, np.exp(np.float32(nothing) * (sink - np.float32(bias))))

    def head(self, place: int) -> Head:
        name, width, size = f"head_{ATTRIBUTES[place]}", self._config.width, SIZES[place]
        return Head(
            embeddings=self.table(f"{name}/", place),
            feed_forward=self.feed_forward(f"{name}/feed_forward", width),
            norm=self.array(f"{name}/norm/scale", width),
            output=self.matrix(width, (f"{name}/output", size)),
            bias=self.array(f"{name}/output/bias", size),
        )

    def table(self, name: str, attributes: int) -> np.ndarray:
        """The embeddings of the first attributes, one below the other."""
        width = self._config.width
        parts = [
            self.array(f"{name}embedding_{attribute}/embeddings", size, width)
            for attribute, size in list(zip(ATTRIBUTES, READ_SIZES, strict=True))[:attributes]
        ]
        return np.concatenate([*parts, np.zeros((0, width), dtype=np.float32)])

    def array(self, name: str, *shape: int) -> np.ndarray:
        """A weight in float32."""
        return np.ascontiguousarray(self._take(name, shape).array)

    def matrix(self, inputs: int, *layers: tuple[str, int]) -> Matrix:
        """The kernels of layers of these names and columns, beside one another."""
        kernels = [self._kernel(f"{name}/kernel", inputs, columns) for name, columns in layers]
        return Matrix.of(*map(np.concatenate, zip(*kernels, strict=True)))

    def _kernel(self, name: str, inputs: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
        """A kernel the other way round, (columns, inputs) of int8, and the scale of each column."""
        weight = self._take(name, (inputs, columns))
        if weight.scales is None or weight.scales.shape != (1, columns):
            weight = Weight.of(weight.array, scale_axis=1)
        assert weight.scales is not None
        return weight.values.T, weight.scales[0]

    def _take(self, name: str, shape: tuple[int, ...]) -> Weight:
        weight = self._left.pop(f"performance/{name}", None)
        if weight is None or weight.values.shape != shape:
            raise BadCheckpoint(f"{self._folder} does not fit the network: its weights {name} differ in shape")
        return weight

    def finish(self) -> None:
        """Raises BadCheckpoint when the file has more weights than the network."""
        if self._left:
            raise BadCheckpoint(f"{self._folder} does not fit the network: it has no weights {min(self._left)}")
