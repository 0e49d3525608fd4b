"""How long 100 s of music take by the article's own loop, one `predict` call a word, and by the compiled loop."""

from __future__ import annotations

import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks._report import table
from core.article.composer import ArticleComposer
from core.article.model import WINDOW
from core.composer import CHECKPOINTS
from core.request import ComposeRequest
from core.seed import Seed

LENGTH = 500
REPEATS = 3


def article_loop(composer: ArticleComposer, length: int) -> None:
    """The article's loop over words, on the same network: predict, draw, append."""
    draws = np.random.default_rng(7)
    words = [composer.vocabulary.silence] * (WINDOW - 1) + composer.vocabulary.encode(["72"]).tolist()
    for _ in range(length):
        logits = composer.network.predict(np.array([words[-WINDOW:]], dtype=np.int32), verbose=0)[0]
        chances = np.exp(logits.astype(np.float64))
        words.append(int(draws.choice(len(composer.vocabulary), p=chances / chances.sum())))


def main() -> None:
    composer = ArticleComposer.load(CHECKPOINTS / "article")
    began = time.perf_counter()
    composer.warm_up()
    compiling = time.perf_counter() - began
    times = []
    for take in range(REPEATS):
        began = time.perf_counter()
        composer.compose(ComposeRequest(Seed.parse("72"), take=take, length=LENGTH))
        times.append(time.perf_counter() - began)
    compiled = float(np.median(times))
    article_loop(composer, 2)  # predict builds its function at the first call
    began = time.perf_counter()
    article_loop(composer, LENGTH)
    predict = time.perf_counter() - began
    rows = [
        [
            name,
            f"{seconds:.2f}",
            f"{1000 * seconds / LENGTH:.2f}",
            f"{LENGTH * 0.2 / seconds:.1f}",
            f"{predict / seconds:.1f}",
        ]
        for name, seconds in (("predict, a call a word", predict), ("compiled loop", compiled))
    ]
    title = f"The article's model, {LENGTH} steps from one note; compiling once took {compiling:.1f} s"
    print(table(title, ["loop", "seconds", "ms a word", "times real time", "ratio"], rows))


if __name__ == "__main__":
    main()
