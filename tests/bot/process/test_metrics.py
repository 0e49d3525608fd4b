"""Refusals are counted by their reason."""

import pytest
from discord.app_commands import CommandNotFound

from bot.process import metrics
from core.errors import BadRequest, QueueError, QueueFull, StoreError, TooManyJobs


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TooManyJobs("enough"), "limit"),
        (QueueFull("full"), "full"),
        (QueueError("away"), "queue"),
        (StoreError("away"), "queue"),
        (BadRequest("wrong"), "input"),
        (CommandNotFound("encore", []), "outdated"),
        (ZeroDivisionError(), "error"),
    ],
)
def test_a_refusal_is_counted_by_its_reason(error: Exception, reason: str):
    """A database that is away is one reason, whether it was asked for the queue or for what the bot stores."""
    counter = metrics.REFUSALS.labels(reason)
    before = counter._value.get()
    metrics.refused(error)
    assert counter._value.get() == before + 1
