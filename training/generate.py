"""Compose many pieces to be measured: `python -m training.generate CHECKPOINT OUTPUT --like DATA`.

The .mid files are OUTPUT/STYLE/NUMBER.mid, as `training.evaluate --generated` reads them. The styles are those of the
training and validation recordings of DATA, a folder in MAESTRO's layout, as often as there: generated and human pieces
then differ in their making alone. Without DATA every piece is of any style."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.checkpoint import Checkpoint
from core.performance.architecture import ANY
from core.performance.candidates import CANDIDATES
from core.performance.composer import MODEL, PerformanceComposer
from core.performance.sampling import SAMPLING
from core.request import ComposeRequest
from core.seed import Seed
from training.commands import count, run_command
from training.data import Recording, data_folder, read_folder, style_of
from training.excerpts import human_recordings


def styles_like(recordings: Sequence[Recording], known: Sequence[str], count: int) -> list[str]:
    """`count` styles, spread evenly over the recordings that are compared with; `any` for one that is not known."""
    names = sorted(style_of(recording.composer) for recording in human_recordings(recordings))
    chosen = [names[number * len(names) // count] for number in range(count)] if names else [ANY] * count
    return [name if name in known else ANY for name in chosen]


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    checkpoint = Checkpoint(options.checkpoint, MODEL)
    sampling = SAMPLING
    if options.keys:
        onset_shift, _, *others = SAMPLING.temperatures
        sampling = SAMPLING._replace(temperatures=(onset_shift, options.keys, *others))
    composer = PerformanceComposer(checkpoint, options.slots, sampling=sampling, candidates=options.candidates)
    recordings = read_folder(data_folder(options.like)) if options.like else []
    human = [recording for recording in recordings if recording.split != "test"]
    styles = styles_like(human, composer.styles, options.pieces)

    def write(number: int) -> None:
        asked = {name: getattr(options, name) for name in ("length", "key", "pace", "dynamics", "mood")}
        request = ComposeRequest(Seed(), take=options.take + number, style=styles[number], **asked)
        path = options.output / (styles[number] if styles[number] != ANY else "") / f"{number:03}.mid"
        path.parent.mkdir(parents=True, exist_ok=True)
        composer.compose(request).music.write(str(path))

    began, work = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(composer.places) as pool:
        list(pool.map(write, range(options.pieces)))
    passed, worked = time.perf_counter() - began, time.process_time() - work
    print(f"{options.pieces} pieces in {passed:.0f} s, {worked / options.pieces:.2f} s of processor time each")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.generate", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="folder of a performance checkpoint")
    parser.add_argument("output", type=Path, help="folder for the pieces")
    parser.add_argument("--like", help="folder of human pieces whose styles are taken")
    parser.add_argument("--pieces", type=count, default=64, help="(default: %(default)s)")
    parser.add_argument("--take", type=int, default=1000, help="of the first piece (default: %(default)s)")
    parser.add_argument("--length", type=int, default=500, help="in steps of 0.2 s (default: %(default)s)")
    for name in ("key", "pace", "dynamics", "mood"):
        parser.add_argument(f"--{name}", default=str(ANY), help="as in a request")
    parser.add_argument("--candidates", type=count, default=CANDIDATES, help="for each stretch (default: %(default)s)")
    parser.add_argument("--keys", type=float, help="temperature of the keys, in place of the usual one")
    parser.add_argument("--slots", type=count, help="pieces at once (default: as many as suits the machine)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command("training.generate", main)
