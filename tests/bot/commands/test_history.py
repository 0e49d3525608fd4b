"""/history, typed and pressed in the stand-in's client."""

import asyncio
import re

import pytest

from bot.store.database import STORE_UNREACHABLE
from core.errors import StoreError
from tests.discord_standin import Discord, Message
from tests.discord_standin.model import parts
from tests.support.delivered import delivered, labels
from tests.support.playing_bot import FakeQueue, clara, playing
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.asyncio


def offered(page: Message) -> list[str]:
    """Ids in the select."""
    return [option["value"] for part in parts(page.components) for option in part.get("options", [])]


def address(message: Message) -> str:
    guild = message.channel.guild
    return f"{guild.id if guild else '@me'}/{message.channel.id}/{message.id}"


async def test_history_is_turned_by_buttons(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """One's own pieces, eight a page, newest first; for the one who asks alone. A page turns after a restart too."""
    async with Discord() as standin:
        guild = standin.guild()
        listener, other = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch):
            for take in range(10):
                await delivered(queue, listener, take=take)
            page = await (await listener.types("/history")).answered()
            lines = page.content.splitlines()
            assert page.ephemeral
            assert len(lines) == 8
            assert "C5 · C minor · 0:20 · take 9" in lines[0]
            assert offered(page) == re.findall("^`([a-z2-7]{8})`", page.content, re.M)
            assert labels(page) == ["Older"]
        async with playing(standin, queue, url, monkeypatch):
            await listener.clicks(page, "Older")
            await page.until(lambda page: "take 0" in page.content)
            assert labels(page) == ["Newer"]
            assert len(page.content.splitlines()) == 2
            await listener.clicks(page, "Newer")
            await page.until(lambda page: "take 9" in page.content)
            nothing = await (await other.types("/history")).answered()
            assert nothing.content == "There is no piece of yours here. `/compose random` makes one."


async def test_a_chosen_piece_is_brought_back(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """As a message of its own, after a restart too, and private where it was."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            await delivered(queue, listener)
            await delivered(queue, listener, private=True)
            page = await (await listener.types("/history")).answered()
        async with playing(standin, queue, url, monkeypatch) as bot:
            hidden, public = await bot.services.library.of(listener.user.id, 0, 9)
            back = await (await listener.selects(page, public.id)).finished()
            assert len(back.attachments) == 3
            assert not back.ephemeral
            assert (await (await listener.selects(page, hidden.id)).finished()).ephemeral
            await bot.services.library.remove(public.id)
            refused = await (await listener.selects(page, public.id)).answered()
            assert refused.content == f"There is no piece `{public.id}`: mistyped, or no longer stored."


async def test_a_line_links_to_its_message(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """To the latest that shows the piece where its listener is: what was delivered, late or not, or brought back.
    A message that its listener alone sees has no address."""
    async with Discord() as standin:
        listener = clara(standin)

        async def linked(*messages: Message) -> bool:
            """Wait until the links are those of these messages: a message is there before its address is noted."""
            expected = [address(message) for message in messages]
            async with asyncio.timeout(PATIENCE):
                while True:
                    page = await (await listener.types("/history")).answered()
                    if re.findall(r"\(<https://discord.com/channels/([^>]*)>\)", page.content) == expected:
                        return True

        async with playing(standin, queue, url, monkeypatch) as bot:
            first = await delivered(queue, listener)
            await delivered(queue, listener, private=True)
            assert await linked(first)
            hidden, stored = await bot.services.library.of(listener.user.id, 0, 9)
            await (await listener.types("/piece", id=hidden.id)).finished()
            back = await (await listener.types("/piece", id=stored.id)).finished()
            assert await linked(back)
            late = await listener.types("/compose", seed="72", private=True)
            await late.answered()
            standin.advance(16 * 60)
            queue.finish(late.id)
            message = await standin.written(listener.dm)
            assert await linked(message, back)
        standin.refused()


async def test_a_database_that_is_away_is_no_queue_that_is(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """/history needs the bot's own tables alone, and says so when they cannot be reached."""

    async def away(*_: object) -> None:
        raise StoreError(STORE_UNREACHABLE)

    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            monkeypatch.setattr(bot.services.library._database, "run", away)
            said = await (await listener.types("/history")).answered()
            assert said.content == "My database cannot be reached at the moment. Please try again soon."
