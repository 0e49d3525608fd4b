"""From a request to a finished piece, in the two steps that the worker and the command line share."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pretty_midi import PrettyMIDI

from core.captions import Captions
from core.composer import Composer, Progress
from core.errors import RenderError
from core.midi import manuscript
from core.midi.crop import cropped
from core.midi.keys import key_of
from core.piece import Heard, Piece
from core.rendering import audio, formats, loudness
from core.rendering.arrange import edit
from core.rendering.fluidsynth import RATE
from core.rendering.loudness import Samples
from core.rendering.tags import id3
from core.request import (
    AS_COMPOSED,
    PIECE,
    VOICE,
    ComposeRequest,
    Recipe,
    Rendering,
)
from core.seed import CHORD_SECONDS
from core.tasks import COMPOSE


class Attention(NamedTuple):
    """Attention of a model in a window of its piece."""

    words: list[str]
    """The words of that window."""
    matrices: list[list[list[float]]]
    """A matrix a block of the network, (words, words), whose row t says what word t attended to."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A piece that is composed, but not yet played or drawn; it travels as JSON."""

    recipe: Recipe
    duration: float
    """Seconds of music."""
    notes: int
    """The number of notes."""
    midi: bytes
    """The .mid as it was composed."""
    seconds: dict[str, float]
    """The time that composing took, under `compose`."""
    attention: Attention | None = None
    """There where the model can tell."""
    shared_at_most: int | None = None
    """As in `Composition`, and so is the next."""
    ended_early: bool = False

    @property
    def music(self) -> PrettyMIDI:
        """`midi`, read again."""
        return PrettyMIDI(io.BytesIO(self.midi))

    @classmethod
    def of(cls, recipe: Recipe, midi: bytes, shared_at_most: int | None = None) -> Draft:
        """A piece that was composed before, to be rendered in another way; `midi` is as composed, before any edits."""
        music = PrettyMIDI(io.BytesIO(midi))
        return cls(recipe, round(music.get_end_time(), 3), _notes(music), midi, {}, shared_at_most=shared_at_most)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"recipe": self.recipe.to_json(), "midi": base64.b64encode(self.midi).decode()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Draft:
        attention = Attention(*data["attention"]) if data.get("attention") else None
        return cls(
            **data
            | {
                "recipe": Recipe.from_json(data["recipe"]),
                "midi": base64.b64decode(data["midi"]),
                "attention": attention,
            }
        )


def compose(composer: Composer, request: ComposeRequest, progress: Progress = lambda share: None) -> Draft:
    """Raises BadRequest for a seed that the composer cannot begin with, and RenderError for a piece without a note."""
    seconds: dict[str, float] = {}
    with _timed(seconds, "compose"):
        music, shared_at_most, ended_early = composer.compose(request, progress)
    notes = _notes(music)
    if not notes:
        raise RenderError("the piece that was composed has no notes; another take or seed may have some")
    recipe = Recipe(request, composer.checkpoint)
    manuscript.sign(music)
    midi = _midi(music, recipe)
    return Draft(
        recipe,
        round(music.get_end_time(), 3),
        notes,
        midi,
        seconds,
        _attention(composer, music),
        shared_at_most,
        ended_early,
    )


def _attention(composer: Composer, music: PrettyMIDI) -> Attention | None:
    """Attention as it travels: in plain lists, rounded to what a picture shows."""
    if (told := composer.attention(music)) is None:
        return None
    words, matrices = told
    return Attention(words, [matrix.round(4).tolist() for matrix in matrices])


def finish(
    draft: Draft,
    soundfont: Path | None = None,
    size_limit: int | None = None,
    rendering: Rendering = AS_COMPOSED,
    progress: Progress = lambda share: None,
    captions: Captions | None = None,
) -> Piece:
    """Edit the draft as `rendering` asks, play it and draw it, side by side. The sound has at most `size_limit` bytes
    (default `formats.SIZE_LIMIT`): it is an MP3 where it would not fit otherwise, and empty where not even that fits.
    `progress` is told of a video. `captions` are the words in the pictures (default: English). Raises RenderError, and
    BadRequest for a part without notes and for a tempo at which it would be too long."""
    seconds = dict(draft.seconds)
    recipe = replace(draft.recipe, rendering=rendering)
    captions = captions or Captions.of(recipe.request, rendering)
    begins = beginning(recipe.request, draft.music)
    part, since = _part(draft, rendering)
    duration = round(rendering.stretched(part.duration), 3)
    begins = max(0.0, min(begins - since, part.duration))
    new_from = round(float(begins * rendering.stretch), 3) if recipe.request.primer and begins else None
    music, midi = part.music, part.midi
    if rendering.changes_notes:
        edit(music, rendering)
        midi = _midi(music, recipe)

    limit = size_limit or formats.SIZE_LIMIT
    if rendering.form != PIECE:
        samples = _play(midi, soundfont, seconds)
        with _timed(seconds, "encode"):
            if rendering.form == VOICE:
                file, suffix, shape = formats.opus(samples, limit), "ogg", loudness.waveform(samples)
            else:
                file, suffix, shape = _video(music, samples, captions, limit, progress), "mp4", b""
        heard = _heard(draft, music, samples, new_from)
        return Piece(
            recipe, duration, part.notes, midi, file, b"", seconds, suffix, draft.midi, heard=heard, waveform=shape
        )

    def draw() -> tuple[bytes, tuple[bytes, ...], bytes]:
        from core.rendering import pictures  # matplotlib takes 0.3 s, which a worker and FluidSynth need not wait for

        with _timed(seconds, "draw"):
            heard_from = begins * rendering.stretch
            roll = pictures.piano_roll(music, captions.title, heard_from, captions.beginning)
            attention = _drawn(draft.attention, captions) if draft.attention else ()
            strip = pictures.strip(music, captions.number, heard_from) if captions.number else b""
            return roll, attention, strip

    with ThreadPoolExecutor(1) as beside:  # FluidSynth is another process, and LAME lets other threads run
        drawn = beside.submit(draw)
        samples = _play(midi, soundfont, seconds)
        sound, audio_format = _record(samples, rendering.audio, limit, seconds, _tag(music, recipe))
        picture, attention, strip = drawn.result()
    heard = _heard(draft, music, samples, new_from)
    return Piece(
        recipe,
        duration,
        part.notes,
        midi,
        sound,
        picture,
        seconds,
        audio_format,
        draft.midi,
        attention,
        heard,
        strip=strip,
    )


def _part(draft: Draft, rendering: Rendering) -> tuple[Draft, float]:
    """What of a draft is to be heard, and the second of it at which that begins."""
    if not rendering.is_part:
        return draft, 0.0
    primer = draft.recipe.request.primer if rendering.only_new else b""
    crop = cropped(draft.midi, *rendering.bounds, primer=primer)
    return Draft.of(draft.recipe, crop.midi), crop.since


def _play(midi: bytes, soundfont: Path | None, seconds: dict[str, float]) -> Samples:
    with _timed(seconds, "render"):
        return audio.render(midi, soundfont)


def _video(music: PrettyMIDI, samples: Samples, captions: Captions, size_limit: int, progress: Progress) -> bytes:
    from core.rendering import video  # FFmpeg takes 30 MB, and most pieces are no videos

    key = manuscript.key_at_start(music)
    heading = " · ".join([captions.title, *([key.short] if key else [])])
    return video.mp4(music, samples, heading, size_limit, progress)


def _heard(draft: Draft, music: PrettyMIDI, samples: Samples, new_from: float | None) -> Heard:
    notes = [note for part in music.instruments for note in part.notes]
    pitches = [note.pitch for note in notes]
    key = key_of((note.pitch, note.end - note.start) for note in notes)
    seconds, loudest = round(len(samples) / RATE, 3), loudness.loudest_second(samples)
    return Heard(
        seconds,
        min(pitches),
        max(pitches),
        loudest,
        str(key) if key else "",
        new_from,
        draft.shared_at_most,
        draft.ended_early,
    )


def _record(samples: Samples, wished: str, size_limit: int, seconds: dict[str, float], tag: bytes) -> tuple[bytes, str]:
    """The sound and its format: an MP3, with its tag, where the format that was wished for would not fit; an empty one
    where none fits. Adds its times to `seconds`."""
    with _timed(seconds, "encode"):
        lossless = {"wav": formats.wav, "flac": formats.flac}.get(wished)
        file = lossless(samples, size_limit) if lossless else None
        if file is not None:
            return file, wished
        try:
            return formats.mp3(samples, size_limit, tag), "mp3"
        except RenderError:
            return b"", "mp3"


def _drawn(attention: Attention, captions: Captions) -> tuple[bytes, ...]:
    """Pictures of attention: a PNG a block of the network."""
    from core.rendering import pictures

    return tuple(
        pictures.attention(np.array(matrix), attention.words, f"{captions.title} · {captions.attention} {block}")
        for block, matrix in enumerate(attention.matrices, start=1)
    )


def beginning(request: ComposeRequest, music: PrettyMIDI) -> float:
    """The seconds of music that were given to the composer."""
    if request.primer:
        return max(_onsets(PrettyMIDI(io.BytesIO(request.primer))))
    if request.seed.is_random or request.task != COMPOSE:
        return 0.0
    return min(_onsets(music)) + len(request.seed.chords) * CHORD_SECONDS


def _onsets(music: PrettyMIDI) -> list[float]:
    return [note.start for part in music.instruments for note in part.notes]


def _notes(music: PrettyMIDI) -> int:
    return sum(len(part.notes) for part in music.instruments)


def _midi(music: PrettyMIDI, recipe: Recipe) -> bytes:
    return manuscript.midi_file(music, manuscript.title(music, recipe.request.take), [recipe.options])


def _tag(music: PrettyMIDI, recipe: Recipe) -> bytes:
    key = manuscript.key_at_start(music)
    heading = manuscript.title(music, recipe.request.take)
    return id3(heading, key.short if key else "", recipe.options)


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - started, 3)
