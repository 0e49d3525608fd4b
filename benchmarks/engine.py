"""The decode loop of the default model: seconds by length and by pieces at once, the share of each part of a step, the
distance from the limit that the machine's memory sets, and the engines for processors and for GPUs side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks._report import parser, table
from core.checkpoint import Checkpoint
from core.loader import load_composer
from core.models import CHECKPOINTS, DEFAULT_MODEL, MODELS, SMALL
from core.options import STEP_SECONDS
from core.performance.architecture import PerformanceConfig, config_of
from core.performance.candidates import CANDIDATES, CandidateGroup
from core.performance.composer import PerformanceComposer
from core.performance.engine import CHUNK, STRETCH, Engine
from core.performance.engines import EngineMaker, on_gpu
from core.performance.native.engine import NativeEngine
from core.performance.native.network import NativeNetwork
from core.performance.native.weights import weights_of
from core.performance.sampling import SAMPLING
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
PIECES_SIDE_BY_SIDE = (1, 2, 4, 8)
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


def steps_by_age(engine: Engine, ages: Sequence[int]) -> str:
    """Whether an event takes as long late in a piece as early: recall reads more of a longer piece."""
    decode = decoding(engine)
    decode()
    rows, age, first = [], CHUNK, 0.0
    for last in ages:
        times, began = [], age
        while age < last:
            spent = time.process_time()
            decode()
            times.append(time.process_time() - spent)
            age += CHUNK
        step = min(times) / CHUNK
        first = first or step
        rows.append([f"{began} to {last}", f"{1000 * step:.2f}", f"{step / first:.2f}"])
    title = f"an event of {counted(engine.pieces)} by the events before it"
    return table(title, ["events", "the processor's ms a step, least", "ratio"], rows)


def pieces(make: EngineMaker, sizes: Sequence[int], weights: int, config: PerformanceConfig, chunks: int) -> str:
    """Engines of several sizes, and the bytes that a step of each reads: all weights, the cache of every piece, and
    those of its candidates."""
    events = config.window - STRETCH + CANDIDATES * (STRETCH + CHUNK)
    cache = config.num_blocks * 2 * config.num_kv_heads * events * config.head_dim * 4
    rows, alone, fastest = [], 0.0, memory_speed()
    for size in sizes:
        step = chunk_seconds([decoding(make(size, CANDIDATES))], chunks)[0] / CHUNK
        alone = alone or 1 / step
        moved = weights + size * cache
        figures = [f"{1000 * step:.2f}", f"{size / step:.0f}", f"{size / step / alone:.1f}"]
        figures += [f"{moved / 1e6:.0f}", f"{moved / step / 1e9:.1f}", f"{100 * moved / step / fastest:.0f} %"]
        rows.append([str(size), *figures])
    title = f"one batch; a core reads {fastest / 1e9:.1f} GB/s from memory"
    return table(title, ["pieces", "ms a step", "events a second", "ratio", "MB a step", "GB/s", "of memory's"], rows)


def shares(engine: Engine, chunks: int) -> str:
    """Where the time goes: the network's blocks and output heads, the rest of the compiled loop, which chooses and
    draws, and work between chunks. XLA's loop is one program, whose parts cannot be told apart."""
    decode = decoding(engine)
    decode()
    with (
        timed(engine, "advance", lambda result: np.asarray(result[1].events)) as loop,
        timed(NativeNetwork, "read") as blocks,
        timed(NativeNetwork, "predict") as heads,
    ):
        whole = sum(seconds_of(decode) for _ in range(chunks))
    parts = {"host, between chunks": whole - sum(loop), "decode loop": sum(loop)}
    if blocks:
        del parts["decode loop"]
        parts |= {"blocks": sum(blocks), "output heads": sum(heads), "drawing": sum(loop) - sum(blocks) - sum(heads)}
    rows = [
        [name, f"{1000 * seconds / chunks / CHUNK:.3f}", f"{100 * seconds / whole:.0f} %"]
        for name, seconds in parts.items()
    ]
    return table(f"where the time of {counted(engine.pieces)} goes", ["part", "ms a step", "share"], rows)


def side_by_side(makers: Mapping[str, EngineMaker], sizes: Sequence[int], chunks: int) -> str:
    """The engines on the same pieces, in turns, chunk by chunk."""
    rows = []
    for size in sizes:
        decoders = [decoding(make(size, CANDIDATES)) for make in makers.values()]
        steps = [seconds / CHUNK for seconds in chunk_seconds(decoders, chunks)]
        rows.append([str(size), *(f"{1000 * step:.2f}" for step in steps), f"{steps[-1] / steps[0]:.2f}"])
    first, *_, last = makers
    title = f"ms a step, {CANDIDATES} candidates a piece, engines in turns"
    return table(title, ["pieces", *makers, f"{last} / {first}"], rows)


def makers_of_engines() -> dict[str, EngineMaker]:
    """Both engines on the default model's weights, whichever of them is in use here."""
    from core.performance.model import network_of
    from core.performance.xla.engine import XlaEngine

    checkpoint = opened()
    config, model = config_of(checkpoint), network_of(checkpoint)
    network = NativeNetwork(weights_of(checkpoint, config, SAMPLING.recall_bias), config)
    return {
        "native": lambda pieces, candidates: NativeEngine(network, pieces, candidates),
        "XLA": lambda pieces, candidates: XlaEngine(model, pieces, candidates),
    }


def opened() -> Checkpoint:
    return Checkpoint(MODELS[DEFAULT_MODEL].folder(CHECKPOINTS, SMALL), DEFAULT_MODEL)


def decoding(engine: Engine) -> Callable[[], None]:
    """Decodes a chunk of as many pieces as there is room for, at each call."""
    groups = [CandidateGroup(EventSequence(cells=10**6, take=take, top_p=0.97), 1) for take in range(engine.pieces)]
    batch = Batch([engine])
    return lambda: batch.decode(groups)


def chunk_seconds(decoders: Sequence[Callable[[], None]], chunks: int) -> list[float]:
    """The median seconds of a chunk of each of these, which take turns. The first chunk, which may compile, is left
    out."""
    for decode in decoders:
        decode()
    times = [[seconds_of(decode) for decode in decoders] for _ in range(chunks)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


@contextmanager
def timed(owner: object, name: str, wait: Callable[[Any], object] = lambda result: None) -> Iterator[list[float]]:
    """The seconds of each call of a method, meanwhile, with those until its result is there: a GPU works on behind a
    call."""
    method: Callable[..., Any] = getattr(owner, name)
    seconds: list[float] = []

    def measured(*arguments: Any) -> Any:
        began = time.perf_counter()
        result = method(*arguments)
        wait(result)
        seconds.append(time.perf_counter() - began)
        return result

    setattr(owner, name, measured)
    try:
        yield seconds
    finally:
        setattr(owner, name, method)


def counted(pieces: int) -> str:
    return "one piece" if pieces == 1 else f"{pieces} pieces"


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
    composer = load_composer(DEFAULT_MODEL)
    assert isinstance(composer, PerformanceComposer)
    print(pieces_at_once(composer, [(25, (1,))] if quick else WHOLE))
    numbers = sum(weight.values.size for weight in opened().weights().values())
    weights = 4 * numbers if on_gpu() else numbers
    sizes = (1,) if quick else PIECES_OF_A_GPU if on_gpu() else PIECES
    print(pieces(composer.engine, sizes, weights, composer.config, chunks))
    print(steps_by_age(composer.engine(1, CANDIDATES), (2 * CHUNK,) if quick else AGES))
    for size in (1,) if quick else (1, 4):
        print(shares(composer.engine(size, CANDIDATES), chunks))
    load_composer("article")  # imports TensorFlow, without its notices
    print(side_by_side(makers_of_engines(), (1,) if quick else PIECES_SIDE_BY_SIDE, chunks))


if __name__ == "__main__":
    main()
