"""A step of the default model's decode loop: the share of each of its parts, its distance from the limit that the
machine's memory sets, and the engines for processors and for GPUs side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks._decoding import (
    CLOCK,
    MILLISECONDS,
    chunk_seconds,
    decoder,
    default_checkpoint,
    default_composer,
    memory_speed,
)
from benchmarks._report import parser, seconds_of, table
from core.performance.architecture import PerformanceConfig, config_of
from core.performance.candidates import CANDIDATES
from core.performance.engine import CHUNK, STRETCH, Engine
from core.performance.engines import EngineMaker, on_gpu
from core.performance.native.engine import NativeEngine
from core.performance.native.network import NativeNetwork
from core.performance.native.weights import weights_of
from core.performance.sampling import SAMPLING

SECONDS = 6.0
"""How long a figure is measured, about."""
CHUNKS = 24
"""Chunks of which the shares are taken."""
PIECES = (1, 2, 4, 8)
PIECES_OF_A_GPU = (1, 16, 64, 256)


def bytes_of_a_step(config: PerformanceConfig, pieces: int) -> int:
    """What a step reads at the least: all weights, the keys and values of every piece, and those of its candidates. On
    a processor all are in 8 bits, with a number in float32 for each key and value."""
    numbers = sum(weight.values.size for weight in default_checkpoint().weights().values())
    events = config.window - STRETCH + CANDIDATES * (STRETCH + CHUNK)
    width = 4 * config.head_dim if on_gpu() else config.head_dim + 4
    cache = config.num_blocks * 2 * config.num_kv_heads * events * width
    return (4 if on_gpu() else 1) * numbers + pieces * cache


def memory_limit(make: EngineMaker, config: PerformanceConfig, pieces: Sequence[int], seconds: float) -> str:
    """How near a step comes to what memory allows. On a GPU the baseline is the processor's memory, and means
    nothing."""
    rows, fastest = [], memory_speed()
    for count in pieces:
        step = chunk_seconds([decoder(make(count, CANDIDATES))], seconds)[0] / CHUNK
        moved = bytes_of_a_step(config, count)
        figures = [f"{1000 * step:.2f}", f"{count / step:.0f}", f"{moved / 1e6:.2f}", f"{moved / step / 1e9:.2f}"]
        rows.append([str(count), *figures, f"{100 * moved / step / fastest:.0f} %"])
    header = ["pieces in a batch", f"{MILLISECONDS} a step", "events a second", "MB that a step reads", "GB/s"]
    header.append("% of baseline")
    baseline = f"a core that only adds up numbers reads {fastest / 1e9:.1f} GB/s from memory"
    return table("a step and the limit that memory sets", header, rows, baseline)


def shares(engine: Engine, chunks: int) -> str:
    """Where the time goes: the network's blocks and output heads, the rest of the compiled loop, which chooses and
    draws, and work between chunks. XLA's loop is one program, whose parts cannot be told apart."""
    decode = decoder(engine)
    decode()
    with (
        timed(engine, "advance", lambda result: np.asarray(result[1].events)) as loop,
        timed(NativeNetwork, "read") as blocks,
        timed(NativeNetwork, "predict") as heads,
    ):
        whole = sum(seconds_of(decode, CLOCK) for _ in range(chunks))
    parts = {"host, between chunks": whole - sum(loop), "decode loop": sum(loop)}
    if blocks:
        del parts["decode loop"]
        parts |= {"blocks": sum(blocks), "output heads": sum(heads), "drawing": sum(loop) - sum(blocks) - sum(heads)}
    parts["whole step"] = whole
    rows = [
        [name, f"{1000 * seconds / chunks / CHUNK:.3f}", f"{100 * seconds / whole:.0f} %"]
        for name, seconds in parts.items()
    ]
    title = f"the parts of a step, {engine.pieces} in a batch"
    return table(title, ["part", f"{MILLISECONDS} a step", "% of baseline"], rows, "the whole step")


def side_by_side(makers: Mapping[str, EngineMaker], pieces: Sequence[int], seconds: float) -> str:
    """The engines on the same pieces, in turns, chunk by chunk."""
    rows = []
    for count in pieces:
        decoders = [decoder(make(count, CANDIDATES)) for make in makers.values()]
        steps = [spent / CHUNK for spent in chunk_seconds(decoders, seconds)]
        rows.append([str(count), *(f"{1000 * step:.2f}" for step in steps), f"{steps[-1] / steps[0]:.2f}"])
    first, *_, last = makers
    header = [
        "pieces in a batch",
        *(f"{MILLISECONDS} a step, {name}" for name in makers),
        f"{last} takes, times {first}",
    ]
    baseline = f"{last}, the engine for GPUs, chunk by chunk in turns with {first}"
    return table(f"both engines, {CANDIDATES} candidates a piece", header, rows, baseline)


def makers_of_engines() -> dict[str, EngineMaker]:
    """Both engines on the default model's weights, whichever of them is in use here."""
    from core.performance.model import network_of
    from core.performance.xla.engine import XlaEngine

    checkpoint = default_checkpoint()
    config, model = config_of(checkpoint), network_of(checkpoint)
    network = NativeNetwork(weights_of(checkpoint, config, SAMPLING.recall_bias), config)
    return {
        "native": lambda pieces, candidates: NativeEngine(network, pieces, candidates),
        "XLA": lambda pieces, candidates: XlaEngine(model, pieces, candidates),
    }


@contextmanager
def timed(owner: object, name: str, wait: Callable[[Any], object] = lambda result: None) -> Iterator[list[float]]:
    """The seconds of each call of a method, meanwhile, with those until its result is there: a GPU works on behind a
    call."""
    method: Callable[..., Any] = getattr(owner, name)
    seconds: list[float] = []

    def measured(*arguments: Any) -> Any:
        began = CLOCK()
        result = method(*arguments)
        wait(result)
        seconds.append(CLOCK() - began)
        return result

    setattr(owner, name, measured)
    try:
        yield seconds
    finally:
        setattr(owner, name, method)


def main() -> None:
    quick = parser("engine", __doc__, "2 minutes").parse_args().quick
    seconds, chunks = (0.0, 2) if quick else (SECONDS, CHUNKS)
    pieces = (1,) if quick else PIECES_OF_A_GPU if on_gpu() else PIECES
    composer = default_composer()
    print(memory_limit(composer.engine, composer.config, pieces, seconds), flush=True)
    for size in pieces[:1] if quick else (1, 4):
        print(shares(composer.engine(size, CANDIDATES), chunks), flush=True)
    print(side_by_side(makers_of_engines(), pieces[:1] if quick else PIECES, 2 * seconds))


if __name__ == "__main__":
    main()
