"""Composing as the article does: predict the next word from the last 50, draw it, append it, go on."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import tensorflow as tf
from pretty_midi import PrettyMIDI

from core.article.frames import FRAMES_PER_SECOND, SILENCE, grid_of, midi_of, roll_of, word_of, words_of
from core.article.model import WINDOW, ArticleConfig, ArticleModel, built
from core.article.tokenizer import Vocabulary
from core.checkpoint import Checkpoint
from core.composer import Composition, Progress
from core.errors import BadCheckpoint
from core.request import ComposeRequest
from core.seed import CHORD_SECONDS, Seed

MODEL = "article"
VOCABULARY = "vocabulary.txt"
"""The checkpoint's file of words, one a line in the order of their indices."""

CHUNK = 25
"""Words composed in one call of the compiled loop; progress goes out and a cancel is seen between the calls."""
FRAMES_A_CHORD = round(CHORD_SECONDS * FRAMES_PER_SECOND)


class ArticleComposer:
    """The article's model, loaded; see `core.composer.Composer`."""

    model = MODEL
    places = os.cpu_count() or 1

    def __init__(self, network: ArticleModel, vocabulary: Vocabulary, checkpoint: str) -> None:
        self.network, self.vocabulary, self.checkpoint = network, vocabulary, checkpoint
        self._read = tf.function(network.read)
        # XLA makes one program of the loop over the words: 4 times faster than the plain graph on two cores
        self._draw_chunk = tf.function(
            self._draw_words,
            jit_compile=True,
            input_signature=[
                tf.TensorSpec((1, WINDOW), tf.int32),
                tf.TensorSpec((CHUNK,), tf.float32),
                tf.TensorSpec((), tf.float32),
            ],
        )

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
        network = built(config)
        checkpoint.load_into(network)
        return cls(network, vocabulary, checkpoint.hash)

    def warm_up(self) -> None:
        window = np.full((1, WINDOW), self.vocabulary.silence, dtype=np.int32)
        self._draw_chunk(window, np.zeros(CHUNK, dtype=np.float32), np.float32(1))

    def warm_up_fully(self) -> None:
        """Nothing is left: one program serves any number of pieces."""

    def compose(self, request: ComposeRequest, progress: Progress = lambda share: None) -> Composition:
        """The piece at 5 frames a second. It begins with the seed's notes; a random one begins after 50 random words,
        which are dropped. Raises UnknownNotes for a seed that the vocabulary lacks."""
        draws = np.random.Generator(np.random.Philox(request.take))
        kept = self.vocabulary.encode(words_of_seed(request.seed))
        if request.seed.is_random:
            before = draws.integers(len(self.vocabulary), size=WINDOW, dtype=np.int32)
        else:
            before = np.concatenate([np.full(WINDOW - 1, self.vocabulary.silence, dtype=np.int32), kept])
        window = before[None, -WINDOW:]
        pieces = [kept]
        missing = request.length - len(kept)
        for done in range(0, missing, CHUNK):
            progress(done / missing)
            window, words = self._draw_chunk(
                window, draws.random(CHUNK, dtype=np.float32), np.float32(request.temperature)
            )
            pieces.append(words.numpy())
        progress(1.0)
        words = self.vocabulary.decode(np.concatenate(pieces)[: request.length])
        return Composition(midi_of(roll_of(words)))

    def attention(self, music: PrettyMIDI) -> tuple[list[str], list[np.ndarray]]:
        """Attention in the middle of a piece that it composed: the 50 words of that window, and the two matrices, each
        (50, 50), whose row t says what word t attends to."""
        words = [SILENCE] * (WINDOW - 1) + words_of(grid_of(music))
        first = min(len(words) // 2, len(words) - WINDOW)
        window = words[first : first + WINDOW]
        _, matrices = self._read(self.vocabulary.encode(window)[None])
        return window, [matrix[0].numpy() for matrix in matrices]

    def _draw_words(self, window: tf.Tensor, draws: tf.Tensor, temperature: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The compiled loop: (1, 50) words and a uniform draw a step -> the window that follows and the new words."""
        words = tf.TensorArray(tf.int32, CHUNK)
        for step in tf.range(CHUNK):
            cumulative = tf.cumsum(self._probabilities(self.network(window)[0], temperature))
            # the inverse of the distribution function; scaled and bounded, since float32 does not add up to exactly 1
            drawn = tf.reduce_sum(tf.cast(cumulative <= draws[step] * cumulative[-1], tf.int32))
            drawn = tf.minimum(drawn, len(self.vocabulary) - 1)
            words = words.write(step, drawn)
            window = tf.concat([window[:, 1:], drawn[None, None]], axis=1)
        return window, words.stack()

    def _probabilities(self, logits: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
        """(vocabulary,) logits -> probabilities. The temperature chooses among the words that sound; silence keeps the
        share that the network gives it, since it is the likeliest word of most frames, and a cool piece would end with
        its seed."""
        silence = tf.one_hot(self.vocabulary.silence, len(self.vocabulary))
        share = tf.reduce_sum(tf.nn.softmax(logits) * silence)
        sounding = tf.nn.softmax(tf.where(silence > 0, logits.dtype.min, logits / temperature))
        return share * silence + (1 - share) * sounding


def words_of_seed(seed: Seed) -> list[str]:
    """The seed's words. One chord is one frame, as in the article; several take two frames (0.4 s) each."""
    frames = FRAMES_A_CHORD if len(seed.chords) > 1 else 1
    return [word for chord in seed.chords for word in [word_of(chord)] * frames]
