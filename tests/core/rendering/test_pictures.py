"""Pictures are PNGs of the size they promise, and show what is in the music."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from pretty_midi import Note

from core.rendering import pictures
from tests.support.music import piano, scale

HEADING = round(pictures.TOP * pictures.DPI)
"""Rows of pixels above the first system."""
ACROSS = round((pictures.WIDTH - pictures.LEFT - pictures.RIGHT) * pictures.DPI)
"""Columns of pixels that a system has."""


def pixels(png: bytes) -> np.ndarray:
    """(height, width, 3), 0 to 255."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def where(png: bytes, colour: str | tuple[float, ...]) -> np.ndarray:
    """A mask of the pixels of exactly this colour, (height, width), without the scale of velocities at the top."""
    wanted = np.round(255 * np.array(to_rgb(colour))).astype(np.uint8)
    found = (pixels(png) == wanted).all(axis=2)
    found[:HEADING] = False
    return found


def touch(velocity: int) -> tuple[float, ...]:
    return pictures.VELOCITY_COLOURS((velocity - 1) / 126)


@pytest.mark.parametrize(("seconds", "height"), [(5, 900), (50, 900), (100, 1200), (150, 1400), (600, 1600)])
def test_a_short_piece_is_one_system_and_a_long_one_several(seconds: int, height: int):
    """1600 pixels wide, and the higher the more systems there are, but never higher than wide."""
    assert pixels(pictures.piano_roll(scale(seconds))).shape == (height, 1600, 3)


def test_velocity_is_the_colour():
    """A soft and a loud note have the colours of their velocities, the higher one is above, the later one right."""
    roll = pictures.piano_roll(piano(Note(30, 50, 0.0, 4.0), Note(110, 70, 5.0, 9.0)))
    soft, loud = np.argwhere(where(roll, touch(30))), np.argwhere(where(roll, touch(110)))
    assert len(soft) > 1000
    assert len(loud) > 1000
    assert loud[:, 0].max() < soft[:, 0].min()
    assert soft[:, 1].max() < loud[:, 1].min()


def test_a_long_piece_goes_on_in_the_next_system():
    """The second half of 100 s stands below the first; nothing is lost between them."""
    roll = pictures.piano_roll(piano(Note(30, 60, 0.0, 40.0), Note(110, 60, 60.0, 100.0)))
    first, second = np.argwhere(where(roll, touch(30))), np.argwhere(where(roll, touch(110)))
    assert first[:, 0].max() < 600 < second[:, 0].min()
    assert abs(len(first) - len(second)) < 0.01 * len(first)


def test_the_shortest_note_is_seen():
    """A grace note of 20 ms in ten minutes still has pixels of its own."""
    roll = pictures.piano_roll(piano(Note(80, 60, 0.0, 1.0), Note(110, 90, 300.0, 300.02), Note(80, 40, 590.0, 600.0)))
    assert where(roll, touch(110)).sum() >= 4


def test_the_pedal_has_a_line_when_it_is_used():
    """Down for half of the piece, it fills half of its line; without it there is no line."""
    notes = [Note(80, 60, 0.0, 10.0)]
    used = where(pictures.piano_roll(piano(*notes, pedal=[(0.0, 127), (5.0, 0)])), pictures.PEDAL)
    unused = where(pictures.piano_roll(piano(*notes)), pictures.PEDAL)
    columns = np.flatnonzero(used.sum(axis=0) > 5)
    assert np.ptp(columns) == pytest.approx(ACROSS / 2, abs=4)
    assert not (unused.sum(axis=0) > 5).any()


def test_what_the_pedal_holds_rings_on():
    """A note that is held by the pedal alone has a tail, until the pedal comes up; without the pedal it has none."""
    notes = [Note(110, 60, 0.0, 1.0), Note(110, 80, 9.0, 10.0)]
    ringing, dry = (
        pixels(pictures.piano_roll(piano(*notes, pedal=pedal))).astype(int)
        for pedal in ([(0.5, 127), (3.0, 0)], [(9.9, 127), (10.0, 0)])
    )
    row = np.argwhere(where(pictures.piano_roll(piano(*notes)), touch(110)))[:, 0].max() - 40  # the pedal takes a line
    brighter = (ringing[HEADING : row + 80].sum(axis=2) - dry[HEADING : row + 80].sum(axis=2) > 60).any(axis=0)
    columns = np.flatnonzero(brighter)
    left = pictures.LEFT * pictures.DPI
    assert columns.min() - left == pytest.approx(0.1 * ACROSS, abs=4)
    assert columns.max() - left == pytest.approx(0.3 * ACROSS, abs=4)


@pytest.mark.parametrize(("seconds", "begins", "marked"), [(10, 2.0, 0.2), (40, 4.0, 0.1), (10, 0.0, 0.0)])
def test_what_the_piece_begins_with_is_marked(seconds: float, begins: float, marked: float):
    """A bar as long as the seed lasts; without a seed there is none."""
    bar = where(pictures.piano_roll(scale(seconds), "", begins, "seed" if begins else ""), pictures.BEGINNING)
    longest = max(bar.sum(axis=1))
    assert longest == pytest.approx(marked * ACROSS, abs=4)


def test_a_primer_is_marked_in_every_system_that_it_reaches():
    """70 s of 100: all of the first system and 20 s of the second."""
    bar = where(pictures.piano_roll(scale(100), "", 70.0, "primer"), pictures.BEGINNING)
    first, second = (half.sum(axis=1).max() for half in np.split(bar, 2))
    assert first == pytest.approx(ACROSS, abs=4)
    assert second == pytest.approx(0.4 * ACROSS, abs=4)


def test_a_long_title_leaves_room():
    """A long title is written smaller, so that the scale at its right is still to be read."""
    usual, long = (pixels(pictures.piano_roll(scale(5), title))[:HEADING, 1060:] for title in ("C5", "C5 · " * 25))
    assert (usual == long).all()


def test_a_piece_without_notes_is_an_empty_roll():
    """Nothing to show is not an error."""
    assert pixels(pictures.piano_roll(piano())).shape == (900, 1600, 3)


def test_attention_is_a_cell_a_pair_of_words():
    """A word that attends to itself alone gives a bright diagonal of 50 cells on a dark square."""
    words = [*map(str, range(36, 84)), "40,44,47,52,56,59,64", "e"]
    picture = pixels(pictures.attention(np.eye(50), words)).astype(int)
    assert picture.shape == (1500, 1600, 3)
    left, right, top, bottom = 0.12 * 1600, 0.845 * 1600, 0.18 * 1500, 0.97 * 1500
    centres = (np.arange(50) + 0.5) / 50
    rows, columns = (top + centres * (bottom - top)).astype(int), (left + centres * (right - left)).astype(int)
    brightness = picture[np.ix_(rows, columns)].sum(axis=2)
    assert brightness.diagonal().min() > 600
    assert brightness[~np.eye(50, dtype=bool)].max() < 100


def test_pictures_are_drawn_side_by_side():
    """Several threads at once draw what one alone draws, byte for byte."""
    pieces = [scale(seconds=5, velocity=velocity) for velocity in (40, 60, 80, 100)]
    alone = [pictures.piano_roll(piece) for piece in pieces]
    with ThreadPoolExecutor(4) as together:
        assert list(together.map(pictures.piano_roll, pieces)) == alone


def test_no_window_is_ever_opened():
    """Drawing does not touch pyplot, which keeps every figure and belongs to one thread."""
    code = "import sys, core.rendering.pictures; print('matplotlib.pyplot' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
