"""Composing as the article does: predict the next word from the last 50, draw it, append it, go on."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from pretty_midi import PrettyMIDI

from core.article.architecture import WINDOW, ArticleConfig
from core.article.frames import FRAMES_PER_SECOND, SILENCE, grid_of, midi_of, roll_of, word_of, words_of
from core.article.network import ArticleNetwork
from core.article.sampling import drawn
from core.article.tokenizer import Vocabulary
from core.checkpoint import Checkpoint
from core.composer import Composition, Progress, Settled
from core.errors import BadCheckpoint
from core.request import ComposeRequest
from core.seed import CHORD_SECONDS, Seed

MODEL = "article"
VOCABULARY = "vocabulary.txt"
"""The checkpoint's file of words, one a line in the order of their indices."""

CHUNK = 25
"""Words composed between two tellings of the progress, at which a cancel is seen."""
FRAMES_A_CHORD = round(CHORD_SECONDS * FRAMES_PER_SECOND)


class ArticleComposer:
    """The article's model, loaded; see `core.composer.Composer`."""

    model = MODEL
    places = os.cpu_count() or 1

    def __init__(self, network: ArticleNetwork, vocabulary: Vocabulary, checkpoint: str) -> None:
        self.network, self.vocabulary, self.checkpoint = network, vocabulary, checkpoint

    @classmethod
    def load(cls, folder: Path, slots: int | None = None, memory: int | None = None) -> ArticleComposer:
        """Load the model. Pieces share nothing but its weights, so that `slots` and `memory` limit nothing.
        Raises BadCheckpoint for a folder that is missing or whose parts do not fit together."""
        checkpoint = Checkpoint(folder, MODEL)
        vocabulary = Vocabulary(checkpoint.text(VOCABULARY).splitlines())
        try:
            config = ArticleConfig(**checkpoint.architecture)
        except TypeError as error:
            raise BadCheckpoint(f"{folder} is of another version of the article's model: {error}") from error
        if config.vocabulary != len(vocabulary):
            raise BadCheckpoint(f"{folder} has {len(vocabulary)} words for a network of {config.vocabulary}")
        return cls(ArticleNetwork(checkpoint, config), vocabulary, checkpoint.hash)

    def warm_up(self) -> None:
        logits, _ = self.network.read(np.full(WINDOW, self.vocabulary.silence, dtype=np.int32))
        drawn(logits, self.vocabulary.silence, 1.0, 0.0)

    def warm_up_fully(self) -> None:
        """Nothing is left: one program serves any number of pieces."""

    def compose(
        self,
        request: ComposeRequest,
        progress: Progress = lambda share: None,
        settled: Settled = lambda so_far: None,
    ) -> Composition:
        """The piece at 5 frames a second. It begins with the seed's notes; a random one begins after 50 random words,
        which are dropped. Raises UnknownNotes for a seed that the vocabulary lacks."""
        draws = np.random.Generator(np.random.Philox(request.take))
        kept = self.vocabulary.encode(words_of_seed(request.seed))
        if request.seed.is_random:
            before = draws.integers(len(self.vocabulary), size=WINDOW, dtype=np.int32)
        else:
            before = np.concatenate([np.full(WINDOW - 1, self.vocabulary.silence, dtype=np.int32), kept])
        missing = max(request.length - len(kept), 0)
        words = np.concatenate([before[-WINDOW:], np.zeros(missing, dtype=np.int32)])
        for place, chance in enumerate(draws.random(missing, dtype=np.float32).tolist()):
            if place % CHUNK == 0:
                progress(place / missing)
            logits, _ = self.network.read(words[place : place + WINDOW])
            words[place + WINDOW] = drawn(logits, self.vocabulary.silence, request.temperature, chance)
        progress(1.0)
        made = np.concatenate([kept, words[WINDOW:]])[: request.length]
        return Composition(midi_of(roll_of(self.vocabulary.decode(made))))

    def attention(self, music: PrettyMIDI) -> tuple[list[str], list[np.ndarray]]:
        """Attention in the middle of a piece that it composed: the 50 words of that window, and the two matrices, each
        (50, 50), whose row t says what word t attends to."""
        words = [SILENCE] * (WINDOW - 1) + words_of(grid_of(music))
        first = min(len(words) // 2, len(words) - WINDOW)
        window = words[first : first + WINDOW]
        return window, self.network.read(self.vocabulary.encode(window))[1]


def words_of_seed(seed: Seed) -> list[str]:
    """The seed's words. One chord is one frame, as in the article; several take two frames (0.4 s) each."""
    frames = FRAMES_A_CHORD if len(seed.chords) > 1 else 1
    return [word for chord in seed.chords for word in [word_of(chord)] * frames]
