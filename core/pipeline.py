"""From a request to a finished piece, in the two steps that the worker and the command line share."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pretty_midi import PrettyMIDI

from core import tonality
from core.captions import Captions
from core.composer import Composer, Progress
from core.errors import RenderError
from core.midi import manuscript
from core.midi.crop import cropped
from core.piece import Heard, Piece
from core.recipe import Recipe
from core.rendering import audio, formats, loudness
from core.rendering.ahead import Ahead
from core.rendering.arrange import edit
from core.rendering.fluidsynth import RATE
from core.rendering.loudness import Samples
from core.rendering.tags import id3
from core.request import AS_COMPOSED, PIECE, VIDEO, VOICE, ComposeRequest, Rendering
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


def compose(
    composer: Composer,
    request: ComposeRequest,
    progress: Progress = lambda share: None,
    ahead: Ahead | None = None,
) -> Draft:
    """The piece, which `ahead` plays meanwhile. Raises BadRequest for a seed that the composer cannot begin with, and
    RenderError for a piece without a note."""
    seconds: dict[str, float] = {}
    with _timed(seconds, "compose"):
        settled = ahead.settled if ahead else lambda so_far: None
        music, shared_at_most, ended_early = composer.compose(request, progress, settled)
        if ahead:
            ahead.end(music)
    notes = _notes(music)
    if not notes:
        raise RenderError("the piece that was composed has no notes; another take or seed may have some")
    recipe = Recipe(request, composer.checkpoint)
    manuscript.sign(music, tonality.read(request.expression.key) if request.expression.key else None)
    return Draft(
        recipe,
        duration=round(music.get_end_time(), 3),
        notes=notes,
        midi=_midi(music, recipe),
        seconds=seconds,
        attention=_attention(composer, music),
        shared_at_most=shared_at_most,
        ended_early=ended_early,
    )


def _attention(composer: Composer, music: PrettyMIDI) -> Attention | None:
    """Attention as it travels: in plain lists, rounded to what a picture shows."""
    if (told := composer.attention(music)) is None:
        return None
    words, matrices = told
    return Attention(words, [matrix.round(4).tolist() for matrix in matrices])


class _Arranged(NamedTuple):
    """A draft as its rendering has it played."""

    recipe: Recipe
    music: PrettyMIDI
    midi: bytes
    duration: float
    """Seconds of music."""
    notes: int
    """Their number."""
    given: float
    """Seconds at its beginning that were given to the composer."""

    @property
    def new_from(self) -> float | None:
        """As `Heard.new_from`."""
        return round(float(self.given), 3) if self.recipe.request.primer and self.given else None


class _Sound(NamedTuple):
    """A file to listen to, its format, and the waveform of a voice message."""

    file: bytes
    format: str
    waveform: bytes = b""


class _Pictures(NamedTuple):
    """Pictures of a piece, as PNG; see `Piece`."""

    roll: bytes = b""
    attention: tuple[bytes, ...] = ()
    strip: bytes = b""


def finish(
    draft: Draft,
    soundfont: Path | None = None,
    size_limit: int | None = None,
    rendering: Rendering = AS_COMPOSED,
    progress: Progress = lambda share: None,
    captions: Captions | None = None,
    ahead: Path | None = None,
) -> Piece:
    """Edit the draft as `rendering` asks, play it, and draw it while the sound is encoded. Its file has at most
    `size_limit` bytes (default `formats.SIZE_LIMIT`): it is an MP3 where it would not fit otherwise, and empty where
    not even that fits. `progress` is told of a video. `captions` are the words in the pictures (default: English).
    `ahead` is the `Ahead.sound` of the draft. Raises RenderError, and BadRequest for a part without notes and for a
    tempo at which it would be too long."""
    seconds = dict(draft.seconds)
    captions = captions or Captions.of(draft.recipe.request, rendering)
    arranged = _arranged(draft, rendering)
    with _timed(seconds, "render"):
        samples = _played(arranged.music, soundfont, None if rendering.changes_notes else ahead)
    with ThreadPoolExecutor(1) as beside:  # encoders let other threads run, which the search for the loudness does not
        drawing = beside.submit(_drawn, draft, arranged, captions, seconds)
        with _timed(seconds, "encode"):
            sound = _encoded(arranged, samples, captions.title, size_limit or formats.SIZE_LIMIT, progress)
        pictures = drawing.result()
    return Piece(
        recipe=arranged.recipe,
        duration=arranged.duration,
        notes=arranged.notes,
        midi=arranged.midi,
        audio=sound.file,
        picture=pictures.roll,
        seconds=seconds,
        audio_format=sound.format,
        composed=draft.midi,
        attention=pictures.attention,
        heard=_heard(draft, arranged, samples),
        waveform=sound.waveform,
        strip=pictures.strip,
    )


def _arranged(draft: Draft, rendering: Rendering) -> _Arranged:
    recipe = replace(draft.recipe, rendering=rendering)
    part, since = _part(draft, rendering)
    duration = round(rendering.stretched(part.duration), 3)
    music, midi = part.music, part.midi
    given = beginning(recipe.request, music if part is draft else draft.music)
    if rendering.changes_notes:
        edit(music, rendering)
        midi = _midi(music, recipe)
    given = max(0.0, min(given - since, part.duration)) * rendering.stretch
    return _Arranged(recipe, music, midi, duration, part.notes, given)


def _part(draft: Draft, rendering: Rendering) -> tuple[Draft, float]:
    """The part of a draft that is to be heard, and the second of it at which that begins."""
    if not rendering.is_part:
        return draft, 0.0
    primer = draft.recipe.request.primer if rendering.only_new else b""
    crop = cropped(draft.midi, *rendering.bounds, primer=primer)
    return Draft.of(draft.recipe, crop.midi), crop.since


def _played(music: PrettyMIDI, soundfont: Path | None, ahead: Path | None) -> Samples:
    if ahead:
        with suppress(OSError):  # renderers that died were started anew, with an empty folder
            return audio.levelled(ahead)
    return audio.render(manuscript.in_one_track(music), soundfont)


def _encoded(arranged: _Arranged, samples: Samples, title: str, size_limit: int, progress: Progress) -> _Sound:
    """The sound in the form and the format that are asked for; of a piece with all its files an MP3, with its tag,
    where that format would not fit, and an empty one where not even an MP3 fits. Raises RenderError for a voice message
    or a video that does not fit."""
    rendering = arranged.recipe.rendering
    if rendering.form == VOICE:
        return _Sound(formats.opus(samples, size_limit), "ogg", loudness.waveform(samples))
    if rendering.form == VIDEO:
        return _Sound(_video(arranged.music, samples, title, size_limit, progress), "mp4")
    lossless = {"wav": formats.wav, "flac": formats.flac}.get(rendering.audio)
    file = lossless(samples, size_limit) if lossless else None
    if file is not None:
        return _Sound(file, rendering.audio)
    try:
        return _Sound(formats.mp3(samples, size_limit, _tag(arranged)), "mp3")
    except RenderError:
        return _Sound(b"", "mp3")


def _video(music: PrettyMIDI, samples: Samples, title: str, size_limit: int, progress: Progress) -> bytes:
    from core.rendering import video  # FFmpeg takes 30 MB, and most pieces are no videos

    key = manuscript.key_at_start(music)
    heading = " · ".join([title, *([key.short] if key else [])])
    return video.mp4(music, samples, heading, size_limit, progress)


def _heard(draft: Draft, arranged: _Arranged, samples: Samples) -> Heard:
    notes = [note for part in arranged.music.instruments for note in part.notes]
    pitches, request = [note.pitch for note in notes], draft.recipe.request
    # many programs write a signature of C major, whatever the music is in
    is_another_file = bool(request.primer or request.score)
    key = (manuscript.heard_key if is_another_file else manuscript.key_at_start)(arranged.music)
    return Heard(
        seconds=round(len(samples) / RATE, 3),
        lowest=min(pitches),
        highest=max(pitches),
        loudest=loudness.loudest_second(samples),
        key=str(key) if key else "",
        new_from=arranged.new_from,
        shared_at_most=draft.shared_at_most,
        ended_early=draft.ended_early,
    )


def _drawn(draft: Draft, arranged: _Arranged, captions: Captions, seconds: dict[str, float]) -> _Pictures:
    """The pictures of a piece; none for a voice message or a video. Adds its time to `seconds`."""
    if arranged.recipe.rendering.form != PIECE:
        return _Pictures()
    from core.rendering import pictures  # matplotlib takes 0.3 s, which a worker and FluidSynth need not wait for

    with _timed(seconds, "draw"):
        return _Pictures(
            pictures.piano_roll(arranged.music, captions.title, arranged.given, captions.beginning),
            _attention_drawn(draft.attention, captions) if draft.attention else (),
            pictures.strip(arranged.music, captions.number, arranged.given) if captions.number else b"",
        )


def _attention_drawn(attention: Attention, captions: Captions) -> tuple[bytes, ...]:
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


def _tag(arranged: _Arranged) -> bytes:
    key = manuscript.key_at_start(arranged.music)
    heading = manuscript.title(arranged.music, arranged.recipe.request.take)
    return id3(heading, key.short if key else "", arranged.recipe.options)


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[stage] = round(seconds.get(stage, 0.0) + time.perf_counter() - started, 3)
