"""Composing with the performance model: a seed, a style and a draw become piano playing."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pretty_midi import PrettyMIDI

from core.checkpoint import Checkpoint
from core.composer import Composition, Progress, Settled
from core.errors import BadRequest
from core.expression import DYNAMICS
from core.midi.given import melody_of, notes_of
from core.midi.smf import TimedNote, parse
from core.performance.architecture import PerformanceConfig, config_of
from core.performance.candidates import CANDIDATES, KEPT_STATES, CandidateGroup
from core.performance.engine import FREE, RECALL_LENGTH, STRETCH
from core.performance.engines import engine_maker, on_gpu
from core.performance.events import CELL, KEY, PITCHES, SHIFT, bins_of, encode, read, write
from core.performance.fingerprint import of_training_music
from core.performance.interpretation import harmonized, performed
from core.performance.sampling import SAMPLING, SamplingParameters
from core.performance.scheduler import Scheduler
from core.performance.score import Given, Playing, melody_given, notes_of_seed, score_of
from core.performance.sequence import EventSequence
from core.performance.settled import following
from core.performance.spread import spread
from core.performance.steering import USUAL_VELOCITY, target_of, transposed
from core.process.memory import resident
from core.request import ComposeRequest
from core.seed import CHORD_SECONDS, LOWEST_PITCH, Seed
from core.styles import known_style
from core.tasks import COMPOSE, PERFORM

_log = logging.getLogger(__name__)

MODEL = "performance"
PIECE_COUNTS = (1, 2, 4, 16, 64, 256)
"""The pieces that each engine has room for; a batch uses the smallest that is large enough."""
FEWEST_SLOTS = 2
"""A row alone differs from a row among others in the last bits, and a piece has to come out the same in company."""
PIECES_A_CORE, PIECES_A_GPU = 2, 64
"""How many pieces are composed at once where nobody says otherwise. On a processor more of them need more of its cache
than there is, and gain little."""
STATES_A_PIECE = 4
"""How many copies of a piece's keys and values there are at the worst: before and after a chunk, and on the way.
Besides there are the `KEPT_STATES`."""
PRIMER_EVENTS = 2048
"""How many of a primer's events the network reads at the most, its last: prefill takes as long as decoding."""


class PerformanceComposer:
    """The performance model, loaded; see `core.composer.Composer`."""

    model = MODEL

    def __init__(
        self,
        checkpoint: Checkpoint,
        slots: int | None = None,
        memory: int | None = None,
        sampling: SamplingParameters = SAMPLING,
        candidates: int = CANDIDATES,
    ) -> None:
        """To compose up to `slots` pieces at once, or as many as suits the machine, within a process of `memory` MiB.
        Raises BadCheckpoint for a checkpoint whose parts do not fit together."""
        self.checkpoint, self.candidates, self.config = checkpoint.hash, candidates, config_of(checkpoint)
        self.engine = engine_maker(checkpoint, self.config, sampling)
        """Makes an engine for so many pieces, of so many candidates each."""
        counts, batches = piece_counts(self.config, slots, memory, candidates)
        self._scheduler = Scheduler([self.engine(count, candidates) for count in counts], batches)

    @classmethod
    def load(cls, folder: Path, slots: int | None = None, memory: int | None = None) -> PerformanceComposer:
        """Raises BadCheckpoint for a folder that is missing."""
        return cls(Checkpoint(folder, MODEL), slots, memory)

    @property
    def styles(self) -> tuple[str, ...]:
        """The styles that a request may name; the first, `any`, is none in particular."""
        return self.config.styles

    @property
    def places(self) -> int:
        """How many pieces can be made at the same time; each is asked for by a thread of its own."""
        return self._scheduler.places

    def warm_up(self) -> None:
        self._scheduler.warm_up()

    def warm_up_fully(self) -> None:
        self._scheduler.warm_up_fully()
        notes = [TimedNote(0.0, 1.0, pitch=LOWEST_PITCH, velocity=round(USUAL_VELOCITY))]
        for given in (score_of(notes, freedom=1.0), melody_given(notes)):
            self._scheduler.try_out(EventSequence(cells=given.cells, take=0, playing=Playing(given)))

    def compose(
        self,
        request: ComposeRequest,
        progress: Progress = lambda share: None,
        settled: Settled = lambda so_far: None,
    ) -> Composition:
        """The piece: the seed's notes and what follows, about as long as asked for; or the primer's, untouched, and as
        much again as was asked for. Raises BadRequest for a style that the model does not know and for a primer that it
        cannot go on from. Where notes are given, they are performed or harmonized."""
        if request.task != COMPOSE:
            return self._interpreted(request, progress)
        longest = min(self.config.context_length, PRIMER_EVENTS)
        primer = Primer(request.primer, longest) if request.primer else None
        forced = primer.events if primer else forced_by(request.seed)
        sequence = EventSequence(
            cells=round(request.seconds / CELL),
            take=request.take,
            temperature=request.temperature,
            top_p=request.top_p,
            style=self._style(request.style),
            target=target_of(request.expression, request.take, forced[forced[:, KEY] < PITCHES, KEY]),
            forced=forced,
            primed=primer is not None,
        )
        group = CandidateGroup(sequence, self.candidates)
        self._scheduler.run(group, following(group, progress, settled))
        progress(1.0)
        return Composition(
            self._finished(group, primer),
            shared_at_most=of_training_music().longest_passage(group.own_pitches()),
            ended_early=group.gave_up is not None,
        )

    def _interpreted(self, request: ComposeRequest, progress: Progress) -> Composition:
        """The notes that are given, played as a score or accompanied as a melody."""
        given = given_by(request)
        sequence = EventSequence(
            cells=given.cells,
            take=request.take,
            temperature=request.temperature,
            top_p=request.top_p,
            style=self._style(request.style),
            target=target_of(request.expression, request.take, given.keys),
            playing=Playing(given),
        )
        performs = request.task == PERFORM
        group = CandidateGroup(sequence, 1 if performs else self.candidates)
        self._scheduler.run(group, progress)
        progress(1.0)
        return Composition(performed(group.best) if performs else harmonized(group.best))

    def _finished(self, group: CandidateGroup, primer: Primer | None) -> PrettyMIDI:
        """The music of a piece that is done."""
        sequence, moments = group.best, group.moments()
        if group.gave_up:
            _log.warning("take %d ends early: %s", sequence.take, group.gave_up)
        if primer:
            return primer.followed_by(*spread(moments, sequence.take))
        moments = transposed(moments, sequence.target)
        return write(*spread(moments, sequence.take, exact=len(sequence.forced)))

    def attention(self, music: PrettyMIDI) -> None:
        """None: no picture is drawn of what it attends to."""

    def _style(self, name: str) -> int:
        return self.styles.index(known_style(name, self.styles))


class Primer:
    """Piano playing that a piece goes on from; `events` are its last."""

    def __init__(self, midi: bytes, most: int) -> None:
        """No more than `most` of its events count. Raises BadRequest for one without a note on a piano's keys."""
        self._music = PrettyMIDI(io.BytesIO(midi))
        moments = read(self._music)[:-1]
        if not (moments[:, KEY] < PITCHES).any():
            raise BadRequest("the piece to continue has no notes on a piano's keys")
        self._last = int(moments[:, SHIFT].sum())
        self.events = encode(moments[-most:]).astype(np.int32)

    def followed_by(self, moments: np.ndarray, offsets: np.ndarray) -> PrettyMIDI:
        """The primer, untouched, and then the moments, whose time counts from its last event. Notes on keys that the
        primer still holds are left out, for MIDI could not tell the two apart."""
        moments[0, SHIFT] += self._last
        more = write(moments, offsets).instruments[0]
        pianos = [instrument for instrument in self._music.instruments if not instrument.is_drum]
        held = {note.pitch: 0.0 for note in more.notes}
        for note in (note for piano in pianos for note in piano.notes):
            held[note.pitch] = max(held.get(note.pitch, 0.0), note.end)
        pianos[0].notes += [note for note in more.notes if note.start >= held[note.pitch]]
        pianos[0].control_changes += more.control_changes
        return self._music


def piece_counts(
    config: PerformanceConfig, pieces: int | None, memory: int | None, candidates: int = CANDIDATES
) -> tuple[list[int], int]:
    """The pieces of each engine, and how many batches run on them: one a core, or one for a GPU. Together the batches
    compose no more than `pieces` pieces and need no more than `memory` MiB with what the process has already; but one
    batch of the smallest engine there always is."""
    batches = 1 if on_gpu() else os.cpu_count() or 1
    pieces = pieces or (PIECES_A_GPU if on_gpu() else PIECES_A_CORE * batches)
    batches = min(batches, pieces)
    fewest = -(-FEWEST_SLOTS // candidates)
    counts = sorted({max(count, fewest) for count in PIECE_COUNTS if count * batches <= pieces})
    if memory is not None:
        had = resident()
        while (needed := had + mebibytes(config, counts, batches, candidates)) > memory and len(counts) + batches > 2:
            _log.warning("%d pieces would take %d MiB of %d, so there are fewer", counts[-1] * batches, needed, memory)
            counts, batches = (counts[:-1], batches) if len(counts) > 1 else (counts, batches - 1)
    return counts, batches


def mebibytes(config: PerformanceConfig, counts: Sequence[int], batches: int, candidates: int = CANDIDATES) -> int:
    """About what engines for so many pieces add to a process: the compiler, their programs, their pieces, and the
    states to which these can go back."""
    numbers = 2 * config.num_kv_heads * config.head_dim  # of a layer's key and value; their steps take four bytes each
    eight_bits = numbers + 8 * config.num_kv_heads
    far, near, programs = (
        (2 * numbers, 4 * numbers, 180 + 60 * len(counts)) if on_gpu() else (eight_bits, eight_bits, 250)
    )
    memory = far * config.num_recall_layers * min(config.recall_length, RECALL_LENGTH)
    piece = near * config.num_blocks * (config.window - STRETCH) + memory
    slot = near * (config.num_blocks + config.num_recall_layers) * STRETCH
    states = STATES_A_PIECE * (piece + candidates * slot) + KEPT_STATES * (piece + slot)
    return programs + batches * counts[-1] * states // 2**20


def given_by(request: ComposeRequest) -> Given:
    """The notes that a request gives, to be performed or harmonized."""
    if request.task == PERFORM:
        velocity = DYNAMICS.get(request.dynamics, USUAL_VELOCITY)
        return score_of(notes_of(parse(request.score)), request.freedom / 100, velocity, request.take)
    return melody_given(melody_of(request.score) if request.score else notes_of_seed(request.seed))


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
