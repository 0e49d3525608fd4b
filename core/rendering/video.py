"""A piece as a video, MP4 of H.264 and AAC: the piano roll, a playhead that moves over it, and notes that light up as
they sound.

A page of the roll stands still while it is played, so that a frame differs from the one before by the playhead and a
few notes: that is quickly drawn and encoded, and takes little space. Pages are kept as the encoder takes them, in
planes of luma and chroma, and frames are drawn into them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from pretty_midi import PrettyMIDI

from core.composer import Progress
from core.errors import RenderError
from core.rendering import pictures
from core.rendering.fluidsynth import RATE
from core.rendering.formats import SIZE_LIMIT
from core.rendering.loudness import Samples
from core.rendering.pedal import Span, pedal_of
from core.rendering.pictures import END, PITCH, START, UNTIL, VELOCITY

WIDTH, HEIGHT, DPI = 1280, 720, 160
"""Pixels, and pixels an inch: as wide in inches as a picture, so that all text keeps its share of it."""
FPS = 25
PAGE_SECONDS = 20.0
"""Music of a page, which is wide enough for fast notes to stay apart at 400 pixels."""
PLAYHEAD = 4
"""Pixels that the playhead is wide."""
LEAST_LIT = 6
"""Frames that the shortest note is lit."""
UPCOMING, SOUNDING, RINGING = 0.45, 0.6, 0.65
"""Shares of the background in a note that is not played yet, of white in one that sounds, and of the background in the
ringing by the pedal after one."""

AUDIO_BITRATES = (128, 96, 64, 48)
"""kbit/s of AAC, the usual one first."""
VIDEO_BITRATES = (1500, 48)
"""kbit/s, the most that is spent and the least that can be looked at. A usual piece takes 200."""
_QUALITY = "22"
"""x264's constant rate factor: text keeps its edges."""
_MUXING = 0.95
"""Share of a file that is sound and picture; the rest is for tables of where these are."""

_NARROWEST = 6
"""Pixels that the shortest note is wide."""
_LEFT, _RIGHT, _TOP = 100, 1232, 80
"""Columns of the roll's edges, and its first row. All edges are even, as four pixels share their chroma."""
_SECONDS_ROW, _PEDAL_ROWS = 656, (640, 654)
"""The row below which the times stand, and those of the pedal."""
_BT709 = np.array([[0.1826, 0.6142, 0.0620], [-0.1006, -0.3386, 0.4392], [0.4392, -0.3989, -0.0403]], np.float32)
"""RGB of 0 to 255 to luma and chroma of limited range, less their offsets 16, 128 and 128."""
_OFFSETS = np.array([16, 128, 128], np.float32)

Colour = npt.NDArray[np.uint8]
"""Luma and two of chroma."""


def mp4(
    music: PrettyMIDI,
    samples: Samples,
    title: str = "",
    size_limit: int = SIZE_LIMIT,
    progress: Progress = lambda share: None,
) -> bytes:
    """The video of `music`, as long as its sound. It can be played while it is loaded, as its tables come first.
    Raises RenderError for more than `size_limit` bytes."""
    seconds = len(samples) / RATE
    audio_rate, video_rate = _bitrates(seconds, size_limit)
    pages = Pages(music, seconds, title)
    with tempfile.TemporaryDirectory(prefix="nocturne-") as folder:
        path = Path(folder, "piece.mp4")  # the tables are moved to its front, which needs a file
        with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
            picture, sound = _picture(container, video_rate), _sound(container, audio_rate)
            for number, frame in enumerate(pages.frames()):
                if number % FPS == 0:
                    progress(number / FPS / seconds)
                    container.mux(sound.encode(_heard(samples, number // FPS)))
                container.mux(picture.encode(frame))
            container.mux([*picture.encode(None), *sound.encode(None)])
        content = path.read_bytes()
    if len(content) > size_limit:
        raise _too_large(seconds, size_limit)
    return content


def _bitrates(seconds: float, size_limit: int) -> tuple[int, int]:
    """kbit/s of the sound, and the most for the picture. Raises RenderError where there is no room for these."""
    room = size_limit * _MUXING * 8 / 1000 / max(seconds, 1)
    for audio_rate in AUDIO_BITRATES:
        if room - audio_rate >= VIDEO_BITRATES[1]:
            return audio_rate, min(int(room - audio_rate), VIDEO_BITRATES[0])
    raise _too_large(seconds, size_limit)


def _too_large(seconds: float, size_limit: int) -> RenderError:
    return RenderError(
        "a video of {seconds:.0f} s does not fit into {megabytes:.1f} MB", seconds=seconds, megabytes=size_limit / 1e6
    )


def _picture(container: Any, kilobits: int) -> Any:
    stream = container.add_stream("libx264", rate=FPS)
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context = stream.codec_context
    context.thread_count = 1  # the same bytes each time, and no more than one core beside the model
    context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
    context.color_range = 1  # limited
    stream.options = {
        "preset": "ultrafast",
        "tune": "stillimage",
        "crf": _QUALITY,
        "maxrate": f"{kilobits}k",
        "bufsize": f"{4 * kilobits}k",
        "g": str(round(PAGE_SECONDS * FPS / 2)),
        "x264-params": "scenecut=0:rc-lookahead=0:sync-lookahead=0",
    }
    return stream


def _sound(container: Any, kilobits: int) -> Any:
    stream = container.add_stream("aac", rate=RATE, layout="stereo")
    stream.bit_rate = 1000 * kilobits
    stream.options = {"aac_coder": "fast"}  # in half the time
    return stream


def _heard(samples: Samples, second: int) -> Any:
    """One second of the sound."""
    part = np.ascontiguousarray(samples[second * RATE : (second + 1) * RATE])
    frame = av.AudioFrame.from_ndarray(part.reshape(1, -1), format="s16", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = RATE, second * RATE, Fraction(1, RATE)
    return frame


@dataclass(frozen=True, slots=True)
class Planes:
    """A page as the encoder takes it: luma, and below it the two planes of chroma at half the size each way."""

    whole: npt.NDArray[np.uint8]

    @property
    def luma(self) -> npt.NDArray[np.uint8]:
        return self.whole[:HEIGHT]

    def fill(self, rows: slice, columns: slice, colour: Colour) -> None:
        """Paint a rectangle whose edges are even."""
        self.luma[rows, columns] = colour[0]
        half = (slice(rows.start // 2, rows.stop // 2), slice(columns.start // 2, columns.stop // 2))
        for plane, value in zip(self._chroma(), colour[1:], strict=True):
            plane[half] = value

    def _chroma(self) -> npt.NDArray[np.uint8]:
        return self.whole[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)

    @classmethod
    def of(cls, rgb: npt.NDArray[np.uint8]) -> Planes:
        """From (height, width, 3)."""
        every = rgb.astype(np.float32) @ _BT709.T + _OFFSETS
        chroma = every[..., 1:].reshape(HEIGHT // 2, 2, WIDTH // 2, 2, 2).mean(axis=(1, 3))
        luma = every[..., 0].ravel()
        return cls(np.rint(np.concatenate([luma, *chroma.reshape(-1, 2).T])).astype(np.uint8).reshape(-1, WIDTH))


class Pages:
    """The frames of a piece, page by page."""

    def __init__(self, music: PrettyMIDI, seconds: float, title: str) -> None:
        self._frames = max(round(seconds * FPS), 1)
        self._span = min(PAGE_SECONDS, max(seconds, 1.0))
        self._pedal = pedal_of(music)
        self._sounds = pictures.sounds_of(music, self._pedal)
        low, self._high = pictures.keys_of(self._sounds[:, PITCH])
        bottom = _PEDAL_ROWS[0] - 4 if self._pedal else _SECONDS_ROW
        self._edges = np.rint(np.linspace(_TOP, bottom, self._high - low + 2) / 2).astype(int) * 2
        self._figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=pictures.PAGE)
        self._roll = self._placed(_TOP, bottom)
        pictures.draw_keyboard(self._roll, low, self._high)
        self._timed = [self._roll]
        """The axes that run in time, of which the last one has the times below it."""
        if self._pedal:
            self._roll.tick_params(labelbottom=False)
            strip = self._placed(*_PEDAL_ROWS)
            strip.set(ylim=(-0.7, 0.7), yticks=[0], yticklabels=["ped."])
            self._timed.append(strip)
        pictures.draw_heading(self._figure, title)
        self._begun = np.rint(self._sounds[:, START] * FPS).astype(int)
        self._ended = np.maximum(np.rint(self._sounds[:, END] * FPS).astype(int), self._begun + LEAST_LIT)
        self._looks = _looks(self._sounds)

    def _placed(self, top: int, bottom: int) -> Axes:
        """Axes between two rows of pixels."""
        return pictures.placed_axes(
            self._figure, (HEIGHT - bottom) / DPI, (bottom - top) / DPI, _LEFT / DPI, (_RIGHT - _LEFT) / DPI
        )

    def frames(self) -> Iterator[Any]:
        """Every frame, for the encoder."""
        per_page = round(self._span * FPS)
        for first in range(0, self._frames, per_page):
            planes = self._page(first)
            notes = self._notes_on((first, first + per_page))
            for number in range(first, min(first + per_page, self._frames)):
                for note in notes:
                    if number in (self._begun[note], self._ended[note]):
                        self._paint(planes, note, number, first)
                yield self._frame(planes, number, first)

    def _frame(self, planes: Planes, number: int, first: int) -> Any:
        """The page with its playhead, which is taken away again once the frame is made."""
        at = self._column(number / FPS - first / FPS)
        under = planes.luma[_TOP:_SECONDS_ROW, at : at + PLAYHEAD]
        before = under.copy()
        under[:] = _PLAYHEAD_LUMA
        frame = av.VideoFrame.from_ndarray(planes.whole, format="yuv420p")
        under[:] = before
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        return frame

    def _page(self, first: int) -> Planes:
        """A page as it is at its first frame: keys, times, ringing, pedal, and its notes."""
        began = first / FPS
        for axes in self._timed:
            pictures.label_times(axes, (began, began + self._span))
        canvas = FigureCanvasAgg(self._figure)
        canvas.draw()
        planes = Planes.of(np.asarray(canvas.buffer_rgba())[..., :3])
        for span in self._pedal:
            self._stripe(planes, slice(*_PEDAL_ROWS), span, first, _PEDAL_COLOUR)
        notes = self._notes_on((first, first + round(self._span * FPS)))
        for note in notes:
            self._ring(planes, note, first)
        for note in notes:
            self._paint(planes, note, first, first)
        return planes

    def _notes_on(self, frames: tuple[int, int]) -> npt.NDArray[np.int64]:
        """Numbers of the notes that are seen, or ring, on a page from its first frame to its last."""
        first, last = frames
        return np.flatnonzero((self._begun < last) & (np.maximum(self._ended, self._sounds[:, UNTIL] * FPS) > first))

    def _paint(self, planes: Planes, note: int, number: int, first: int) -> None:
        """A note as it looks at a frame: upcoming, sounding, or played."""
        look = int(number >= self._begun[note]) + int(number >= self._ended[note])
        start, end = self._sounds[note, [START, END]]
        self._stripe(planes, self._rows(note), (start, end), first, self._looks[look, note], gap=2)

    def _ring(self, planes: Planes, note: int, first: int) -> None:
        """The ringing after a note: a thin line in the middle of its row."""
        end, until = self._sounds[note, [END, UNTIL]]
        if until > end:
            rows = self._rows(note)
            middle = (rows.start + rows.stop) // 4 * 2
            self._stripe(planes, slice(middle - 2, middle + 2), (end, until), first, self._looks[3, note])

    def _rows(self, note: int) -> slice:
        place = self._high - int(self._sounds[note, PITCH])
        return slice(*self._edges[place : place + 2].tolist())

    def _stripe(self, planes: Planes, rows: slice, span: Span, first: int, colour: Colour, gap: int = 0) -> None:
        """Fill rows of pixels over a span of time, as far as that is on the page."""
        began = first / FPS
        start, end = (self._column(min(max(second - began, 0), self._span)) // 2 * 2 for second in span)
        on_page = span[0] < began + self._span and span[1] > began
        if on_page:
            planes.fill(rows, slice(start, min(max(end - gap, start + _NARROWEST), _RIGHT)), colour)

    def _column(self, seconds: float) -> int:
        """The column of pixels for seconds since the page began."""
        return _LEFT + round(seconds / self._span * (_RIGHT - _LEFT))


def _yuv(rgb: npt.NDArray[np.floating]) -> Colour:
    return np.rint(255 * rgb.astype(np.float32) @ _BT709.T + _OFFSETS).astype(np.uint8)


def _looks(sounds: pictures.Floats) -> npt.NDArray[np.uint8]:
    """(4, notes, 3): colours of each note that is upcoming, sounding, played, and of its ringing."""
    full = np.array(pictures.VELOCITY_COLOURS((sounds[:, VELOCITY] - 1) / 126))[:, :3]
    page, white = np.array(to_rgb(pictures.WHITE_KEY)), np.ones(3)
    mixed = [(page, UPCOMING), (white, SOUNDING), (page, 0.0), (page, RINGING)]
    return _yuv(np.stack([full * (1 - share) + other * share for other, share in mixed]))


_PEDAL_COLOUR = _yuv(np.array(to_rgb(pictures.PEDAL)))
_PLAYHEAD_LUMA = _yuv(np.array(to_rgb(pictures.TEXT)))[0]
