"""The buttons under a piece, and /piece, pressed and typed in the stand-in's client."""

import asyncio
import io
import re
import sqlite3
from typing import Any

import pytest
from pretty_midi import Note, PrettyMIDI

from bot.store.disk import Disk
from bot.store.quota import Quota
from core.request import Rendering
from tests.discord_standin import Discord, Message, Person
from tests.support.music import as_bytes, piano
from tests.support.playing_bot import FakeQueue, asks_for, clara, emptied, playing
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

MIDI = as_bytes(
    piano(*(Note(80, 40 + second, second, second + 0.9) for second in range(20)), pedal=[(0.5, 127), (15, 0)])
)
ALL = ["Listen", "Video", "New take", "Edit", "Variation", "Continue", "Arrange", "Recipe", "Delete"]


async def composed(queue: FakeQueue, listener: Person, **options: object) -> Message:
    """A piece of 20 s, delivered."""
    asked = await listener.types("/compose", **{"seed": "72", "length": 100, "take": 7} | options)
    await asked.answered()
    queue.finish(asked.id, midi=MIDI, composed=MIDI, duration=20.0)
    return await asked.finished()


def labels(message: Message) -> list[str]:
    return [button["label"] for button in message.buttons]


def pitches(midi: bytes) -> list[int]:
    return [note.pitch for note in PrettyMIDI(io.BytesIO(midi)).instruments[0].notes]


async def test_a_new_take_is_another_draw(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """The same recipe but for the take, as a message of its own, which has buttons again; the first one stays. The
    bot was started again in between."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            message = await composed(queue, listener, tempo=80)
            assert labels(message) == ALL
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
            assert labels(answer) == ALL
            assert labels(message) == ALL


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
            message = await composed(queue, listener, style="any", temperature=0.9)
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
            assert (await pressed.answered()).revisions[1].content.startswith(f"**Continuing piece {source}**")
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


async def test_the_recipe_can_be_copied(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """As a block of text that the presser alone sees, with id and checkpoint; the id brings the piece back."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            message = await composed(queue, listener, instrument="harp")
        async with playing(standin, queue, url, monkeypatch):
            said = await (await listener.clicks(message, "Recipe")).answered()
            command, line = said.content.removeprefix("```\n").split("\n```\n")
            assert command == "/compose seed:72 length:100 take:7 instrument:harp"
            assert said.ephemeral
            assert line.endswith("made by checkpoint `0123456789ab`.")
            back = await (await listener.types("/piece", id=line.split("`")[1])).finished()
            assert labels(back) == ALL
            assert not back.ephemeral
            refused = await (await listener.types("/piece", id="the last one")).answered()
            assert refused.content.startswith("'the last one' is not the id of a piece")
            assert refused.ephemeral
            assert [file.filename for file in back.attachments] == [file.filename for file in message.attachments]
            assert [file.bytes for file in back.attachments] == [file.bytes for file in message.attachments]


async def test_a_card_names_its_listener_to_whoever_brings_it_back(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """As long as Discord knows them."""
    async with Discord() as standin:
        guild = standin.guild()
        listener, other = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch) as bot:
            await composed(queue, listener)
            [stored] = await bot.services.library.of(listener.user.id, 0, 9)
            [embed] = (await (await other.types("/piece", id=stored.id)).finished()).embeds
            assert embed["author"]["name"] == "Clara"
            assert embed["author"]["icon_url"].endswith("?size=64")
            del standin.world.users[listener.user.id]
            [embed] = (await (await other.types("/piece", id=stored.id)).finished()).embeds
            assert "author" not in embed
            standin.refused()


async def test_there_is_no_room_for_a_further_piece(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Of this listener, or of anybody: whoever asks is told so, by a command as by a button, and no job is queued."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            library = bot.services.library
            message = await composed(queue, listener)
            library.quota = Quota(library._database, pieces=1)
            for asked in [await listener.types("/compose", seed="72"), await listener.clicks(message, "New take")]:
                assert (await asked.answered()).content.startswith("I keep 1 pieces of one listener within a day")
            library.quota, library.disk = Quota(library._database), Disk([library.files.folder], least_free=2**62)
            refused = await (await listener.types("/compose", seed="72")).answered()
            assert refused.content.startswith("There is hardly any room left for pieces")
    assert len(queue.requests) == 1


async def test_pieces_take_turns_in_memory(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """However many are brought back or delivered at once: here there is room for one."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            library, held = bot.services.library, list[int]()
            library.memory.most = 1
            read, job = library.piece, queue.job

            async def noting(function: Any, wanted: Any) -> Any:
                held.append(library.memory.held_bytes)
                return await function(wanted)

            monkeypatch.setattr(library, "piece", lambda stored: noting(read, stored))
            monkeypatch.setattr(queue, "job", lambda job_id: noting(job, job_id))
            await composed(queue, listener)
            [stored] = await library.of(listener.user.id, 0, 9)
            for asked in [await listener.types("/piece", id=stored.id) for _ in range(5)]:
                await asked.finished()
    assert held == [1] * 6


async def test_a_private_piece_stays_private(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A piece that its buttons make is private too, and /piece brings it back for its owner alone."""
    async with Discord() as standin:
        guild = standin.guild()
        listener, other = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch):
            message = await composed(queue, listener, private=True)
            pressed = await listener.clicks(message, "New take")
            assert (await pressed.answered()).ephemeral
            queue.finish(pressed.id)
            said = await (await listener.clicks(message, "Recipe")).answered()
            [id] = re.findall("Piece `([a-z2-7]{8})`", said.content)
            assert (await (await listener.types("/piece", id=id.upper())).finished()).ephemeral
            refused = await (await other.types("/piece", id=id)).answered()
            assert refused.content == "This piece is private, and not yours."
            assert refused.ephemeral
            theirs = await composed(queue, other)
            for action, label in (("recipe", "Recipe"), ("continue", "Continue"), ("delete", "Delete")):
                [button] = [button for button in theirs.buttons if button["label"] == label]
                button["custom_id"] = f"piece:{action}:{id}"  # as no client of Discord's would send it
                refused = await (await other.clicks(theirs, label)).answered()
                assert refused.content == "This piece is private, and not yours."
                assert refused.ephemeral


async def delete(person: Person, message: Message) -> None:
    await person.clicks(message, "Delete")
    await person.clicks(await message.until(lambda message: "Delete for good" in labels(message)), "Delete for good")


async def test_delete_asks_once(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """In a row of its own, below all other buttons, which stay. Whoever keeps the piece sees it as before."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            message = await composed(queue, listener)
            assert [button["label"] for button in message.components[-1]["components"]] == ["Delete"]
            await listener.clicks(message, "Delete")
            await message.until(lambda message: labels(message) == [*ALL[:-1], "Delete for good", "Keep it"])
            await listener.clicks(message, "Keep it")
            await message.until(lambda message: labels(message) == ALL)
            assert message.attachments
            assert len(await bot.services.library.of(listener.user.id, 0, 9)) == 1


async def test_only_some_may_delete(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Its requester, and whoever may manage messages where it was made: then the message is gone, and so is the piece.
    Others are told, whether they are asked first or not. Whoever manages messages elsewhere only removes the message
    there."""
    async with Discord() as standin:
        guild = standin.guild()
        listener, other = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch) as bot:
            message = await composed(queue, listener)
            refused = await (await other.clicks(message, "Delete")).answered()
            assert refused.content.startswith("Only the person who asked for this piece")
            assert refused.ephemeral
            [stored] = await bot.services.library.of(listener.user.id, 0, 9)
            await listener.clicks(message, "Delete")
            await message.until(lambda message: "Delete for good" in labels(message))
            refused = await (await other.clicks(message, "Delete for good")).answered()
            assert refused.content.startswith("Only the person who asked for this piece")
            await listener.clicks(message, "Delete for good")
            await message.until(lambda message: message.deleted)
            assert await bot.services.library.of(listener.user.id, 0, 9) == []
            gone = await (await listener.types("/piece", id=f"`{stored.id}`")).answered()
            assert gone.content == f"There is no piece `{stored.id}`: mistyped, or no longer stored."
            message = await composed(queue, listener)
            await delete(standin.person("fanny", guild, manager=True), message)
            await message.until(lambda message: message.deleted)
            assert await bot.services.library.of(listener.user.id, 0, 9) == []


async def test_a_piece_that_is_deleted_twice_is_deleted(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Somebody else was faster: neither piece nor message is found any more, which is what was wished for."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            message = await composed(queue, listener)
            removed = asyncio.Event()

            async def remove(piece_id: str) -> None:
                message.deleted = True
                removed.set()

            monkeypatch.setattr(bot.services.library, "remove", remove)
            await delete(listener, message)
            await removed.wait()
        assert [refusal.code for refusal in standin.refused()] == [10008]
    assert "failed" not in caplog.text


async def test_buttons_of_a_piece_that_is_gone_say_so(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Every one of them; but Delete removes the message for the one who had asked for it."""
    async with Discord() as standin:
        guild = standin.guild()
        listener, other = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch) as bot:
            message = await composed(queue, listener)
            await bot.services.library.forget(listener.user.id)
            for label in ALL:
                said = await (await other.clicks(message, label)).answered()
                assert said.content == "This piece is no longer stored."
                assert said.ephemeral
            await listener.clicks(message, "Delete")
            await message.until(lambda message: message.deleted)


@pytest.mark.parametrize("label", ["New take", "Variation", "Continue", "Listen", "Video"])
async def test_quick_clicks_are_one_wish(label: str, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Of one listener with one button: four of them make one piece, and three have no answer of their own. Those of
    somebody else count by themselves."""
    async with Discord() as standin:
        guild = standin.guild()
        listener, other = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch, most=9):
            message = await composed(queue, listener)
            first, *further = await asyncio.gather(*(listener.clicks(message, label) for _ in range(4)))
            await first.answered()
            assert [pressed.message for pressed in further] == [message] * 3
            await (await other.clicks(message, label)).answered()
            await until(lambda: len(queue.requests) >= 3)
            assert len(queue.requests) == 3


async def test_the_article_s_pieces_cannot_be_gone_on_from(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Its model takes no primer, so those buttons are not there."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            message = await composed(queue, listener, model="article")
            assert labels(message) == ["Listen", "Video", "New take", "Edit", "Arrange", "Recipe", "Delete"]


async def test_what_is_stored_is_removed_on_request(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """/forget asks first; then what is in the making is cancelled, and pieces, answers and jobs are gone. Nothing of
    anybody else's is."""
    async with Discord() as standin:
        guild = standin.guild()
        listener, other = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch) as bot:
            await composed(queue, listener)
            await composed(queue, other)
            waiting = await listener.types("/compose", seed="72")
            await waiting.answered()
            question = await (await listener.types("/forget")).answered()
            assert question.ephemeral
            assert labels(question) == ["Remove everything", "Keep it"]
            await listener.clicks(question, "Keep it")
            await question.until(lambda message: message.content == "Nothing was removed.")
            assert len(await bot.services.library.of(listener.user.id, 0, 9)) == 1
            question = await (await listener.types("/forget")).answered()
            await listener.clicks(question, "Remove everything")
            await question.until(lambda message: message.content.startswith("Nothing is stored about you"))
            assert (await waiting.finished()).content.startswith("Cancelled")
            assert await bot.services.library.of(listener.user.id, 0, 9) == []
            assert queue.forgotten == [listener.user.id]
            assert len(await bot.services.library.of(other.user.id, 0, 9)) == 1
            assert await emptied(url)
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        stored = "\n".join(connection.iterdump())
    connection.close()
    assert str(other.user.id) in stored
    assert str(listener.user.id) not in stored
