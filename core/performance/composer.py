"""Composing with the performance model: a seed, a style and a draw become piano playing."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from pretty_midi import PrettyMIDI

from core.checkpoint import Checkpoint
from core.composer import Progress
from core.errors import BadCheckpoint, BadRequest
from core.performance.engine import FREE, Engine
from core.performance.ensemble import Ensemble, Part
from core.performance.events import CELL, KEY, PITCHES, SHIFT, bins_of, encode, read, write
from core.performance.guard import trouble
from core.performance.model import ANY, PerformanceConfig, PerformanceModel, built
from core.request import ComposeRequest
from core.seed import CHORD_SECONDS, LOWEST_PITCH, Seed

log = logging.getLogger(__name__)

MODEL = "performance"
SLOTS = 1
"""Rows that the engine computes at once. On CPUs a row alone takes a quarter of the time of two and no longer than its
part of eight; and as it differs from a row among others in the last bits, it is always alone: so a piece comes out the
same in company."""
SUB_TAKES = 4
"""How often a piece is made before one that is stuck is accepted: once, and three times again."""


class PerformanceComposer:
    """The performance model, loaded; see `core.composer.Composer`."""

    model = MODEL

    def __init__(self, network: PerformanceModel, checkpoint: str) -> None:
        self.network, self.checkpoint = network, checkpoint
        self._engine = Engine(network, SLOTS)

    @classmethod
    def load(cls, folder: Path) -> PerformanceComposer:
        """Raises BadCheckpoint for a folder that is missing or whose parts do not fit together."""
        checkpoint = Checkpoint(folder, MODEL)
        network = built(config_of(checkpoint))
        checkpoint.load_into(network)
        return cls(network, checkpoint.hash)

    @property
    def styles(self) -> tuple[str, ...]:
        """The styles that a request may name; the first, `any`, is none in particular."""
        return self.network.config.styles

    def warm_up(self) -> None:
        ensemble = Ensemble(self._engine)
        ensemble.join(Part(cells=1, take=0))
        ensemble.play()

    def compose(
        self, request: ComposeRequest, progress: Progress = lambda share: None, primer: PrettyMIDI | None = None
    ) -> PrettyMIDI:
        """The piece, which begins with the seed's notes or with the primer, and ends within the length asked for.
        Raises BadRequest for a style that the model does not know and for a primer that it cannot begin with.

        A piece that is stuck is made again with the next sub-take."""
        cells = round(request.seconds / CELL)
        forced = forced_by(request.seed) if primer is None else self._primed_by(primer, cells)
        style = self._style(request.style)
        for sub_take in range(SUB_TAKES):
            part = Part(
                cells=cells,
                take=request.take,
                sub_take=sub_take,
                temperature=request.temperature,
                top_p=request.top_p,
                style=style,
                forced=forced,
            )
            self._play(part, progress)
            moments = part.moments()
            wrong = trouble(moments)
            if wrong is None:
                break
            log.info("take %d, sub-take %d has %s", request.take, sub_take, wrong)
        progress(1.0)
        return write(moments)

    def _play(self, part: Part, progress: Progress) -> None:
        ensemble = Ensemble(self._engine)
        ensemble.join(part)
        while not ensemble.play():
            progress(part.share)

    def _style(self, name: str) -> int:
        folded = [style.casefold() for style in self.styles]
        if name.casefold() not in folded:
            raise BadRequest(f"the model knows no style '{name[:40]}', only {', '.join(self.styles)}")
        return folded.index(name.casefold())

    def _primed_by(self, midi: PrettyMIDI, cells: int) -> np.ndarray:
        """The events of the primer, as many of its last as the network sees at once."""
        moments = read(midi)[:-1]
        if not len(moments):
            raise BadRequest("the primer has no notes on a piano's keys")
        moments = moments[-self.network.config.window :]
        first = int((moments[:, KEY] < PITCHES).argmax())
        seconds = moments[first + 1 :, SHIFT].sum() * CELL
        if seconds >= cells * CELL:
            raise BadRequest(f"the primer lasts {seconds:.1f} s, longer than the piece of {cells * CELL:g} s")
        return encode(moments).astype(np.int32)


def config_of(checkpoint: Checkpoint) -> PerformanceConfig:
    """The sizes of the checkpoint's network. Raises BadCheckpoint for those of another version."""
    try:
        architecture = dict(checkpoint.architecture)
        config = PerformanceConfig(**architecture | {"styles": tuple(architecture["styles"])})
    except (TypeError, KeyError) as error:
        raise BadCheckpoint(f"{checkpoint.folder} is of another version of the performance model: {error}") from error
    if not config.styles or config.styles[0] != ANY:
        raise BadCheckpoint(f"{checkpoint.folder} does not fit together: its first style is not '{ANY}'")
    return config


def forced_by(seed: Seed) -> np.ndarray:
    """The events that the seed asks for, (notes, 4). The model chooses how hard the keys are struck, when the first one
    is, and how long the last chord is held; the chords before it last their time."""
    step = int(bins_of(np.array(round(CHORD_SECONDS / CELL))))
    last = len(seed.chords) - 1
    rows = [
        (
            0 if place else (step if number else FREE),
            pitch - LOWEST_PITCH,
            FREE,
            step if number < last else FREE,
        )
        for number, chord in enumerate(seed.chords)
        for place, pitch in enumerate(chord)
    ]
    return np.array(rows, dtype=np.int32).reshape(-1, 4)
