"""How the cost of composing and playing grows: with the length of a piece (10 s to 600 s), with the events before the
next one, with the pieces that share a batch (1 to 64), and with those that are asked for at once. Bots and workers are
for `python -m benchmarks.bots_and_workers`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

from benchmarks._decoding import CLOCK, MILLISECONDS, chunk_seconds, decoder, default_composer
from benchmarks._report import parser, seconds_of, spent, table
from core import pipeline
from core.composer import Composer
from core.options import STEP_SECONDS
from core.performance.candidates import CANDIDATES
from core.performance.engine import CHUNK, Engine
from core.performance.engines import EngineMaker, on_gpu
from core.request import ComposeRequest
from core.seed import Seed
from core.settings import Settings

LENGTHS = (50, 150, 500, 1500, 3000)
"""Steps of a piece: 10, 30, 100, 300 and 600 s."""
MUSIC = 500
"""Steps of the piece that others are compared with. Of shorter ones there are as many as make up its length."""
AGES = (256, 512, 1024, 2048, 4096, 8192, 10240)
"""Events that a piece has at the end of each line of `by_events`."""
BATCHES: Sequence[int] = (1, 2, 4, 8, 16, 32, 64)
BATCHES_OF_A_GPU = (1, 4, 16, 64, 256)
AT_ONCE: Sequence[int] = (1, 2, 4)
AT_ONCE_ON_A_GPU = (1, 4, 16, 64)
SECONDS = 4.0
"""How long a batch of each size is measured, about."""


def by_length(composer: Composer, lengths: Sequence[int]) -> str:
    """Whole pieces with sound and picture, one after another. Processor seconds are those of this process and of
    FluidSynth, whatever else the machine does meanwhile."""
    soundfont = Settings.load().soundfont
    measured = [length_of(composer, length, max(1, MUSIC // length), soundfont) for length in lengths]
    place = lengths.index(MUSIC) if MUSIC in lengths else 0
    note, second = measured[place][1] / measured[place][0], measured[place][2] / (lengths[place] * STEP_SECONDS)
    rows = []
    for length, (notes, composing, playing) in zip(lengths, measured, strict=True):
        seconds = length * STEP_SECONDS
        figures = [f"{notes:.0f}", f"{composing:.2f}", f"{1000 * composing / notes:.2f}"]
        figures += [f"{composing / notes / note:.2f}", f"{playing:.2f}", f"{1000 * playing / seconds:.1f}"]
        rows.append([f"{seconds:g} s", *figures, f"{playing / seconds / second:.2f}"])
    header = ["length", "notes", "composing, processor s", "ms a note", "× baseline"]
    header += ["playing and drawing, processor s", "ms a second of music", "× baseline"]
    baseline = f"pieces of {lengths[place] * STEP_SECONDS:g} s; where cost is linear, it is 1.00 times theirs"
    return table("a piece by its length", header, rows, baseline)


def length_of(composer: Composer, length: int, takes: int, soundfont: Path | None) -> tuple[float, float, float]:
    """Means of some takes: notes, processor seconds to compose, processor seconds to play and draw."""
    notes = composing = playing = 0.0
    for take in range(takes):
        began = sum(spent())
        draft = pipeline.compose(composer, ComposeRequest(Seed.parse("72"), take=take, length=length))
        composed = sum(spent())
        pipeline.finish(draft, soundfont)
        notes, composing, playing = notes + draft.notes, composing + composed - began, playing + sum(spent()) - composed
    return notes / takes, composing / takes, playing / takes


def by_events(engine: Engine, ages: Sequence[int]) -> str:
    """Whether an event takes as long late in a piece as early: recall reads more of a longer piece."""
    decode = decoder(engine)
    decode()
    rows, age, first = [], CHUNK, 0.0
    for last in ages:
        times, began = [], age
        while age < last:
            times.append(seconds_of(decode, CLOCK))
            age += CHUNK
        step = min(times) / CHUNK
        first = first or step
        rows.append([f"{began} to {last}", f"{1000 * step:.2f}", f"{step / first:.2f}"])
    header = ["events before it", f"{MILLISECONDS}, least", "× baseline"]
    return table("an event of one piece by the events before it", header, rows, "the piece's first events")


def by_batch(make: EngineMaker, sizes: Sequence[int], seconds: float) -> str:
    """Steps of engines of several sizes, which decode an event of each piece in one step."""
    rows, first = [], 0.0
    for size in sizes:
        step = chunk_seconds([decoder(make(size, CANDIDATES))], seconds)[0] / CHUNK
        first = first or step
        figures = [f"{1000 * step:.2f}", f"{1000 * step / size:.2f}", f"{step / size / first:.2f}"]
        rows.append([str(size), *figures, f"{size / step:.0f}"])
    header = ["pieces in the batch", f"{MILLISECONDS} a step", "for each piece", "× baseline", "events a second"]
    baseline = "a batch of one piece; where cost is linear, a piece takes 1.00 times its step"
    return table(f"one batch by its pieces, of {CANDIDATES} candidates each", header, rows, baseline)


def by_pieces(composer: Composer, counts: Sequence[int], length: int) -> str:
    """Whole pieces, each asked for by a thread of its own, as a worker does it: it shares them among batches, one a
    core."""
    rows, first = [], 0.0
    for count in counts:
        requests = [ComposeRequest(Seed.parse("72"), take=take, length=length) for take in range(max(count, 2))]
        with ThreadPoolExecutor(count) as pool:
            began, used = time.perf_counter(), time.process_time()
            waits = list(pool.map(lambda request: seconds_of(lambda: composer.compose(request)), requests))
            seconds, used = time.perf_counter() - began, time.process_time() - used
        speed = length * STEP_SECONDS * len(requests) / seconds
        first = first or speed
        figures = [f"{statistics.median(waits):.2f}", f"{used / len(requests):.2f}", f"{speed:.0f}"]
        rows.append([str(count), *figures, f"{speed / first:.2f}"])
    header = ["pieces at once", "s a piece, median", "processor s a piece", "times real time", "× baseline"]
    title = f"pieces of {length * STEP_SECONDS:g} s, composed at once by one worker"
    return table(title, header, rows, "one piece at a time")


def main() -> None:
    import_module("core.rendering.pictures")  # or the first piece's time would have matplotlib's import
    quick = parser("growth", __doc__, "3 minutes").parse_args().quick
    composer = default_composer()
    batches, at_once = (BATCHES_OF_A_GPU, AT_ONCE_ON_A_GPU) if on_gpu() else (BATCHES, AT_ONCE)
    if quick:
        print(by_length(composer, (25,)), by_events(composer.engine(1, CANDIDATES), (2 * CHUNK,)), sep="\n")
        print(by_batch(composer.engine, (1,), 0), by_pieces(composer, (1,), 25), sep="\n")
        return
    print(by_length(composer, LENGTHS), flush=True)
    print(by_events(composer.engine(1, CANDIDATES), AGES), flush=True)
    print(by_batch(composer.engine, batches, SECONDS), flush=True)
    composer.warm_up_fully()
    print(by_pieces(composer, at_once, MUSIC))


if __name__ == "__main__":
    main()
