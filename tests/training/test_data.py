"""training/data.py: folders in MAESTRO's layout, and files read once."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import BadData
from training.data import of_split, read_folder, read_once

HEADER = "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration\n"


def folder_with(tmp_path: Path, rows: str, name: str = "maestro-v3.0.0.csv") -> Path:
    (tmp_path / name).write_text(HEADER + rows)
    return tmp_path


def length_of(path: Path) -> np.ndarray:
    """Stands for reading a MIDI file; a file that says `broken` cannot be read."""
    if path.read_text() == "broken":
        raise ValueError("no MIDI at all")
    return np.array([len(path.read_text())])


def test_the_csv_says_what_is_there(tmp_path):
    """One recording a row, with its path, in the CSV's order."""
    rows = 'Bach,"Fugue, in C",train,2006,Bach/a.mid,,1.5\nChopin,Étude,test,2008,Chopin/b.mid,,2\n'
    first, second = read_folder(folder_with(tmp_path, rows))
    assert (first.path, first.composer, first.title, first.split) == (
        tmp_path / "Bach/a.mid",
        "Bach",
        "Fugue, in C",
        "train",
    )
    assert of_split([first, second], "test") == [second]


def test_a_folder_without_its_csv_is_refused(tmp_path):
    """One sentence that names the columns; a CSV about something else does not count."""
    (tmp_path / "shopping.csv").write_text("what,price\nmilk,1\n")
    with pytest.raises(BadData, match="no CSV files with the columns canonical_composer"):
        read_folder(tmp_path)


def test_two_tables_are_ambiguous(tmp_path):
    """Rather than taking either."""
    folder_with(tmp_path, "", "a.csv")
    with pytest.raises(BadData, match="has 2 CSV files"):
        read_folder(folder_with(tmp_path, "", "b.csv"))


def test_an_unknown_split_is_refused(tmp_path):
    """A typing error must not make test pieces disappear."""
    with pytest.raises(BadData, match="split 'trian'"):
        read_folder(folder_with(tmp_path, "Bach,Fugue,trian,2006,a.mid,,1\n"))


def test_a_split_without_pieces_is_refused(tmp_path):
    """Rather than training on nothing."""
    with pytest.raises(BadData, match="no recording is in the split 'validation'"):
        of_split(read_folder(folder_with(tmp_path, "Bach,Fugue,train,2006,a.mid,,1\n")), "validation")


@pytest.fixture
def recordings(tmp_path):
    rows = "".join(f"Bach,Piece {name},train,2006,{name}.mid,,1\n" for name in "abc")
    for name, text in {"a": "four", "b": "broken", "c": "sixsix"}.items():
        (tmp_path / f"{name}.mid").write_text(text)
    return read_folder(folder_with(tmp_path, rows))


def test_a_broken_file_is_skipped_with_a_message(recordings, tmp_path, caplog):
    """The others are read; the message names the file and what was wrong."""
    read = list(read_once(recordings, length_of, tmp_path / "cache", "length"))
    assert [(recording.title, array.item()) for recording, array in read] == [("Piece a", 4), ("Piece c", 6)]
    assert "b.mid: ValueError: no MIDI at all" in caplog.text


def test_a_file_is_read_once(recordings, tmp_path):
    """The second time the arrays come from the cache: what is kept there is believed."""
    list(read_once(recordings[:1], length_of, tmp_path / "cache", "length"))
    (kept,) = (tmp_path / "cache/length").iterdir()
    np.savez_compressed(kept, array=np.array([99]))
    ((_, array),) = read_once(recordings[:1], length_of, tmp_path / "cache", "length")
    assert array.item() == 99


def test_a_cut_off_cache_is_read_again(recordings, tmp_path):
    """A kill in the middle of writing leaves half a file, which does not spoil the next run."""
    list(read_once(recordings[:1], length_of, tmp_path / "cache", "length"))
    (kept,) = (tmp_path / "cache/length").iterdir()
    for remains in (0, 10, 60):
        kept.write_bytes(kept.read_bytes()[:remains])
        ((_, array),) = read_once(recordings[:1], length_of, tmp_path / "cache", "length")
        assert array.item() == 4
