"""core/article/composer.py: pieces from one note, several, and none."""

import subprocess
import sys

import numpy as np
import pytest

from core.article.composer import ArticleComposer, words_of_seed
from core.article.frames import piano_roll, words_of
from core.errors import Cancelled, UnknownNotes
from core.request import ComposeRequest
from core.seed import Seed
from tests.support.tiny_checkpoint import make_article_checkpoint

COMPOSES = """
import sys
from pathlib import Path
from core.article.composer import ArticleComposer
from core.request import ComposeRequest
from core.seed import Seed

composer = ArticleComposer.load(Path(sys.argv[1]))
music = composer.compose(ComposeRequest(Seed.parse("72"), take=1, length=25)).music
print(len(composer.attention(music)), {"keras", "tensorflow"} & {*sys.modules})
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_article_checkpoint(tmp_path_factory.mktemp("tiny") / "article")


@pytest.fixture(scope="module")
def composer(folder):
    return ArticleComposer.load(folder)


def request(seed: str, take: int = 7, length: int = 60, temperature: float = 1.0) -> ComposeRequest:
    return ComposeRequest(Seed.parse(seed), take=take, length=length, temperature=temperature)


def notes(midi):
    return [(note.pitch, round(note.start, 4), round(note.end, 4)) for note in midi.instruments[0].notes]


@pytest.mark.parametrize(
    ("seed", "words"), [("72", ["72"]), ("60,64,67 72", ["60,64,67", "60,64,67", "72", "72"]), ("random", [])]
)
def test_a_piece_begins_with_its_seed(composer, seed, words):
    """One note is one frame, as in the article; of several, each lasts 0.4 s."""
    assert words_of_seed(Seed.parse(seed)) == words
    assert words_of(piano_roll(composer.compose(request(seed)).music))[: len(words)] == words


def test_the_same_recipe_gives_the_same_piece(composer):
    """Also after other pieces were made in between; another take gives another."""
    first = composer.compose(request("random")).music
    other = composer.compose(request("random", take=8)).music
    assert notes(composer.compose(request("random")).music) == notes(first) != notes(other)


@pytest.mark.parametrize("length", [25, 60, 101])
def test_length_counts_steps_of_a_fifth_of_a_second(composer, length):
    """The last note ends within the length, and near it: this network is never silent for long."""
    end = composer.compose(request("random", length=length)).music.get_end_time()
    assert length * 0.2 - 2 < end <= length * 0.2 + 1e-6


def test_it_needs_no_tensorflow(folder):
    """A piece is made, and its attention told, in a process that imports neither TensorFlow nor Keras."""
    told = subprocess.run([sys.executable, "-c", COMPOSES, folder], capture_output=True, text=True, check=True)
    assert told.stdout == "2 set()\n"


def test_progress_rises_to_one(composer):
    """The share that is done is told before every chunk and at the end."""
    shares = []
    composer.compose(request("72", length=101), shares.append)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1], len(shares)) == (0.0, 1.0, 5)


def test_a_cancel_stops_the_composer(composer):
    """An error that `progress` raises comes out between two chunks."""

    def cancel(share):
        if share > 0.3:
            raise Cancelled("taken back")

    with pytest.raises(Cancelled):
        composer.compose(request("72", length=500), cancel)


def test_unknown_notes_are_refused_before_any_work(composer):
    """The vocabulary lacks this cluster: one sentence, three near words, no progress."""
    with pytest.raises(UnknownNotes, match=r"C4\+C#4\+D4 at once"):
        composer.compose(request("60,61,62"), lambda share: pytest.fail("work was begun"))


@pytest.mark.parametrize("length", [25, 200])
def test_attention_is_that_of_the_pieces_own_words(composer, length):
    """50 words of the piece (a shorter one is padded as in training) and two matrices whose rows sum to 1."""
    midi = composer.compose(request("72", length=length)).music
    words, matrices = composer.attention(midi)
    assert len(words) == 50
    sounding = [word for word in words if word != "e"]
    assert set(sounding) <= set(words_of(piano_roll(midi)))
    for matrix in matrices:
        assert matrix.sum(axis=1) == pytest.approx(np.ones(50), abs=1e-5)
