"""training/pieces.py: what is held out of one folder is in no training piece of another."""

import pytest

from core.errors import BadData
from tests.support.studies import write_studies
from training.pieces import read_training
from training.plan import DataFolder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_studies(tmp_path_factory.mktemp("data"), [*["train"] * 5, "validation"])


@pytest.fixture(scope="module")
def more(tmp_path_factory):
    """Another composer's folder, whose first piece is the validation piece of `data`."""
    return write_studies(tmp_path_factory.mktemp("more"), ["train", "train"], composer="Hanon", lowest=53)


def folders(*paths, **options):
    return [DataFolder(folder=str(path), **(options if number else {})) for number, path in enumerate(paths)]


def test_held_out_music_is_left_out(data, more, tmp_path, capsys):
    """Wherever it comes from: another folder's training pieces are the first one's validation piece, and one more."""
    pieces, styles = read_training(folders(data, more, share=0.5, clips=True), tmp_path)
    assert "1 training pieces left out" in capsys.readouterr().out
    assert styles == ("any", "Czerny", "Hanon")
    described = [(piece.style, piece.share, piece.has_end) for piece in pieces]
    assert described == [(1, 1.0, True)] * 5 + [(2, 0.5, False)]


def test_other_composers_are_read_as_any(data, more, tmp_path):
    """Where a plan names its styles; those of a checkpoint that it begins from keep their places before them."""
    pieces, styles = read_training(folders(data, more), tmp_path, known=("any", "pop"), only=["Hanon"])
    assert styles == ("any", "pop", "Hanon")
    assert [piece.style for piece in pieces] == [0] * 5 + [2]


def test_nothing_left_is_a_sentence(tmp_path):
    """A folder whose test piece is the music of its only training piece."""
    write_studies(tmp_path, ["train"], lowest=53)
    (tmp_path / "1.mid").write_bytes((tmp_path / "0.mid").read_bytes())
    with (tmp_path / "made-up.csv").open("a") as rows:
        rows.write("Czerny,Study 0,test,1830,1.mid,,30\n")
    with pytest.raises(BadData, match="no training piece is left"):
        read_training(folders(tmp_path), tmp_path / "cache")
