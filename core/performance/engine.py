"""The compiled loop that plays events, a chunk at a time, in several slots at once. What is particular to a backend is
in `compiled` and `gpus` alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from core.performance.events import END, KEY, NO_DURATION, NO_VELOCITY, PITCHES, SHIFT, START_EVENT
from core.performance.model import Cache, PerformanceModel, rotation
from core.performance.recall import Memory, with_chunk
from core.performance.sampling import (
    FORBIDDEN,
    USUAL_PACE,
    Playing,
    draw,
    legal_durations,
    legal_keys,
    legal_shifts,
    lift,
    played,
    restraint,
)

CHUNK = 64
"""Events between two looks at the outside: progress, cancelling and new pieces come in there."""
MEMORY = 4096
"""Events that a piece can recall at the most, six minutes or so. Where a network only reads, it may be more."""
KEPT = "float16"
"""How the keys and values of these events are kept."""
RECALLING = 0.06
"""How much more readily than in training it recalls what it played: a network that predicts a pianist who comes back to
something follows, but of itself it would not come back (docs/exploration.md)."""
FREE = -1
"""In place of an attribute that the model is to choose."""


class Wishes(NamedTuple):
    """What is asked of a chunk. `forced` is (CHUNK, slots, 4), FREE where the model chooses; `uniforms` is of the same
    shape; the others are (slots,): `earliest_end` in cells from the first note, and the index of the style."""

    forced: Any
    uniforms: Any
    temperature: Any
    top_p: Any
    earliest_end: Any
    style: Any


class State(NamedTuple):
    """What is carried from chunk to chunk: the last event, (slots, 4), where the pieces are, for each block the keys,
    (slots, heads, size, window), and values, (slots, heads, window, size), of the past, and for each block with recall
    its memory."""

    event: Any
    playing: Playing
    past: Any
    memories: tuple[Memory, ...]


class Played(NamedTuple):
    """A chunk: its events, (CHUNK, slots, 4), and before each the probability that the piece ends there,
    (CHUNK, slots)."""

    events: Any
    ends: Any


class Engine:
    """A network that plays `slots` pieces at once. A piece sounds the same in any slot, beside any others and whenever
    it begins: a slot's past lies in the order of its own age, and what it has not played is masked."""

    def __init__(self, model: PerformanceModel, slots: int) -> None:
        if model.config.window < CHUNK:
            raise ValueError(f"a window of {model.config.window} events is shorter than a chunk of {CHUNK}")
        if model.config.memory % CHUNK:
            raise ValueError(f"a memory of {model.config.memory} events is no multiple of a chunk of {CHUNK}")
        self.model, self.slots = model, slots
        self.advance = compiled(self._advance)
        """(state, wishes) -> (the next state, what was played)."""

    def start(self) -> State:
        """Every slot before its piece's first event."""
        numbers = [np.zeros(self.slots, dtype=np.int32) for _ in Playing._fields]
        playing = Playing(*numbers)._replace(
            key=np.full(self.slots, START_EVENT[KEY], dtype=np.int32),
            sounded=np.zeros(self.slots, dtype=bool),
            pedal=np.zeros(self.slots, dtype=bool),
            pace=np.full(self.slots, USUAL_PACE, dtype=np.float32),
        )
        config = self.model.config
        past = tuple(self._nothing(config.window) for _ in range(config.blocks))
        length = min(config.memory, MEMORY)
        memories = tuple(Memory(self._nothing(1)[0], *self._nothing(length, KEPT)) for _ in range(config.recalls))
        return State(np.tile(START_EVENT.astype(np.int32), (self.slots, 1)), playing, past, memories)

    def seated(self, state: State, rows: Sequence[int | None]) -> State:
        """The pieces of these rows of another state, for as many slots or for others, in the slots from 0 on; None is
        for a piece before its first event."""
        rows = [*rows, *[None] * (self.slots - len(rows))]
        begins = np.array([row is None for row in rows])
        order = np.array([row or 0 for row in rows])

        def moved(old: Any) -> Any:
            return ops.take(old, order, axis=0)

        def renewed(old: Any, new: np.ndarray) -> Any:
            return ops.where(begins.reshape(-1, *[1] * (new.ndim - 1)), new, moved(old))

        fresh = self.start()
        playing = Playing(*map(renewed, state.playing, fresh.playing))
        # what they hold is masked where a piece begins
        past = tuple((moved(keys), moved(values)) for keys, values in state.past)
        memories = tuple(Memory(*map(moved, memory)) for memory in state.memories)
        return State(renewed(state.event, fresh.event), playing, past, memories)

    def _nothing(self, events: int, dtype: str = "float32") -> tuple[Any, Any]:
        """Keys and values of so many events."""
        heads, size = self.model.config.heads, self.model.config.size
        keys, values = (self.slots, heads, size, events), (self.slots, heads, events, size)
        return ops.zeros(keys, dtype), ops.zeros(values, dtype)

    def _advance(self, state: State, wishes: Wishes) -> tuple[State, Played]:
        config = self.model.config
        recent = tuple(self._nothing(CHUNK) for _ in range(config.blocks))
        recalled = tuple(
            (ops.slice_update(self._nothing(CHUNK + 1)[0], (0, 0, 0, 0), memory.last_key), self._nothing(CHUNK)[1])
            for memory in state.memories
        )
        events, ends = ops.zeros((CHUNK, self.slots, 4), dtype="int32"), ops.zeros((CHUNK, self.slots))

        def body(place: Any, carried: Any) -> Any:
            event, playing, recent, recalled, events, ends = carried
            hidden, recent, recalled = self._read(event, playing, wishes.style, state, recent, recalled, place)
            event, end = self._choose(hidden, playing, wishes, place)
            events = ops.slice_update(events, (place, 0, 0), event[None])
            ends = ops.slice_update(ends, (place, 0), end[None])
            return event, played(playing, event), recent, recalled, events, ends

        event, playing, recent, recalled, events, ends = ops.fori_loop(
            0, CHUNK, body, (state.event, state.playing, recent, recalled, events, ends)
        )
        past = tuple(
            (
                ops.concatenate([keys[:, :, :, CHUNK:], new_keys], axis=3),
                ops.concatenate([values[:, :, CHUNK:], new_values], axis=2),
            )
            for (keys, values), (new_keys, new_values) in zip(state.past, recent, strict=True)
        )
        memories = tuple(
            with_chunk(memory, keys, values, state.playing.seen)
            for memory, (keys, values) in zip(state.memories, recalled, strict=True)
        )
        return State(event, playing, past, memories), Played(events, ends)

    def _read(
        self, event: Any, playing: Playing, style: Any, state: State, recent: Any, recalled: Any, place: Any
    ) -> tuple[Any, Any, Any]:
        """The hidden state after the last events, (slots, width), and the recent keys and values with theirs."""
        window, began = self.model.config.window, state.playing.seen
        older = ops.arange(window)[None]
        newer = ops.arange(CHUNK)[None]
        # by age: `older` 0 was played `window` events before the chunk; nothing before the piece's start counts
        masks = (ops.logical_and(older > place, older >= window - began[:, None]), newer <= place)
        turns = rotation(self.model.config, playing.seen[:, None], playing.time[:, None])
        hidden = self.model.embed(event[:, None], style)
        memories = iter(zip(state.memories, recalled, strict=True))
        now_recent, now_recalled = [], []
        for recall, block, old, new in zip(self.model.recalls, self.model.blocks, state.past, recent, strict=True):
            if recall is not None:
                memory, (keys, values) = next(memories)
                hidden, key, value = recall.step(hidden, memory, began, place, RECALLING)
                # a key lies beside the event after its moment
                keys, values = (
                    ops.slice_update(keys, (0, 0, 0, place + 1), key),
                    ops.slice_update(values, (0, 0, place, 0), value),
                )
                now_recalled.append((keys, values))
            hidden, keys, values = block.step(hidden, turns, Cache(*old, *new), masks, place)
            now_recent.append((keys, values))
        return self.model.norm(hidden)[:, 0], tuple(now_recent), tuple(now_recalled)

    def _choose(self, hidden: Any, playing: Playing, wishes: Wishes, place: Any) -> tuple[Any, Any]:
        """The next events, (slots, 4), and the probability of the end in each slot."""
        forced, uniforms = ops.take(wishes.forced, place, axis=0), ops.take(wishes.uniforms, place, axis=0)
        chosen: list[Any] = []

        def choose(logits: Any, legal: Any = None) -> Any:
            attribute = len(chosen)
            if legal is not None:
                logits = ops.where(legal, logits, FORBIDDEN)
            # the onset shift's long tail stays: without its pauses the playing gets faster and faster
            top_p = ops.ones_like(wishes.top_p) if attribute == SHIFT else wishes.top_p
            drawn = draw(logits, uniforms[:, attribute], wishes.temperature, top_p)
            chosen.append(ops.where(forced[:, attribute] == FREE, drawn, forced[:, attribute]))

        heads = self.model.heads
        choose(heads[0](hidden, chosen) + restraint(playing), legal_shifts(playing))
        logits = heads[1](hidden, chosen)
        end = ops.softmax(logits, axis=-1)[:, END]
        now = played(playing, ops.stack([chosen[0]] * 4, axis=-1)).time
        choose(logits + lift(playing, now), legal_keys(playing, chosen[0], now - playing.origin >= wishes.earliest_end))
        struck = chosen[1] < PITCHES
        choose(heads[2](hidden, chosen))
        chosen[2] = ops.where(struck, chosen[2], NO_VELOCITY)
        choose(heads[3](hidden, chosen), legal_durations())
        chosen[3] = ops.where(struck, chosen[3], NO_DURATION)
        return ops.stack(chosen, axis=-1), end


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as one graph, compiled when it is first called."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow

    return tensorflow.function(function, jit_compile=True, autograph=False)


def gpus() -> int:
    """How many GPUs the backend sees."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.device_count() if jax.default_backend() == "gpu" else 0
    import tensorflow

    return len(tensorflow.config.list_physical_devices("GPU"))
