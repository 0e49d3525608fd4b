"""Calls are repeated while something cannot be reached, and edits are counted."""

import pytest

from bot.delivery.rate_limiter import RateLimiter
from bot.delivery.retry import DATABASE_UNREACHABLE, DISCORD_UNREACHABLE, Retry
from bot.process.metrics import RETRIES
from core.errors import BadRequest, QueueError, StoreError


class Stumbling:
    """Fails as often as there are errors, and then returns what it is called with."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    async def __call__(self, value: int, *, doubled: bool = False) -> int:
        if self.errors:
            raise self.errors.pop(0)
        return 2 * value if doubled else value


@pytest.mark.asyncio
async def test_a_call_is_repeated_until_it_succeeds():
    """With its arguments, and counted by what could not be reached."""
    counts = {of: RETRIES.labels(of)._value.get() for of in ("queue", "discord")}
    database, discord = Retry(DATABASE_UNREACHABLE, (0, 0)), Retry(DISCORD_UNREACHABLE, (0,))
    assert await database(Stumbling(QueueError("away"), StoreError("away")), 7, doubled=True) == 14
    assert await discord(Stumbling(TimeoutError()), 7) == 7
    assert RETRIES.labels("queue")._value.get() == counts["queue"] + 2
    assert RETRIES.labels("discord")._value.get() == counts["discord"] + 1


@pytest.mark.asyncio
@pytest.mark.parametrize("errors", [[StoreError("one"), StoreError("two"), StoreError("three")], [BadRequest("three")]])
async def test_a_call_is_given_up(errors: list[Exception]):
    """After the last delay, and at once where the error does not pass by itself."""
    with pytest.raises((StoreError, BadRequest), match="three"):
        await Retry(DATABASE_UNREACHABLE, (0, 0))(Stumbling(*errors), 7)


def test_an_edit_takes_its_place_for_a_second(monkeypatch: pytest.MonkeyPatch):
    """From before it is sent until a second after it was answered; some places are reserved."""
    now = 0.0
    monkeypatch.setattr("bot.delivery.rate_limiter.time.monotonic", lambda: now)
    limiter = RateLimiter(2)
    with limiter.edit():
        assert limiter.has_room()
        assert not limiter.has_room(reserved=1)
        with limiter.edit():
            assert not limiter.has_room()
    assert not limiter.has_room()
    now = 1.0
    assert limiter.has_room(reserved=1)
