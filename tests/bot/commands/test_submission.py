"""What listeners type into `/compose` is understood, or refused by one sentence."""

import pytest

from bot.commands.harmonize import read_melody
from bot.commands.submission import read_submission
from core.errors import BadRequest
from core.request import AS_COMPOSED, ComposeRequest, Rendering
from core.seed import Seed

C5 = ComposeRequest(seed=Seed(((72,),)), take=7)


@pytest.mark.parametrize("typed", ["72", "C5", " c5 ", "C5 (72)", "seed:72", "72 length:500", "C5 (72) length: 500"])
def test_one_request_typed_in_many_ways(typed: str):
    """A pitch, a name, a suggestion's name and options typed along with the seed all mean the same piece."""
    assert read_submission(typed, length=None, take=7) == (C5, AS_COMPOSED, False, 1)


def test_all_options_may_be_typed_into_the_seed():
    """Somebody who types the whole command into `seed` gets what it says."""
    request, *_ = read_submission("72 style:Chopin top_p=0.9", take=3)
    assert request == ComposeRequest(Seed(((72,),)), take=3, style="Chopin", top_p=0.9)
    request, rendering, private, takes = read_submission(
        "60,64 67 Length=100 temperature:0,9 take:3 model:ARTICLE private:yes"
        " instrument:Music_Box tempo:80 transpose=-3 takes:4"
    )
    assert request == ComposeRequest(Seed(((60, 64), (67,))), take=3, length=100, temperature=0.9, model="article")
    assert rendering == Rendering(instrument="music box", tempo=80, transpose=-3)
    assert private
    assert takes == 4


@pytest.mark.parametrize(
    ("typed", "length"),
    [
        ("30s", 150),
        ("30 s", 150),
        ("1:30", 450),
        ("2 min", 600),
        ("2min", 600),
        ("1m30s", 450),
        ("1 min 30 s", 450),
        ("1,5 min", 450),
        ("2 Minuten", 600),
        ("90 Sekunden", 450),
        ("1分30秒", 450),
    ],
)
def test_a_length_may_be_a_time(typed: str, length: int):
    """Minutes and seconds, in any of the listeners' languages; a number alone is of steps."""
    assert read_submission(f"72 length:{typed} take:7").request.length == length


def test_a_value_may_have_several_words():
    """A style's name and an instrument's, in any case, before other options and notes."""
    request, rendering, *_ = read_submission("style:Frédéric Chopin instrument:MUSIC BOX tempo:80 60 take:7")
    assert (request.style, request.seed.chords) == ("Frédéric Chopin", ((60,),))
    assert (rendering.instrument, rendering.tempo) == ("music box", 80)


@pytest.mark.parametrize("typed", ["72 tempo:80%", "tempo:80 % 72", "tempo:80 72"])
def test_a_percentage_may_have_its_sign(typed: str):
    """With a space before it or not."""
    request, rendering, *_ = read_submission(typed)
    assert (request.seed.chords, rendering.tempo) == (((72,),), 80)


def test_no_number_is_a_sentence():
    """`nan` is a number to Python and to nobody else."""
    with pytest.raises(BadRequest, match=r"temperature nan is outside 0\.1 to 2"):
        read_submission("72 temperature:nan")


def test_a_chord_may_be_sent_by_the_name_of_its_suggestion():
    """Clients that send a choice's name in place of its value are understood."""
    assert read_submission("C4+E4 G4 (60,64 67)", take=1)[0].seed == Seed(((60, 64), (67,)))


def test_a_suggestion_may_be_typed_on():
    """The notes in its parentheses are the same ones again, not others."""
    assert read_submission("C4+E4 (60,64) C5")[0].seed == Seed(((60, 64), (72,)))


@pytest.mark.parametrize("typed", ["C minor", "c minor", "C minor (60,63,67)", "60,63,67", "C4,Eb4,G4"])
def test_a_chord_may_be_typed_by_name(typed: str):
    """As it is suggested, in whatever case."""
    assert read_submission(typed)[0].seed == Seed(((60, 63, 67),))


def test_a_take_that_is_left_out_is_drawn():
    """Two `/compose random` differ."""
    assert len({read_submission("random")[0].take for _ in range(20)}) > 1


@pytest.mark.parametrize(
    ("typed", "filled", "sentence"),
    [
        (
            "72 length:long",
            {},
            "length must be a time such as 30s, 1:30 or 2 min, or a whole number of 0.2 s steps, such as 500 for 100 s;"
            " I can't read 'long'",
        ),
        (
            "72 length:",
            {},
            "length must be a time such as 30s, 1:30 or 2 min, or a whole number of 0.2 s steps, such as 500 for 100 s;"
            " I can't read ''",
        ),
        ("72 private:perhaps", {}, "private must be yes or no; I can't read 'perhaps'"),
        ("72 take:" + "9" * 5000, {}, "take must be a whole number; I can't read '99999999999999999...'"),
        ("72 take:" + "9" * 4000, {}, "take must be a whole number; I can't read '99999999999999999...'"),
        ("72 length:300", {"length": 500}, "length is given twice, as 500 and as 300"),
        ("72 model:x", {"model": "a\nb"}, "model is given twice, as a b and as x"),
        ("72", {"audio": "a\nb"}, "there is no audio format 'a b'; there are mp3, wav, flac"),
        ("72", {"length": 5}, "length 5 is outside 25 to 3000 steps of 0.2 s (5 to 600 s)"),
        ("72", {"tempo": 10}, "tempo must be 25 to 400 percent; 10 is not"),
        ("72", {"length": 3000, "tempo": 50}, "at 50% tempo it would last 1,200 s; I play at most 600 s"),
        ("72 lenght:500", {}, "there is no option `lenght` here; did you mean `length`?"),
        ("72", {"model": "mozart"}, "there is no model 'mozart'; there are performance, article"),
    ],
)
def test_what_cannot_be_made_is_said(typed: str, filled: dict, sentence: str):
    """A wrong option is refused by a sentence that says what came and what is accepted."""
    with pytest.raises(BadRequest) as refused:
        read_submission(typed, **filled)
    assert str(refused.value) == sentence


def test_an_option_of_another_command_is_named():
    """With those that there are, in place of notes that are not understood."""
    with pytest.raises(BadRequest, match="no option `length` here; there are style, dynamics, temperature, "):
        read_melody("C4 D4 length:30s", {}, dict)


@pytest.mark.parametrize(
    "typed", ["72 key:c-moll pace:very slow", "pace:very_slow key:C minor 72", "key:Cm 72 pace:very slow"]
)
def test_key_and_pace_may_be_typed_along(typed: str):
    """Names of several words end where the notes go on."""
    request = read_submission(typed).request
    assert (str(request.seed), request.key, request.pace) == ("72", "C minor", "very slow")
