"""The article's network: three bidirectional GRU layers, self-attention behind the first two. Training needs it; pieces
are composed by `core.article.network`, which computes the same."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from core.article.architecture import LEAK, WINDOW, ArticleConfig


class SelfAttention(keras.layers.Layer):
    """Multiplicative self-attention, as in the package keras-self-attention.

    The emission of position t for position t' is sigmoid(x_tᵀ W x_t' + b); a softmax over the t' from t - width/2 up
    to, not including, t + width/2 makes it the attention. Returns the attended inputs, (batch, positions, features),
    and the attention, (batch, positions, positions). Two positions that attend to the same places cost: `spread` times
    the squared distance of A·Aᵀ from the identity, averaged over the batch."""

    def __init__(self, width: int = WINDOW, spread: float = 1e-4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.spread = spread
        # made here: made in `build`, their tensors would belong to the graph that Keras builds in
        self.weight_cost, self.bias_cost = keras.regularizers.L2(1e-4), keras.regularizers.L1(1e-4)

    def build(self, input_shape: tuple[int, ...]) -> None:
        features = input_shape[-1]
        self.weight = self.add_weight(
            shape=(features, features),
            initializer="glorot_normal",
            regularizer=self.weight_cost,
            name="weight",
        )
        self.bias = self.add_weight(shape=(1,), initializer="zeros", regularizer=self.bias_cost, name="bias")

    def call(self, inputs: Any, training: bool = False) -> tuple[Any, Any]:
        positions = inputs.shape[1]
        emission = ops.sigmoid(
            ops.matmul(ops.matmul(inputs, self.weight), ops.transpose(inputs, (0, 2, 1))) + self.bias
        )
        ahead = ops.arange(positions)[None, :] - ops.arange(positions)[:, None]
        near = (ahead >= -(self.width // 2)) & (ahead < self.width - self.width // 2)
        attention = ops.softmax(ops.where(near, emission, float("-inf")), axis=-1)
        if training:
            identity = ops.eye(positions, dtype=attention.dtype)
            overlap = ops.matmul(attention, ops.transpose(attention, (0, 2, 1))) - identity
            self.add_loss(self.spread * ops.mean(ops.sum(ops.square(overlap), axis=(1, 2))))
        return ops.matmul(attention, inputs), attention


class ArticleModel(keras.Model):
    """Reads the last 50 words, (batch, 50) indices, and gives the logits of the next, (batch, vocabulary)."""

    def __init__(self, config: ArticleConfig, **kwargs: Any) -> None:
        super().__init__(name="article", **kwargs)
        self.config = config
        self.embedding = keras.layers.Embedding(config.vocabulary, config.embedding, name="embedding")
        self.grus = [
            # named, since a checkpoint knows its weights by these names
            keras.layers.Bidirectional(
                keras.layers.GRU(config.units, return_sequences=not last, name="gru"), name=f"gru_{number}"
            )
            for number, last in ((1, False), (2, False), (3, True))
        ]
        self.attentions = [SelfAttention(name=f"attention_{number}") for number in (1, 2)]
        self.dropouts = [keras.layers.Dropout(config.dropout, name=f"dropout_{number}") for number in (1, 2, 3)]
        self.dense = keras.layers.Dense(config.dense, name="dense")
        self.head = keras.layers.Dense(config.vocabulary, name="head")

    def call(self, words: Any, training: bool = False) -> Any:
        return self.read(words, training)[0]

    def read(self, words: Any, training: bool = False) -> tuple[Any, list[Any]]:
        """The logits of the next word, and the two attention matrices, each (batch, 50, 50): row t says what word t
        attends to."""
        hidden = self.embedding(words)
        attentions = []
        for gru, attend, dropout in zip(self.grus[:2], self.attentions, self.dropouts[:2], strict=True):
            hidden, attention = attend(gru(hidden), training=training)
            attentions.append(attention)
            hidden = dropout(hidden, training=training)
        hidden = self.dropouts[2](self.grus[2](hidden), training=training)
        return self.head(ops.leaky_relu(self.dense(hidden), negative_slope=LEAK)), attentions


def built(config: ArticleConfig, kind: type[ArticleModel] = ArticleModel) -> ArticleModel:
    """A network whose weights exist."""
    model = kind(config)
    model(keras.Input(batch_shape=(1, WINDOW), dtype="int32"))  # in symbols, which takes half as long as a pass
    return model
