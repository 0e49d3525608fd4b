"""/perform and /harmonize from the interaction to its answer, with the buttons and the recipe under it."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pretty_midi import Note

from bot.commands.given import read_given
from bot.commands.harmonize import read_melody
from bot.language.recipes import command
from bot.language.replies import cancelled, unread
from bot.store.pending_reply import PendingReply, UnreadUpload
from bot.store.server_rules import Rules
from core.errors import BadRequest
from core.request import ComposeRequest, Rendering
from core.seed import Seed
from core.tasks import HARMONIZE, PERFORM
from tests.bot.commands.test_recipes import DEFAULTS, PERFORMED, PITCHES, RENDERINGS, RULES, as_a_client_reads
from tests.discord_standin import Discord, Message, Upload
from tests.support.delivered import labels, pitches
from tests.support.midi_corpus import note, smf, track
from tests.support.music import as_bytes, piano
from tests.support.playing_bot import FakeQueue, asks_for, clara, emptied, playing
from tests.support.stored_pieces import pending

SCORE = Upload("score.mid", smf(track(*[note(60 + degree) for degree in range(30)]), track(note(40, channel=9))))
"""15 s in quarters, and drums."""
PLAYED = Upload(
    "played.mid",
    as_bytes(piano(*(Note(60 + key % 7, 50 + key, key * 0.37, key * 0.37 + 0.3) for key in range(0, 30)))),
)
"""A file that knows no beats."""
CHORD = Upload("chord.mid", as_bytes(piano(Note(80, 60, 0.0, 1.0), Note(80, 64, 0.0, 1.0))))
GIVEN = {"dynamics": PERFORMED["dynamics"], "style": PERFORMED["style"], "top_p": PERFORMED["top_p"]}
GIVEN |= {"temperature": st.floats(0.1, 2.0), "take": st.integers(0, 2**32 - 1)}


async def recipe_under(message: Message, listener: Any) -> str:
    said: str = (await (await listener.clicks(message, "Recipe")).answered()).content
    return said


@pytest.mark.asyncio
async def test_a_score_is_performed(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """As long as it is, in a server where a piece may be no longer; the answer says what was read, and its recipe with
    the same file asks for the same."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            await bot.services.rules.change(listener.channel.guild.id, length=75, style="Chopin")
            options: dict[str, Any] = {"freedom": 50, "dynamics": "loud", "take": 7, "crop": "3-12"}
            asked = await listener.types("/perform", file=SCORE, **options)
            assert (await asked.answered()).content.startswith("**Performing your file** · ")
            request = asks_for(queue, asked)
            assert (request.task, request.length, request.freedom, request.style) == (PERFORM, 75, 50, "any")
            assert pitches(request.score) == [60 + degree for degree in range(30)]
            assert queue.terms[-1]["rendering"] == Rendering(crop="3-12")
            queue.finish(asked.id)
            message = await asked.finished()
            [embed] = message.embeds
            assert embed["description"].startswith(
                "Your score, performed · 312 notes\nRead as one piano: track 1; left"
            )
            assert "-performed-take7-" in message.file(".mid").filename
            said = await recipe_under(message, listener)
            assert said.startswith("```\n/perform dynamics:loud freedom:50 take:7 crop:3-12\n```")
            assert "It performs a file: send the same one again." in said
            typed = as_a_client_reads(said.removeprefix("```\n").partition("\n")[0])
            again = await listener.types("/perform", file=SCORE, **typed)
            await again.answered()
            assert asks_for(queue, again) == request
            queue.finish(again.id)
            await again.finished()
            drawn = await listener.clicks(message, "New take")
            await drawn.answered()
            assert asks_for(queue, drawn).score == request.score
            assert asks_for(queue, drawn).take != 7
            history = await (await listener.types("/history")).answered()
            assert "[performed score · C minor · 0:15 · 3 to 12 s · take 7]" in history.content


@pytest.mark.asyncio
async def test_a_performance_is_performed_anew_and_said_to_be_one(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """By the command in a message's menu, which takes the message's file."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            first = await listener.types("/compose", seed="72")
            await first.answered()
            queue.finish(first.id, midi=PLAYED.bytes)
            asked = await listener.applies("Perform this MIDI", await first.finished())
            await asked.answered()
            queue.finish(asked.id)
            [embed] = (await asked.finished()).embeds
            assert "The file is a performance already, so I play its notes anew" in embed["description"]


@pytest.mark.asyncio
async def test_a_melody_is_harmonized(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """One that is typed, with an option behind it, or one in a file, by the menu of a message too."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/harmonize", melody="C4 D4 Eb4 take:7 style:Bach")
            assert (await asked.answered()).content.startswith("**Harmonizing C4 D4 E♭4** · 5 s")
            typed = asks_for(queue, asked)
            assert (typed.task, typed.seed.spelled, typed.take, typed.style) == (HARMONIZE, "60 62 Eb4", 7, "Bach")
            queue.finish(asked.id)
            message = await asked.finished()
            assert message.embeds[0]["description"].startswith("Your melody, harmonized")
            assert (await recipe_under(message, listener)).startswith(
                "```\n/harmonize melody:60 62 Eb4 style:Bach take:7\n```\nMelody: C4 D4 E♭4"
            )
            asked = await listener.types("/harmonize", file=SCORE)
            assert (await asked.answered()).content.startswith("**Harmonizing your file** · ")
            request = asks_for(queue, asked)
            assert (request.task, request.length) == (HARMONIZE, 75)
            queue.finish(asked.id, midi=SCORE.bytes)
            message = await asked.finished()
            assert "It harmonizes a file: send the same one again." in await recipe_under(message, listener)
            asked = await listener.applies("Harmonize this melody", message)
            await asked.answered()
            assert pitches(asks_for(queue, asked).score) == pitches(request.score)
            offered = await listener.autocompletes("/harmonize", "melody", "C4 E")
            assert "60 64" in [value for _, value in offered]
            assert all("," not in value for _, value in offered)
            assert ("C4 D4 E4 (60 62 64)", "60 62 64") in await listener.autocompletes("/harmonize", "melody", "c d e")


@pytest.mark.asyncio
async def test_what_cannot_be_harmonized_or_performed_is_answered_by_a_sentence(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """A typed melody is refused to its listener alone; of a file no job is made."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            for options, says in (
                ({}, "Type a `melody`, or choose a `file`"),
                ({"melody": "C4", "file": SCORE}, "Type a `melody`, or choose a `file`"),
                ({"melody": "C4,E4 G4"}, "A melody has one note at a time"),
                ({"melody": "random"}, "There is nothing to harmonize"),
            ):
                said = await (await listener.types("/harmonize", **options)).answered()
                assert said.content.startswith(says)
                assert said.ephemeral
            asked = await listener.types("/harmonize", file=CHORD)
            assert (await asked.finished()).content.startswith("The MIDI file has several notes at once")
            await bot.services.rules.change(listener.channel.guild.id, length=50)
            asked = await listener.types("/perform", file=SCORE)
            assert "up to 10 s, and this one would last 15 s" in (await asked.finished()).content
            assert await emptied(url)
        assert not queue.jobs


@pytest.mark.asyncio
async def test_the_file_of_a_continuation_is_performed(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """By a button, as /perform would: it is there where all of a listener's file is continued. A performance is gone on
    from with new music."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            for part in ({"from": 3}, {}):
                asked = await listener.types("/continue", file=SCORE, length=100, key="C minor", style="Bach", **part)
                await asked.answered()
                queue.finish(asked.id, composed=SCORE.bytes)
                continued = await asked.finished()
                assert ("Perform" in labels(continued)) == (not part)
            pressed = await listener.clicks(continued, "Perform")
            await pressed.answered()
            request = asks_for(queue, pressed)
            queue.finish(pressed.id, composed=request.score, duration=15.0)
            performed = await pressed.finished()
            assert "Perform" not in labels(performed)
            typed = await listener.types("/perform", file=SCORE, style="Bach", take=request.take)
            await typed.answered()
            assert asks_for(queue, typed) == request
            queue.finish(typed.id)
            await typed.finished()
            pressed = await listener.clicks(performed, "Continue")
            await pressed.answered()
            further = asks_for(queue, pressed)
            assert (further.task, further.score, further.primer) == ("compose", b"", request.score)


@pytest.mark.asyncio
async def test_a_performance_and_a_melody_are_edited(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A form asks for what their notes leave open, and keeps these; a melody that is typed can be changed."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/perform", file=SCORE, freedom=50, dynamics="loud", temperature=0.9)
            await asked.answered()
            before = asks_for(queue, asked)
            queue.finish(asked.id)
            form = await listener.clicks(await asked.finished(), "Edit")
            answer = await listener.submits(form, freedom="0", style="Bach")
            await answer.answered()
            after = asks_for(queue, answer)
            assert (after.freedom, after.style, after.dynamics, after.temperature) == (0, "Bach", "loud", 0.9)
            assert (after.score, after.length) == (before.score, before.length)
            asked = await listener.types("/harmonize", melody="C4 D4 E4", dynamics="soft")
            await asked.answered()
            queue.finish(asked.id)
            form = await listener.clicks(await asked.finished(), "Edit")
            answer = await listener.submits(form, text="C4 G4")
            await answer.answered()
            after = asks_for(queue, answer)
            assert (after.task, after.seed.spelled, after.dynamics) == (HARMONIZE, "60 67", "soft")


def test_how_long_a_file_lasts_is_not_said_before_it_is_read():
    """Nor what it would last by a default."""
    request = ComposeRequest(Seed(), take=7)

    def asked(task: str) -> PendingReply:
        return pending(request=request, source=UnreadUpload("https://cdn", task=task), parent="")

    assert unread(asked(PERFORM)) == "**Performing your file** · take 7\nReading your file."
    assert command(request, unread=PERFORM) == "/perform take:7"
    assert cancelled(asked(HARMONIZE)).content == "Cancelled: **Harmonizing your file** · take 7"


@given(st.data(), st.sampled_from([PERFORM, HARMONIZE]), RULES, DEFAULTS)
def test_given_notes_are_asked_for_again(data: st.DataObject, task: str, rules: Rules, own: dict[str, Any]):
    """By the recipe, whatever the server's defaults and the listener's are; a file has to be sent again."""
    melody = data.draw(st.lists(PITCHES, max_size=5)) if task == HARMONIZE else []
    fields = {name: data.draw(values) for name, values in GIVEN.items()}
    fields |= {"freedom": data.draw(st.integers(0, 100))} if task == PERFORM else {}
    try:
        rendering = Rendering(**{name: data.draw(values) for name, values in RENDERINGS.items()})
        if melody:
            request = ComposeRequest.harmonized(Seed(tuple((pitch,) for pitch in melody)), **fields)
            rendering.rendered_seconds(request.seconds)
        else:
            request = ComposeRequest(Seed(), task=task, score=b"MThd", **fields)
    except BadRequest:
        assume(False)
    filled = as_a_client_reads(command(request, rendering))

    def usual(options: dict[str, Any]) -> dict[str, Any]:
        return rules.usual(options, own)

    typed = filled.pop("melody", "")
    submission = read_melody(typed, filled, usual) if melody else read_given(task, filled, usual)
    unread = {} if melody else {"task": "compose", "score": ""}
    assert submission.request.to_json() == request.to_json() | unread
    assert submission.rendering == rendering
