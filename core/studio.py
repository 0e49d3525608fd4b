"""From a request to a finished piece, in the two steps that the worker and the command line share."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pretty_midi import PrettyMIDI

from core import audio, pictures
from core.composer import Composer, Progress
from core.errors import RenderError
from core.request import ComposeRequest, Piece, Recipe


@dataclass(frozen=True, slots=True)
class Draft:
    """A piece that is composed, but not yet played or drawn; it travels as JSON. `duration` is in seconds of music;
    `seconds` says how long the composing took."""

    recipe: Recipe
    duration: float
    notes: int
    midi: bytes
    seconds: dict[str, float]

    @property
    def music(self) -> PrettyMIDI:
        """`midi`, read again."""
        return PrettyMIDI(io.BytesIO(self.midi))

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"recipe": self.recipe.to_json(), "midi": base64.b64encode(self.midi).decode()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Draft:
        return cls(**data | {"recipe": Recipe.from_json(data["recipe"]), "midi": base64.b64decode(data["midi"])})


def compose(composer: Composer, request: ComposeRequest, progress: Progress = lambda share: None) -> Draft:
    """Raises BadRequest for a seed that the composer cannot begin with, and RenderError for a piece without a note."""
    seconds: dict[str, float] = {}
    with _timed(seconds, "compose"):
        music = composer.compose(request, progress)
    notes = sum(len(instrument.notes) for instrument in music.instruments)
    if not notes:
        raise RenderError("the piece that was composed has no notes; another take or seed may have some")
    file = io.BytesIO()
    music.write(file)
    recipe = Recipe(request, composer.checkpoint)
    return Draft(recipe, round(music.get_end_time(), 3), notes, file.getvalue(), seconds)


def finish(draft: Draft, soundfont: Path | None = None, size_limit: int | None = None) -> Piece:
    """Play the draft and draw it, side by side. The MP3 has at most `size_limit` bytes (default `audio.SIZE_LIMIT`).
    Raises RenderError."""
    seconds = dict(draft.seconds)

    def draw() -> bytes:
        with _timed(seconds, "draw"):
            return pictures.piano_roll(draft.music, title(draft.recipe.request))

    with ThreadPoolExecutor(1) as beside:  # FluidSynth is another process, and LAME lets other threads run
        drawn = beside.submit(draw)
        with _timed(seconds, "render"):
            samples = audio.render(draft.midi, soundfont)
        with _timed(seconds, "encode"):
            mp3 = audio.encode(samples, size_limit or audio.SIZE_LIMIT)
        return Piece(draft.recipe, draft.duration, draft.notes, draft.midi, mp3, drawn.result(), seconds)


def title(request: ComposeRequest) -> str:
    """What stands above a picture: `C5 · take 7`."""
    names = request.seed.names
    return f"{names if len(names) <= 40 else names[:39] + '…'} · take {request.take}"


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - started, 3)
