"""Train the critic: `python -m training.critic DATA --generated PIECES`.

DATA is a folder in MAESTRO's layout, whose training split is human playing; PIECES has generated .mid files, drawn with
one candidate (`training.generate --candidates 1`), so that the critic learns what it is to prevent. It says first how
well stretches of pieces that it has not seen are told apart."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import BadData
from core.performance.critic import FEWEST_NOTES, FILE, STRETCH_SECONDS, Critic, Trees, stretch_features
from core.performance.events import CELL, KEY, PITCHES, SHIFT
from core.performance.regression import Regression
from training.commands import add_cache_option, count, run_command
from training.data import data_folder, of_split, read_folder
from training.midi import moments_of, read_moments
from training.two_sample import auc

STRETCHES_A_PIECE = 6
"""Stretches of each piece, evenly from its beginning to its end."""
DEALS = 2
"""How often the pieces are dealt anew to say how well they are told apart."""
DEPTH = 3
"""Levels of each tree."""


def stretches(moments: np.ndarray) -> list[dict[str, float]]:
    """The features of some stretches of a piece that is longer than one."""
    struck = moments[:, KEY] < PITCHES
    onsets, pitches = np.cumsum(moments[:, SHIFT])[struck], moments[struck, KEY]
    length = int(STRETCH_SECONDS / CELL)
    places = STRETCHES_A_PIECE if np.ptp(onsets) > length else 0
    firsts = np.linspace(onsets[0], onsets[-1] - length, places)
    inside = [(onsets >= first) & (onsets < first + length) for first in firsts]
    return [stretch_features(onsets[one], pitches[one]) for one in inside if one.sum() >= FEWEST_NOTES]


def table(pieces: Iterable[np.ndarray]) -> tuple[list[dict[str, float]], list[int]]:
    """The features of all stretches, and the number of the piece of each."""
    rows = [(features, number) for number, moments in enumerate(pieces) for features in stretches(moments)]
    return [features for features, _ in rows], [number for _, number in rows]


def regression(seed: int = 0) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=2000))


def boosted_trees(seed: int = 0) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(
        n_estimators=150,
        max_depth=DEPTH,
        learning_rate=0.08,
        subsample=0.7,
        max_features="sqrt",
        random_state=seed,
    )


def trained(names: Sequence[str], values: np.ndarray, human: np.ndarray) -> Critic:
    """A critic that learnt from stretches, (stretches, features), of which these are `human`, (stretches,)."""
    scaler, logistic = (step for _, step in regression().fit(values, human).steps)
    return Critic(
        tuple(names),
        Regression(scaler.mean_, scaler.scale_, logistic.coef_[0], logistic.intercept_[0]),
        _as_arrays(boosted_trees().fit(values, human), float(human.mean())),
    )


def _as_arrays(boosted: Any, share: float) -> Trees:
    """scikit-learn's trees as whole ones; it begins with the logarithm of the odds of the `share` that is human."""
    inner = 2**DEPTH - 1
    trees = [estimator.tree_ for estimator in boosted.estimators_[:, 0]]
    feature = np.zeros((len(trees), inner), dtype=np.int16)
    threshold = np.zeros((len(trees), inner), dtype=np.float32)
    leaves = np.zeros((len(trees), inner + 1), dtype=np.float32)
    for number, tree in enumerate(trees):
        sources = [0]  # of each node in a whole tree that of scikit-learn's; below a leaf, both children are the leaf
        for node in range(inner):
            source = sources[node]
            split = tree.children_left[source] >= 0
            sources += [tree.children_left[source], tree.children_right[source]] if split else [source, source]
            feature[number, node] = tree.feature[source] if split else 0
            threshold[number, node] = _not_above(tree.threshold[source]) if split else 0
        leaves[number] = boosted.learning_rate * tree.value[sources[inner:], 0, 0]
    return Trees(np.array(np.log(share / (1 - share))), feature, threshold, leaves)


def _not_above(threshold: float) -> np.float32:
    """The threshold for numbers of 32 bits: the greatest of them that is not above it."""
    rounded = np.float32(threshold)
    return rounded if rounded <= threshold else np.nextafter(rounded, np.float32(-np.inf))


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    recordings = of_split(read_folder(data_folder(options.data)), "train")
    chosen = random.Random(0).sample(recordings, min(options.recordings, len(recordings)))
    people, played_by = table(moments for _, moments in moments_of(chosen, options.cache))
    machine, made_in = table(map(read_moments, sorted(options.generated.glob("**/*.mid"))))
    if not people or not machine:
        raise BadData(f"too few pieces of over {STRETCH_SECONDS:g} s to learn from")
    names = list(people[0])
    values = np.array([[row[name] for name in names] for row in (*people, *machine)], dtype=np.float32)
    human = np.repeat([1, 0], [len(people), len(machine)])
    pieces = [f"human {number}" for number in played_by] + [f"generated {number}" for number in made_in]
    trained(names, values, human).save(options.output)
    figures = {
        "stretches": {"human": len(people), "generated": len(machine)},
        "auc": {
            "regression": auc(regression, values, human, pieces, DEALS),
            "boosted_trees": auc(boosted_trees, values, human, pieces, DEALS),
        },
    }
    print(json.dumps(figures))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.critic", description=__doc__)
    parser.add_argument("data", help="folder with a CSV of MAESTRO's columns, or `maestro`: download it")
    parser.add_argument("--generated", type=Path, required=True, help="folder of generated .mid files")
    parser.add_argument("--recordings", type=count, default=110, help="human recordings (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=FILE, help="(default: %(default)s)")
    add_cache_option(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command("training.critic", main)
