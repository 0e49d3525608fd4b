"""core/article/model.py: the article's network."""

import keras
import numpy as np
import pytest

from core.article.model import WINDOW, ArticleConfig, SelfAttention, built


def test_the_network_has_the_size_of_the_article():
    """6.86 M parameters at the article's vocabulary of 36,010 words."""
    assert built(ArticleConfig(vocabulary=36_010)).count_params() == 6_858_708


def test_attention_is_the_formula_written_out():
    """The layer's matrix equals softmax over the near t' of sigmoid(x_t W x_t' + b), computed step by step in NumPy."""
    keras.utils.set_random_seed(1)
    layer = SelfAttention(width=4)
    inputs = np.random.default_rng(0).normal(size=(2, 7, 3)).astype(np.float32)
    attended, attention = (np.asarray(output) for output in layer(inputs))
    weight, bias = np.asarray(layer.weight), float(np.asarray(layer.bias)[0])
    for piece in range(2):
        for t in range(7):
            near = [other for other in range(7) if t - 2 <= other < t + 2]
            emission = [1 / (1 + np.exp(-(inputs[piece, t] @ weight @ inputs[piece, other] + bias))) for other in near]
            expected = np.zeros(7)
            expected[near] = np.exp(emission) / np.sum(np.exp(emission))
            assert attention[piece, t] == pytest.approx(expected, abs=1e-6)
    assert attended == pytest.approx(attention @ inputs, abs=1e-6)


def test_attending_to_the_same_place_costs():
    """In training the layer adds `spread` times the mean squared distance of A·Aᵀ from the identity, and L1 and L2."""
    layer = SelfAttention(width=4, spread=0.5)
    inputs = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
    _, attention = layer(inputs, training=True)
    matrix = np.asarray(attention)
    distance = np.sum((matrix @ matrix.transpose(0, 2, 1) - np.eye(5)) ** 2) / 3
    weight_cost = 1e-4 * np.sum(np.asarray(layer.weight) ** 2) + 1e-4 * np.sum(np.abs(np.asarray(layer.bias)))
    assert sum(map(float, layer.losses)) == pytest.approx(0.5 * distance + weight_cost, rel=1e-4)


def test_read_gives_logits_and_both_attentions():
    """(batch, 50) words -> (batch, vocabulary) logits and two (batch, 50, 50) matrices whose rows sum to 1."""
    model = built(ArticleConfig(vocabulary=11, embedding=4, units=4, dense=4))
    logits, attentions = model.read(np.arange(2 * WINDOW).reshape(2, WINDOW) % 11)
    assert logits.shape == (2, 11)
    assert [attention.shape for attention in attentions] == [(2, WINDOW, WINDOW)] * 2
    for attention in attentions:
        assert np.asarray(attention).sum(axis=-1) == pytest.approx(np.ones((2, WINDOW)), abs=1e-5)
