"""training/excerpts.py: excerpts of one length, at 1 ms."""

from pathlib import Path

import numpy as np
import pytest
from pretty_midi import ControlChange, Note, PrettyMIDI

from core.errors import BadData
from core.performance.events import END, PEDAL_DOWN, PEDAL_UP, read
from tests.support.music import piano
from training.data import Recording
from training.excerpts import Excerpt, beginnings, cut, from_fixed_places, human_recordings, read_fine, read_generated


def moments(*rows):
    """(onset in ms, key, velocity, duration) become moments, with an end."""
    array = np.array([*rows, (rows[-1][0], END, 0, 0)], dtype=np.int32)
    array[:, 0] = np.diff(array[:, 0], prepend=0)
    return array


def steady(seconds):
    """A note a quarter of a second, from the first second on, each softer than the one before."""
    return moments(*[(1000 + 250 * number, 40 + number % 7, 127 - number, 200) for number in range(4 * seconds)])


def begins_of(excerpt, piece):
    """The number of the note of `steady` with which the excerpt begins."""
    return int(piece.moments[0, 2] - excerpt.moments[0, 2])


def recording(path, piece="Fugue"):
    return Recording(Path(path), "Bach", piece, "train")


def test_milliseconds_are_kept(tmp_path):
    """A file is read at 1 ms, and in cells it is what the model would read: a chord from its lowest note up."""
    midi = PrettyMIDI(resolution=500)  # ticks of 1 ms
    midi.instruments = piano(Note(66, 64, 0.009, 0.5), Note(66, 60, 0.013, 0.518), Note(66, 65, 0.145, 1.5)).instruments
    midi.write(str(tmp_path / "a.mid"))
    fine = read_fine(tmp_path / "a.mid")
    assert np.cumsum(fine[:, 0])[:3].tolist() == [9, 13, 145]
    assert Excerpt(fine, "a", "any").in_cells().tolist() == read(midi).tolist()


def test_an_excerpt_begins_with_the_pedal_as_it_is():
    """A pedal that is down before is put down at once; onsets count from the cut; later notes are not in it."""
    piece = moments(
        (0, 40, 64, 9000), (500, PEDAL_DOWN, 0, 0), (2500, 41, 64, 10), (3500, PEDAL_UP, 0, 0), (5000, 42, 64, 1)
    )
    assert cut(piece, 2.0, 2.0).tolist() == [[0, PEDAL_DOWN, 0, 0], [500, 41, 64, 10], [1000, PEDAL_UP, 0, 0]]
    assert cut(piece, 0.0, 0.4).tolist() == [[0, 40, 64, 9000]]


def test_generated_excerpts_are_beginnings():
    """From the first note on, however late that is."""
    (excerpt,) = beginnings([Excerpt(steady(30), "a", "any")], 10)
    assert excerpt.moments[:, 0].sum() == 9750
    assert excerpt.moments[0, 0] == 0


def test_human_excerpts_are_of_beginnings_middles_and_ends():
    """In turn, each as long as it ought to be; a shorter piece is left out."""
    pieces = [Excerpt(steady(length), "a", "Bach") for length in (30, 9, 30, 30)]
    excerpts = from_fixed_places(pieces, 10)
    assert [len(excerpt.moments) for excerpt in excerpts] == [40, 40, 40]
    assert begins_of(excerpts[0], pieces[0]) == 0
    assert begins_of(excerpts[1], pieces[2]) == 40
    assert begins_of(excerpts[2], pieces[3]) == 80


def test_a_piece_counts_twice_at_the_most():
    """However often it was recorded."""
    chosen = human_recordings(
        [recording("c.mid"), recording("a.mid"), recording("b.mid"), recording("d.mid", "Prelude")]
    )
    assert [one.path.name for one in chosen] == ["a.mid", "b.mid", "d.mid"]


def test_the_style_is_the_folders_name(tmp_path):
    """Files in the folder itself have none; a folder without any is refused."""
    with pytest.raises(BadData, match=r"holds no \.mid files"):
        read_generated(tmp_path)
    (tmp_path / "Chopin").mkdir()
    midi = piano(Note(66, 60, 0, 1))
    midi.instruments[0].control_changes.append(ControlChange(64, 127, 0.5))
    midi.write(str(tmp_path / "Chopin/a.mid"))
    midi.write(str(tmp_path / "b.mid"))
    assert [piece.style for piece in read_generated(tmp_path)] == ["Chopin", "any"]
