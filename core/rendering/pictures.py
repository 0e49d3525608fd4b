"""Pictures, as PNG: the piano roll of a piece, and the attention of a network. Only matplotlib's objects are used and
none of its global state, so several pictures can be drawn at once."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from PIL import Image
from pretty_midi import PrettyMIDI

from core.article.frames import pitches_of
from core.rendering.pedal import Span, pedal_of, ringing
from core.seed import HIGHEST_PITCH, LOWEST_PITCH, note_name

PAGE, WHITE_KEY, BLACK_KEY, LINE, TEXT = "#17181d", "#23252d", "#1c1e24", "#434754", "#d9dce4"
"""The page is dark, as most listeners have Discord."""
VELOCITY_COLOURS = LinearSegmentedColormap.from_list(
    "touch", ["#4653a0", "#7a5ccf", "#c457b4", "#f56e7c", "#ffab5e", "#ffee9f"]
)
"""Velocity 1 to 127, from cool to warm; the softest note still stands out from the page."""
ATTENTION_COLOURS = LinearSegmentedColormap.from_list(
    "attention", [PAGE, "#38306e", "#8a4bb0", "#e9667f", "#ffb765", "#fff3b8"]
)
PEDAL, BEGINNING = "#8b93a7", "#4fd1b5"

WIDTH, DPI = 8.0, 200
"""Inches, and pixels an inch."""
POINTS = 13.5
"""Size of all text: 9 pixels high, and so still to be read, where a phone shows the picture 400 pixels wide."""
LEFT, RIGHT, TOP, BOTTOM = 0.62, 0.3, 0.5, 0.1
"""Inches around the systems, for the names of keys, the last second's label and the title."""
SYSTEM_SECONDS, MOST_SYSTEMS = 50, 5
"""A longer piece is broken into systems, one below the other as in a score, so that fast notes stay apart."""
HEIGHTS = (4.5, 6.0, 7.0, 8.0, 8.0)
"""Inches of a page with 1, 2, 3... systems. Discord shows what is higher than wide as a narrow strip."""
SECONDS_LINE, PEDAL_LINE, BEGINNING_LINE = 0.34, 0.1, 0.27
"""Inches: below a system, its times and its pedal; above the first one, the name of what the piece begins with."""
STRIP_HEIGHT, STRIP_TOP, STRIP_LEFT = 1.6, 0.1, 1.1
"""Inches of a strip, of the space above its keys, and of that for its number and the names of keys."""
NUMBER_POINTS = 34
"""Size of a strip's number, which is to be seen at a glance."""
CLEAR_INCHES = 0.1
"""Space above the bottom of a system in which no key is named."""
MOST_TIMES = 8
"""At most so many times are written below a system."""

MARGIN = 2
"""Keys that are shown below the lowest note and above the highest."""
LEAST_KEYS = 30
"""Keys that are shown at least, so that three notes do not fill the picture."""
LEAST_WIDTH = 0.0035
"""A note is at least this share of a system wide, or a long piece would lose its grace notes."""
GAP = 0.0015
"""A note is drawn shorter by this share of a system, which keeps it apart from the next one on its key."""
RING_SECONDS = 5.0
"""After so long a string that the pedal leaves free is taken to be silent."""

_BLACK = (1, 3, 6, 8, 10)

START, END, UNTIL, PITCH, VELOCITY = range(5)
"""Columns of the array of `sounds_of`."""
Floats = npt.NDArray[np.floating]


def piano_roll(music: PrettyMIDI, title: str = "", begins: float = 0.0, beginning: str = "") -> bytes:
    """The notes over time and keys, velocity as colour, the ringing by the pedal as a tail, the pedal itself below if
    it is used. The first `begins` seconds are marked as `beginning`, a word. PNG, 1600 pixels wide, 900 to 1600
    high."""
    pedal = pedal_of(music)
    sounds = sounds_of(music, pedal)
    keys = keys_of(sounds[:, PITCH])
    seconds = max(music.get_end_time(), 1.0)
    systems = min(math.ceil(seconds / SYSTEM_SECONDS), MOST_SYSTEMS)
    each = seconds if systems == 1 else 5 * math.ceil(seconds / systems / 5)
    figure = Figure(figsize=(WIDTH, HEIGHTS[systems - 1]), dpi=DPI, facecolor=PAGE)
    top = TOP + (BEGINNING_LINE if begins else 0)
    space = (figure.get_figheight() - top - BOTTOM) / systems
    below = SECONDS_LINE + (PEDAL_LINE + 0.04 if pedal else 0)
    for system in range(systems):
        span = (system * each, (system + 1) * each)
        bottom = BOTTOM + (systems - 1 - system) * space
        roll = placed_axes(figure, bottom + below, space - below)
        draw_keyboard(roll, *keys)
        _notes(roll, sounds, span)
        if begins > span[0]:
            _beginning(roll, begins, "" if system else beginning)
        if pedal:
            roll.tick_params(labelbottom=False)
            _pedal_line(placed_axes(figure, bottom + SECONDS_LINE, PEDAL_LINE), pedal, span)
    draw_heading(figure, title)
    return _png(figure)


def strip(music: PrettyMIDI, number: int, begins: float = 0.0) -> bytes:
    """The notes in one row, with a large number, to stand below and above others that are as wide; the first `begins`
    seconds are marked. PNG, 1600 x 320."""
    pedal = pedal_of(music)
    sounds = sounds_of(music, pedal)
    figure = Figure(figsize=(WIDTH, STRIP_HEIGHT), dpi=DPI, facecolor=PAGE)
    roll = placed_axes(
        figure, SECONDS_LINE, STRIP_HEIGHT - SECONDS_LINE - STRIP_TOP, STRIP_LEFT, WIDTH - STRIP_LEFT - RIGHT
    )
    draw_keyboard(roll, *keys_of(sounds[:, PITCH]))
    _notes(roll, sounds, (0.0, max(music.get_end_time(), 1.0)))
    if begins:
        _beginning(roll, begins, "")
    middle = (SECONDS_LINE + STRIP_HEIGHT - STRIP_TOP) / 2 / STRIP_HEIGHT
    figure.text(
        0.14 / WIDTH, middle, str(number), fontsize=NUMBER_POINTS, weight="bold", color=TEXT, va="center_baseline"
    )
    return _png(figure)


def attention(matrix: Floats, words: Sequence[str], title: str = "") -> bytes:
    """Attention of each of the article's words: a row a word, the brighter the more; every other word is named, as
    large as all text. `matrix` is (len(words), len(words)). PNG, 1600 x 1500."""
    figure = Figure(figsize=(WIDTH, 7.5), dpi=DPI, facecolor=PAGE)
    axes = figure.add_axes((0.12, 0.03, 0.725, 0.79))
    brightest = float(np.quantile(matrix, 0.998))  # one cell alone would leave the others in the dark
    image = axes.imshow(matrix, cmap=ATTENTION_COLOURS, interpolation="nearest", aspect="auto", vmin=0, vmax=brightest)
    places = range(0, len(words), 2)
    shown = [_word_name(words[place]) for place in places]
    axes.set_xticks(places, shown, rotation=90)
    axes.set_yticks(places, shown)
    axes.xaxis.tick_top()
    _plain(axes)
    scale = figure.colorbar(image, cax=figure.add_axes((0.87, 0.03, 0.016, 0.79)), extend="max", extendfrac=0.02)
    scale.outline.set_visible(False)
    scale.locator = MaxNLocator(4)
    _plain(scale.ax)
    figure.text(0.12, 0.96, title, fontsize=POINTS, color=TEXT)
    return _png(figure)


def _word_name(word: str) -> str:
    """`49,68,72` -> `C#3 +2`: its lowest note, and how many more there are; a dash for silence."""
    pitches = pitches_of(word)
    if not pitches:
        return "–"
    return f"{note_name(min(pitches))} +{len(pitches) - 1}" if len(pitches) > 1 else note_name(pitches[0])


def _png(figure: Figure) -> bytes:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    file = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(file, "png")  # the page is opaque
    return file.getvalue()


def _plain(axes: Axes, size: float = POINTS) -> None:
    """Quiet ticks and no frame."""
    axes.tick_params(length=0, labelsize=size, labelcolor=TEXT, pad=6)
    for spine in axes.spines.values():
        spine.set_visible(False)


def placed_axes(
    figure: Figure, bottom: float, height: float, left: float = LEFT, width: float = WIDTH - LEFT - RIGHT
) -> Axes:
    """Axes placed in inches from the bottom and the left of the page."""
    across, up = figure.get_figwidth(), figure.get_figheight()
    axes = figure.add_axes((left / across, bottom / up, width / across, height / up), facecolor=WHITE_KEY)
    _plain(axes)
    return axes


def draw_heading(figure: Figure, title: str) -> None:
    """The title at the left, the scale of the colours at the right, from pp to ff as all musicians write."""
    height = figure.get_figheight()
    line = 1 - 0.27 / height
    style: dict[str, Any] = {"fontsize": POINTS, "color": TEXT, "va": "center_baseline"}
    right = WIDTH - RIGHT - 0.5
    scale = placed_axes(figure, height - 0.27 - 0.06, 0.12, right - 1.3, 1.2)
    scale.imshow(np.linspace(0, 1, 256)[None], cmap=VELOCITY_COLOURS, aspect="auto")
    scale.set(xticks=[], yticks=[])
    dynamics: dict[str, Any] = style | {"family": "serif", "style": "italic", "weight": "bold"}
    figure.text(right / WIDTH, line, "ff", **dynamics)
    soft = figure.text((right - 1.4) / WIDTH, line, "pp", ha="right", **dynamics)
    text = figure.text(LEFT / WIDTH, line, title, **style)
    room = soft.get_window_extent().x0 - (LEFT + 0.2) * figure.dpi
    text.set_fontsize(POINTS * min(1, room / max(text.get_window_extent().width, 1)))


def keys_of(pitches: Floats) -> tuple[int, int]:
    """The lowest and the highest key to show."""
    low, high = int(pitches.min(initial=HIGHEST_PITCH)) - MARGIN, int(pitches.max(initial=LOWEST_PITCH)) + MARGIN
    missing = max(LEAST_KEYS - (high - low), 0)
    return max(low - missing // 2, LOWEST_PITCH - 1), min(high + missing - missing // 2, HIGHEST_PITCH + 1)


def draw_keyboard(axes: Axes, low: int, high: int) -> None:
    """A row a key, darker for the black ones, and a line under each C, which alone is named."""
    across = axes.get_yaxis_transform()
    for key in range(low, high + 1):
        if key % 12 in _BLACK:  # not by `axhspan`, which looks each time how far the axes would have to reach
            axes.add_artist(Rectangle((0, key - 0.5), 1, 1, transform=across, color=BLACK_KEY, linewidth=0, zorder=0))
        elif key % 12 == 0:
            axes.axhline(key - 0.5, color=LINE, linewidth=0.8, zorder=1)
    each = axes.get_window_extent().height / axes.figure.dpi / (high - low + 1)  # inches
    every = 12 if 12 * each > 0.2 else 24  # else the names would run into one another
    above = low + round(CLEAR_INCHES / each)  # nor into what stands below them
    named = [key for key in range(above, high + 1) if key % every == 0]
    axes.set_yticks(named, [note_name(key) for key in named])
    axes.set_ylim(low - 0.5, high + 0.5)
    axes.grid(axis="x", color=LINE, linewidth=0.6, alpha=0.7)
    axes.set_axisbelow(True)


def sounds_of(music: PrettyMIDI, pedal: list[Span]) -> Floats:
    """(notes, 5): start, end, until when it is heard (seconds), pitch and velocity."""
    notes = sorted((note for part in music.instruments for note in part.notes), key=lambda note: note.start)
    until = ringing(notes, pedal, RING_SECONDS)
    rows = [(note.start, note.end, end, note.pitch, note.velocity) for note, end in zip(notes, until, strict=True)]
    return np.array(rows, float).reshape(-1, 5)


def _notes(axes: Axes, sounds: Floats, span: Span) -> None:
    """Each note, and as a tail its ringing afterwards: a wedge that comes to a point after `RING_SECONDS` seconds."""
    first, last = span
    start, end, until, pitch, velocity = sounds[(sounds[:, START] < last) & (sounds[:, UNTIL] > first)].T
    shown = np.maximum(end - GAP * (last - first), start + LEAST_WIDTH * (last - first))
    colours = VELOCITY_COLOURS((velocity - 1) / 126)
    ringing = (until > end) & (until > shown)
    tails = _shapes(shown, until, pitch, 1 - (until - end) / RING_SECONDS)[ringing]
    _fill(axes, tails, colours[ringing], alpha=0.4)
    _fill(axes, _shapes(start, shown, pitch), colours)
    label_times(axes, span)


def _beginning(axes: Axes, begins: float, word: str) -> None:
    """A bar over the music that was given to the composer, and a line where that ends."""
    axes.axvspan(0, begins, color=BEGINNING, alpha=0.1, linewidth=0, zorder=1)
    axes.axvline(begins, color=BEGINNING, linewidth=1, zorder=4)
    across = axes.get_xaxis_transform()
    axes.plot([0, begins], [1, 1], color=BEGINNING, linewidth=4, solid_capstyle="butt", transform=across, zorder=4)
    axes.annotate(word, (0, 1), (0, 5), xycoords=across, textcoords="offset points", fontsize=POINTS, color=BEGINNING)


def _pedal_line(axes: Axes, pedal: list[Span], span: Span) -> None:
    down, up = np.array(pedal).T
    _fill(axes, _shapes(down, up, np.zeros(len(pedal))), PEDAL)
    axes.set(ylim=(-0.7, 0.7), yticks=[0], yticklabels=["ped."])
    label_times(axes, span)


def label_times(axes: Axes, span: Span) -> None:
    """Times as a player shows them, `1:05`, at most `MOST_TIMES` of them."""
    start, end = span
    step = next(step for step in (1, 2, 5, 10, 15, 20, 30, 60, 120, 300) if (end - start) / step <= MOST_TIMES)
    times = np.arange(math.ceil(start / step) * step, end + 0.01, step).astype(int).tolist()
    axes.set_xticks(times, [f"{time // 60}:{time % 60:02}" for time in times])
    axes.set_xlim(*span)


def _shapes(left: Floats, right: Floats, middle: Floats, taper: float | Floats = 1.0) -> Floats:
    """The corners of shapes that are 1 high at their left and `taper` high at their right, (shapes, 4, 2)."""
    across = np.stack([left, right, right, left], axis=1)
    up = np.stack([middle - 0.5, middle - taper / 2, middle + taper / 2, middle + 0.5], axis=1)
    return np.stack([across, up], axis=2)


def _fill(axes: Axes, shapes: Floats, colours: Floats | str, alpha: float = 1) -> None:
    axes.add_collection(
        PolyCollection(list(shapes), facecolors=colours, alpha=alpha, linewidths=0, zorder=3), autolim=False
    )
