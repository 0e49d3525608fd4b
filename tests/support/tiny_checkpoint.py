"""A small article checkpoint with random weights: everything about it is real but the music."""

from dataclasses import asdict
from pathlib import Path

from core import checkpoint


def make_article_checkpoint(folder: Path, units: int = 8) -> Path:
    """Write a checkpoint of a network of `units` whose vocabulary is every key of the piano and a few chords."""
    import keras

    from core.article.composer import MODEL, VOCABULARY
    from core.article.frames import SILENCE
    from core.article.model import ArticleConfig, built

    words = [*map(str, range(21, 109)), "60,64,67", "57,60,64", SILENCE]
    keras.utils.set_random_seed(0)
    network = built(ArticleConfig(vocabulary=len(words), embedding=units, units=units, dense=units))
    checkpoint.save(
        folder,
        network,
        model=MODEL,
        architecture=asdict(network.config),
        texts={VOCABULARY: "\n".join(words) + "\n"},
        card={"name": "tiny", "data": "none: random weights for tests", "licence": "MIT"},
    )
    return folder
