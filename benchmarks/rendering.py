"""Rendering a piece from notes to files: stage by stage in one process, and several pieces at once in a pool."""

from __future__ import annotations

import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks._report import parser, table
from core import pipeline
from core.pipeline import Draft
from core.recipe import Recipe
from core.rendering.pool import Renderers
from core.request import ComposeRequest
from core.seed import Seed
from core.settings import Settings

PIECES = Path(__file__).parents[1] / "docs" / "pieces"
REPEATS = 3
AT_ONCE = 8
STAGES = ("render", "encode", "draw")


def showpiece() -> Path:
    """The largest MIDI file of those that the README shows, whichever these are at the time."""
    return max(PIECES.glob("*.mid"), key=lambda file: file.stat().st_size)


def main() -> None:
    quick = parser("rendering", __doc__, "half a minute").parse_args().quick
    at_once, repeats = (1, 1) if quick else (AT_ONCE, REPEATS)
    settings = Settings.load()
    draft = Draft.of(Recipe(ComposeRequest(Seed.parse("72"), take=2), ""), showpiece().read_bytes())
    alone = [pipeline.finish(draft, settings.soundfont).seconds for _ in range(repeats)]
    rows = [[f"{stage}, alone", f"{statistics.median(seconds[stage] for seconds in alone):.2f}"] for stage in STAGES]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(at_once) as pool:
        renderers = Renderers(settings.model_copy(update={"data_dir": Path(folder)}))
        renderers.finish(draft)
        began = time.perf_counter()
        list(pool.map(renderers.finish, [draft] * at_once))
        seconds = (time.perf_counter() - began) / at_once
        renderers.close()
    rows.append([f"all files, {at_once} at once in {renderers.processes} processes", f"{seconds:.2f}"])
    title = f"{draft.duration:.0f} s of music, {draft.notes} notes, to MP3 and picture"
    baseline = "one piece alone, its three stages one after another; drawing goes on while the MP3 is encoded"
    print(table(title, ["stage", "seconds a piece"], rows, baseline))


if __name__ == "__main__":
    main()
