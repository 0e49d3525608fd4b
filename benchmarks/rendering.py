"""From notes to files: the stages in one process alone, and several pieces at once in processes of their own."""

from __future__ import annotations

import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks._report import table
from core import pipeline
from core.pipeline import Draft
from core.rendering import audio
from core.rendering.pool import Renderers
from core.request import ComposeRequest, Recipe
from core.seed import Seed
from core.settings import Settings

PIECE = Path(__file__).parents[1] / "docs" / "nocturne-performance-72-500-take2.mid"
AT_ONCE = 8
STAGES = ("render", "encode", "draw")


def main() -> None:
    settings = Settings.load()
    draft = Draft.of(Recipe(ComposeRequest(Seed.parse("72"), take=2), ""), PIECE.read_bytes())
    alone = [pipeline.finish(draft, settings.soundfont).seconds for _ in range(3)]
    rows = [[f"{stage}, alone", f"{statistics.median(seconds[stage] for seconds in alone):.2f}"] for stage in STAGES]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        renderers = Renderers(settings.model_copy(update={"data_dir": Path(folder)}))
        renderers.finish(draft)
        began = time.perf_counter()
        list(pool.map(renderers.finish, [draft] * AT_ONCE))
        seconds = (time.perf_counter() - began) / AT_ONCE
        renderers.close()
    rows.append([f"all files, {AT_ONCE} at once in {renderers.processes} processes", f"{seconds:.2f}"])
    title = f"{draft.duration:.0f} s of music, {draft.notes} notes, to MP3 ({audio.BITRATES[0]} kbit/s) and picture"
    print(table(title, ["stage", "seconds a piece"], rows))


if __name__ == "__main__":
    main()
