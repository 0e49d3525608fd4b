"""core/performance/fingerprint.py: passages of the training music are found again from a table of bits."""

import subprocess
import sys

import numpy as np
import pytest

from core.errors import BadCheckpoint
from core.performance.fingerprint import BITS, FILE, RUN, Fingerprint, of_training_music


def random_pitches(seed, notes):
    return np.random.default_rng(seed).integers(20, 60, notes)


@pytest.fixture(scope="module")
def learnt():
    return [random_pitches(seed, 2000) for seed in range(20)]


@pytest.fixture(scope="module")
def fingerprint(learnt):
    """Of 40,000 notes, in a table as full as that which ships."""
    return Fingerprint.of(learnt, bits=57_600)


@pytest.mark.parametrize("length", [14, 20, 34, 200])
@pytest.mark.parametrize("key", [0, 5], ids=["as it was", "transposed"])
def test_a_shared_passage_is_never_taken_for_shorter(fingerprint, learnt, length, key):
    """Whatever surrounds it; and chance makes it a few notes longer at the most."""
    for seed in range(10):
        passage = learnt[seed][300 : 300 + length] + key
        piece = np.concatenate([random_pitches(100 + seed, 40), passage, random_pitches(200 + seed, 40)])
        said = fingerprint.longest_run(piece)
        assert said >= length
        assert said <= max(length, 12) + 24


def test_a_piece_of_the_training_music_is_shared_whole(fingerprint, learnt):
    """From its first note to its last."""
    assert fingerprint.longest_run(learnt[3]) == 2000


@pytest.mark.parametrize(
    "figure", [[0, 1] * 40, [0, 12, 5, 12] * 20, list(range(60))], ids=["trill", "tremolo", "chromatic scale"]
)
def test_a_figure_is_no_copy(figure):
    """However long it goes on and whatever it is that was learnt: it counts as a single run and its variants."""
    learnt = Fingerprint.of([np.array(figure)], bits=57_600)
    assert learnt.longest_run(np.array(figure)) == len(figure)
    assert learnt.longest_passage(np.array(figure)) <= RUN + 4


def test_a_passage_that_is_too_long_is_found(fingerprint, learnt):
    """Its first note is told, some notes early by chance; a shorter one is none."""
    piece = np.concatenate([random_pitches(100, 40), learnt[3][300:360] + 5, random_pitches(200, 40)])
    assert 16 < fingerprint.first_passage(piece, 33) <= 40
    assert fingerprint.first_passage(piece, 84) is None


def test_a_copied_passage_counts_whole(fingerprint, learnt):
    """A melody does not repeat itself as figures do, so next to none of its notes is left out."""
    piece = np.concatenate([random_pitches(100, 40), learnt[3][300:360] + 5, random_pitches(200, 40)])
    assert fingerprint.longest_passage(piece) >= 58
    assert fingerprint.longest_passage(piece) <= fingerprint.longest_run(piece)


def test_other_music_shares_little(fingerprint):
    """What chance gives stays far below 34 notes, beyond which a piece would count as copied."""
    assert fingerprint.filled == pytest.approx(0.5, abs=0.02)
    said = [fingerprint.longest_run(random_pitches(1000 + seed, 1200)) for seed in range(50)]
    assert np.median(said) < RUN + 12
    assert np.percentile(said, 90) < 30


def test_short_pieces(fingerprint):
    """Of fewer notes than a run nothing is known but that they share no more than they have."""
    for notes in (0, 1, 5, RUN, RUN + 1):
        assert fingerprint.longest_run(random_pitches(7, notes)) <= notes


def test_it_is_kept_in_a_file(fingerprint, learnt, tmp_path):
    """And read again; what is none is refused."""
    fingerprint.save(tmp_path / "a.npz")
    assert Fingerprint.load(tmp_path / "a.npz").longest_run(learnt[0][:50]) == 50
    (tmp_path / "b.npz").write_bytes(b"no fingerprint")
    (tmp_path / "empty.npz").touch()
    for name in ("b.npz", "empty.npz", "missing.npz"):
        with pytest.raises(BadCheckpoint, match="is no fingerprint of training music"):
            Fingerprint.load(tmp_path / name)


def test_the_one_that_ships():
    """Has the size that a repository has room for, is about half full, and knows no random notes."""
    assert FILE.stat().st_size < 1_500_000
    shipped = of_training_music()
    assert 8 * (BITS // 8) == BITS
    assert 0.4 < shipped.filled < 0.6
    assert shipped.longest_run(random_pitches(0, 1000)) < 34


def test_it_needs_nothing_but_numpy():
    """Neither a network nor a MIDI library is loaded for it."""
    code = "import sys, core.performance.fingerprint; print({'keras', 'tensorflow', 'pretty_midi'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"
