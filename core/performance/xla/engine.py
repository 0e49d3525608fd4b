"""The engine for GPUs: a chunk of events of all slots is one program, compiled by XLA. Differences between backends are
in `rows_of`, `compiled` and `gpus` alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeAlias, TypeVar

import keras
import numpy as np
from keras import ops

from core.performance.engine import (
    CHUNK,
    FREE,
    RECALL_LENGTH,
    SHORTEST_WINDOW,
    STRETCH,
    Chunk,
    ChunkInputs,
    Origin,
    before_the_first_event,
)
from core.performance.events import (
    CELL,
    DURATION,
    END,
    NO_DURATION,
    NO_VELOCITY,
    PITCHES,
    REMAINING_EDGES,
    REMAINING_UNSAID,
    VELOCITY,
)
from core.performance.given import MELODY, SCORE
from core.performance.model import PerformanceModel, rotary_angles
from core.performance.recall import remember
from core.performance.sampling import FORBIDDEN, SAMPLING, DecodeState, SamplingParameters
from core.performance.xla.cache import KVCache
from core.performance.xla.given import giving_way, melody_bias, own_draw, struck_note
from core.performance.xla.rubato import after_note, given_durations, timing, untimed, velocity_prior
from core.performance.xla.sampling import (
    after_event,
    legal_durations,
    legal_keys,
    legal_shifts,
    pedal_bias,
    sample,
    tempo_bias,
)

Tensor: TypeAlias = Any
State = TypeVar("State")

CACHE_DTYPE = "float16"
"""How the keys and values that a piece recalls are kept between chunks."""


class SlotState(NamedTuple):
    """The state of each slot: its last event, (slots, 4), the decode state, and the last STRETCH events of the KV cache
    of each block and of the memory of each recall layer, which has the last moment's key besides."""

    event: Tensor
    decode: DecodeState
    recent: tuple[KVCache, ...]
    moments: tuple[KVCache, ...]


class PieceState(NamedTuple):
    """The state that the candidates of a piece have in common: for each block the KV cache of the window without the
    last STRETCH events, and for each recall layer its memory, see `recall.remember`."""

    past: tuple[KVCache, ...]
    memories: tuple[KVCache, ...]


class EngineState(NamedTuple):
    """The state that is carried from chunk to chunk. The slots of a piece follow one another."""

    slots: SlotState
    pieces: PieceState


class XlaEngine:
    """See `core.performance.engine.Engine`. A piece is the same in any slot: a slot's past lies in the order of its own
    age, and what it has not played is masked."""

    def __init__(
        self, model: PerformanceModel, pieces: int, candidates: int = 1, sampling: SamplingParameters = SAMPLING
    ) -> None:
        if model.config.window < SHORTEST_WINDOW:
            raise ValueError(f"a window of {model.config.window} events is shorter than {SHORTEST_WINDOW}")
        if model.config.recall_length % CHUNK:
            raise ValueError(f"a memory of {model.config.recall_length} events is no multiple of a chunk of {CHUNK}")
        self.model, self.pieces, self.candidates, self.sampling = model, pieces, candidates, sampling
        self.slots = pieces * candidates
        self.advance = compiled(self._advance, model)
        """(state, chunk inputs) -> (the next state, the chunk)."""

    def start(self) -> EngineState:
        """Every slot before its sequence's first event."""
        config = self.model.config
        length = min(config.recall_length, RECALL_LENGTH)
        blocks, recalls = range(config.num_blocks), range(config.num_recall_layers)
        recent = self._empty(self.slots, STRETCH)
        moment = KVCache(self._empty(self.slots, STRETCH + 1).keys, recent.values)
        past, memory = self._empty(self.pieces, config.window - STRETCH), self._empty(self.pieces, length, CACHE_DTYPE)
        return EngineState(
            SlotState(
                *before_the_first_event(self.slots), tuple(recent for _ in blocks), tuple(moment for _ in recalls)
            ),
            PieceState(tuple(past for _ in blocks), tuple(memory for _ in recalls)),
        )

    def _empty(self, rows: int, events: int, dtype: str = "float32") -> KVCache:
        config = self.model.config
        return KVCache.empty(rows, config.num_kv_heads, config.head_dim, events, dtype)

    def gather(self, states: Sequence[EngineState], origins: Sequence[Origin | None]) -> EngineState:
        origins = [*origins, *[None] * (self.slots - len(origins))]
        joined, rows = _joined(states), _rows(states, origins)
        slots = rows_of(joined.slots, [slot for slot, _ in rows])
        pieces = rows_of(joined.pieces, [piece for _, piece in rows[:: self.candidates]])
        begins = np.array([origin is None for origin in origins])
        if not begins.any():
            return EngineState(slots, pieces)

        def renewed(old: Tensor, new: np.ndarray) -> Tensor:
            return ops.where(begins.reshape(-1, *[1] * (new.ndim - 1)), new, old)

        event, decode = before_the_first_event(self.slots)
        # the caches of a sequence that begins are masked
        slots = slots._replace(
            event=renewed(slots.event, event), decode=DecodeState(*map(renewed, slots.decode, decode))
        )
        return EngineState(slots, pieces)

    def row(self, state: EngineState, slot: int) -> EngineState:
        """The state of one slot alone, a copy: it does not hold on to those of its neighbours."""
        return EngineState(rows_of(state.slots, [slot]), rows_of(state.pieces, [slot // self.candidates]))

    def _advance(self, state: EngineState, inputs: ChunkInputs) -> tuple[EngineState, Chunk]:
        slots, pieces = state
        recent, moments = (tuple(cache.longer(CHUNK) for cache in caches) for caches in (slots.recent, slots.moments))
        events, ends = ops.zeros((CHUNK, self.slots, 4), dtype="int32"), ops.zeros((CHUNK, self.slots))
        struck = ops.zeros((CHUNK, self.slots), dtype="int32")
        began = slots.decode.events_read

        def body(place: Tensor, carried: Any) -> Any:
            slots, events, ends, struck, given_open, tempo = carried
            given = inputs.given._replace(open=given_open, tempo=tempo)
            hidden, recent, moments = self._read(slots, pieces, began, inputs, place)
            event, end, note = self._choose(hidden, slots.decode, inputs._replace(given=given), place)
            events = ops.slice_update(events, (place, 0, 0), event[None])
            ends = ops.slice_update(ends, (place, 0), end[None])
            struck = ops.slice_update(struck, (place, 0), note[None])
            decode = after_event(slots.decode, event)
            given = after_note(given, note, decode.time, event[:, VELOCITY])
            return SlotState(event, decode, recent, moments), events, ends, struck, given.open, given.tempo

        slots = slots._replace(recent=recent, moments=moments)
        slots, events, ends, struck, given_open, tempo = ops.fori_loop(
            0, CHUNK, body, (slots, events, ends, struck, inputs.given.open, inputs.given.tempo)
        )
        given = inputs.given._replace(open=given_open, tempo=tempo)
        return self._settled(EngineState(slots, pieces), began), Chunk(events, ends, struck, given)

    def _settled(self, state: EngineState, began: Tensor) -> EngineState:
        """The oldest chunk of events of the slots becomes part of their piece: no candidate differs in it."""
        slots, pieces = state
        past = tuple(
            past.without(CHUNK).followed_by(recent.first(CHUNK, self.candidates))
            for past, recent in zip(pieces.past, slots.recent, strict=True)
        )
        memories = tuple(
            remember(memory, moments.first(CHUNK, self.candidates), began[:: self.candidates])
            for memory, moments in zip(pieces.memories, slots.moments, strict=True)
        )
        recent, moments = (tuple(cache.without(CHUNK) for cache in caches) for caches in (slots.recent, slots.moments))
        return EngineState(slots._replace(recent=recent, moments=moments), PieceState(past, memories))

    def _read(
        self, slots: SlotState, pieces: PieceState, began: Tensor, inputs: ChunkInputs, place: Tensor
    ) -> tuple[Tensor, tuple[KVCache, ...], tuple[KVCache, ...]]:
        """The hidden state after the last events, (slots, width), and the recent caches and moments with theirs."""
        decode = slots.decode
        angles = rotary_angles(self.model.config, decode.events_read[:, None], decode.time[:, None])
        hidden = self.model.embed(slots.event[:, None], inputs.style, remaining(decode, inputs.length)[:, None])
        seen, here = self._seen(began, place), STRETCH + place
        memories = iter(zip(pieces.memories, slots.moments, strict=True))
        caches, moments = [], []
        for recall, block, past, recent in zip(
            self.model.recall_layers, self.model.blocks, pieces.past, slots.recent, strict=True
        ):
            if recall is not None:
                memory, cache = next(memories)
                hidden, key, value = recall.step(hidden, memory, began, place, self.sampling.recall_bias)
                moments.append(cache.put(here, key, value, key_place=here + 1))  # beside the event after its moment
            hidden, recent = block.step(hidden, angles, past, recent, seen, here)
            caches.append(recent)
        return self.model.norm(hidden)[:, 0], tuple(caches), tuple(moments)

    def _seen(self, began: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """Masks of the past and of the recent events, for `attend`: both lie by their age, and nothing before the
        piece's start counts."""
        window = self.model.config.window
        older, newer = ops.arange(window - STRETCH)[None], ops.arange(STRETCH + CHUNK)[None]
        past = ops.logical_and(older > place, older >= window - began[:, None])
        recent = ops.logical_and(newer <= STRETCH + place, newer >= STRETCH - began[:, None])
        heads = self.model.config.group_size
        past = ops.repeat(ops.reshape(past, (self.pieces, self.candidates, -1)), heads, axis=1)
        return past[:, None], recent[:, None, None]

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
        draws[2:] = [own_draw(given, note, attribute, draws[attribute]) for attribute in (VELOCITY, DURATION)]
        struck = chosen[1] < PITCHES
        choose(heads[2](hidden, chosen) + bias.velocity + velocity_prior(given, note))
        chosen[2] = ops.where(struck, chosen[2], NO_VELOCITY)
        choose(heads[3](hidden, chosen) + given_durations(given, note), legal_durations())
        chosen[3] = ops.where(struck, chosen[3], NO_DURATION)
        return ops.stack(chosen, axis=-1), end, note


def _joined(states: Sequence[EngineState]) -> EngineState:
    """One state with the slots of all of these, one after another."""
    if len(states) == 1:
        return states[0]
    return keras.tree.map_structure(lambda *parts: ops.concatenate(parts, axis=0), *states)


def _rows(states: Sequence[EngineState], origins: Sequence[Origin | None]) -> list[tuple[int, int]]:
    """For each origin its slot and its piece in the joined states; those of a sequence that begins are any."""
    slots = [len(state.slots.event) for state in states]
    pieces = [len(state.pieces.past[0].keys) for state in states]
    rows = []
    for origin in origins:
        number, slot = origin or (0, 0)
        piece = slot * pieces[number] // slots[number]
        rows.append((sum(slots[:number]) + slot, sum(pieces[:number]) + piece))
    return rows


def remaining(decode: DecodeState, length: Tensor) -> Tensor:
    """(slots,): the bucket of the time from the last event to the end of the length, both counted from the first note;
    unsaid where there is no length. It is `events.remaining_bucket` in the compiled loop."""
    played = ops.where(decode.sounded, decode.time - decode.first_onset, 0)
    seconds = ops.cast(length - played, "float32") * CELL
    passed = seconds[:, None] > ops.convert_to_tensor(REMAINING_EDGES, "float32")[None]
    return ops.where(length > 0, 1 + ops.sum(ops.cast(passed, "int32"), axis=-1), REMAINING_UNSAID)


def rows_of(state: State, rows: Sequence[int]) -> State:
    """Copies of these rows of a state's tensors. `ops.take` has four operations for each tensor, lest a row be
    negative, which took a twentieth of the time of composing."""
    if keras.backend.backend() == "jax":
        return _rows_by_jax()(state, np.array(rows))
    import tensorflow

    return keras.tree.map_structure(lambda old: tensorflow.gather(old, rows), state)


@cache
def _rows_by_jax() -> Callable[[State, np.ndarray], Any]:
    """Takes them by one program: to start one for each tensor took three to five times as long on a processor."""
    import jax

    return jax.jit(lambda state, rows: jax.tree.map(lambda old: jax.numpy.take(old, rows, axis=0), state))


def compiled(function: Callable[..., Any], model: keras.Model) -> Callable[..., Any]:
    """The function, which reads the model's weights, as one graph that is compiled when it is first called."""
    if keras.backend.backend() == "jax":
        return _jitted(function, model.variables)
    import tensorflow

    return tensorflow.function(function, jit_compile=True, autograph=False)


def _jitted(function: Callable[..., Any], variables: Sequence[Any]) -> Callable[..., Any]:
    """By JAX, with the variables' values as an argument: values that JAX finds by itself become constants, which each
    program would hold anew, and which XLA takes long to go through."""
    import jax

    @jax.jit
    def with_values(values: Sequence[Any], arguments: Sequence[Any]) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function(*arguments)

    return lambda *arguments: with_values([variable.value for variable in variables], arguments)


def gpus() -> int:
    """How many GPUs the backend sees."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.device_count() if jax.default_backend() == "gpu" else 0
    import tensorflow

    return len(tensorflow.config.list_physical_devices("GPU"))
