"""The state of the decode loop: where the sequences in the slots are, and the keys and values of what they read. What
all candidates of a piece have in common is kept once for the piece. The slots of a piece follow one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from core.performance.architecture import PerformanceConfig
from core.performance.engine import CHUNK, RECALL_LENGTH, STRETCH, Origin, before_the_first_event
from core.performance.sampling import DecodeState


class Cache(NamedTuple):
    """Keys, (rows, kv_heads, events, head_dim), and values, (rows, kv_heads, head_dim, events): what is added up lies
    side by side. A row is a slot or a piece. They are the bits of float16 as uint16, since Numba knows no such number:
    to widen them costs less than to read twice as much."""

    keys: np.ndarray
    values: np.ndarray

    @classmethod
    def empty(cls, config: PerformanceConfig, rows: int, events: int) -> Cache:
        heads, head_dim = config.num_kv_heads, config.head_dim
        keys, values = (rows, heads, events, head_dim), (rows, heads, head_dim, events)
        return cls(np.zeros(keys, np.uint16), np.zeros(values, np.uint16))

    def oldest(self, rows: Any) -> Cache:
        """The oldest chunk of events of some rows."""
        return Cache(self.keys[rows, ..., :CHUNK, :], self.values[rows, ..., :CHUNK])

    def copy_first(self, events: int, row: int, target: Cache, place: int) -> None:
        """Copy the first events of a row to a place in another cache. What is behind them is not touched there: memory
        that was never written to takes none of the machine's."""
        target.keys[place, :, :events] = self.keys[row, :, :events]
        target.values[place, ..., :events] = self.values[row, ..., :events]

    def forget(self) -> None:
        """Move all but the oldest chunk of events to where that was."""
        self.keys[:, :, :-CHUNK] = self.keys[:, :, CHUNK:]
        self.values[..., :-CHUNK] = self.values[..., CHUNK:]


class Slots(NamedTuple):
    """The last event of each slot, (slots, 4), its decode state, and the caches in which candidates may differ: for
    each block the last STRETCH events, the oldest first, and for each recall layer the moments after these, each key
    beside the event that follows. Behind them is room for a chunk."""

    event: np.ndarray
    decode: DecodeState
    recent: tuple[Cache, ...]
    moments: tuple[Cache, ...]


class Pieces(NamedTuple):
    """The caches that the candidates of a piece share: for each block the events of the window before the last STRETCH,
    the oldest first; for each recall layer all events of the piece, that of number n at place n modulo the memory's
    length, its key being that of the moment before it."""

    past: tuple[Cache, ...]
    memories: tuple[Cache, ...]


class State(NamedTuple):
    """The state that is carried from chunk to chunk."""

    slots: Slots
    pieces: Pieces

    @classmethod
    def start(cls, config: PerformanceConfig, pieces: int, candidates: int) -> State:
        """Every slot before its sequence's first event."""
        slots, blocks, layers = pieces * candidates, range(config.num_blocks), range(config.num_recall_layers)
        length = min(config.recall_length, RECALL_LENGTH)
        return cls(
            Slots(
                *before_the_first_event(slots),
                recent=tuple(Cache.empty(config, slots, STRETCH + CHUNK) for _ in blocks),
                moments=tuple(Cache.empty(config, slots, STRETCH + CHUNK + 1) for _ in layers),
            ),
            Pieces(
                past=tuple(Cache.empty(config, pieces, config.window - STRETCH) for _ in blocks),
                memories=tuple(Cache.empty(config, pieces, length) for _ in layers),
            ),
        )

    @property
    def candidates(self) -> int:
        """Slots of a piece."""
        return len(self.slots.event) // len(self.pieces.past[0].keys)

    def gather(self, states: Sequence[State], origins: Sequence[Origin | None]) -> None:
        """Copy the sequences of these origins to the slots from 0 on, of a state before its first event."""
        for slot, origin in enumerate(origins):
            if origin is not None:
                _copy(states[origin.state].slots, origin.slot, self.slots, slot)
        for piece, origin in enumerate(origins[:: self.candidates]):
            if origin is not None:
                states[origin.state]._copy_piece(origin.slot, self.pieces, piece)

    def _copy_piece(self, slot: int, target: Pieces, place: int) -> None:
        """Copy what the piece of a slot has in common."""
        piece = slot // self.candidates
        _copy(self.pieces.past, piece, target.past, place)
        settled = max(int(self.slots.decode.events_read[slot]) - STRETCH, 0)
        for memory, copied in zip(self.pieces.memories, target.memories, strict=True):
            memory.copy_first(settled, piece, copied, place)

    def settle(self) -> None:
        """When a chunk was decoded: the oldest chunk of events in the slots becomes part of their piece, in which no
        candidate differs from another."""
        first = slice(None, None, self.candidates)
        for past, recent in zip(self.pieces.past, self.slots.recent, strict=True):
            settled = recent.oldest(first)
            past.forget()
            past.keys[:, :, -CHUNK:], past.values[..., -CHUNK:] = settled
            recent.forget()
        numbers = self.slots.decode.events_read[first] - CHUNK - STRETCH
        for memory, moments in zip(self.pieces.memories, self.slots.moments, strict=True):
            settled = moments.oldest(first)
            for piece, place in enumerate(numbers % memory.keys.shape[2]):
                memory.keys[piece, :, place : place + CHUNK] = settled.keys[piece]
                memory.values[piece, ..., place : place + CHUNK] = settled.values[piece]
            moments.forget()


def _copy(source: Any, row: int, target: Any, place: int) -> None:
    """Copy a row of nested tuples of arrays to a place in others."""
    for old, new in zip(source, target, strict=True):
        if isinstance(old, tuple):
            _copy(old, row, new, place)
        else:
            new[place] = old[row]
