"""The sizes and constants of the performance model's network, which Keras's layers and the compiled loops share."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from core.checkpoint import Checkpoint
from core.errors import BadCheckpoint
from core.performance.engine import CHUNK, SHORTEST_WINDOW
from core.performance.events import SIZES

ANY = "any"
"""The style that stands for none in particular."""
READ_SIZES = tuple(size + 1 for size in SIZES)
"""How many values of each attribute can be read: those predicted, and the start's key, no velocity, no duration."""
SCORE_SCALE = 4.0
"""How much more a likeness counts in recall, at first, than a product of attention does elsewhere: a moment that came
before is one among thousands."""
SINK_SIMILARITY = 0.84
"""The likeness, at first, whose score is that of recalling nothing; 1 is the same direction."""
MOST_SCORE = 80.0
"""Bound of attention scores either way, within which float32 holds their exponentials and the sum of thousands. Queries
and keys are normed, so scores cannot be large: the networks that ship stay below 50. So a softmax needs no peak."""


@dataclass(frozen=True, slots=True)
class PerformanceConfig:
    """The sizes of a network. An event attends to `window` events, itself included; `styles` are in the order of their
    embeddings, the first being `any`. The last `num_recall_layers` blocks have a recall layer before them, which reads
    what is further back, of the last `recall_length` events. In training, `dropout` of what each layer adds is left
    out."""

    styles: tuple[str, ...] = (ANY,)
    width: int = 256
    num_blocks: int = 6
    num_query_heads: int = 4
    num_kv_heads: int = 2
    window: int = 512
    num_recall_layers: int = 0
    recall_length: int = 8192
    dropout: float = 0.0

    @property
    def head_dim(self) -> int:
        return self.width // self.num_query_heads

    @property
    def group_size(self) -> int:
        """Query heads that share a key/value head."""
        return self.num_query_heads // self.num_kv_heads

    @property
    def context_length(self) -> int:
        """How many events back the network reads, by attention or by recall."""
        return self.recall_length if self.num_recall_layers else self.window

    @property
    def block_numbers(self) -> range:
        return range(1, self.num_blocks + 1)

    @property
    def recall_numbers(self) -> range:
        """The blocks that have a recall layer before them."""
        return range(self.num_blocks - self.num_recall_layers + 1, self.num_blocks + 1)


def rotary_frequencies(head_dim: int) -> np.ndarray:
    """Radians of the rotary angles for an event and for a cell of time, (2, head_dim / 2) in float32. The slower of
    events takes a thousand times as long for a turn as the fastest; of time it is 80 ms to 80 s a turn."""
    half = head_dim // 2
    decay = np.float32(1000.0) ** -(np.arange(half, dtype=np.float32) / np.float32(half))
    return np.stack([decay, np.float32(2 * math.pi / 8) * decay])


def config_of(checkpoint: Checkpoint) -> PerformanceConfig:
    """The sizes of the checkpoint's network. Raises BadCheckpoint for those of another version."""
    architecture, known = checkpoint.architecture, {field.name for field in fields(PerformanceConfig)}
    if differing := ", ".join(sorted(architecture.keys() ^ known)):
        raise BadCheckpoint(
            f"{checkpoint.folder} is of another version of the performance model, whose sizes have other names "
            f"({differing}); use the checkpoints that come with this version, or train one"
        )
    config = PerformanceConfig(**architecture | {"styles": tuple(architecture["styles"])})
    if config.window < SHORTEST_WINDOW or config.window % CHUNK:
        raise BadCheckpoint(
            f"the network in {checkpoint.folder} attends to {config.window} events, where composing needs a multiple of"
            f" {CHUNK}, {SHORTEST_WINDOW} or more; train another one"
        )
    if config.recall_length % CHUNK:
        raise BadCheckpoint(
            f"the network in {checkpoint.folder} recalls {config.recall_length} events, where composing needs a"
            f" multiple of {CHUNK}; train another one"
        )
    if not config.styles or config.styles[0] != ANY:
        raise BadCheckpoint(f"{checkpoint.folder} does not fit together: its first style is not '{ANY}'")
    return config
