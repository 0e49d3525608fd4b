"""Continuous batching: the sequences of many threads are decoded together, and come and go between chunks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.performance.engine import ChunkInputs, Engine, EngineState, joined
from core.performance.sequence import EventSequence
from core.performance.steering import LogitBias

WAIT_SECONDS = 1.0
"""How often a sequence that waits for a slot reports its progress."""


class Batch:
    """Decodes sequences together, a chunk each, in the smallest engine that has a slot for each of them."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        """`engines` run the same network, each in more slots than the one before."""
        self._engines = engines
        self._engine = engines[0]
        self._state = self._engine.start()
        self._sequences: list[EventSequence] = []

    def decode(self, sequences: Sequence[EventSequence]) -> None:
        """A chunk for each of these: sequences that were decoded before go on, others begin. There may be no more of
        them than the largest engine has slots."""
        engine = next(engine for engine in self._engines if engine.slots >= len(sequences))
        self._arrange(engine, sequences)
        self._state, chunk = engine.advance(self._state, _chunk_inputs(sequences, engine.slots))
        events, ends = np.asarray(chunk.events), np.asarray(chunk.ends)
        for slot, sequence in enumerate(sequences):
            sequence.append(events[:, slot], ends[:, slot])

    def _arrange(self, engine: Engine, sequences: Sequence[EventSequence]) -> None:
        """Bring the state of each sequence into its slot, from where it was or from where the sequence kept it; and
        give it to those that keep it."""
        states = [self._state]
        rows = [self._row_of(sequence, states) for sequence in sequences]
        if engine is not self._engine or rows != list(range(len(sequences))):
            self._state = engine.gather(joined(states), rows)
        self._engine, self._sequences = engine, list(sequences)
        for slot, sequence in enumerate(sequences):
            if sequence.keeps_state:
                sequence.keep(engine.row(self._state, slot))

    def _row_of(self, sequence: EventSequence, states: list[EngineState]) -> int | None:
        """The row of the joined states that is the sequence's; None for one that begins, or begins anew. The state from
        which a sequence goes on after it went back joins `states`."""
        if (kept := sequence.resumed_state()) is not None:
            states.append(kept)
            return self._engine.slots + len(states) - 2
        if not len(sequence.events):
            return None
        return next((row for row, other in enumerate(self._sequences) if other is sequence), None)


class Scheduler:
    """Runs sequences of many threads at the same time. Each of its batches is decoded by a thread of its own, as long
    as it has sequences: the cores of a processor serve several batches better than one large one."""

    def __init__(self, engines: Sequence[Engine], batches: int) -> None:
        self._engines = engines
        self._runners = [_Runner(Batch(engines)) for _ in range(batches)]
        self._changed = threading.Condition()
        self._open_slots = engines[0].slots
        """The slots of each batch that may be taken: those of the largest engine that is compiled."""

    @property
    def slots(self) -> int:
        """How many sequences can be decoded at the same time."""
        return len(self._runners) * self._engines[-1].slots

    def warm_up(self) -> None:
        """Compile the smallest engine, with which pieces can be made already."""
        self._compile(self._engines[0])

    def warm_up_fully(self) -> None:
        """Compile the larger engines too, one after the other, since each would slow down the others."""
        for engine in self._engines[1:]:
            self._compile(engine)

    def _compile(self, engine: Engine) -> None:
        Batch(self._engines).decode([EventSequence(cells=1, take=0) for _ in range(engine.slots)])
        with self._changed:
            self._open_slots = engine.slots
            self._changed.notify_all()

    def run(self, sequence: EventSequence, progress: Callable[[float], None]) -> None:
        """Decode a sequence from its beginning to its end, among those of other threads; it waits where no slot is
        free. Between chunks `progress` is told the share that is done; an exception from it takes the sequence out."""
        while (runner := self._admit(sequence)) is None:
            progress(sequence.share)
        try:
            while not sequence.done:
                progress(sequence.share)
                self._wait_for_a_chunk(runner, sequence)
        finally:
            with self._changed:
                runner.sequences = [other for other in runner.sequences if other is not sequence]
                self._changed.notify_all()

    def _admit(self, sequence: EventSequence) -> _Runner | None:
        """The runner that decodes it from now on; None where no slot has become free for a while."""
        with self._changed:
            if not self._changed.wait_for(self._has_a_free_slot, WAIT_SECONDS):
                return None
            runner = min(self._runners, key=lambda runner: len(runner.sequences))
            runner.sequences.append(sequence)
            if not runner.running:
                runner.running = True
                threading.Thread(target=self._decode, args=(runner,), name="batch", daemon=True).start()
            return runner

    def _has_a_free_slot(self) -> bool:
        return any(len(runner.sequences) < self._open_slots for runner in self._runners)

    def _wait_for_a_chunk(self, runner: _Runner, sequence: EventSequence) -> None:
        with self._changed:
            chunks = runner.chunks
            self._changed.wait_for(lambda: runner.chunks > chunks or sequence.done or runner.error)
            if runner.error:
                raise RuntimeError("the engine broke down") from runner.error

    def _decode(self, runner: _Runner) -> None:
        """Chunk after chunk, until no sequence is left."""
        while True:
            with self._changed:
                sequences = [sequence for sequence in runner.sequences if not sequence.done]
                runner.running = bool(sequences)
                if not sequences:
                    return
            try:
                runner.batch.decode(sequences)
            except Exception as error:
                with self._changed:
                    runner.error = error
                    self._runners[self._runners.index(runner)] = _Runner(Batch(self._engines))
                    self._changed.notify_all()
                return
            with self._changed:
                runner.chunks += 1
                self._changed.notify_all()


@dataclass(slots=True)
class _Runner:
    """A batch, its sequences and its thread; `chunks` counts those decoded. A runner with an `error` is replaced by
    another."""

    batch: Batch
    sequences: list[EventSequence] = field(default_factory=list)
    running: bool = False
    chunks: int = 0
    error: Exception | None = None


def _chunk_inputs(sequences: Sequence[EventSequence], slots: int) -> ChunkInputs:
    """The inputs of these sequences' next chunk; an empty slot decodes padding."""
    rows = [*sequences, *[_PADDING] * (slots - len(sequences))]
    return ChunkInputs(
        forced=np.stack([row.next_forced() for row in rows], axis=1),
        uniforms=np.stack([row.next_uniforms() for row in rows], axis=1),
        temperature=np.array([row.next_temperature for row in rows], dtype=np.float32),
        top_p=np.array([row.top_p for row in rows], dtype=np.float32),
        earliest_end=np.array([row.earliest_end for row in rows], dtype=np.int32),
        length=np.array([row.length for row in rows], dtype=np.int32),
        style=np.array([row.style for row in rows], dtype=np.int32),
        bias=LogitBias(*map(np.stack, zip(*(row.next_bias() for row in rows), strict=True))),
    )


_PADDING = EventSequence(cells=0, take=0)
