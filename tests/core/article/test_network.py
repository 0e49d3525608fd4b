"""core/article/network.py: the network in machine code computes what Keras does."""

import numpy as np
import pytest

from core.article.architecture import WINDOW, ArticleConfig
from core.article.model import built
from core.article.network import ArticleNetwork
from core.checkpoint import Checkpoint
from core.errors import BadCheckpoint
from tests.support.tiny_checkpoint import make_article_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Of a network whose sizes are no multiples of those that are computed side by side."""
    return Checkpoint(make_article_checkpoint(tmp_path_factory.mktemp("tiny") / "article", units=7), "article")


def test_logits_and_attention_are_those_of_keras(checkpoint):
    """For windows of any words, to the last digits of float32."""
    config = ArticleConfig(**checkpoint.architecture)
    taught = built(config)
    checkpoint.load_into(taught)
    windows = np.random.default_rng(0).integers(config.vocabulary, size=(5, WINDOW), dtype=np.int32)
    expected_logits, expected_attentions = taught.read(windows)
    for number, window in enumerate(windows):
        logits, attentions = ArticleNetwork(checkpoint, config).read(window)
        np.testing.assert_allclose(logits, expected_logits[number], atol=1e-6)
        for attention, expected in zip(attentions, expected_attentions, strict=True):
            np.testing.assert_allclose(attention, expected[number], atol=1e-6)


def test_weights_of_other_sizes_are_refused(checkpoint):
    """In a sentence that names the first of them."""
    with pytest.raises(BadCheckpoint, match="its weights article/attention_1/weight differ in shape"):
        ArticleNetwork(checkpoint, ArticleConfig(vocabulary=91, embedding=7, units=8, dense=7))
