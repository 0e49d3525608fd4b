"""What listeners type into `/compose` is understood, and suggestions are what they mean to type."""

import time

import discord
import pytest
from discord import app_commands
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.compose import compose
from bot.commands.continue_ import continue_
from bot.commands.options import MAX_SUGGESTION, MAX_SUGGESTIONS, keys_for, read_submission, suggestions
from core.errors import BadRequest
from core.request import AS_COMPOSED, ComposeRequest, Rendering
from core.seed import Seed

C5 = ComposeRequest(seed=Seed(((72,),)), take=7)
TYPED = st.text("CDEFGABcdefgab#♯♭0123456789, ", max_size=30)
CUT = ("from", "keep")
SAID = ("key", "pace", "dynamics", "mood")
TAKES = ("take", "takes")
RENDERED = ("instrument", "tempo", "transpose", "audio")
PLAYED = (*RENDERED, "only_new", "crop")


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
    [("30s", 150), ("30 s", 150), ("1:30", 450), ("2 min", 600), ("2min", 600), ("1m30s", 450), ("1,5 min", 450)],
)
def test_a_length_may_be_a_time(typed: str, length: int):
    """Minutes and seconds; a number alone is of steps."""
    assert read_submission(f"72 length:{typed} take:7").request.length == length


def test_a_value_may_have_several_words():
    """A style's name and an instrument's, in any case, before other options and notes."""
    request, rendering, *_ = read_submission("style:Frédéric Chopin instrument:MUSIC BOX tempo:80 60 take:7")
    assert (request.style, request.seed.chords) == ("Frédéric Chopin", ((60,),))
    assert (rendering.instrument, rendering.tempo) == ("music box", 80)


def test_no_number_is_a_sentence():
    """`nan` is a number to Python and to nobody else."""
    with pytest.raises(BadRequest, match=r"temperature nan is outside 0\.1 to 2"):
        read_submission("72 temperature:nan")


def test_a_chord_may_be_sent_by_the_name_of_its_suggestion():
    """Clients that send a choice's name in place of its value are understood."""
    assert read_submission("C4+E4 G4 (60,64 67)", take=1)[0].seed == Seed(((60, 64), (67,)))


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("c mi", [("C minor (60,63,67)", "60,63,67"), ("C minor 7 (60,63,67,70)", "60,63,67,70")]),
        ("f# dim", [("F# diminished (66,69,72)", "66,69,72")]),
        ("B♭ maj", [("Bb major (70,74,77)", "70,74,77")]),
    ],
)
def test_chords_are_suggested_by_name(typed: str, offered: list[tuple[str, str]]):
    """Their notes are the value, and beside the name; a root alone, or nothing, offers them after its notes."""
    assert suggestions(typed) == offered
    for beginning in ("", "C"):
        *notes, last = suggestions(beginning)
        assert len(notes) < MAX_SUGGESTIONS
        assert ("C4 (60)", "60") in notes
        assert last == ("C diminished (60,63,66)", "60,63,66")


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("Am", "A minor (69,72,76)"),
        ("C dim", "C diminished (60,63,66)"),
        ("Bb7", "Bb 7 (70,74,77,80)"),
        ("H4", "B4 (71)"),
        ("Cis4", "C#4 (61)"),
        ("Ｃ５", "C5 (72)"),
        ("Dm G7", "D4+F4+A4 G4+B4+D5+F5 (62,65,69 67,71,74,77)"),
    ],
)
def test_what_was_typed_is_suggested_first(typed: str, first: str):
    """A chord by its name, and any other seed as it was understood."""
    assert suggestions(typed)[0][0] == first


def test_both_meanings_of_b_are_suggested():
    """It is B flat in German."""
    assert suggestions("B4") == [("B4 (71)", "71"), ("B♭4 (70)", "Bb4")]


def test_a_suggestion_may_be_typed_on():
    """What stands in its parentheses is the same notes again, not others."""
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
        ("72", {"model": "mozart"}, "there is no model 'mozart'; there are performance, article"),
    ],
)
def test_what_cannot_be_made_is_said(typed: str, filled: dict, sentence: str):
    """A wrong option is refused by a sentence that says what came and what is accepted."""
    with pytest.raises(BadRequest) as refused:
        read_submission(typed, **filled)
    assert str(refused.value) == sentence


@pytest.mark.parametrize("typed", ["60" + " " * 5990 + "6", "C" + " " * 5990 + "!", "60 " * 1999, "C4," * 1999])
def test_a_long_text_takes_no_long_time(typed: str):
    """Nobody else is served meanwhile: it is a moment, where it was up to 0.6 s a letter typed."""
    began = time.process_time()
    suggestions(typed)
    with pytest.raises(BadRequest):
        read_submission(typed)
    assert time.process_time() - began < 0.1


def test_random_is_suggested_first():
    """Before anything is typed, and while `random` may still become of it."""
    assert suggestions("")[0] == suggestions("ra")[0] == ("random", "random")
    assert all(name != "random" for name, _ in suggestions("C"))


def test_notes_are_suggested_as_one_types():
    """Names and pitches that begin as what was typed; names keep the spelling that was begun."""
    assert suggestions("C5") == [("C5 (72)", "72")]
    assert suggestions("bb")[0] == ("B♭4 (70)", "Bb4")
    assert suggestions("7")[:2] == [("A#4 (70)", "70"), ("B4 (71)", "71")]


def test_the_last_of_several_notes_is_suggested():
    """What was typed before stays, as chords (`+`) and as melody."""
    assert suggestions("60,64 6")[-3:] == [(f"C4+E4 {n} (60,64 {p})", f"60,64 {p}") for n, p in LAST_THREE]
    assert suggestions("C4 ")[0] == ("C4 C4 (60 60)", "60 60")


LAST_THREE = (("G4", 67), ("G#4", 68), ("A4", 69))


def test_a_whole_command_in_the_seed_is_suggested_as_it_is():
    """`72 length:500` stays what was typed, as long as it can be made."""
    assert suggestions("72 length:500") == [("72 length:500", "72 length:500")]
    assert suggestions("72 length:5") == []


@given(TYPED)
def test_every_suggestion_can_be_chosen(typed: str):
    """Whatever is typed, Discord takes the suggestions, and a name and its value mean the same seed."""
    offered = suggestions(typed)
    assert len(offered) <= MAX_SUGGESTIONS
    assert len({name for name, _ in offered}) == len(offered)
    for name, value in offered:
        assert 1 <= len(name) <= MAX_SUGGESTION
        assert 1 <= len(value) <= MAX_SUGGESTION
        assert read_submission(name, take=1, length=500) == read_submission(value, take=1, length=500)


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (
            compose,
            ["seed", "length", "style", *SAID, "temperature", "top_p", *TAKES, "model", *RENDERED, "crop", "private"],
        ),
        (
            continue_,
            ["file", "piece", "length", *CUT, "style", *SAID, "temperature", "top_p", *TAKES, *PLAYED, "private"],
        ),
    ],
    ids=["compose", "continue"],
)
def test_commands_have_their_options(command: app_commands.Command, names: list[str]):
    """In one order, and only the seed has to be filled: a piece is continued in place of a file."""
    assert [parameter.display_name for parameter in command.parameters] == names
    assert [parameter.display_name for parameter in command.parameters if parameter.required] == [
        name for name in names if name == "seed"
    ]


def test_discord_knows_the_bounds_of_an_option():
    """So its clients refuse what is out of range before it is sent."""
    options = {parameter.display_name: parameter for parameter in compose.parameters}
    assert (options["length"].min_value, options["length"].max_value) == (25, 3000)
    assert (options["top_p"].min_value, options["top_p"].max_value) == (0.1, 1.0)
    assert [choice.value for choice in options["audio"].choices] == ["mp3", "wav", "flac"]
    assert options["style"].autocomplete
    assert options["private"].type is discord.AppCommandOptionType.boolean


@pytest.mark.parametrize(
    "typed", ["72 key:c-moll pace:very slow", "pace:very_slow key:C minor 72", "key:Cm 72 pace:very slow"]
)
def test_key_and_pace_may_be_typed_along(typed: str):
    """Names of several words end where the notes go on."""
    request = read_submission(typed).request
    assert (str(request.seed), request.key, request.pace) == ("72", "C minor", "very slow")


@pytest.mark.parametrize(
    ("typed", "first"), [("", "any"), ("e", "E major"), ("Eb", "E♭ major"), ("c-moll", "C minor"), ("H-Dur", "B major")]
)
def test_keys_are_suggested(typed: str, first: str):
    """The key that was typed comes first, in whatever language; for nothing there is `any` first."""
    assert keys_for(typed)[0] == first


def test_there_is_a_suggestion_for_each_key():
    """24 of them and `any`: as many as Discord shows."""
    assert len(set(keys_for(""))) == 25
