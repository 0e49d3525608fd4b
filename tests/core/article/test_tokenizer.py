"""core/article/tokenizer.py: words and their indices."""

import pytest

from core.article.tokenizer import Vocabulary
from core.errors import BadCheckpoint, UnknownNotes


def test_words_count_from_zero_in_the_order_met_and_silence_comes_last():
    """No index is without a word, and `e` is last although it was met early."""
    vocabulary = Vocabulary.of([["60", "e", "64"], ["60", "67"]])
    assert vocabulary.words == ("60", "64", "67", "e")
    assert vocabulary.decode(range(len(vocabulary))) == list(vocabulary.words)
    assert vocabulary.silence == 3


def test_encode_is_undone_by_decode():
    """Words -> indices -> words."""
    vocabulary = Vocabulary.of([["60", "e", "60,64,67"]])
    assert vocabulary.decode(vocabulary.encode(["e", "60,64,67", "60"])) == ["e", "60,64,67", "60"]


def test_an_unknown_word_is_answered_with_three_near_ones():
    """The sentence names its notes, and the three words whose pitches are nearest."""
    vocabulary = Vocabulary(["60", "72", "71", "60,64,67", "74", "e"])
    with pytest.raises(UnknownNotes) as refused:
        vocabulary.encode(["73"])
    assert str(refused.value) == (
        "the model 'article' never heard exactly C#5 at once; close ones that it knows: C5, D5, B4"
    )


def test_near_chords_are_near_in_every_note():
    """A chord one semitone away is nearer than one that only shares most of its notes."""
    vocabulary = Vocabulary(["60,64,67", "60,64,68", "60", "60,64", "e"])
    assert vocabulary.near("60,64,69") == ["60,64,68", "60,64,67", "60,64"]


@pytest.mark.parametrize("words", [["60", "60", "e"], ["60", "64"]])
def test_a_table_that_is_none_is_refused(words):
    """A word twice, or no word for silence."""
    with pytest.raises(BadCheckpoint):
        Vocabulary(words)
