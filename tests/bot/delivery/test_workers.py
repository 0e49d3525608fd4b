"""Listeners are told when no worker lives, and when one has died under their piece."""

import pytest

from bot.delivery import follower
from bot.delivery.progress import ANEW
from bot.delivery.workers import AWAY, GETTING_READY, REFUSED_SECONDS, RESTARTING, Workers
from core.errors import QueueFull
from core.queue.jobs import WAITED_TOO_LONG, Job, JobState, QueueSnapshot
from core.text import NOTHING
from tests.discord_standin import Discord
from tests.support.playing_bot import FakeQueue, clara, playing


def test_what_is_said_of_an_absence():
    """After the bot's start the composer gets ready, later it is restarted, and at last it is away: then nobody is
    accepted who could not be served in time."""
    workers = Workers()
    said = []
    for seen, living in ((0, 0), (10, 1), (20, 0), (20 + REFUSED_SECONDS, 0), (21 + REFUSED_SECONDS, 0)):
        workers.see(QueueSnapshot(seen=seen, workers=living))
        said.append(workers.absence)
        if seen <= 20 + REFUSED_SECONDS:
            workers.check()
    assert said == [GETTING_READY, NOTHING, RESTARTING, RESTARTING, AWAY]
    with pytest.raises(QueueFull, match="composer is away"):
        workers.check()


@pytest.mark.asyncio
async def test_a_listener_is_told_at_once_that_no_worker_lives(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """In the first message, in /queue, and no more once there is one."""
    queue.workers = 0
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72")
            assert str(GETTING_READY) in (await asked.answered()).content
            assert str(GETTING_READY) in (await (await listener.types("/queue")).answered()).content
            queue.workers = 1
            await asked.shows(lambda message: str(GETTING_READY) not in message.content)


@pytest.mark.asyncio
async def test_a_piece_whose_worker_died_begins_anew(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Its listener reads so when it is back in the queue, and still when it runs again, where the bar that was shown
    stays until the piece is farther: here and in /queue."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
            queue.run(asked.id, 0.4)
            await asked.shows(lambda message: "40%" in message.content)
            queue.jobs[str(asked.id)] = Job(str(asked.id), JobState.QUEUED, place=1)
            await asked.shows(lambda message: str(ANEW) in message.content)
            queue.run(asked.id, 0.1)
            message = await asked.shows(lambda message: "40%" in message.content)
            assert str(ANEW) in message.content
            assert "40%" in (await (await listener.types("/queue")).answered()).content
            queue.run(asked.id, 0.45)
            await asked.shows(lambda message: "45%" in message.content)
            assert not [look for look in asked.message.revisions if "10%" in look.content]


@pytest.mark.asyncio
async def test_nobody_waits_for_ever(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Also where a message could bring the piece at any time, one that no worker begins is given up with a sentence."""
    queue.workers = 0
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
            monkeypatch.setattr(follower, "LONGEST_WAIT_SECONDS", -1.0)
            message = await asked.finished()
            assert message.content == str(WAITED_TOO_LONG)
