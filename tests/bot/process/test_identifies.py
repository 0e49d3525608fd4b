"""Neither a loop of restarts nor one of lost sessions uses up the identifies of a day."""

import asyncio

import pytest
from discord import SessionStartLimits

from bot.process.identifies import Identifies, start_delay
from tests.discord_standin import Discord
from tests.support.playing_bot import FakeQueue, playing
from tests.support.waiting import until

DAY = 86_400.0
TOTAL = 1000


@pytest.mark.parametrize("shards", [1, 16])
def test_a_restart_loop_leaves_identifies(shards: int):
    """A bot that ends at once is started again 5 s later, all day; Discord counts by the day, as it says."""
    now, used = 0.0, 0
    while now < DAY:
        limit = SessionStartLimits(
            total=TOTAL, remaining=TOTAL - used, reset_after=round(1000 * (DAY - now)), max_concurrency=1
        )
        now += start_delay(limit, shards)
        used += shards if now < DAY else 0
        now += 5
    assert used <= TOTAL


def test_a_start_on_a_good_day_waits_for_nothing():
    """A handful of restarts is everyday life."""
    assert start_delay(SessionStartLimits(total=TOTAL, remaining=600, reset_after=1000, max_concurrency=1), 1) == 0


@pytest.mark.parametrize("shards", [1, 16])
@pytest.mark.parametrize("lasts", [0.0, 100.0, 200.0])
def test_sessions_that_end_at_once_leave_identifies(shards: int, lasts: float):
    """Each session of each shard is ended after so many seconds, all day: half of the identifies stay."""
    now = 0.0
    limit = SessionStartLimits(total=TOTAL, remaining=TOTAL, reset_after=round(1000 * DAY), max_concurrency=1)
    identifies, used = Identifies(limit, shards, lambda: now), 0
    while now < DAY:
        identifies.note(0)
        used += shards  # the others do the same at the same time
        now += lasts
        now += identifies.delay(0)
    assert used <= TOTAL / 2 + 10 * shards


def test_a_session_that_lasted_is_followed_at_once():
    """After hours of peace the next identify waits no longer than Discord asks."""
    now = 0.0
    limit = SessionStartLimits(total=TOTAL, remaining=TOTAL, reset_after=round(1000 * DAY), max_concurrency=1)
    identifies = Identifies(limit, 1, lambda: now)
    for _ in range(5):
        identifies.note(0)
        now += identifies.delay(0)
    now += 3600
    identifies.note(0)
    assert identifies.delay(0) == 5.0


@pytest.mark.asyncio
async def test_a_bot_that_has_no_identifies_left_does_not_connect(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Discord would reset its token: it says so, and waits."""

    async def start(standin: Discord) -> None:
        async with playing(standin, queue, url, monkeypatch):
            pass

    async with Discord() as standin:
        standin.gateway.identified = TOTAL
        starting = asyncio.create_task(start(standin))
        await until(lambda: "0 identifies are left for today" in caplog.text)
        assert standin.gateway.identified == TOTAL
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
