"""The sizes of the article's network. Importing this costs nothing."""

from __future__ import annotations

from dataclasses import dataclass

WINDOW = 50
"""How many words the network reads to predict the next: 10 s."""
LEAK = 0.3
"""The slope of the leaky ReLU below 0."""


@dataclass(frozen=True, slots=True)
class ArticleConfig:
    """The sizes of a network; the defaults are the article's."""

    vocabulary: int
    """How many words it knows."""
    embedding: int = 100
    """Features of an embedded word."""
    units: int = 128
    """Units of a GRU layer, in each of its two directions."""
    dense: int = 64
    """Units of the layer before the logits."""
    dropout: float = 0.3
    """The share of features that is dropped behind each GRU layer in training."""
