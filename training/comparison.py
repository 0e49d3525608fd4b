"""Generated pieces beside human ones: every figure of `python -m training.evaluate --generated`, and its table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from core.performance.events import KEY, PITCHES
from core.performance.fingerprint import of_training_music
from training.endings import courses, ends
from training.excerpts import Excerpt, beginnings, from_fixed_places
from training.likeness import histograms, overlaps, troubles
from training.two_sample import two_sample

FEWEST = 4
"""Generated pieces of a style for which an overlap by style says anything."""


def compare(generated: Sequence[Excerpt], human: Sequence[Excerpt], seconds: float) -> dict[str, Any]:
    """Everything about the generated pieces beside the same about human ones. Both are whole pieces; all but their ends
    and the passages that they share with the training music is measured on `seconds` of each: of the generated the
    first, of the human ones at fixed places."""
    ours, theirs = beginnings(generated, seconds), from_fixed_places(human, seconds)
    cells = [excerpt.in_cells() for excerpt in ours], [excerpt.in_cells() for excerpt in theirs]
    return {
        "pieces": {"generated": len(ours), "human": len(theirs)},
        "seconds": seconds,
        "two_sample": two_sample(ours, theirs),
        "overlap": overlap_figures(ours, theirs),
        "endings": beside(ends, *([piece.moments for piece in pieces] for pieces in (generated, human))),
        "courses": beside(courses, *([piece.moments for piece in pieces] for pieces in (ours, theirs))),
        "trouble": beside(troubles, *cells),
        "shared_with_training": {"generated": shared([piece.in_cells() for piece in generated]), "human": {}},
    }


def shared(pieces: Sequence[np.ndarray]) -> dict[str, int]:
    """The longest passage of each piece that may stand in the training music of the networks that ship: with all of its
    notes, and with trills and other figures counted once."""
    known, notes = of_training_music(), [piece[piece[:, KEY] < PITCHES, KEY] for piece in pieces]
    bounds = {
        "shared_notes_at_most": [known.longest_run(pitches) for pitches in notes],
        "shared_notes_without_figures_at_most": [known.longest_passage(pitches) for pitches in notes],
    }
    medians = {f"{name}_median": int(np.median(runs)) for name, runs in bounds.items() if runs}
    return medians | {name: max(runs) for name, runs in bounds.items() if runs}


def beside(
    measure: Callable[[Sequence[np.ndarray]], dict[str, Any]],
    generated: Sequence[np.ndarray],
    human: Sequence[np.ndarray],
) -> dict[str, Any]:
    """The same figures of both, where there are pieces to measure."""
    sides = {"generated": generated, "human": human}
    return {side: measure(pieces) if len(pieces) else {} for side, pieces in sides.items()}


def overlap_figures(generated: Sequence[Excerpt], human: Sequence[Excerpt]) -> dict[str, Any]:
    """The overlap of the histograms of both by feature and in the mean, over all pieces and by style; and that of two
    halves of the human pieces, which is as much as can be hoped for."""
    by_style = {}
    for style in sorted({excerpt.style for excerpt in generated}):
        ours, theirs = ([excerpt for excerpt in side if excerpt.style == style] for side in (generated, human))
        if min(len(ours), len(theirs)) >= FEWEST:
            by_style[style] = _mean_overlap(ours, theirs)
    halves = list(dict.fromkeys(excerpt.piece for excerpt in human))[::2]
    one, other = ([e for e in human if (e.piece in set(halves)) == wanted] for wanted in (True, False))
    features = overlaps(*(histograms([excerpt.in_cells() for excerpt in side]) for side in (generated, human)))
    return {
        "mean": round(float(np.mean(list(features.values()))), 4),
        "by_feature": features,
        "by_style": by_style,
        "human_halves": _mean_overlap(one, other),
    }


def _mean_overlap(one: Sequence[Excerpt], other: Sequence[Excerpt]) -> float:
    shares = overlaps(*(histograms([excerpt.in_cells() for excerpt in side]) for side in (one, other)))
    return round(float(np.mean(list(shares.values()))), 4)


def table(figures: dict[str, Any]) -> str:
    """The figures of `compare` for people, in columns."""
    rows = list(_rows(figures))
    width = max(len(name) for name, *_ in rows)
    return "\n".join(f"{name:<{width}}  {ours:>12}  {theirs:>12}".rstrip() for name, ours, theirs in rows)


def _rows(figures: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    pieces = figures["pieces"]
    yield f"excerpts of {figures['seconds']:g} s", "generated", "human"
    yield "pieces", str(pieces["generated"]), str(pieces["human"])
    for view, parts in figures["two_sample"].items():
        for classifier in ("logistic", "boosted_trees"):
            area = parts[classifier]
            yield f"AUC, {view}, {_words(classifier)}", f"{area['auc']:.3f} ±{area['spread']:.3f}", "0.5"
        for feature, distance in parts["differs_most"].items():
            yield f"  differs: {_words(feature)}", f"{distance:+.2f} sd", ""
    overlap = figures["overlap"]
    yield "overlap, mean (human: of two halves)", f"{overlap['mean']:.3f}", f"{overlap['human_halves']:.3f}"
    for feature, share in overlap["by_feature"].items():
        yield f"  {_words(feature)}", f"{share:.3f}", ""
    for style, share in overlap["by_style"].items():
        yield f"overlap, style {style}", f"{share:.3f}", ""
    for part in ("endings", "courses", "trouble", "shared_with_training", "longest_run_in_training"):
        sides = figures.get(part, {"generated": {}, "human": {}})
        for name in {**sides["generated"], **sides["human"]}:
            yield _words(name), _shown(sides["generated"].get(name)), _shown(sides["human"].get(name))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
