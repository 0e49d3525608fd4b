"""The table of models: all that the rest needs to know of one before it is loaded. Importing this costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

CHECKPOINTS = Path(__file__).parent / "checkpoints"
"""The trained weights that ship with Nocturne: one folder a model and preset."""
SMALL: Final = "small"
"""The preset that every model has."""
LONGEST_PASSAGE: Final = 33
"""Notes of the longest passage that a piece may share with the music which the default model learnt from, by the bound
of `core.performance.fingerprint`: as much as human pieces share with one another."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model that a request may name."""

    name: str
    """As requests, checkpoints and their folders say it; it is stored, and stays."""
    composer: str
    """The class that loads it, `module:Class`. `core.loader` imports it."""
    usual_top_p: float
    """The nucleus of a request that names none."""
    presets: tuple[str, ...] = (SMALL,)
    """The sizes in which it is trained."""
    knows_styles: bool = False
    """Whether a request may name a style, a top_p, a key, a pace, dynamics and a mood."""
    continues_primer: bool = False
    """Whether a piece may begin with music that somebody sent."""
    attends: bool = False
    """Whether it can tell what its network attended to."""
    longest_passage: int | None = None
    """Notes of the longest passage that its pieces share with what it learnt from; None where that is not measured."""

    def folder(self, checkpoints: Path, preset: str) -> Path:
        """The folder of its weights. A preset that it does not have stands for `small`, which is called as the model
        is."""
        large = preset != SMALL and preset in self.presets
        return checkpoints / (f"{self.name}-{preset}" if large else self.name)


DEFAULT_MODEL = "performance"
MODELS: Final = {
    spec.name: spec
    for spec in (
        ModelSpec(
            DEFAULT_MODEL,
            composer="core.performance.composer:PerformanceComposer",
            usual_top_p=0.98,
            presets=(SMALL, "base"),
            knows_styles=True,
            continues_primer=True,
            longest_passage=LONGEST_PASSAGE,
        ),
        ModelSpec(
            "article",
            composer="core.article.composer:ArticleComposer",
            usual_top_p=1.0,
            attends=True,
        ),
    )
}
"""By name; the first is the default."""
