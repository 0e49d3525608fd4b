"""The article's network in machine code: what `core.article.model` computes, without TensorFlow, which would take three
times the rest of a worker's memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from core.article.architecture import LEAK, WINDOW, ArticleConfig
from core.checkpoint import Checkpoint
from core.native import compiled
from core.native.arithmetic import exponential
from core.native.sums import dot, total


class Gru(NamedTuple):
    """The weights of a GRU in one direction: of its inputs, (inputs, 3 * units), and of its hidden state, (units,
    3 * units), with a bias for each, (2, 3 * units). The gates stand side by side: update, reset, candidate."""

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray


class ArticleNetwork:
    """The network, which reads the last words."""

    def __init__(self, checkpoint: Checkpoint, config: ArticleConfig) -> None:
        """Raises BadCheckpoint when names or shapes of the weights differ from the config's."""
        weights = {name: weight.array for name, weight in checkpoint.weights(shapes_of(config)).items()}
        self._embeddings = weights["article/embedding/embeddings"]
        self._grus = [
            [_gru(weights, f"article/gru_{number}/{direction}_gru") for direction in ("forward", "backward")]
            for number in (1, 2, 3)
        ]
        self._attentions = [
            (weights[f"article/attention_{number}/weight"], weights[f"article/attention_{number}/bias"][0])
            for number in (1, 2)
        ]
        self._dense = weights["article/dense/kernel"], weights["article/dense/bias"]
        self._head = np.ascontiguousarray(weights["article/head/kernel"].T), weights["article/head/bias"]

    def read(self, words: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """(50,) indices of words -> the logits of the next, (vocabulary,), and the two attention matrices, (50, 50),
        whose row t says what word t attends to."""
        hidden, attentions = self._embeddings[words], []
        for (forward, backward), (weight, bias) in zip(self._grus[:2], self._attentions, strict=True):
            both = np.concatenate([recur(hidden, forward, False), recur(hidden, backward, True)], axis=-1)
            hidden, attention = attend(both, weight, bias)
            attentions.append(attention)
        forward, backward = self._grus[-1]
        last = np.concatenate([recur(hidden, forward, False)[-1], recur(hidden, backward, True)[0]])
        return predicted(last, *self._dense, *self._head), attentions


def shapes_of(config: ArticleConfig) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    units, both = config.units, 2 * config.units
    shapes: dict[str, tuple[int, ...]] = {"embedding/embeddings": (config.vocabulary, config.embedding)}
    for number, inputs in ((1, config.embedding), (2, both), (3, both)):
        for direction in ("forward", "backward"):
            cell = f"gru_{number}/{direction}_gru/gru_cell"
            shapes[f"{cell}/kernel"] = (inputs, 3 * units)
            shapes[f"{cell}/recurrent_kernel"] = (units, 3 * units)
            shapes[f"{cell}/bias"] = (2, 3 * units)
    for number in (1, 2):
        shapes |= {f"attention_{number}/weight": (both, both), f"attention_{number}/bias": (1,)}
    shapes |= {"dense/kernel": (both, config.dense), "dense/bias": (config.dense,)}
    shapes |= {"head/kernel": (config.dense, config.vocabulary), "head/bias": (config.vocabulary,)}
    return {f"article/{name}": shape for name, shape in shapes.items()}


def _gru(weights: Mapping[str, np.ndarray], name: str) -> Gru:
    return Gru(*(weights[f"{name}/gru_cell/{part}"] for part in Gru._fields))


@compiled
def recur(inputs: Any, gru: Gru, backwards: bool) -> Any:
    """The hidden states of a GRU, (positions, units), after each of (positions, inputs); `backwards` it reads the last
    first."""
    positions, units = inputs.shape[0], gru.recurrent_kernel.shape[0]
    told, carried = np.empty((positions, 3 * units), np.float32), np.empty((1, 3 * units), np.float32)
    states, hidden = np.empty((positions, units), np.float32), np.zeros((1, units), np.float32)
    told[:] = gru.bias[0]
    add_product(inputs, gru.kernel, told)
    for step in range(positions):
        position = positions - 1 - step if backwards else step
        carried[:] = gru.bias[1]
        add_product(hidden, gru.recurrent_kernel, carried)
        update_state(hidden[0], told[position], carried[0])
        states[position] = hidden[0]
    return states


@compiled
def update_state(hidden: Any, told: Any, carried: Any) -> None:
    """Update the (units,) of a GRU by its three gates: what they are told by the input and by the state before, both
    (3 * units,)."""
    units = hidden.shape[0]
    for unit in range(units):
        update = sigmoid(told[unit] + carried[unit])
        reset = sigmoid(told[units + unit] + carried[units + unit])
        candidate = tanh(told[2 * units + unit] + reset * carried[2 * units + unit])
        hidden[unit] = candidate + update * (hidden[unit] - candidate)


@compiled
def attend(inputs: Any, weight: Any, bias: Any) -> Any:
    """Multiplicative self-attention, see `core.article.model.SelfAttention`: the attended inputs, (positions,
    features), and the attention, (positions, positions)."""
    positions = inputs.shape[0]
    queries, attended = np.zeros_like(inputs), np.zeros_like(inputs)
    attention = np.zeros((positions, positions), np.float32)
    add_product(inputs, weight, queries)
    for position in range(positions):
        for other in range(max(position - WINDOW // 2, 0), min(position + WINDOW - WINDOW // 2, positions)):
            score = bias + dot(queries[position], inputs[other])
            attention[position, other] = exponential(sigmoid(score))
        attention[position] /= total(attention[position])
    add_product(attention, inputs, attended)
    return attended, attention


@compiled
def predicted(hidden: Any, kernel: Any, bias: Any, head: Any, head_bias: Any) -> Any:
    """The logits, (vocabulary,), of a (features,) hidden state. `head` is (vocabulary, dense)."""
    dense, logits = bias.copy(), head_bias.copy()
    add_product(hidden.reshape(1, -1), kernel, dense.reshape(1, -1))
    for place in range(dense.shape[0]):
        dense[place] = max(dense[place], np.float32(LEAK) * dense[place])
    for word in range(logits.shape[0]):
        logits[word] += dot(dense, head[word])
    return logits


@compiled
def add_product(values: Any, kernel: Any, sums: Any) -> None:
    """Add (rows, inputs) times (inputs, columns) to (rows, columns), four of the kernel's rows at a time: it is read
    once, and the sums are written less often."""
    inputs, whole = values.shape[1], values.shape[1] // 4 * 4
    for place in range(0, whole, 4):
        for row in range(values.shape[0]):
            first, second = values[row, place], values[row, place + 1]
            third, fourth = values[row, place + 2], values[row, place + 3]
            for column in range(sums.shape[1]):
                sums[row, column] += (
                    first * kernel[place, column]
                    + second * kernel[place + 1, column]
                    + third * kernel[place + 2, column]
                    + fourth * kernel[place + 3, column]
                )
    for place in range(whole, inputs):
        for row in range(values.shape[0]):
            for column in range(sums.shape[1]):
                sums[row, column] += values[row, place] * kernel[place, column]


@compiled
def sigmoid(value: Any) -> Any:
    return np.float32(1) / (np.float32(1) + exponential(-value))


@compiled
def tanh(value: Any) -> Any:
    return np.float32(2) * sigmoid(np.float32(2) * value) - np.float32(1)
