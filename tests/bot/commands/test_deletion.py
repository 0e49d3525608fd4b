"""Delete asks once, and removes what the one who presses may remove."""

import asyncio

import pytest

from tests.discord_standin import Discord, Message, Person
from tests.support.delivered import BUTTONS, delivered, labels
from tests.support.playing_bot import FakeQueue, clara, playing

pytestmark = pytest.mark.asyncio


async def delete(person: Person, message: Message) -> None:
    await person.clicks(message, "Delete")
    await person.clicks(await message.until(lambda message: "Delete for good" in labels(message)), "Delete for good")


async def test_delete_asks_once(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """In a row of its own, below all other buttons, which stay. Whoever keeps the piece sees it as before."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            message = await delivered(queue, listener)
            assert [button["label"] for button in message.components[-1]["components"]] == ["Delete"]
            await listener.clicks(message, "Delete")
            await message.until(lambda message: labels(message) == [*BUTTONS[:-1], "Delete for good", "Keep it"])
            await listener.clicks(message, "Keep it")
            await message.until(lambda message: labels(message) == BUTTONS)
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
            message = await delivered(queue, listener)
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
            message = await delivered(queue, listener)
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
            message = await delivered(queue, listener)
            removed = asyncio.Event()

            async def remove(piece_id: str) -> None:
                message.deleted = True
                removed.set()

            monkeypatch.setattr(bot.services.library, "remove", remove)
            await delete(listener, message)
            await removed.wait()
        assert [refusal.code for refusal in standin.refused()] == [10008]
    assert "failed" not in caplog.text
