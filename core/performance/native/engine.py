"""The engine for processors: slots share the reading of the weights, and are computed one by one in all else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from core.performance.engine import CHUNK, Chunk, ChunkInputs, Origin
from core.performance.events import ATTRIBUTES, DURATION, KEY, SHIFT, VELOCITY
from core.performance.given import SCORE
from core.performance.native.choice import (
    Draws,
    choose_durations,
    choose_keys,
    choose_shifts,
    choose_timed_key,
    choose_velocities,
    go_on,
)
from core.performance.native.network import NativeNetwork
from core.performance.native.rubato import Timing, Work, timing, work
from core.performance.native.state import State
from core.performance.rubato import SHIFTS
from core.performance.sampling import SAMPLING, SamplingParameters


class NativeEngine:
    """See `core.performance.engine.Engine`."""

    def __init__(
        self, network: NativeNetwork, pieces: int, candidates: int = 1, sampling: SamplingParameters = SAMPLING
    ) -> None:
        self.pieces, self.candidates = pieces, candidates
        self._network, self._sampling = network, sampling

    @property
    def slots(self) -> int:
        return self.pieces * self.candidates

    def start(self) -> State:
        return State.start(self._network.config, self.pieces, self.candidates)

    def gather(self, states: Sequence[State], origins: Sequence[Origin | None]) -> State:
        state = self.start()
        state.gather(states, origins)
        return state

    def row(self, state: State, slot: int) -> State:
        alone = State.start(self._network.config, pieces=1, candidates=1)
        alone.gather([state], [Origin(0, slot)])
        return alone

    def advance(self, state: State, inputs: ChunkInputs) -> tuple[State, Chunk]:
        """The state that was handed in becomes the next."""
        chunk = Chunk(
            events=np.zeros((CHUNK, self.slots, 4), dtype=np.int32),
            ends=np.zeros((CHUNK, self.slots), dtype=np.float32),
            struck=np.zeros((CHUNK, self.slots), dtype=np.int32),
            given=inputs.given,
        )
        draws = [Draws.of(inputs, self._sampling, attribute) for attribute in range(len(ATTRIBUTES))]
        began = state.slots.decode.events_read.copy()
        performing = {slot: work() for slot in np.flatnonzero(inputs.given.task == SCORE).tolist()}
        for place in range(CHUNK):
            hidden = self._network.read(state, inputs.style, inputs.length, began, place)
            self._choose(hidden, state, inputs, draws, performing, chunk, place)
            go_on(state.slots.decode, inputs.given, state.slots.event, chunk.struck[place])
            chunk.events[place] = state.slots.event
        state.settle()
        return state, chunk

    def _choose(
        self,
        hidden: np.ndarray,
        state: State,
        inputs: ChunkInputs,
        draws: Sequence[Draws],
        performing: Mapping[int, Work],
        chunk: Chunk,
        place: int,
    ) -> None:
        """The `place`-th events of the chunk, in the state."""
        predict, sampling = self._network.predict, self._sampling
        event, decode = state.slots.event, state.slots.decode
        bias, notes, struck = inputs.bias, inputs.given, chunk.struck[place]
        logits = predict(SHIFT, hidden, event)
        timed = {
            slot: self._timing(hidden, logits, state, inputs, slot, place, scratch)
            for slot, scratch in performing.items()
        }
        choose_shifts(logits, bias.onset_shift, decode, sampling, draws[SHIFT], place, event)
        for slot, when in timed.items():
            event[slot, SHIFT] = when.shift
        logits = predict(KEY, hidden, event)
        ends = chunk.ends[place]
        choose_keys(logits, bias.key, inputs.earliest_end, decode, notes, sampling, draws[KEY], place, event, ends)
        for slot, when in timed.items():
            choose_timed_key(logits, decode, when, performing[slot], draws[KEY], slot, event)
        logits = predict(VELOCITY, hidden, event)
        choose_velocities(logits, bias.velocity, decode, notes, draws[VELOCITY], place, event, struck)
        choose_durations(predict(DURATION, hidden, event), notes, draws[DURATION], place, event, struck)

    def _timing(
        self,
        hidden: np.ndarray,
        logits: np.ndarray,
        state: State,
        inputs: ChunkInputs,
        slot: int,
        place: int,
        scratch: Work,
    ) -> Timing:
        """When the next event of a slot that performs a score comes: the network says how likely each key is at some
        onset shifts. `scratch` is left as `choose_timed_key` takes it."""
        shifts = np.asarray(SHIFTS, dtype=np.int32)
        rows = np.tile(hidden[slot], (len(shifts), 1))
        keys = self._network.predict(KEY, rows, shifts[:, None])
        return timing(
            logits[slot],
            keys,
            state.slots.decode,
            inputs.given,
            slot,
            inputs.uniforms[place, slot],
            inputs.temperature[slot],
            self._sampling,
            scratch,
        )
