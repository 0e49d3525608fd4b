"""The state of the decode loop: where the sequences in the slots are, and the keys and values of what they read. What
all candidates of a piece have in common is kept once for the piece. The slots of a piece follow one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from core.performance.architecture import PerformanceConfig
from core.performance.engine import CHUNK, RECALL_LENGTH, STRETCH, Origin, before_the_first_event
from core.performance.native.vectors import BLOCK
from core.performance.sampling import DecodeState

ALL = slice(None)


class Cache(NamedTuple):
    """Keys and values of past events, in 8 bits with a step for each: a row is a slot or a piece. In `keys` the events
    lie side by side, (rows, layers, kv_heads, blocks of events, pairs of parts, BLOCK, 2); in `values` the parts,
    (rows, layers, kv_heads, blocks of parts, pairs of events, BLOCK, 2): each as a matrix of `vectors`. Steps are
    (rows, layers, kv_heads, events)."""

    keys: np.ndarray
    key_steps: np.ndarray
    values: np.ndarray
    value_steps: np.ndarray

    @classmethod
    def empty(cls, config: PerformanceConfig, rows: int, layers: int, events: int) -> Cache:
        """For so many events, or a few more: whole chunks."""
        events += -events % CHUNK
        shape, parts = (rows, layers, config.num_kv_heads), config.head_dim
        return cls(
            keys=np.zeros((*shape, events // BLOCK, (parts + 1) // 2, BLOCK, 2), np.int8),
            key_steps=np.zeros((*shape, events), np.float32),
            values=np.zeros((*shape, -(-parts // BLOCK), events // 2, BLOCK, 2), np.int8),
            value_steps=np.zeros((*shape, events), np.float32),
        )

    def between(self, rows: Any, first: int | None, last: int | None) -> Cache:
        """The events `first` up to `last` of some rows, both multiples of CHUNK: no copies where `rows` is a slice."""
        blocks, pairs = (slice(*(edge and edge // size for edge in (first, last))) for size in (BLOCK, 2))
        events = slice(first, last)
        return Cache(
            self.keys[rows, :, :, blocks],
            self.key_steps[rows, :, :, events],
            self.values[rows, :, :, :, pairs],
            self.value_steps[rows, :, :, events],
        )

    def take(self, other: Cache) -> None:
        """Copy the contents of another."""
        for mine, theirs in zip(self, other, strict=True):
            mine[...] = theirs

    def forget(self) -> None:
        """Move all but the oldest chunk of events to where that was."""
        self.between(ALL, None, -CHUNK).take(self.between(ALL, CHUNK, None))


class Slots(NamedTuple):
    """The last event of each slot, (slots, 4), its decode state, and the caches in which candidates may differ: of the
    blocks the last STRETCH events, the oldest first, and of the recall layers the moments after these, each key beside
    the event that follows. Behind them is room for a chunk."""

    event: np.ndarray
    decode: DecodeState
    recent: Cache
    moments: Cache


class Pieces(NamedTuple):
    """The caches that the candidates of a piece share: of the blocks the events of the window before the last STRETCH,
    the oldest first; of the recall layers all events of the piece, that of number n at place n modulo the memory's
    length, its key being that of the moment before it."""

    past: Cache
    memory: Cache


class State(NamedTuple):
    """The state that is carried from chunk to chunk."""

    slots: Slots
    pieces: Pieces

    @classmethod
    def start(cls, config: PerformanceConfig, pieces: int, candidates: int) -> State:
        """Every slot before its sequence's first event."""
        slots, blocks, recalls = pieces * candidates, config.num_blocks, config.num_recall_layers
        return cls(
            Slots(
                *before_the_first_event(slots),
                recent=Cache.empty(config, slots, blocks, STRETCH + CHUNK),
                moments=Cache.empty(config, slots, recalls, STRETCH + CHUNK + 1),
            ),
            Pieces(
                past=Cache.empty(config, pieces, blocks, config.window - STRETCH),
                memory=Cache.empty(config, pieces, recalls, min(config.recall_length, RECALL_LENGTH)),
            ),
        )

    @property
    def candidates(self) -> int:
        """Slots of a piece."""
        return len(self.slots.event) // len(self.pieces.past.keys)

    def gather(self, states: Sequence[State], origins: Sequence[Origin | None]) -> None:
        """Copy the sequences of these origins to the slots from 0 on, of a state before its first event."""
        for slot, origin in enumerate(origins):
            if origin is not None:
                _copy(states[origin.state].slots, origin.slot, self.slots, slot)
        for piece, origin in enumerate(origins[:: self.candidates]):
            if origin is not None:
                states[origin.state]._copy_piece(origin.slot, self.pieces, piece)

    def _copy_piece(self, slot: int, target: Pieces, place: int) -> None:
        """Copy what the piece of a slot has in common. Of the memory nothing is touched behind what was settled: where
        nothing was ever written, it takes none of the machine's."""
        piece = slot // self.candidates
        _copy(self.pieces.past, piece, target.past, place)
        settled = max(int(self.slots.decode.events_read[slot]) - STRETCH, 0)
        settled += -settled % CHUNK
        target.memory.between(place, None, settled).take(self.pieces.memory.between(piece, None, settled))

    def settle(self) -> None:
        """When a chunk was decoded: the oldest chunk of events in the slots becomes part of their piece, in which no
        candidate differs from another."""
        (_, decode, recent, moments), (past, memory) = self
        first = slice(None, None, self.candidates)
        past.forget()
        past.between(ALL, -CHUNK, None).take(recent.between(first, None, CHUNK))
        recent.forget()
        numbers = decode.events_read[first] - CHUNK - STRETCH
        for piece, place in enumerate((numbers % memory.key_steps.shape[-1]).tolist()):
            memory.between(piece, place, place + CHUNK).take(moments.between(piece * self.candidates, None, CHUNK))
        moments.forget()


def _copy(source: Any, row: int, target: Any, place: int) -> None:
    """Copy a row of nested tuples of arrays to a place in others."""
    for old, new in zip(source, target, strict=True):
        if isinstance(old, tuple):
            _copy(old, row, new, place)
        else:
            new[place] = old[row]
