"""A few steps of training that two students take together, taught by one teacher: the same on every backend.

`python -m tests.support.training_steps BEGIN END` takes them on the backend that KERAS_BACKEND names."""

import sys
from pathlib import Path

import keras
import numpy as np

from core.performance.architecture import PerformanceConfig
from core.performance.events import END
from core.performance.model import built
from training.optimizer import optimizer_of
from training.steps import Student, Teacher, steps_for
from training.windows import TrainingPiece, Variation, Windows

STYLES = ("any", "Czerny", "Hanon")
SIZES = (
    {"width": 16, "num_blocks": 2, "num_query_heads": 2, "num_kv_heads": 1, "window": 8},
    {"width": 24, "num_blocks": 1, "num_query_heads": 2, "num_kv_heads": 2, "window": 8, "num_recall_layers": 1},
    {"width": 32, "num_blocks": 1, "num_query_heads": 2, "num_kv_heads": 2, "window": 8},
)
"""Of the two students and of their teacher."""
STEPS = 4


def random_piece(count: int, seed: int) -> np.ndarray:
    """Moments with chords, the pedal, and an end."""
    generator = np.random.default_rng(seed)
    shifts, keys = generator.integers(0, 30, count), generator.integers(10, 90, count)
    moments = np.stack([shifts, keys, generator.integers(1, 128, count), generator.integers(1, 300, count)], axis=1)
    moments[keys >= 88, 2:] = 0
    moments[-1] = [30, END, 0, 0]
    return moments.astype(np.int32)


def networks():
    return [built(PerformanceConfig(styles=STYLES, **sizes)) for sizes in SIZES]


def save(file: Path, models, losses=()) -> None:
    arrays = {
        f"{number} {weight.path}": np.asarray(weight) for number, model in enumerate(models) for weight in model.weights
    }
    np.savez(file, losses=np.asarray(losses), **arrays)


def load(file: Path, models) -> None:
    with np.load(file) as arrays:
        for number, model in enumerate(models):
            for weight in model.weights:
                weight.assign(arrays[f"{number} {weight.path}"])


def begin(file: Path) -> None:
    """Write weights to begin with, none of which is zero, so that all of the network takes part."""
    models = networks()
    generator = np.random.default_rng(1)
    for model in models:
        for weight in model.weights:
            mean, deviation = (1, 0.1) if "scale" in weight.path else (0, weight.shape[0] ** -0.5)
            weight.assign(generator.normal(mean, deviation, weight.shape))
    save(file, models)


def train(before: Path, after: Path) -> None:
    models = networks()
    load(before, models)
    students = [Student(model, optimizer_of(0.02, adam_ratio=0.5, weight_decay=0.05)) for model in models[:2]]
    pieces = [
        TrainingPiece(random_piece(count, seed=count), style, share=1 / style) for count, style in ((90, 1), (40, 2))
    ]
    windows = Windows(pieces, length=24, batch=4, variation=Variation(mirrored=0.5), style_dropout=0.3, seed=1)
    steps = steps_for(students, [Teacher.of(models[2], STYLES)], windows)
    rates = np.outer(np.linspace(0.5, 1, STEPS), [0.02, 0.01])
    losses = np.concatenate([steps.run(0, rates[:2]), steps.run(2, rates[2:])])
    steps.publish()
    save(after, models, losses)


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    train(Path(sys.argv[1]), Path(sys.argv[2]))
