"""Several bots that have a part of the servers each."""

import pytest

from bot.settings import Shards
from tests.discord_standin import Discord
from tests.support.playing_bot import FakeQueue, playing

pytestmark = pytest.mark.asyncio


async def test_each_bot_hears_of_its_own_servers(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Nobody is told twice, and nobody left out."""
    async with Discord(shards=2) as standin:
        guilds = [standin.guild() for _ in range(2)]
        while len({(guild.id >> 22) % 2 for guild in guilds}) < 2:
            guilds.append(standin.guild())
        async with (
            playing(standin, queue, url, monkeypatch, shards=Shards(0, 0, 2)) as first,
            playing(standin, queue, url, monkeypatch, shards=Shards(1, 1, 2)) as second,
        ):
            await standin.world.until(lambda world: len(standin.gateway.live) == 2)
            assert sorted(session.shard for session in standin.gateway.live) == [(0, 2), (1, 2)]
            for number, guild in enumerate(guilds):
                person = standin.person(f"clara{number}", guild)
                asked = await person.types("/compose", seed="72", take=number)
                await asked.answered()
                has_it, has_not = (first, second) if (guild.id >> 22) % 2 == 0 else (second, first)
                assert len(has_it.services.deliveries.of(person.user.id)) == 1
                assert has_not.services.deliveries.of(person.user.id) == []
                queue.finish(asked.id)
                assert (await asked.finished()).attachments
        assert not standin.refused()
