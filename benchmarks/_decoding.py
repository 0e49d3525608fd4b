"""The decode loop by itself, chunk by chunk, for the benchmarks of its steps."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks._report import seconds_of
from core.checkpoint import Checkpoint
from core.loader import load_composer
from core.models import CHECKPOINTS, DEFAULT_MODEL, MODELS, SMALL
from core.performance.candidates import CandidateGroup
from core.performance.composer import PerformanceComposer
from core.performance.engine import Engine
from core.performance.engines import on_gpu
from core.performance.scheduler import Batch
from core.performance.sequence import EventSequence
from core.process.programs import ProgramCache, user_cache

CLOCK, MILLISECONDS = (time.perf_counter, "ms") if on_gpu() else (time.process_time, "processor ms")
"""The clock of a step, and its unit in tables. On a processor, a step's own time: what else the machine does makes it a
little longer, and not twice as long. XLA's threads count together."""
FEWEST_CHUNKS = 3
"""Chunks of which a figure is the median, at least."""


def default_composer() -> PerformanceComposer:
    """The default model, with programs that are kept from run to run as the command line keeps them."""
    composer = load_composer(DEFAULT_MODEL, programs=ProgramCache(user_cache()))
    assert isinstance(composer, PerformanceComposer)
    return composer


def default_checkpoint() -> Checkpoint:
    return Checkpoint(MODELS[DEFAULT_MODEL].folder(CHECKPOINTS, SMALL), DEFAULT_MODEL)


def decoder(engine: Engine) -> Callable[[], None]:
    """Decodes a chunk of as many pieces as there is room for, at each call."""
    groups = [CandidateGroup(EventSequence(cells=10**6, take=take, top_p=0.97), 1) for take in range(engine.pieces)]
    batch = Batch([engine])
    return lambda: batch.decode(groups)


def chunk_seconds(decoders: Sequence[Callable[[], None]], seconds: float) -> list[float]:
    """The median seconds of a chunk of each of these by CLOCK; they take turns for about as many seconds as given. The
    first chunk, which may compile, is left out."""
    for decode in decoders:
        decode()
    rounds: list[list[float]] = []
    until = time.perf_counter() + seconds
    while len(rounds) < FEWEST_CHUNKS or time.perf_counter() < until:
        rounds.append([seconds_of(decode, CLOCK) for decode in decoders])
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def memory_speed() -> float:
    """Bytes a second that one core reads from memory, out of an array much larger than any cache."""
    numbers = np.ones(2**26, dtype=np.float32)
    return numbers.nbytes / min(seconds_of(numbers.sum, time.process_time) for _ in range(5))
