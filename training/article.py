"""Train the article's model: `python -m training.article --data DIR`, DIR being laid out like MAESTRO, or `maestro`.

A run keeps its state in its folder after every group of files and goes on from there when it is started again. At the
end the weights are measured on the validation split and written as a checkpoint."""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from pretty_midi import PrettyMIDI

from core import checkpoint
from core.article.composer import VOCABULARY
from core.article.frames import SILENCE, piano_roll, words_of
from core.article.model import WINDOW, ArticleConfig, ArticleModel, built
from core.article.tokenizer import Vocabulary
from training.commands import add_run_options, count, run_command
from training.data import Recording, data_folder, of_split, read_folder, read_once


class ArticleTrainer(ArticleModel):
    """The network with the article's step: gradients by GradientTape, under the `tf.function` that `fit` compiles."""

    def __init__(self, config: ArticleConfig) -> None:
        super().__init__(config)
        self.mean_nats = keras.metrics.Mean(name="nats")
        self.mean_loss = keras.metrics.Mean(name="loss")

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self.mean_loss, self.mean_nats]

    def train_step(self, batch: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step on (batch, 50) windows and (batch,) next words. `nats` is the cross-entropy a frame alone, `loss`
        the sum with the costs of the attention."""
        words, following = batch
        with tf.GradientTape() as tape:
            nats = keras.ops.mean(nats_of(self(words, training=True), following))
            loss = nats + sum(self.losses)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self.mean_nats.update_state(nats)
        self.mean_loss.update_state(loss)
        return {"loss": self.mean_loss.result(), "nats": self.mean_nats.result()}


class Windows(keras.utils.PyDataset):
    """Shuffled batches of 50 words and the word that follows them, cut from the pieces as they are asked for.

    The first window of a piece is 49 times silence and its first word; the last batch is dropped when it is smaller."""

    def __init__(self, pieces: list[np.ndarray], silence: int, batch: int, generator: np.random.Generator) -> None:
        """`pieces` are word indices, (frames,) each."""
        super().__init__()
        self.words, self.starts = windows_of(pieces, silence)
        generator.shuffle(self.starts)
        self.batch = batch

    def __len__(self) -> int:
        return len(self.starts) // self.batch

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        starts = self.starts[number * self.batch : (number + 1) * self.batch]
        windows = self.words[starts[:, None] + np.arange(WINDOW + 1)]
        return windows[:, :-1], windows[:, -1]


def windows_of(pieces: list[np.ndarray], silence: int) -> tuple[np.ndarray, np.ndarray]:
    """All pieces in one array, each behind 49 times silence, and where each window of 50 + 1 words starts in it."""
    padding = np.full(WINDOW - 1, silence, dtype=np.int32)
    words = np.concatenate([part for piece in pieces for part in (padding, piece)])
    lengths = [len(piece) + WINDOW - 1 for piece in pieces]
    offsets = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    starts = [np.arange(offset, offset + length - WINDOW) for offset, length in zip(offsets, lengths, strict=True)]
    return words, np.concatenate(starts)


def nats_of(logits: tf.Tensor, following: tf.Tensor) -> tf.Tensor:
    """-ln p of the true next words: (batch, vocabulary) logits and (batch,) indices -> (batch,)."""
    return keras.losses.sparse_categorical_crossentropy(following, logits, from_logits=True)


def measure(model: ArticleModel, vocabulary: Vocabulary, pieces: list[list[str]], batch: int = 512) -> dict[str, float]:
    """How the model does on pieces it has not seen.

    `known` is the share of frames whose word the vocabulary has, `nats` the mean -ln p of those that follow another
    frame. Unknown words among the 50 before count as silence: the network has no index for them."""
    known = np.array([word in vocabulary for piece in pieces for word in piece])
    encoded = [
        np.where(
            [word in vocabulary for word in piece],
            vocabulary.encode(word if word in vocabulary else SILENCE for word in piece),
            -1,
        ).astype(np.int32)
        for piece in pieces
    ]
    words, starts = windows_of(encoded, vocabulary.silence)
    starts = starts[words[starts + WINDOW] >= 0]
    words = np.where(words < 0, vocabulary.silence, words)

    @tf.function(reduce_retracing=True)
    def total(windows: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(nats_of(model(windows[:, :-1]), windows[:, -1]))

    sums = [
        float(total(tf.constant(words[starts[first : first + batch, None] + np.arange(WINDOW + 1)])))
        for first in range(0, len(starts), batch)
    ]
    return {"known": float(known.mean()), "nats": sum(sums) / len(starts)}


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a run; the defaults are the article's."""

    files: int = 100
    seed: int = 666
    epochs: int = 4
    group: int = 16
    batch: int = 96


class Run:
    """A training run and its folder: `state.weights.h5` (network and optimizer), `history.jsonl`, TensorBoard."""

    def __init__(self, folder: Path, plan: Plan, config: ArticleConfig, silence: int, pieces: list[np.ndarray]) -> None:
        """`pieces` are word indices, (frames,) each, and `silence` is that of `e`. Goes on where the folder's state,
        if there is one, leaves off."""
        self.folder, self.plan, self.silence = folder, plan, silence
        self.groups = [pieces[first : first + plan.group] for first in range(0, len(pieces), plan.group)]
        keras.utils.set_random_seed(plan.seed)
        self.model = built(config, ArticleTrainer)
        self.model.compile(optimizer=keras.optimizers.Nadam())
        self.model.optimizer.build(self.model.trainable_variables)
        self.history: list[dict[str, float]] = []
        folder.mkdir(parents=True, exist_ok=True)
        if self._state.exists():
            self.model.load_weights(self._state)
            done = int(self.model.optimizer.iterations)
            lines = (folder / "history.jsonl").read_text().splitlines()
            # a kill between the two files leaves one line more than the weights have steps
            self.history = [entry for entry in map(json.loads, lines) if entry["step"] <= done]

    @property
    def _state(self) -> Path:
        return self.folder / "state.weights.h5"

    def train(self) -> None:
        """Train what is left of the plan."""
        board = keras.callbacks.TensorBoard(self.folder / "tensorboard", write_graph=False)
        for number in range(len(self.history), self.plan.epochs * len(self.groups)):
            epoch, group = divmod(number, len(self.groups))
            shuffle = np.random.default_rng((self.plan.seed, epoch, group))
            # a state file has no place for the dropout's generators, so they are set by where the run is
            for layer, dropout in enumerate(self.model.dropouts):
                dropout.seed_generator.state.assign([self.plan.seed + layer, int(self.model.optimizer.iterations)])
            windows = Windows(self.groups[group], self.silence, self.plan.batch, shuffle)
            print(f"epoch {epoch + 1} of {self.plan.epochs}, group {group + 1} of {len(self.groups)}", flush=True)
            started = time.monotonic()
            fitted = self.model.fit(
                windows, initial_epoch=number, epochs=number + 1, shuffle=False, callbacks=[board], verbose="auto"
            )
            self.history.append(
                {
                    "step": int(self.model.optimizer.iterations),
                    "epoch": epoch + 1,
                    "nats": fitted.history["nats"][-1],
                    "loss": fitted.history["loss"][-1],
                    "frames": len(windows) * self.plan.batch,
                    "seconds": time.monotonic() - started,
                }
            )
            self._save()

    def _save(self) -> None:
        """Both files are replaced whole, the weights last: a kill at any moment leaves a state to go on from."""
        written = self.folder / "history.jsonl.new"
        written.write_text("".join(json.dumps(entry) + "\n" for entry in self.history))
        written.replace(self.folder / "history.jsonl")
        new = self.folder / "new.weights.h5"
        self.model.save_weights(new)
        new.replace(self._state)

    def by_epoch(self) -> list[dict[str, float]]:
        """The mean training loss a frame and the seconds of each epoch."""
        epochs = []
        for epoch in range(1, self.plan.epochs + 1):
            groups = [entry for entry in self.history if entry["epoch"] == epoch]
            frames = sum(entry["frames"] for entry in groups)
            nats = sum(entry["nats"] * entry["frames"] for entry in groups) / frames
            epochs.append({"nats": round(nats, 4), "seconds": round(sum(entry["seconds"] for entry in groups))})
        return epochs


def read_words(path: Path) -> np.ndarray:
    """A MIDI file -> its piano roll at 5 frames a second, (frames, 128) of bool: what the cache keeps."""
    return piano_roll(PrettyMIDI(str(path)))


def words_of_split(recordings: list[Recording], cache: Path) -> list[list[str]]:
    return [words_of(roll) for _, roll in read_once(recordings, read_words, cache, "article-5fps") if len(roll)]


def main(arguments: list[str] | None = None) -> None:
    """Read, train, measure, write the checkpoint."""
    options = _options(arguments)
    recordings = read_folder(data_folder(options.data))
    chosen = of_split(recordings, "train")
    random.Random(options.seed).shuffle(chosen)
    pieces = words_of_split(chosen[: options.files], options.cache)
    vocabulary = Vocabulary.of(pieces)
    print(f"{len(pieces)} pieces, {sum(map(len, pieces)):,} frames, {len(vocabulary):,} words", flush=True)
    plan = Plan(options.files, options.seed, options.epochs, options.group, options.batch)
    config = ArticleConfig(vocabulary=len(vocabulary))
    run = Run(options.run, plan, config, vocabulary.silence, [vocabulary.encode(piece) for piece in pieces])
    run.train()
    figures = {"training": run.by_epoch()} | {
        "validation": measure(run.model, vocabulary, words_of_split(of_split(recordings, "validation"), options.cache))
    }
    checkpoint.save(
        options.output or options.run / "checkpoint",
        run.model,
        model="article",
        architecture=asdict(run.model.config),
        texts={VOCABULARY: "\n".join(vocabulary.words) + "\n"},
        scale_axes={run.model.embedding.embeddings.path: 0, run.model.head.kernel.path: 1},  # a scale a word
        card={"name": options.name, "data": options.about, "licence": options.licence, "figures": figures},
    )
    print(json.dumps(figures, indent=2))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    defaults = Plan()
    parser = argparse.ArgumentParser(prog="python -m training.article", description=__doc__)
    parser.add_argument(
        "--data", required=True, help="a folder with a CSV of MAESTRO's columns, or `maestro`: download it"
    )
    parser.add_argument("--files", type=count, default=defaults.files, help="training files, taken at random")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="of the shuffle")
    parser.add_argument("--epochs", type=count, default=defaults.epochs)
    parser.add_argument("--group", type=count, default=defaults.group, help="files turned into windows at a time")
    parser.add_argument("--batch", type=count, default=defaults.batch, help="windows in a step")
    add_run_options(parser, "article")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command("training.article", main)
