"""/piece and the buttons under a piece, typed and pressed in the stand-in's client."""

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest

from bot.store.disk import Disk
from bot.store.quota import Quota
from tests.discord_standin import Discord
from tests.support.delivered import BUTTONS, delivered, labels
from tests.support.playing_bot import SHORT, FakeQueue, clara, playing
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio


async def test_the_recipe_can_be_copied(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """As a block of text that the presser alone sees, with id and checkpoint; the id brings the piece back."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            message = await delivered(queue, listener, instrument="harp")
        async with playing(standin, queue, url, monkeypatch):
            said = await (await listener.clicks(message, "Recipe")).answered()
            command, line = said.content.removeprefix("```\n").split("\n```\n")
            assert command == "/compose seed:72 length:100 take:7 instrument:harp"
            assert said.ephemeral
            assert line.endswith("made by checkpoint `0123456789ab`.")
            back = await (await listener.types("/piece", id=line.split("`")[1])).finished()
            assert labels(back) == BUTTONS
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
            await delivered(queue, listener)
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
            message = await delivered(queue, listener)
            library.quota = Quota(library._database, pieces=1)
            for asked in [await listener.types("/compose", seed="72"), await listener.clicks(message, "New take")]:
                assert (await asked.answered()).content.startswith("I keep up to 1 pieces a day for each listener")
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
            await delivered(queue, listener)
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
            message = await delivered(queue, listener, private=True)
            pressed = await listener.clicks(message, "New take")
            assert (await pressed.answered()).ephemeral
            queue.finish(pressed.id)
            said = await (await listener.clicks(message, "Recipe")).answered()
            [id] = re.findall("Piece `([a-z2-7]{8})`", said.content)
            assert (await (await listener.types("/piece", id=id.upper())).finished()).ephemeral
            refused = await (await other.types("/piece", id=id)).answered()
            assert refused.content == "This piece is private, and not yours."
            assert refused.ephemeral
            theirs = await delivered(queue, other)
            for action, label in (("recipe", "Recipe"), ("continue", "Continue"), ("delete", "Delete")):
                [button] = [button for button in theirs.buttons if button["label"] == label]
                button["custom_id"] = f"piece:{action}:{id}"  # as no client of Discord's would send it
                refused = await (await other.clicks(theirs, label)).answered()
                assert refused.content == "This piece is private, and not yours."
                assert refused.ephemeral


async def test_buttons_of_a_piece_that_is_gone_say_so(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Every one of them; but Delete removes the message for the one who had asked for it."""
    async with Discord() as standin:
        guild = standin.guild()
        listener, other = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch) as bot:
            message = await delivered(queue, listener)
            await bot.services.library.forget(listener.user.id)
            for label in BUTTONS:
                said = await (await other.clicks(message, label)).answered()
                assert said.content == "This piece is no longer stored."
                assert said.ephemeral
            await listener.clicks(message, "Delete")
            await message.until(lambda message: message.deleted)


async def test_a_message_that_took_long_is_removed_by_the_one_whom_it_mentions(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """It answers no command, and its piece is gone."""
    async with Discord() as standin:
        guild = standin.guild()
        listener, other = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch, timing=replace(SHORT, mention=0)) as bot:
            message = await delivered(queue, listener)
            await bot.services.library.forget(listener.user.id)
            assert (await (await other.clicks(message, "Delete")).answered()).ephemeral
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
            message = await delivered(queue, listener)
            first, *further = await asyncio.gather(*(listener.clicks(message, label) for _ in range(4)))
            await first.answered()
            assert [pressed.message for pressed in further] == [message] * 3
            await (await other.clicks(message, label)).answered()
            await until(lambda: len(queue.requests) >= 3)
            assert len(queue.requests) == 3
