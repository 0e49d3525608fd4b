"""The compiled decode loop: a chunk of events at a time, in several slots at once. Differences between backends are in
`rows_of`, `compiled` and `gpus` alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np
from keras import ops

from core.performance.events import (
    CELL,
    END,
    KEY,
    NO_DURATION,
    NO_VELOCITY,
    PITCHES,
    REMAINING_EDGES,
    REMAINING_UNSAID,
    START_EVENT,
    VELOCITY,
)
from core.performance.given import MELODY, SCORE, GivenNotes, giving_way, melody_bias, struck_note
from core.performance.model import KVCache, PerformanceModel, rotary_angles
from core.performance.recall import Memory, with_chunk
from core.performance.rubato import after_note, given_durations, timing, untimed, velocity_prior
from core.performance.sampling import (
    FORBIDDEN,
    SAMPLING,
    USUAL_SHIFT,
    DecodeState,
    SamplingParameters,
    after_event,
    legal_durations,
    legal_keys,
    legal_shifts,
    pedal_bias,
    sample,
    tempo_bias,
)
from core.performance.steering import LogitBias

Tensor: TypeAlias = Any

CHUNK = 64
"""Events a call of the compiled loop: progress, cancelling and new sequences come in between two."""
RECALL_LENGTH = 4096
"""Events that a piece can recall at the most, six minutes or so. Where a network only reads, it may be more."""
CACHE_DTYPE = "float16"
"""How the keys and values of these events are kept."""
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


class EngineState(NamedTuple):
    """The state that is carried from chunk to chunk: the last event, (slots, 4), the decode state, for each block the
    KV cache's keys, (slots, kv_heads, head_dim, window), and values, (slots, kv_heads, window, head_dim), and for each
    recall layer its memory."""

    event: Tensor
    decode: DecodeState
    caches: Any
    memories: tuple[Memory, ...]


class Chunk(NamedTuple):
    """Decoded events, (CHUNK, slots, 4), before each the probability that the piece ends there, and which of the given
    notes each strikes or -1, both (CHUNK, slots); and the given notes after them."""

    events: Tensor
    ends: Tensor
    struck: Tensor
    given: GivenNotes


class Engine:
    """A network that decodes `slots` sequences at once. A piece is the same in any slot, beside any others and whenever
    it begins: a slot's past lies in the order of its own age, and what it has not played is masked."""

    def __init__(self, model: PerformanceModel, slots: int, sampling: SamplingParameters = SAMPLING) -> None:
        if model.config.window < CHUNK:
            raise ValueError(f"a window of {model.config.window} events is shorter than a chunk of {CHUNK}")
        if model.config.recall_length % CHUNK:
            raise ValueError(f"a memory of {model.config.recall_length} events is no multiple of a chunk of {CHUNK}")
        self.model, self.slots, self.sampling = model, slots, sampling
        self.advance = compiled(self._advance)
        """(state, chunk inputs) -> (the next state, the chunk)."""

    def start(self) -> EngineState:
        """Every slot before its sequence's first event."""
        config = self.model.config
        caches = tuple(self._empty_cache(config.window) for _ in range(config.num_blocks))
        length = min(config.recall_length, RECALL_LENGTH)
        memories = tuple(
            Memory(self._empty_cache(1)[0], *self._empty_cache(length, CACHE_DTYPE))
            for _ in range(config.num_recall_layers)
        )
        return EngineState(*self._beginning(), caches, memories)

    def _beginning(self) -> tuple[np.ndarray, DecodeState]:
        """The last event and the decode state before the first event."""
        numbers = [np.zeros(self.slots, dtype=np.int32) for _ in DecodeState._fields]
        decode = DecodeState(*numbers)._replace(
            key=np.full(self.slots, START_EVENT[KEY], dtype=np.int32),
            sounded=np.zeros(self.slots, dtype=bool),
            pedal_down=np.zeros(self.slots, dtype=bool),
            mean_shift=np.full(self.slots, USUAL_SHIFT, dtype=np.float32),
        )
        return np.tile(START_EVENT.astype(np.int32), (self.slots, 1)), decode

    def gather(self, state: EngineState, rows: Sequence[int | None]) -> EngineState:
        """The sequences of these rows of another state, of as many slots or of others, in the slots from 0 on; None is
        for a sequence before its first event."""
        rows = [*rows, *[None] * (self.slots - len(rows))]
        moved = rows_of(state, [row or 0 for row in rows])
        begins = np.array([row is None for row in rows])
        if not begins.any():
            return moved

        def renewed(old: Tensor, new: np.ndarray) -> Tensor:
            return ops.where(begins.reshape(-1, *[1] * (new.ndim - 1)), new, old)

        event, decode = self._beginning()
        # the caches of a sequence that begins are masked
        return moved._replace(
            event=renewed(moved.event, event), decode=DecodeState(*map(renewed, moved.decode, decode))
        )

    def row(self, state: EngineState, slot: int) -> EngineState:
        """The state of one slot alone, a copy: it does not hold on to those of its neighbours."""
        return rows_of(state, [slot])

    def _empty_cache(self, events: int, dtype: str = "float32") -> tuple[Tensor, Tensor]:
        """Keys and values of so many events."""
        heads, head_dim = self.model.config.num_kv_heads, self.model.config.head_dim
        keys, values = (self.slots, heads, head_dim, events), (self.slots, heads, events, head_dim)
        return ops.zeros(keys, dtype), ops.zeros(values, dtype)

    def _advance(self, state: EngineState, inputs: ChunkInputs) -> tuple[EngineState, Chunk]:
        config = self.model.config
        chunk_caches = tuple(self._empty_cache(CHUNK) for _ in range(config.num_blocks))
        chunk_memories = tuple(
            (
                ops.slice_update(self._empty_cache(CHUNK + 1)[0], (0, 0, 0, 0), memory.last_key),
                self._empty_cache(CHUNK)[1],
            )
            for memory in state.memories
        )
        events, ends = ops.zeros((CHUNK, self.slots, 4), dtype="int32"), ops.zeros((CHUNK, self.slots))
        struck = ops.zeros((CHUNK, self.slots), dtype="int32")

        def body(place: Tensor, carried: Any) -> Any:
            event, decode, chunk_caches, chunk_memories, events, ends, struck, given_open, tempo = carried
            given = inputs.given._replace(open=given_open, tempo=tempo)
            hidden, chunk_caches, chunk_memories = self._read(
                event, decode, inputs, state, chunk_caches, chunk_memories, place
            )
            event, end, note = self._choose(hidden, decode, inputs._replace(given=given), place)
            events = ops.slice_update(events, (place, 0, 0), event[None])
            ends = ops.slice_update(ends, (place, 0), end[None])
            struck = ops.slice_update(struck, (place, 0), note[None])
            decode = after_event(decode, event)
            given = after_note(given, note, decode.time, event[:, VELOCITY])
            return event, decode, chunk_caches, chunk_memories, events, ends, struck, given.open, given.tempo

        begins = (state.event, state.decode, chunk_caches, chunk_memories, events, ends, struck)
        event, decode, chunk_caches, chunk_memories, events, ends, struck, given_open, tempo = ops.fori_loop(
            0, CHUNK, body, (*begins, inputs.given.open, inputs.given.tempo)
        )
        caches = tuple(
            (
                ops.concatenate([keys[:, :, :, CHUNK:], chunk_keys], axis=3),
                ops.concatenate([values[:, :, CHUNK:], chunk_values], axis=2),
            )
            for (keys, values), (chunk_keys, chunk_values) in zip(state.caches, chunk_caches, strict=True)
        )
        memories = tuple(
            with_chunk(memory, keys, values, state.decode.events_read)
            for memory, (keys, values) in zip(state.memories, chunk_memories, strict=True)
        )
        given = inputs.given._replace(open=given_open, tempo=tempo)
        return EngineState(event, decode, caches, memories), Chunk(events, ends, struck, given)

    def _read(
        self,
        event: Tensor,
        decode: DecodeState,
        inputs: ChunkInputs,
        state: EngineState,
        chunk_caches: Any,
        chunk_memories: Any,
        place: Tensor,
    ) -> tuple[Tensor, Any, Any]:
        """The hidden state after the last events, (slots, width), and the chunk's keys and values with theirs."""
        window, began = self.model.config.window, state.decode.events_read
        older = ops.arange(window)[None]
        newer = ops.arange(CHUNK)[None]
        # by age: `older` 0 is `window` events before the chunk; nothing before the piece's start counts
        masks = (ops.logical_and(older > place, older >= window - began[:, None]), newer <= place)
        angles = rotary_angles(self.model.config, decode.events_read[:, None], decode.time[:, None])
        hidden = self.model.embed(event[:, None], inputs.style, remaining(decode, inputs.length)[:, None])
        memories = iter(zip(state.memories, chunk_memories, strict=True))
        now_caches, now_memories = [], []
        for recall, block, past, chunk in zip(
            self.model.recall_layers, self.model.blocks, state.caches, chunk_caches, strict=True
        ):
            if recall is not None:
                memory, (keys, values) = next(memories)
                hidden, key, value = recall.step(hidden, memory, began, place, self.sampling.recall_bias)
                # a key lies beside the event after its moment
                keys, values = (
                    ops.slice_update(keys, (0, 0, 0, place + 1), key),
                    ops.slice_update(values, (0, 0, place, 0), value),
                )
                now_memories.append((keys, values))
            hidden, keys, values = block.step(hidden, angles, KVCache(*past, *chunk), masks, place)
            now_caches.append((keys, values))
        return self.model.norm(hidden)[:, 0], tuple(now_caches), tuple(now_memories)

    def _choose(
        self, hidden: Tensor, decode: DecodeState, inputs: ChunkInputs, place: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The next events, (slots, 4), and in each slot the probability of the end, and which of the given notes is
        struck, or -1. Most often none are given, and what they take is left out."""
        forced, uniforms = ops.take(inputs.forced, place, axis=0), ops.take(inputs.uniforms, place, axis=0)
        draws = [uniforms[:, attribute] for attribute in range(4)]
        given = inputs.given
        performs, harmonizes = given.task == SCORE, given.task == MELODY
        chosen: list[Tensor] = []

        def choose(logits: Tensor, legal: Tensor = None) -> None:
            attribute = len(chosen)
            if legal is not None:
                logits = ops.where(legal, logits, FORBIDDEN)
            temperature = inputs.temperature * self.sampling.temperatures[attribute]
            top_p = 1 - (1 - inputs.top_p) * self.sampling.tail_shares[attribute]
            drawn = sample(logits, draws[attribute], temperature, top_p)
            chosen.append(ops.where(forced[:, attribute] == FREE, drawn, forced[:, attribute]))

        heads = self.model.output_heads
        bias = inputs.bias
        logits = heads[0](hidden, chosen)
        timed = ops.cond(
            ops.any(performs),
            lambda: timing(hidden, logits, heads[1], decode, given, uniforms, inputs.temperature, self.sampling),
            lambda: untimed(self.slots),
        )
        choose(logits + tempo_bias(decode, self.sampling) + bias.onset_shift, legal_shifts(decode))
        chosen[0] = ops.where(performs, timed.shift, chosen[0])
        draws[1] = ops.where(performs, timed.uniform, draws[1])
        logits = heads[1](hidden, chosen)
        end = ops.softmax(logits, axis=-1)[:, END]
        now = after_event(decode, ops.stack([chosen[0]] * 4, axis=-1)).time
        may_end = now - decode.first_onset >= inputs.earliest_end
        may_end = ops.logical_and(may_end, ~ops.any(given.open, axis=-1))
        legal = ops.where(performs[:, None], timed.keys, legal_keys(decode, chosen[0], may_end))
        logits = logits + pedal_bias(decode, now, self.sampling)
        logits = ops.cond(
            ops.any(harmonizes),
            lambda: ops.where(harmonizes[:, None], logits + melody_bias(given, now), logits),
            lambda: logits,
        )
        choose(logits + bias.key, legal)
        melody = giving_way(given, decode, chosen[0], chosen[1])
        chosen[0], chosen[1] = (ops.where(harmonizes, one, other) for one, other in zip(melody, chosen, strict=True))
        note = struck_note(given, decode, chosen[0], chosen[1])
        struck = chosen[1] < PITCHES
        choose(heads[2](hidden, chosen) + bias.velocity + velocity_prior(given, note))
        chosen[2] = ops.where(struck, chosen[2], NO_VELOCITY)
        choose(heads[3](hidden, chosen) + given_durations(given, note), legal_durations())
        chosen[3] = ops.where(struck, chosen[3], NO_DURATION)
        return ops.stack(chosen, axis=-1), end, note


def joined(states: Sequence[EngineState]) -> EngineState:
    """One state with the slots of all of these, one after another."""
    if len(states) == 1:
        return states[0]
    return keras.tree.map_structure(lambda *parts: ops.concatenate(parts, axis=0), *states)


def remaining(decode: DecodeState, length: Tensor) -> Tensor:
    """(slots,): the bucket of the time from the last event to the end of the length, both counted from the first note;
    unsaid where there is no length. It is `events.remaining_bucket` in the compiled loop."""
    played = ops.where(decode.sounded, decode.time - decode.first_onset, 0)
    seconds = ops.cast(length - played, "float32") * CELL
    passed = seconds[:, None] > ops.convert_to_tensor(REMAINING_EDGES, "float32")[None]
    return ops.where(length > 0, 1 + ops.sum(ops.cast(passed, "int32"), axis=-1), REMAINING_UNSAID)


def rows_of(state: EngineState, rows: Sequence[int]) -> EngineState:
    """Copies of these slots' rows. `ops.take` has four operations for each tensor, lest a row be negative, which took a
    twentieth of the time of composing."""
    if keras.backend.backend() == "jax":
        import jax

        return keras.tree.map_structure(lambda old: jax.numpy.take(old, np.array(rows), axis=0), state)
    import tensorflow

    return keras.tree.map_structure(lambda old: tensorflow.gather(old, rows), state)


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
