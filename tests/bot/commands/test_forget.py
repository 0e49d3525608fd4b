"""/forget removes all that is stored about somebody, and nothing else."""

import sqlite3

import pytest

from tests.discord_standin import Discord
from tests.support.delivered import delivered, labels
from tests.support.playing_bot import FakeQueue, emptied, playing

pytestmark = pytest.mark.asyncio


async def test_what_is_stored_is_removed_on_request(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """/forget asks first; then what is in the making is cancelled, and pieces, answers and jobs are gone. Nothing of
    anybody else's is."""
    async with Discord() as standin:
        guild = standin.guild()
        listener, other = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch) as bot:
            await delivered(queue, listener)
            await delivered(queue, other)
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
