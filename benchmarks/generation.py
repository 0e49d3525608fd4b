"""Composing 100 s of music: seconds by the article's own loop, one `predict` call a word, and by Nocturne's models."""

from __future__ import annotations

import time

import numpy as np

from benchmarks._report import parser, table
from core.checkpoint import Checkpoint
from core.composer import Composer
from core.loader import load_composer
from core.models import CHECKPOINTS, MODELS, SMALL
from core.options import STEP_SECONDS
from core.request import ComposeRequest
from core.seed import Seed

LENGTH = 500
"""Steps of a piece."""
TAKES = 5


def composed(composer: Composer, length: int, takes: int) -> float:
    """The median seconds for a piece of `length` steps that begins with one note."""
    times = []
    for take in range(takes):
        began = time.perf_counter()
        composer.compose(ComposeRequest(Seed.parse("72"), take=take, length=length, model=composer.model))
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def predicted(length: int) -> float:
    """The seconds of the article's loop over words, on the same network in Keras: predict, draw, append."""
    from core.article.architecture import WINDOW, ArticleConfig
    from core.article.composer import MODEL, VOCABULARY
    from core.article.model import built
    from core.article.tokenizer import Vocabulary

    checkpoint = Checkpoint(MODELS[MODEL].folder(CHECKPOINTS, SMALL), MODEL)
    network, vocabulary = (
        built(ArticleConfig(**checkpoint.architecture)),
        Vocabulary(checkpoint.text(VOCABULARY).split()),
    )
    checkpoint.load_into(network)
    draws = np.random.default_rng(7)
    words = [vocabulary.silence] * (WINDOW - 1) + vocabulary.encode(["72"]).tolist()

    def go_on() -> None:
        logits = network.predict(np.array([words[-WINDOW:]], dtype=np.int32), verbose=0)[0]
        chances = np.exp(logits.astype(np.float64))
        words.append(int(draws.choice(len(vocabulary), p=chances / chances.sum())))

    go_on()  # predict builds its function at the first call
    began = time.perf_counter()
    for _ in range(length):
        go_on()
    return time.perf_counter() - began


def main() -> None:
    quick = parser("generation", __doc__, "2 minutes").parse_args().quick
    length, takes = (25, 1) if quick else (LENGTH, TAKES)
    composers = {f"model '{model}'": load_composer(model) for model in MODELS}
    composers["model 'performance', preset 'base'"] = load_composer("performance", preset="base")
    article = predicted(length)
    times = {"the article's loop, a predict call a word": article}
    times |= {f"Nocturne, {name}": composed(composer, length, takes) for name, composer in composers.items()}
    rows = [
        [name, f"{seconds:.2f}", f"{length * STEP_SECONDS / seconds:.0f}", f"{article / seconds:.1f}"]
        for name, seconds in times.items()
    ]
    title = f"{length} steps ({length * STEP_SECONDS:g} s of music) from one note, median of {takes} takes"
    header = ["by", "seconds", "times real time", "times as fast as the baseline"]
    print(table(title, header, rows, "the article's own loop, in the same run"))


if __name__ == "__main__":
    main()
