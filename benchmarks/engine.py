"""The generation engine of the default model: seconds by length and by pieces at once, the share of each part of a
step, and the distance from the limit that the machine's memory sets."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from core.performance.cache import STRETCH
from keras import ops

from benchmarks._report import parser, table
from core.loader import load_composer
from core.options import STEP_SECONDS
from core.performance import engine
from core.performance.candidates import CANDIDATES, CandidateGroup
from core.performance.composer import PerformanceComposer
from core.performance.engine import CHUNK, Engine, gpus
from core.performance.model import PerformanceModel
from core.performance.scheduler import Batch
from core.performance.sequence import EventSequence
from core.request import ComposeRequest
from core.seed import Seed

CHUNKS = 24
"""Chunks of which a figure is the median."""
WHOLE = [(50, (1,)), (500, (1, 2, 4, 8)), (1500, (1,)), (3000, (1,))]
"""Lengths of whole pieces in steps, each with the numbers of pieces at once."""
PIECES = (1, 2, 4, 8, 16, 32)
PIECES_OF_A_GPU = (1, 16, 64, 256)
AGES = (256, 512, 1024, 2048, 4096, 8192, 10240)
"""Events that a piece has at the end of each line of `steps_by_age`."""


def pieces_at_once(composer: PerformanceComposer, whole: Sequence[tuple[int, Sequence[int]]]) -> str:
    """Whole pieces, each asked for by a thread of its own. `whole` is as WHOLE. The processor's seconds are those of
    all cores, and of no other process."""
    rows, alone = [], 0.0
    for length, counts in whole:
        for count in counts:
            requests = [ComposeRequest(Seed.parse("72"), take=take, length=length) for take in range(max(count, 2))]
            with ThreadPoolExecutor(count) as pool:
                began, spent = time.perf_counter(), time.process_time()
                latencies = list(pool.map(lambda request: seconds_of(lambda: composer.compose(request)), requests))
                seconds, spent = time.perf_counter() - began, time.process_time() - spent
            music = length * STEP_SECONDS * len(requests)
            alone = alone or music / seconds
            figures = [
                f"{statistics.median(latencies):.2f}",
                f"{spent / len(requests):.2f}",
                f"{1000 * spent / music:.0f}",
                f"{music / seconds:.0f}",
                f"{music / seconds / alone:.1f}",
            ]
            rows.append([f"{length * STEP_SECONDS:g} s, {count} at once", *figures])
    header = ["music", "seconds a piece", "processor's", "its ms a second of music", "times real time", "ratio"]
    return table("whole pieces", header, rows)


def steps_by_age(network: PerformanceModel, size: int, ages: Sequence[int]) -> str:
    """Whether an event takes as long late in a piece as early: recall reads more of a longer piece."""
    batch = Batch([Engine(network, size, CANDIDATES)])
    pieces = [CandidateGroup(EventSequence(cells=10**6, take=take, top_p=0.97), 1) for take in range(size)]
    batch.decode(pieces)
    rows, age, first = [], CHUNK, 0.0
    for last in ages:
        times, began = [], age
        while age < last:
            spent = time.process_time()
            batch.decode(pieces)
            times.append(time.process_time() - spent)
            age += CHUNK
        step = min(times) / CHUNK
        first = first or step
        rows.append([f"{began} to {last}", f"{1000 * step:.2f}", f"{step / first:.2f}"])
    title = f"an event of {size} pieces by the events before it"
    return table(title, ["events", "the processor's ms a step, least", "ratio"], rows)


def pieces(network: PerformanceModel, sizes: Sequence[int], chunks: int) -> str:
    """Engines of several sizes, and the bytes that a step of each reads: all weights, the cache of every piece, and
    those of its candidates."""
    weights = sum(int(np.prod(weight.shape)) for weight in network.weights) * 4
    config = network.config
    events = config.window - STRETCH + CANDIDATES * (STRETCH + CHUNK)
    cache = config.num_blocks * 2 * config.num_kv_heads * events * config.head_dim * 4
    rows, alone, fastest = [], 0.0, memory_speed()
    for size in sizes:
        step = played(network, size, chunks)[0] / CHUNK
        alone = alone or 1 / step
        moved = weights + size * cache
        figures = [f"{1000 * step:.2f}", f"{size / step:.0f}", f"{size / step / alone:.1f}"]
        figures += [f"{moved / 1e6:.0f}", f"{moved / step / 1e9:.1f}", f"{100 * moved / step / fastest:.0f} %"]
        rows.append([str(size), *figures])
    title = f"one batch; a core reads {fastest / 1e9:.1f} GB/s from memory"
    return table(title, ["pieces", "ms a step", "events a second", "ratio", "MB a step", "GB/s", "of memory's"], rows)


def shares(network: PerformanceModel, size: int, chunks: int) -> str:
    """The share of the draws, which is the time a step saves without them, and of work outside the compiled loop."""
    whole, inside = played(network, size, chunks)
    drawn = engine.sample
    engine.sample = lambda logits, *_: ops.cast(ops.argmax(logits, axis=-1), "int32")
    try:
        undrawn, _ = played(network, size, chunks)
    finally:
        engine.sample = drawn
    parts = {"network": inside - whole + undrawn, "drawing": whole - undrawn, "host, between chunks": whole - inside}
    rows = [
        [name, f"{1000 * seconds / CHUNK:.3f}", f"{100 * seconds / whole:.0f} %"] for name, seconds in parts.items()
    ]
    return table(f"where the time of {size} pieces goes", ["part", "ms a step", "share"], rows)


def played(network: PerformanceModel, size: int, chunks: int) -> tuple[float, float]:
    """Seconds of a chunk of `size` pieces, all of it and the compiled loop alone: medians."""
    sized = Engine(network, size, CANDIDATES)
    advance, inside = sized.advance, []

    def timed(*arguments: Any) -> Any:
        began = time.perf_counter()
        state, chunk = advance(*arguments)
        np.asarray(chunk.events)
        inside.append(time.perf_counter() - began)
        return state, chunk

    sized.advance = timed
    pieces = [CandidateGroup(EventSequence(cells=10**6, take=take, top_p=0.97), 1) for take in range(size)]
    batch = Batch([sized])
    batch.decode(pieces)
    whole = [seconds_of(lambda: batch.decode(pieces)) for _ in range(chunks)]
    return statistics.median(whole), statistics.median(inside[1:])


def memory_speed() -> float:
    """Bytes a second that one core reads from memory, out of an array much larger than any cache."""
    numbers = np.ones(2**26, dtype=np.float32)
    return numbers.nbytes / min(seconds_of(numbers.sum) for _ in range(5))


def seconds_of(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    quick = parser("engine", __doc__).parse_args().quick
    chunks = 2 if quick else CHUNKS
    composer = load_composer("performance")
    assert isinstance(composer, PerformanceComposer)
    print(pieces_at_once(composer, [(25, (1,))] if quick else WHOLE))
    print(pieces(composer.network, (1,) if quick else PIECES_OF_A_GPU if gpus() else PIECES, chunks))
    print(steps_by_age(composer.network, 1, (2 * CHUNK,) if quick else AGES))
    for size in (1,) if quick else (1, 4):
        print(shares(composer.network, size, chunks))


if __name__ == "__main__":
    main()
