"""training/data.py: folders in MAESTRO's layout, and files read once."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import BadData
from training.data import of_split, read_folder, read_once, style_of

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
    """One sentence that names the columns; a CSV about something else does not count. Of a folder that is not there it
    says that."""
    (tmp_path / "shopping.csv").write_text("what,price\nmilk,1\n")
    with pytest.raises(BadData, match="no CSV files with the columns canonical_composer"):
        read_folder(tmp_path)
    with pytest.raises(BadData, match=r"there is no folder .*/gone$"):
        read_folder(tmp_path / "gone")


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


ROWS = "Frédéric Müller,Ouverture,train,2006,a.mid,,1\nAntonín Dvořák,Humoreska,validation,2006,b.mid,,1\n"


def composers(folder):
    return [recording.composer for recording in read_folder(folder)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_spreadsheets_mark_their_encoding(tmp_path, encoding):
    """With a byte order mark or without: the first column keeps its name, and names their accents."""
    (tmp_path / "a.csv").write_bytes((HEADER + ROWS).encode(encoding))
    assert composers(tmp_path) == ["Frédéric Müller", "Antonín Dvořák"]


def test_latin_1_is_read_and_said(tmp_path, caplog):
    """Bytes that are no UTF-8 are letters of Western Europe; whoever wrote others is told to look."""
    (tmp_path / "a.csv").write_bytes((HEADER + ROWS.splitlines()[0]).encode("latin-1"))
    assert composers(tmp_path) == ["Frédéric Müller"]
    assert "a.csv is not in UTF-8 and is read as Latin-1" in caplog.text


@pytest.mark.parametrize("separator", [";", "\t"], ids=["semicolons", "tabs"])
def test_other_separators(tmp_path, separator):
    """As spreadsheets write them where the comma separates decimals."""
    (tmp_path / "a.csv").write_text((HEADER + ROWS).replace(",", separator), encoding="utf-8")
    assert composers(tmp_path) == ["Frédéric Müller", "Antonín Dvořák"]


@pytest.mark.parametrize(
    "row, sentence",
    [
        ("Bach,Fugue,train\n", "line 3, has no midi_filename"),
        (",Fugue,train,2006,a.mid,,1\n", "line 3, has no canonical_composer"),
        ("Bach,Fugue\n", "line 3, has no midi_filename and no split"),
        (" / Busoni,Fugue,train,2006,a.mid,,1\n", "line 3, has the composer ' / Busoni', in which there is no name"),
        ("Bach,Fugue, in C,train,2006,a.mid,,1\n", "line 3, has more cells than there are columns"),
    ],
    ids=["short", "no composer", "very short", "no first name", "a comma in the title"],
)
def test_a_row_in_which_something_is_missing(tmp_path, row, sentence):
    """Is refused with its line, before any file is read."""
    with pytest.raises(BadData, match=sentence):
        read_folder(folder_with(tmp_path, "Bach,Prelude,train,2006,a.mid,,1\n" + row))


@pytest.mark.parametrize("data", [b"", b"\x00\x01\x02" * 50, b"\xff\xfe\x00"], ids=["empty", "binary", "half a letter"])
def test_what_is_no_table_is_none(tmp_path, data):
    """A file that only bears the name does not count, and is no traceback."""
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(BadData, match="has no CSV files with the columns"):
        read_folder(tmp_path)


def test_a_folder_named_like_a_table(tmp_path):
    """Is none."""
    (tmp_path / "odd.csv").mkdir()
    assert composers(folder_with(tmp_path, ROWS)) == ["Frédéric Müller", "Antonín Dvořák"]


@pytest.mark.parametrize(
    "composer, style",
    [
        ("Bach", "Bach"),
        ("Frédéric Chopin", "Chopin"),
        ("Johann Sebastian Bach / Ferruccio Busoni", "Bach"),
        ("Bach, Johann Sebastian", "Bach"),
        ("Beethoven, Ludwig van / Liszt, Franz", "Beethoven"),
        ("POP909", "pop"),
    ],
)
def test_the_style_is_the_composers_family_name(composer, style):
    """As ASAP, MAESTRO, libraries and POP909 write them."""
    assert style_of(composer) == style


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


def test_nothing_but_broken_files(recordings, tmp_path):
    """Is one sentence that names the split, where a training would have begun with nothing to measure it by."""
    with pytest.raises(BadData, match="none of the 1 files of the split 'train' can be read"):
        list(read_once(recordings[1:2], length_of, tmp_path / "cache", "length"))


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
