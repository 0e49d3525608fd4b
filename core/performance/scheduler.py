"""Continuous batching: the pieces of many threads are decoded together, and come and go between chunks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.performance.candidates import CandidateGroup
from core.performance.engine import ChunkInputs, Engine, Origin, State
from core.performance.score import windows
from core.performance.sequence import EventSequence
from core.performance.steering import LogitBias

WAIT_SECONDS = 1.0
"""How often a piece that waits for slots reports its progress."""


class Batch:
    """Decodes pieces together, a chunk each, in the smallest engine that has room for them."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        """`engines` run the same network with the same number of candidates, each for more pieces than the one
        before."""
        self._engines = engines
        self._engine = engines[0]
        self._state = self._engine.start()
        self._slots: list[EventSequence | None] = []

    def decode(self, groups: Sequence[CandidateGroup]) -> None:
        """A chunk for each candidate of these: those that were decoded before go on, others begin. There may be no more
        groups than the largest engine has pieces."""
        engine = next(engine for engine in self._engines if engine.pieces >= len(groups))
        slots = [slot for group in groups for slot in _padded(group.candidates, engine.candidates)]
        self._arrange(engine, slots)
        self._state, chunk = engine.advance(self._state, _chunk_inputs(slots, engine.slots))
        events, ends, struck = np.asarray(chunk.events), np.asarray(chunk.ends), np.asarray(chunk.struck)
        tempo = np.stack(chunk.given.tempo, axis=1)
        for slot, sequence in enumerate(slots):
            if sequence is not None:
                sequence.append(events[:, slot], ends[:, slot], struck[:, slot], tempo[slot])
        for group in groups:
            if (chosen := group.after_chunk()) is not None:
                group.keep(engine.row(self._state, slots.index(chosen)))

    def _arrange(self, engine: Engine, slots: Sequence[EventSequence | None]) -> None:
        """Bring the state of each sequence into its slot, from wherever it begins."""
        states = [self._state]
        origins = [None if sequence is None else self._origin_of(sequence, states) for sequence in slots]
        if engine is not self._engine or any(
            sequence and origin != Origin(0, slot)
            for slot, (sequence, origin) in enumerate(zip(slots, origins, strict=True))
        ):
            self._state = engine.gather(states, origins)
        self._engine, self._slots = engine, list(slots)

    def _origin_of(self, sequence: EventSequence, states: list[State]) -> Origin | None:
        """Where in the states a sequence's chunk begins; None for one that begins, or begins anew. A state that was
        kept joins `states`."""
        origin = sequence if sequence.origin is None else sequence.origin
        if not isinstance(origin, EventSequence):
            states.append(origin)
            return Origin(len(states) - 1, 0)
        return Origin(0, self._slots.index(origin)) if origin in self._slots else None


def _padded(candidates: Sequence[EventSequence | None], slots: int) -> list[EventSequence | None]:
    return [*candidates, *[None] * (slots - len(candidates))]


class Scheduler:
    """Runs pieces of many threads at the same time. Each of its batches is decoded by a thread of its own, as long
    as it has pieces: the cores of a processor serve several batches better than one large one."""

    def __init__(self, engines: Sequence[Engine], batches: int) -> None:
        self._engines = engines
        self._runners = [_Runner(Batch(engines)) for _ in range(batches)]
        self._changed = threading.Condition()
        self._open_places = engines[0].pieces
        """The pieces that each batch may have: those of the largest engine that is compiled."""

    @property
    def places(self) -> int:
        """How many pieces can be decoded at the same time."""
        return len(self._runners) * self._engines[-1].pieces

    def warm_up(self) -> None:
        """Compile the smallest engine, with which pieces can be made already."""
        self._compile(self._engines[0])

    def warm_up_fully(self) -> None:
        """Compile the larger engines too, one after the other, since each would slow down the others."""
        for engine in self._engines[1:]:
            self._compile(engine)

    def try_out(self, sequence: EventSequence) -> None:
        """Decode a chunk of a sequence apart from all others, and so compile what only such ones need."""
        Batch(self._engines).decode([CandidateGroup(sequence, 1)])

    def _compile(self, engine: Engine) -> None:
        Batch(self._engines).decode([CandidateGroup(EventSequence(cells=1, take=0), 1) for _ in range(engine.pieces)])
        with self._changed:
            self._open_places = engine.pieces
            self._changed.notify_all()

    def run(self, group: CandidateGroup, progress: Callable[[float], None]) -> None:
        """Decode a piece from its beginning to its end, among those of other threads; it waits where too few slots are
        free. Between chunks `progress` is told the share that is done; an exception from it takes the piece out."""
        while (runner := self._admit(group)) is None:
            progress(group.share)
        try:
            while not group.done:
                progress(group.share)
                self._wait_for_a_chunk(runner, group)
        finally:
            with self._changed:
                runner.groups = [other for other in runner.groups if other is not group]
                self._changed.notify_all()

    def _admit(self, group: CandidateGroup) -> _Runner | None:
        """The runner that decodes it from now on; None where no slots have become free for a while."""
        with self._changed:
            if not self._changed.wait_for(self._has_room, WAIT_SECONDS):
                return None
            runner = min(self._runners, key=lambda runner: len(runner.groups))
            runner.groups.append(group)
            if not runner.running:
                runner.running = True
                threading.Thread(target=self._decode, args=(runner,), name="batch", daemon=True).start()
            return runner

    def _has_room(self) -> bool:
        return any(len(runner.groups) < self._open_places for runner in self._runners)

    def _wait_for_a_chunk(self, runner: _Runner, group: CandidateGroup) -> None:
        with self._changed:
            chunks = runner.chunks
            self._changed.wait_for(lambda: runner.chunks > chunks or group.done or runner.error)
            if runner.error:
                raise RuntimeError("the engine broke down") from runner.error

    def _decode(self, runner: _Runner) -> None:
        """Chunk after chunk, until no piece is left."""
        while True:
            with self._changed:
                groups = [group for group in runner.groups if not group.done]
                runner.running = bool(groups)
                if not groups:
                    return
            try:
                runner.batch.decode(groups)
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
    """A batch, its pieces and its thread; `chunks` counts those decoded. A runner with an `error` is replaced by
    another."""

    batch: Batch
    groups: list[CandidateGroup] = field(default_factory=list)
    running: bool = False
    chunks: int = 0
    error: Exception | None = None


def _chunk_inputs(sequences: Sequence[EventSequence | None], slots: int) -> ChunkInputs:
    """The inputs of these sequences' next chunk; an empty slot decodes padding."""
    rows = [sequence or _PADDING for sequence in _padded(sequences, slots)]
    return ChunkInputs(
        forced=np.stack([row.next_forced() for row in rows], axis=1),
        uniforms=np.stack([row.next_uniforms() for row in rows], axis=1),
        temperature=np.array([row.next_temperature for row in rows], dtype=np.float32),
        top_p=np.array([row.top_p for row in rows], dtype=np.float32),
        earliest_end=np.array([row.earliest_end for row in rows], dtype=np.int32),
        length=np.array([row.length for row in rows], dtype=np.int32),
        style=np.array([row.style for row in rows], dtype=np.int32),
        bias=LogitBias(*map(np.stack, zip(*(row.next_bias() for row in rows), strict=True))),
        given=windows(row.playing for row in rows),
    )


_PADDING = EventSequence(cells=0, take=0)
