"""A piece as a piano roll, and what a network attends to, as PNG. Only matplotlib's objects are used and none of its
global state, so several pictures can be drawn at once."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pretty_midi import Note, PrettyMIDI

from core.seed import HIGHEST_PITCH, LOWEST_PITCH, note_name

PAGE, WHITE_KEY, BLACK_KEY, LINE, TEXT = "#17181d", "#22242b", "#1c1e24", "#474b58", "#d9dce4"
"""The page is dark, as most listeners have Discord."""
TOUCH = LinearSegmentedColormap.from_list("touch", ["#4653a0", "#7a5ccf", "#c457b4", "#f56e7c", "#ffab5e", "#ffee9f"])
"""Velocity 1 to 127, from cool to warm; the softest note still stands out from the page."""
ATTENTION = LinearSegmentedColormap.from_list(
    "attention", [PAGE, "#38306e", "#8a4bb0", "#e9667f", "#ffb765", "#fff3b8"]
)
PEDAL = "#8b93a7"

WIDTH, DPI = 8.0, 200
"""Inches, and pixels an inch. Text of 11 points can still be read where a phone shows the picture 400 pixels wide."""
LEFT, RIGHT, TOP, BOTTOM = 0.52, 0.76, 0.36, 0.58
"""Inches around the systems, for names, touch, title and seconds."""
SYSTEM_SECONDS, MOST_SYSTEMS = 60, 3
"""A longer piece is broken into systems, one below the other as in a score, so that fast notes stay apart."""
BETWEEN_SYSTEMS, PEDAL_LINE = 0.32, 0.1
"""Inches."""

MARGIN = 2
"""Keys that are shown below the lowest note and above the highest."""
LEAST_KEYS = 30
"""Keys that are shown at least, so that three notes do not fill the picture."""
LEAST_WIDTH = 0.0018
"""A note is at least this share of a system wide, or a long piece would lose its grace notes."""

_BLACK = (1, 3, 6, 8, 10)
_SUSTAIN, _DOWN = 64, 64  # the pedal's controller number, and the value from which it is down


def piano_roll(midi: PrettyMIDI, title: str = "") -> bytes:
    """Notes over seconds and note names, velocity as colour, the pedal below if it is used.
    PNG, 1600 pixels wide; 900 high for one system, else 1200."""
    notes = [note for instrument in midi.instruments for note in instrument.notes]
    keys = _keys([note.pitch for note in notes])
    pedal = _pedal(midi)
    seconds = max(midi.get_end_time(), 1.0)
    systems = min(math.ceil(seconds / SYSTEM_SECONDS), MOST_SYSTEMS)
    each = seconds if systems == 1 else 5 * math.ceil(seconds / systems / 5)
    figure = _page(WIDTH, 4.5 if systems == 1 else 6.0)
    touch = ScalarMappable(Normalize(1, 127), TOUCH)
    space = (figure.get_figheight() - TOP - BOTTOM + BETWEEN_SYSTEMS) / systems
    foot = PEDAL_LINE + 0.04 if pedal else 0.0
    for system in range(systems):
        span = (system * each, (system + 1) * each)
        bottom = BOTTOM + (systems - 1 - system) * space
        roll = _axes(figure, bottom + foot, space - BETWEEN_SYSTEMS - foot)
        _keyboard(roll, *keys)
        _notes(roll, notes, span, touch)
        if pedal:
            roll.tick_params(labelbottom=False)
            _pedal_line(_axes(figure, bottom, PEDAL_LINE), pedal, span)
    figure.axes[-1].set_xlabel("seconds", fontsize=11, color=TEXT, labelpad=2)
    _touch_scale(figure, touch)
    figure.text(LEFT / WIDTH, 1 - 0.24 / figure.get_figheight(), title, fontsize=11, color=TEXT)
    return _png(figure)


def attention(matrix: npt.NDArray[np.floating], words: Sequence[str], title: str = "") -> bytes:
    """What each word attends to: a row a word, the brighter the more. `matrix` is (len(words), len(words)).
    PNG, 1600 x 1500."""
    figure = _page(WIDTH, 7.5)
    axes = figure.add_axes((0.12, 0.03, 0.745, 0.81))
    brightest = float(np.quantile(matrix, 0.998))  # one cell alone would leave the others in the dark
    image = axes.imshow(matrix, cmap=ATTENTION, interpolation="nearest", aspect="auto", vmin=0, vmax=brightest)
    places = range(len(words))
    shown = [word if len(word) <= 14 else word[:13] + "…" for word in words]
    axes.set_xticks(places, shown, rotation=90)
    axes.set_yticks(places, shown)
    axes.xaxis.tick_top()
    _plain(axes)
    axes.tick_params(labelsize=6, pad=1)
    scale = figure.colorbar(image, cax=figure.add_axes((0.89, 0.03, 0.016, 0.81)), extend="max", extendfrac=0.02)
    scale.outline.set_visible(False)
    scale.ax.set_title("attention", loc="left", fontsize=11, color=TEXT, pad=16)
    scale.locator = MaxNLocator(5)
    _plain(scale.ax)
    figure.text(0.12, 0.96, title, fontsize=11, color=TEXT)
    return _png(figure)


def _page(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor=PAGE)
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", facecolor=PAGE)
    return file.getvalue()


def _plain(axes: Axes) -> None:
    """Quiet ticks and no frame."""
    axes.tick_params(length=0, labelsize=11, labelcolor=TEXT, pad=5)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _axes(
    figure: Figure, bottom: float, height: float, left: float = LEFT, width: float = WIDTH - LEFT - RIGHT
) -> Axes:
    """Axes placed in inches from the bottom and the left of the page."""
    across, up = figure.get_figwidth(), figure.get_figheight()
    axes = figure.add_axes((left / across, bottom / up, width / across, height / up), facecolor=WHITE_KEY)
    _plain(axes)
    return axes


def _keys(pitches: list[int]) -> tuple[int, int]:
    """The lowest and the highest key to show."""
    low, high = min(pitches, default=60) - MARGIN, max(pitches, default=60) + MARGIN
    missing = max(LEAST_KEYS - (high - low), 0)
    return max(low - missing // 2, LOWEST_PITCH - 1), min(high + missing - missing // 2, HIGHEST_PITCH + 1)


def _keyboard(axes: Axes, low: int, high: int) -> None:
    """A row a key, darker for the black ones, a line under each C, and as many names as there is room for."""
    for key in range(low, high + 1):
        if key % 12 in _BLACK:
            axes.axhspan(key - 0.5, key + 0.5, color=BLACK_KEY, linewidth=0, zorder=0)
        elif key % 12 == 0:
            axes.axhline(key - 0.5, color=LINE, linewidth=0.8, zorder=1)
    inches = axes.get_window_extent().height / DPI / (high - low + 1)
    named = [key for key in range(low, high + 1) if key % 12 in ((0, 4, 7) if inches > 0.06 else (0,))]
    named = [key for key in named if (key - low + 0.5) * inches > 0.06]  # else it would run into what is below
    axes.set_yticks(named, [note_name(key) for key in named])
    axes.set_ylim(low - 0.5, high + 0.5)
    axes.grid(axis="x", color=LINE, linewidth=0.5, alpha=0.7)
    axes.set_axisbelow(True)


def _notes(axes: Axes, notes: list[Note], span: tuple[float, float], touch: ScalarMappable) -> None:
    start, end = span
    least = LEAST_WIDTH * (end - start)
    heard = [note for note in notes if note.start < end and note.end > start]
    boxes = [_box(note.start, max(note.end, note.start + least), note.pitch) for note in heard]
    colours = touch.to_rgba(np.array([note.velocity for note in heard]))
    axes.add_collection(PolyCollection(boxes, facecolors=colours, linewidths=0, zorder=3), autolim=False)
    _time(axes, span)


def _pedal_line(axes: Axes, pedal: list[tuple[float, float]], span: tuple[float, float]) -> None:
    boxes = [_box(down, up, 0) for down, up in pedal]
    axes.add_collection(PolyCollection(boxes, facecolors=PEDAL, linewidths=0), autolim=False)
    axes.set(ylim=(-0.7, 0.7), yticks=[0], yticklabels=["ped."])
    axes.tick_params(axis="y", labelsize=8)
    _time(axes, span)


def _time(axes: Axes, span: tuple[float, float]) -> None:
    axes.set_xlim(*span)
    axes.xaxis.set_major_locator(MaxNLocator(11, steps=[1, 2, 5, 10]))


def _touch_scale(figure: Figure, touch: ScalarMappable) -> None:
    height = figure.get_figheight() - TOP - BOTTOM
    axes = _axes(figure, BOTTOM, height, left=WIDTH - RIGHT + 0.22, width=0.11)
    scale = figure.colorbar(touch, cax=axes, ticks=[1, 32, 64, 96, 127])
    scale.outline.set_visible(False)
    axes.set_title("velocity", fontsize=11, color=TEXT, pad=8)
    _plain(axes)


def _box(left: float, right: float, middle: int) -> list[tuple[float, float]]:
    """The corners of a box of height 1."""
    return [(left, middle - 0.5), (right, middle - 0.5), (right, middle + 0.5), (left, middle + 0.5)]


def _pedal(midi: PrettyMIDI) -> list[tuple[float, float]]:
    """When the sustain pedal is down: (start, end) in seconds."""
    changes = [change for instrument in midi.instruments for change in instrument.control_changes]
    spans, since = [], None
    for change in sorted((one for one in changes if one.number == _SUSTAIN), key=lambda one: one.time):
        if change.value >= _DOWN and since is None:
            since = change.time
        elif change.value < _DOWN and since is not None:
            spans.append((since, change.time))
            since = None
    return spans if since is None else [*spans, (since, midi.get_end_time())]
