"""Suggestions are what listeners mean to type, and can be chosen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.submission import read_submission
from bot.commands.suggestions import MAX_SUGGESTION, MAX_SUGGESTIONS, keys_for, seed_suggestions
from core.errors import BadRequest
from tests.discord_standin import Discord
from tests.support.playing_bot import FakeQueue, playing

TYPED = st.text("CDEFGABcdefgab#♯♭0123456789, ", max_size=30)


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
    assert seed_suggestions(typed) == offered
    for beginning in ("", "C"):
        *notes, last = seed_suggestions(beginning)
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
    assert seed_suggestions(typed)[0][0] == first


def test_both_meanings_of_b_are_suggested():
    """B is B flat in German."""
    assert seed_suggestions("B4") == [("B4 (71)", "71"), ("B♭4 (70)", "Bb4")]


def test_random_is_suggested_first():
    """Before anything is typed, and while `random` may still become of it."""
    assert seed_suggestions("")[0] == seed_suggestions("ra")[0] == ("random", "random")
    assert all(name != "random" for name, _ in seed_suggestions("C"))


def test_notes_are_suggested_as_one_types():
    """Names and pitches that begin as what was typed; names keep the spelling that was begun."""
    assert seed_suggestions("C5") == [("C5 (72)", "72")]
    assert seed_suggestions("bb")[0] == ("B♭4 (70)", "Bb4")
    assert seed_suggestions("7")[:2] == [("A#4 (70)", "70"), ("B4 (71)", "71")]


def test_the_last_of_several_notes_is_suggested():
    """The notes that were typed before stay, as chords (`+`) and as melody."""
    last_three = (("G4", 67), ("G#4", 68), ("A4", 69))
    assert seed_suggestions("60,64 6")[-3:] == [(f"C4+E4 {n} (60,64 {p})", f"60,64 {p}") for n, p in last_three]
    assert seed_suggestions("C4 ")[0] == ("C4 C4 (60 60)", "60 60")


def test_a_whole_command_in_the_seed_is_suggested_as_it_is():
    """`72 length:500` stays what was typed, as long as it can be made."""
    assert seed_suggestions("72 length:500") == [("72 length:500", "72 length:500")]
    assert seed_suggestions("72 length:5") == []


@given(TYPED)
def test_every_suggestion_can_be_chosen(typed: str):
    """Whatever is typed, Discord takes the suggestions, and a name and its value mean the same seed."""
    offered = seed_suggestions(typed)
    assert len(offered) <= MAX_SUGGESTIONS
    assert len({name for name, _ in offered}) == len(offered)
    for name, value in offered:
        assert 1 <= len(name) <= MAX_SUGGESTION
        assert 1 <= len(value) <= MAX_SUGGESTION
        assert read_submission(name, take=1, length=500) == read_submission(value, take=1, length=500)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("typed", ["60" + " " * 10**5 + "6", "C" + " " * 10**5 + "!", "60 " * 10**5, "C4," * 10**5])
def test_a_long_text_takes_no_long_time(typed: str):
    """The time grows with the text and not with its square, which would take minutes here: nobody else is served
    meanwhile."""
    seed_suggestions(typed)
    with pytest.raises(BadRequest):
        read_submission(typed)


@pytest.mark.parametrize(
    ("typed", "first"), [("", "any"), ("e", "E major"), ("Eb", "E♭ major"), ("c-moll", "C minor"), ("H-Dur", "B major")]
)
def test_keys_are_suggested(typed: str, first: str):
    """The key that was typed comes first, in whatever language; for nothing there is `any` first."""
    assert keys_for(typed)[0] == first


@pytest.mark.asyncio
async def test_keys_are_suggested_in_the_reader_s_language(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Found by either name; the value is the one that a recipe has."""
    async with Discord() as standin:
        clara = standin.person("clara", standin.guild(), locale="de")
        async with playing(standin, queue, url, monkeypatch):
            for typed in ("Des-", "D♭ maj"):
                assert await clara.autocompletes("/compose", "key", typed, seed="72") == [("Des-Dur", "D♭ major")]
            for typed in ("bel", "any"):
                assert await clara.autocompletes("/compose", "key", typed, seed="72") == [("beliebig", "any")]


def test_there_is_a_suggestion_for_each_key():
    """24 of them and `any`: as many as Discord shows."""
    assert len(set(keys_for(""))) == 25
