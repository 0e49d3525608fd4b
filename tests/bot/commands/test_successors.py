"""New take, Variation and Continue make a piece from the one above them."""

import re

import pytest

from core.request import Rendering
from tests.discord_standin import Discord
from tests.support.delivered import BUTTONS, MIDI, delivered, labels, pitches
from tests.support.playing_bot import FakeQueue, asks_for, clara, playing

pytestmark = pytest.mark.asyncio


async def test_a_new_take_is_another_draw(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """The same recipe but for the take, as a message of its own, which has buttons again; the first one stays. The
    bot was started again in between."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            message = await delivered(queue, listener, tempo=80)
            assert labels(message) == BUTTONS
        async with playing(standin, queue, url, monkeypatch):
            pressed = await listener.clicks(message, "New take")
            await pressed.answered()
            request = asks_for(queue, pressed)
            assert (str(request.seed), request.length) == ("72", 100)
            assert request.take != 7
            assert queue.terms[1]["rendering"].tempo == 80
            queue.finish(pressed.id)
            answer = await pressed.finished()
            assert answer is not message
            assert labels(answer) == BUTTONS
            assert labels(message) == BUTTONS


@pytest.mark.parametrize(("label", "kept", "length"), [("Variation", 4, 80), ("Continue", 20, 100)])
async def test_a_piece_is_gone_on_from(
    label: str, kept: int, length: int, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """A variation keeps the opening, a fifth of it; a continuation all of it. Both work after a restart, by whoever
    presses."""
    async with Discord() as standin:
        guild = standin.guild()
        listener, other = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch):
            message = await delivered(queue, listener, style="any", temperature=0.9)
        async with playing(standin, queue, url, monkeypatch):
            pressed = await other.clicks(message, label)
            await pressed.answered()
            request = asks_for(queue, pressed)
            assert pitches(request.primer) == list(range(40, 40 + kept))
            assert (request.length, request.temperature, request.seed.is_random) == (length, 0.9, True)
            queue.finish(pressed.id)
            answer = await pressed.finished()
            said = (await (await other.clicks(answer, "Recipe")).answered()).content
            [source] = re.findall("It continues piece `([a-z2-7]{8})`", said)
            doing = {"Variation": "Varying", "Continue": "Continuing"}[label]
            assert (await pressed.answered()).revisions[1].content.startswith(f"**{doing} piece {source}**")
            [embed] = answer.embeds
            whose = f"piece `{source}` by {listener.mention}"
            said_of = {"Variation": f"A variation of {whose}", "Continue": f"P{whose[1:]}, continued"}[label]
            assert embed["description"] == f"{said_of} · 312 notes"
            assert embed["author"]["name"] == "Robert"
            assert source in (await (await listener.clicks(message, "Recipe")).answered()).content
            taken = await other.clicks(answer, "New take")
            await taken.answered()
            queue.finish(taken.id)
            said = (await (await other.clicks(await taken.finished(), "Recipe")).answered()).content
            assert f"It continues piece `{source}`" in said


@pytest.mark.parametrize(
    ("label", "kept", "length"), [("Variation", [45, 46], 40), ("Continue", [*range(45, 55)], 100)]
)
async def test_a_cropped_piece_is_gone_on_from_as_it_is_heard(
    label: str, kept: list[int], length: int, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """From second 5 until 15; and what comes of it is not cropped."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", length=100, take=7, crop="5-15", tempo=50)
            await asked.answered()
            queue.finish(asked.id, midi=MIDI, composed=MIDI, duration=20.0)
            pressed = await listener.clicks(await asked.finished(), label)
            await pressed.answered()
            request = asks_for(queue, pressed)
            assert pitches(request.primer) == kept
            assert request.length == length
            assert queue.terms[-1]["rendering"] == Rendering(tempo=50)


async def test_there_is_no_room_beyond_the_longest_piece(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A piece of nearly ten minutes is not continued, with a sentence for the one who pressed."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", length=3000)
            await asked.answered()
            queue.finish(asked.id, duration=598.0)
            said = await (await listener.clicks(await asked.finished(), "Continue")).answered()
            assert said.ephemeral
            assert said.content.startswith("This piece is nearly as long as a piece can be")


async def test_the_article_s_pieces_cannot_be_gone_on_from(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Its model takes no primer, so those buttons are not there."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            message = await delivered(queue, listener, model="article")
            assert labels(message) == ["Listen", "Video", "New take", "Edit", "Arrange", "Recipe", "Delete"]
