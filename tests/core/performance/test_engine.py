"""core/performance/engine.py: both engines give what the network gives that reads a piece as a whole, and a piece is
the same wherever it is decoded."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from core.performance.candidates import CandidateGroup
from core.performance.engine import CHUNK, STRETCH, Origin
from core.performance.events import BIN_CELLS, CELL, END, KEY, PITCHES, SHIFT, VELOCITY, remaining_bucket
from core.performance.model import network_of
from core.performance.sampling import SamplingParameters
from core.performance.scheduler import Batch
from core.performance.sequence import EventSequence
from core.performance.steering import NO_BIAS, NO_TARGET, LogitBias, Target
from core.performance.xla import engine as xla
from core.tonality import Key
from tests.core.performance.networks import (
    KINDS,
    TINY,
    after_the_start,
    any_events,
    checkpoint_of,
    free,
    inputs_of,
    logits_of,
    maker_of,
)

LENGTH = 12_000
"""Cells, in the midst of the events of the tests."""
WITH_RECALL = replace(TINY, num_recall_layers=2, recall_length=4 * CHUNK)
UNBIASED = SamplingParameters(recall_bias=0.0)
TOLERANCES = {"native": 5e-2, "xla": 1e-3}
"""How much the logarithm of a probability may differ: the engine for processors keeps keys and values in 8
bits."""


@pytest.fixture(scope="module", autouse=True)
def unrounded():
    """The engine for GPUs keeps all that is recalled as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xla, "CACHE_DTYPE", "float32")
        yield


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """One for each network, by its config."""
    return {config: checkpoint_of(tmp_path_factory.mktemp("network"), config) for config in (TINY, WITH_RECALL)}


@pytest.fixture(scope="module")
def engine_of(checkpoints):
    """Makes an engine of a kind and size, each once: compiling is what takes long."""

    @cache
    def engine_of(kind, pieces, candidates, config=WITH_RECALL):
        return maker_of(kind, checkpoints[config], UNBIASED)(pieces, candidates)

    return engine_of


def log_ends_by_a_full_pass(checkpoint, events):
    """The logarithm of the probability that the piece ends at each of (1, count, 4) events. It depends on all of the
    hidden state, and on the onset shift."""
    remaining = remaining_bucket((LENGTH - times_of(after_the_start(events)[0])) * CELL)
    logits = logits_of(network_of(checkpoint), events, remaining=remaining[None])[KEY][0].astype(np.float64)
    return logits[:, END] - np.log(np.exp(logits).sum(axis=-1))


def times_of(events):
    """Cells from the first note to each event; 0 before it."""
    times = np.cumsum(BIN_CELLS[events[:, SHIFT]])
    return np.maximum(times - times[(events[:, KEY] < PITCHES).argmax()], 0)


def log_ends(engine, forced):
    """The same by an engine of two pieces and two candidates, (events, slots), where the (count, slots, 4) events are
    forced. The second piece begins a chunk later: its first is of another piece, and is forgotten."""
    state, ends = engine.start(), []
    for first in range(0, len(forced), CHUNK):
        if first == CHUNK:
            state = engine.gather([state], [Origin(0, 0), Origin(0, 1), None, None])
        state, decoded = engine.advance(state, inputs_of(forced[first : first + CHUNK], LENGTH))
        ends.append(np.asarray(decoded.ends))
    return np.log(np.concatenate(ends))


@pytest.mark.parametrize(
    "kind, config",
    [("native", TINY), ("native", WITH_RECALL), ("xla", WITH_RECALL)],
    ids=["native", "native with recall", "xla with recall"],
)
def test_a_cached_step_gives_what_the_full_pass_gives(checkpoints, engine_of, kind, config):
    """Event by event with the cache, also in slots that began a chunk later than others, and where the candidates of a
    piece differ in its last stretch, the probability of the end is that of the full forward pass; also past the lengths
    of the window and of the memory, where the cache forgets. The time that is left counts down from the first note."""
    sequences = np.concatenate([any_events(8 * CHUNK, seed) for seed in (0, 0, 1, 1)])
    sequences[[1, 3], -STRETCH:] = np.concatenate([any_events(STRETCH, seed) for seed in (2, 3)])
    found = log_ends(engine_of(kind, 2, 2, config), sequences.transpose(1, 0, 2))
    for slot, sequence in enumerate(sequences):
        began = CHUNK if slot >= 2 else 0
        expected = log_ends_by_a_full_pass(checkpoints[config], sequence[None, began:])
        np.testing.assert_allclose(found[began:, slot], expected, atol=TOLERANCES[kind])


def piece(take, candidates):
    """One of a style, temperature and target of its own."""
    target = Target(Key(take, False), 12.0, 50.0) if take % 2 else NO_TARGET
    sequence = EventSequence(
        cells=6000, take=take, style=take % 2, temperature=1.0 + take / 10, top_p=0.98, target=target
    )
    return CandidateGroup(sequence, candidates)


@pytest.mark.parametrize(
    "kind, candidates, alone, company",
    [
        ("native", 1, [1], [1]),
        ("native", 1, [2], [2, 3, 5]),
        ("native", 3, [1], [1, 2, 3]),
        ("xla", 2, [1], [1, 2]),
    ],
)
def test_a_piece_is_the_same_in_company(engine_of, kind, candidates, alone, company):
    """Alone or beside others that come and go, begun at any chunk, moved from slot to slot and from engine to engine:
    the events are the same, bit for bit. (Compiled by XLA, a row alone differs from a row among others.)"""
    wanted = {}
    for take in range(5):
        batch, mine = Batch([engine_of(kind, pieces, candidates) for pieces in alone]), piece(take, candidates)
        while not mine.done:
            batch.decode([mine])
        wanted[take] = mine.moments().tolist()
    batch = Batch([engine_of(kind, pieces, candidates) for pieces in company])
    waiting, playing, done = [piece(take, candidates) for take in range(5)], [], []
    while len(done) < 5:
        if waiting and len(playing) < company[-1]:  # one more each chunk, so that all begin at different times
            playing.append(waiting.pop())
        batch.decode(playing)
        done += [each for each in playing if each.done]
        playing = [each for each in playing if not each.done]
    assert {mine.best.take: mine.moments().tolist() for mine in done} == wanted
    assert max(map(len, wanted.values())) > STRETCH


@pytest.mark.parametrize("kind", KINDS)
def test_a_piece_goes_on_from_a_kept_state_as_it_did_before(engine_of, kind):
    """With the same draws the same events come, bit for bit, though it is in other slots then."""
    batch = Batch([engine_of(kind, 2, 2)])
    mine, other = (CandidateGroup(EventSequence(cells=60_000, take=take), 2) for take in (1, 2))
    while len(mine.best.events) < 3 * STRETCH:
        batch.decode([mine])
    before = mine.best.events
    mine.cut(3 * STRETCH - 1)
    assert len(mine.best.events) == 2 * STRETCH
    while len(mine.best.events) < 3 * STRETCH:
        batch.decode([other, mine])
    np.testing.assert_array_equal(mine.best.events, before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_slot_has_its_own_bias(engine_of, kind):
    """A bias that outweighs the network decides the attribute that it is for, in its slot alone."""
    bias = LogitBias(*(np.zeros_like(part) for part in NO_BIAS))
    bias.onset_shift[7], bias.key[40], bias.velocity[20] = 100, 100, 100
    engine = engine_of(kind, 1, 2)
    inputs = inputs_of(free(2))._replace(bias=LogitBias(*map(np.stack, zip(bias, NO_BIAS, strict=True))))
    steered, unsteered = np.asarray(engine.advance(engine.start(), inputs)[1].events).transpose(1, 0, 2)
    assert set(steered[:, SHIFT]) == {7}
    assert set(steered[:, KEY]) == {40}
    assert set(steered[:, VELOCITY]) == {20}
    assert len(set(unsteered[unsteered[:, KEY] < PITCHES, KEY])) > 1
