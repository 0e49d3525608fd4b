"""training/held_out.py: music that is held out is found again by its notes."""

import numpy as np
import pytest

from core.errors import BadData
from core.performance.events import END, in_order, write
from training.data import read_folder
from training.held_out import SAME, HeldOut, learnable


def piece(seed, chords=200):
    """Chords of three keys, rolled by a cell or two: (moments, 4) whose first column holds onsets."""
    generator = np.random.default_rng(seed)
    keys = generator.integers(20, 60, chords)
    rows = [
        [30 * number + generator.integers(3), key + step, 64, 20]
        for number, key in enumerate(keys)
        for step in (0, 4, 7)
    ]
    return np.array(rows)


def moments_of(rows):
    """Onsets become shifts, and the end follows."""
    rows = in_order(rows)
    rows[:, 0] = np.diff(rows[:, 0], prepend=0)
    return np.concatenate([rows, [[20, END, 0, 0]]]).astype(np.int32)


def moved(rows, cells=0, keys=0):
    return np.add(rows, [cells, keys, 0, 0])


def played_again(rows, seed):
    """By another pianist: another tempo, other keys of a chord first, and every tenth note another one."""
    generator = np.random.default_rng(seed)
    rows = rows.copy()
    rows[:, 0] = rows[:, 0] * 1.3 + generator.integers(4, size=len(rows))
    wrong = generator.random(len(rows)) < 0.1
    rows[wrong, 1] = generator.integers(20, 60, wrong.sum())
    return rows


def test_the_same_music_is_found():
    """As a copy, by another pianist, as a part of a longer piece, and as an excerpt."""
    held_out = HeldOut([moments_of(piece(1)), moments_of(piece(2))])
    longer = np.concatenate([piece(3), moved(piece(2), cells=6000), moved(piece(4), cells=12000)])
    assert held_out.share(moments_of(piece(1))) == 1
    assert held_out.holds(moments_of(played_again(piece(2), seed=5)))
    assert held_out.share(moments_of(longer)) == 1
    assert held_out.share(moments_of(piece(1)[150:300])) > 0.9


def test_other_music_is_not():
    """Nor the same in another key, nor less than a run of notes; and where nothing is held out nothing is found."""
    held_out = HeldOut([moments_of(piece(1)), moments_of(piece(2))])
    assert held_out.share(moments_of(piece(6))) < SAME / 4
    assert held_out.share(moments_of(moved(piece(1), keys=1))) < SAME / 4
    assert not held_out.holds(moments_of(piece(1)[:11]))
    assert not HeldOut([]).holds(moments_of(piece(1)))
    assert not HeldOut([moments_of(piece(1)[:11])]).holds(moments_of(piece(1)))


def write_set(folder, pieces):
    """A folder in MAESTRO's layout with a file a piece, {split: rows of `piece`}."""
    folder.mkdir()
    lines = ["canonical_composer,canonical_title,split,midi_filename"]
    for split, rows in pieces.items():
        write(moments_of(rows)).write(str(folder / f"{split}.mid"))
        lines.append(f"Bach,{folder.name},{split},{split}.mid")
    (folder / "set.csv").write_text("\n".join(lines))
    return read_folder(folder)


def test_what_another_folder_tests_is_not_learnt(tmp_path, capsys):
    """A training piece of one folder that is the music of another's test split is left out, with a count."""
    one = write_set(tmp_path / "one", {"train": piece(1)})
    other = write_set(tmp_path / "other", {"train": piece(2), "test": played_again(piece(1), seed=5)})
    kept = learnable([one, other], tmp_path / "cache")
    assert [[recording.path.parent.name for recording, _ in entries] for entries in kept] == [[], ["other"]]
    assert "1 training pieces left out" in capsys.readouterr().out


def test_nothing_left_to_learn_is_a_sentence(tmp_path):
    """When all training music is held out."""
    one = write_set(tmp_path / "one", {"train": piece(1), "validation": piece(1)})
    with pytest.raises(BadData, match="no training piece is left"):
        learnable([one], tmp_path / "cache")
