"""Measure a performance checkpoint: `python -m training.evaluate CHECKPOINT DATA --split validation --json`.

DATA is a folder in MAESTRO's layout. The figure is nats per note: -ln p of all that is needed to reproduce the events
of every piece on a grid of 10 ms and 32 velocities, divided by the notes in the files. With `--generated FOLDER` it
says too how the MIDI files of that folder compare with the pieces of the split."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from core.checkpoint import Checkpoint
from core.errors import BadData
from core.performance.composer import MODEL
from core.performance.events import (
    ATTRIBUTES,
    BIN_WIDTHS,
    DURATION,
    END,
    KEY,
    PITCHES,
    SHIFT,
    TIME_EDGES,
    bins_of,
)
from core.performance.model import PerformanceModel, network_of
from training.commands import add_cache_option, run_command
from training.comparison import compare, table
from training.data import SPLITS, Recording, data_folder, of_split, read_folder, read_once, style_of
from training.excerpts import Excerpt, read_generated, read_human
from training.likeness import Corpus, draw, histograms
from training.loss import negative_log_likelihood
from training.midi import EVENTS_KIND, moments_of, read_moments
from training.windows import TrainingPiece, pack, plain_batch

BATCH = 4096
"""Events that are read at once, or one window of more."""


class Scorer(keras.Model):
    """-ln p of each attribute of the following events, (batch, events, 4), for the inputs of a PerformanceModel."""

    columns = len(ATTRIBUTES)

    def __init__(self, network: PerformanceModel) -> None:
        super().__init__()
        self.network = network

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        return negative_log_likelihood(self.network(inputs, training=False), inputs["following"])


def score(
    scorer: Scorer, pieces: Sequence[np.ndarray], styles: Sequence[int], length: int, batch: int = BATCH
) -> list[np.ndarray]:
    """-ln p of every attribute of every event of each piece: (events, 4) a piece, of float64, or as many columns as the
    scorer has.

    A piece is read in windows of `length` events that overlap by half; each event is scored once, in the window that
    gives it at least half a window of context, or the piece from its start. About `batch` events are read at once."""
    scores = [np.zeros((len(piece), scorer.columns)) for piece in pieces]
    packed = pack([TrainingPiece(piece, style=0) for piece in pieces])
    unit = min(length, scorer.network.config.window)
    groups: dict[int, list[tuple[int, int]]] = {}
    for number, piece in enumerate(pieces):
        for first in _starts(len(piece), length):
            size = unit
            while size < min(length, len(piece) - first):
                size = min(2 * size, length)
            groups.setdefault(size, []).append((number, first))
    for size, todo in sorted(groups.items()):
        scorer.make_predict_function(force=True)  # for this size alone: the network must know it when it is compiled
        rows = max(batch // size, 1)
        for group in _groups(todo, rows):
            # a batch that is not full would be compiled for anew
            numbers, firsts = zip(*group, *[group[0]] * (rows - len(group)), strict=True)
            batch_styles = [styles[number] for number in numbers]
            nats = np.asarray(scorer.predict_on_batch(plain_batch(packed, numbers, firsts, batch_styles, size)))
            for (number, first), window in zip(group, nats, strict=False):
                fresh = length // 2 if first else 0
                scores[number][first + fresh : first + length] = window[fresh : len(pieces[number]) - first]
    return scores


def _starts(events: int, length: int) -> range:
    return range(0, max(events - length, 0) + length // 2, length // 2)


def _groups(items: list[tuple[int, int]], size: int) -> Iterator[list[tuple[int, int]]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]


def nats_per_note(pieces: Sequence[np.ndarray], scores: Sequence[np.ndarray]) -> dict[str, Any]:
    """The figure and its parts. `scores` are -ln p of each bin, (events, 4) a piece; what the bin leaves open is added:
    ln of the cells in it, for the last bin of those up to the longest time of all pieces."""
    moments, nats = np.concatenate(pieces), np.concatenate(scores)
    struck = moments[:, KEY] < PITCHES
    for attribute, applies in ((SHIFT, np.ones_like(struck)), (DURATION, struck)):
        nats[:, attribute] += np.where(applies, _width_nats(moments[:, attribute]), 0.0)
    notes = int(struck.sum())
    parts = {name: nats[struck, attribute].sum() for attribute, name in enumerate(ATTRIBUTES)}
    parts["pedal"] = nats[~struck & (moments[:, KEY] != END)].sum()
    parts["end"] = nats[moments[:, KEY] == END].sum()
    return {
        "nats_per_note": float(nats.sum() / notes),
        "by_attribute": {name: float(part / notes) for name, part in parts.items()},
        "notes": notes,
        "events": len(moments),
        "pieces": len(pieces),
    }


def _width_nats(cells: np.ndarray) -> np.ndarray:
    widths = BIN_WIDTHS.copy()
    widths[-1] = max(int(cells.max()) - int(TIME_EDGES[-1]) + 1, 1)
    return np.log(widths)[bins_of(cells)]


def evaluate(checkpoint: Checkpoint, recordings: Sequence[Recording], style: str, cache: Path) -> dict[str, Any]:
    """The figure for all these recordings. `style` is one of the checkpoint's, or `own` for each composer's, where the
    checkpoint knows it. Raises BadData when a recording cannot be measured whole: none may be skipped."""
    network = network_of(checkpoint)
    known = network.config.styles
    if style not in (*known, "own"):
        raise BadData(f"the checkpoint knows no style '{style}', only {', '.join(known)}, and 'own' for each its own")
    entries = list(read_once(recordings, read_moments, cache, EVENTS_KIND))
    if len(entries) < len(recordings):
        raise BadData(f"{len(recordings) - len(entries)} of {len(recordings)} recordings cannot be measured")
    names = [style_of(recording.composer) if style == "own" else style for recording, _ in entries]
    styles = [known.index(name) if name in known else 0 for name in names]
    pieces = [moments for _, moments in entries]
    return nats_per_note(pieces, score(Scorer(network), pieces, styles, network.config.context_length))


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    recordings = read_folder(data_folder(options.data))
    chosen = of_split(recordings, options.split)
    checkpoint = Checkpoint(options.checkpoint, MODEL)
    figures: dict[str, Any] = {"checkpoint": checkpoint.hash, "split": options.split, "style": options.style}
    if not options.generated_only:
        figures |= evaluate(checkpoint, chosen, options.style, options.cache)
    if options.generated:
        figures["generated"] = compared(options, recordings)
    print(json.dumps(figures) if options.json else _for_people(figures))


def compared(options: argparse.Namespace, recordings: Sequence[Recording]) -> dict[str, Any]:
    """How the generated pieces compare with the human ones of the splits that are asked for."""
    generated = read_generated(options.generated)
    human = read_human([one for split in options.human for one in of_split(recordings, split)], options.cache)
    figures = compare(generated, human, options.seconds)
    if options.copies:
        training = moments_of(of_split(recordings, "train"), options.cache)
        figures["longest_run_in_training"] = copies(generated, human, [moments for _, moments in training])
    if options.picture:
        ours, theirs = (histograms([piece.in_cells() for piece in side]) for side in (generated, human))
        draw(ours, theirs, options.picture)
    return figures


def copies(
    generated: Sequence[Excerpt], human: Sequence[Excerpt], training: Sequence[np.ndarray]
) -> dict[str, dict[str, int]]:
    """The longest run of notes of each piece that stands in the training pieces too: the median and the longest."""
    corpus = Corpus(training)
    sides = {
        side: [corpus.longest_run(piece.in_cells()) for piece in pieces]
        for side, pieces in (("generated", generated), ("human", human))
    }
    return {
        side: {"longest_run_median": int(np.median(runs)), "longest_run_of_all": max(runs)}
        for side, runs in sides.items()
        if runs
    }


def _for_people(figures: dict[str, Any]) -> str:
    parts = [json.dumps({name: part for name, part in figures.items() if name != "generated"}, indent=2)]
    return "\n".join(parts + ([table(figures["generated"])] if "generated" in figures else []))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="folder of a performance checkpoint")
    parser.add_argument("data", help="a folder with a CSV of MAESTRO's columns, or `maestro`: download it")
    parser.add_argument("--split", default="validation", help="(default: %(default)s)")
    parser.add_argument("--style", default="any", help="a style of the checkpoint, or 'own' (default: %(default)s)")
    parser.add_argument("--generated", type=Path, help="folder of .mid files to compare with human pieces")
    parser.add_argument(
        "--human",
        nargs="+",
        choices=SPLITS,
        default=["train", "validation"],
        help="splits that those are of (default: train validation)",
    )
    parser.add_argument("--seconds", type=float, default=100.0, help="of each piece that count (default: %(default)s)")
    parser.add_argument("--copies", action="store_true", help="look for the longest runs in common with `train`")
    parser.add_argument("--generated-only", action="store_true", help="leave the nats per note out")
    parser.add_argument("--picture", type=Path, help="where to draw the comparison, as .png")
    add_cache_option(parser)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command("training.evaluate", main)
