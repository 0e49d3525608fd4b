"""The decode loop's contract: what goes into a chunk and what comes out. `native.engine` decodes on processors,
`xla.engine` on GPUs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from core.performance.events import KEY, START_EVENT
from core.performance.given import GivenNotes
from core.performance.sampling import USUAL_SHIFT, DecodeState
from core.performance.steering import LogitBias

Tensor: TypeAlias = Any
State: TypeAlias = Any
"""An engine's own record of where the sequences in its slots are."""

STRETCH = 128
"""Events in which the candidates of a piece may differ: after so many they are compared, and all go on as copies of the
best."""
CHUNK = STRETCH // 2
"""Events a call of the compiled loop: progress, cancelling and new sequences come in between two."""
RECALL_LENGTH = 4096
"""Events that a piece can recall at the most, six minutes or so. Where a network only reads, it may be more."""
SHORTEST_WINDOW = STRETCH + CHUNK
"""Events: candidates differ in their last STRETCH and in the chunk that is decoded, and share what is before."""
FREE = -1
"""In place of an attribute that the model is to choose."""


class ChunkInputs(NamedTuple):
    """A chunk's inputs. `forced` is (CHUNK, slots, 4), FREE where the model chooses; `uniforms` is of the same shape;
    `bias` is added to the logits of the whole chunk; the others are (slots,): `earliest_end` and `length` in cells from
    the first note, a length of 0 being unsaid, and the index of the style."""

    forced: Tensor
    uniforms: Tensor
    temperature: Tensor
    top_p: Tensor
    earliest_end: Tensor
    length: Tensor
    style: Tensor
    bias: LogitBias
    given: GivenNotes


class Chunk(NamedTuple):
    """Decoded events, (CHUNK, slots, 4), before each the probability that the piece ends there, and which of the given
    notes each strikes or -1, both (CHUNK, slots); and the given notes after them."""

    events: Tensor
    ends: Tensor
    struck: Tensor
    given: GivenNotes


class Origin(NamedTuple):
    """Where a slot's sequence was: its slot in one of several states."""

    state: int
    slot: int


class Engine(Protocol):
    """Decodes up to `candidates` sequences of each of `pieces` at once, which may differ in their last STRETCH events.
    The slots of a piece follow one another. A piece is the same in any slot, beside any others and whenever it
    begins."""

    pieces: int
    candidates: int

    @property
    def slots(self) -> int:
        """`pieces` times `candidates`."""
        ...

    def start(self) -> State:
        """Every slot before its sequence's first event."""
        ...

    def gather(self, states: Sequence[State], origins: Sequence[Origin | None]) -> State:
        """The sequences of these origins, which may be of engines of other sizes, in the slots from 0 on; None is for a
        sequence before its first event."""
        ...

    def row(self, state: State, slot: int) -> State:
        """The state of one slot alone, a copy: it does not hold on to those of its neighbours."""
        ...

    def advance(self, state: State, inputs: ChunkInputs) -> tuple[State, Chunk]:
        """Decode a chunk. The state that was handed in may be used up."""
        ...


def before_the_first_event(slots: int) -> tuple[np.ndarray, DecodeState]:
    """The last event, (slots, 4), and the decode state of sequences that begin."""
    numbers = [np.zeros(slots, dtype=np.int32) for _ in DecodeState._fields]
    decode = DecodeState(*numbers)._replace(
        key=np.full(slots, START_EVENT[KEY], dtype=np.int32),
        sounded=np.zeros(slots, dtype=bool),
        pedal_down=np.zeros(slots, dtype=bool),
        mean_shift=np.full(slots, USUAL_SHIFT, dtype=np.float32),
    )
    return np.tile(START_EVENT.astype(np.int32), (slots, 1)), decode
