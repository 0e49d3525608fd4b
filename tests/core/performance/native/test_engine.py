"""core/performance/native/engine.py: the engine for processors plays what that for GPUs does."""

from functools import cache

import numpy as np
import pytest
from keras import ops
from keras.layers import Dense

from core.midi.smf import TimedNote
from core.performance.architecture import PerformanceConfig
from core.performance.candidates import CandidateGroup
from core.performance.engine import CHUNK
from core.performance.scheduler import Batch
from core.performance.score import Playing, melody_given, score_of
from core.performance.sequence import EventSequence
from core.performance.steering import Target
from core.performance.xla.cache import KVCache
from core.tonality import Key
from tests.core.performance.networks import KINDS, any_events, checkpoint_of, maker_of

RECALLING = PerformanceConfig(
    styles=("any", "Bach"),
    width=16,
    num_blocks=2,
    num_query_heads=4,
    num_kv_heads=2,
    window=3 * CHUNK,
    num_recall_layers=1,
    recall_length=4 * CHUNK,
)
PLAIN = PerformanceConfig(
    styles=("any", "Bach"), width=16, num_blocks=2, num_query_heads=2, num_kv_heads=2, window=4 * CHUNK
)


def in_bits(numbers, most, axis=-1):
    """Numbers as the native engine rounds them along an axis: to whole multiples, `most` either way, of a step."""
    step = ops.max(ops.abs(numbers), axis=axis, keepdims=True) / most
    return ops.floor(numbers / ops.maximum(step, 1e-30) + 0.5) * step


def in_16_bits(rows):
    inputs = rows.shape[-1]
    return in_bits(rows, min(2**15 - 1, 2**24 // (inputs + inputs % 2)))


@pytest.fixture(scope="module", autouse=True)
def rounded():
    """The engine for GPUs rounds its keys and values, and what it multiplies with weights, as the other does, so that
    nothing but the order of sums is left to differ in."""
    put, call = KVCache.put, Dense.call
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            KVCache,
            "put",
            lambda self, place, key, value, key_place=None: put(
                self, place, in_bits(key, 127, axis=2), in_bits(value, 127), key_place
            ),
        )
        patch.setattr(Dense, "call", lambda self, inputs, **more: call(self, in_16_bits(inputs), **more))
        yield


@pytest.fixture(scope="module")
def engines_of(tmp_path_factory):
    """Gives an engine of either kind of the same checkpoint and size, each made once: compiling takes long."""

    @cache
    def engines_of(config, pieces, candidates):
        checkpoint = checkpoint_of(tmp_path_factory.mktemp("network"), config)
        return [maker_of(kind, checkpoint)(pieces, candidates) for kind in KINDS]

    return engines_of


def notes(count, step, *pitches):
    """Chords of these pitches, each a semitone above the last of its kind, `step` seconds apart."""
    return [
        TimedNote(number * step, (number + 0.9) * step, pitch + number % 12, 64)
        for number in range(count)
        for pitch in pitches
    ]


def begun(take, events=7 * CHUNK - 20):
    """One that goes on from so many events: the window is full, and the memory was filled and begun anew."""
    return EventSequence(cells=60_000, take=take, forced=any_events(events, take)[0], primed=True)


def steered(take):
    return EventSequence(
        cells=60_000, take=take, style=1, temperature=0.9, top_p=0.95, target=Target(Key(3, False), 12.0, 50.0)
    )


def scored(take):
    """One that performs a score of more notes than are decoded: where none is left, the draws are any."""
    return EventSequence(cells=6000, take=take, playing=Playing(score_of(notes(200, 0.3, 50, 64, 71), 1.0)))


def harmonizing(take):
    return EventSequence(cells=6000, take=take, top_p=0.98, playing=Playing(melody_given(notes(60, 0.5, 72))))


def decoded(engine, sequences, chunks):
    """For each piece, its candidates' events and the probabilities of the end."""
    groups = [CandidateGroup(sequence, engine.candidates) for sequence in sequences]
    batch = Batch([engine])
    for _ in range(chunks):
        batch.decode(groups)
    return [[(candidate.events, candidate.ends) for candidate in group.candidates] for group in groups]


def alike(ours, theirs):
    """Whether a piece's events are the same, and the probabilities of the end nearly so."""
    return all(
        np.array_equal(events, their_events) and np.allclose(ends, their_ends, rtol=0.02)
        for (events, ends), (their_events, their_ends) in zip(ours, theirs, strict=True)
    )


@pytest.mark.parametrize(
    "config, pieces, candidates, sequences, chunks",
    [
        (RECALLING, 2, 3, lambda take: [begun(take), steered(take)], 9),
        (RECALLING, 2, 3, lambda take: [harmonizing(take), begun(take, 70)], 4),
        (RECALLING, 2, 3, lambda take: [scored(take), harmonizing(take)], 4),
        (PLAIN, 3, 1, lambda take: [begun(take), scored(take), steered(take)], 9),
    ],
    ids=["window and memory are full", "a melody", "a score", "without recall or candidates"],
)
def test_both_engines_play_the_same(engines_of, config, pieces, candidates, sequences, chunks):
    """Whatever is forced, steered or given. A draw in some thousands falls right between two choices, or a key between
    two steps of 8 bits, and its piece goes on otherwise then: of a few takes, each piece is the same in one at least,
    from its beginning to its end."""
    engines = engines_of(config, pieces, candidates)
    waiting, takes = set(range(len(sequences(0)))), iter(range(6))
    while waiting:
        take = next(takes, None)
        assert take is not None, f"pieces {waiting} are never the same"
        played = zip(*(decoded(engine, sequences(take), chunks) for engine in engines), strict=True)
        waiting -= {piece for piece, (ours, theirs) in enumerate(played) if alike(ours, theirs)}
