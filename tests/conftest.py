"""What several of the tests begin with, and how many examples Hypothesis tries: `short` always the same ones, `long`
many, and others each time (`make fuzz`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.playing_bot import FakeQueue

settings.register_profile("short", max_examples=100, deadline=None, derandomize=True)
settings.register_profile("long", max_examples=3000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))


@pytest.fixture
def queue() -> FakeQueue:
    from tests.playing_bot import FakeQueue  # discord.py is slow to import, and most tests do without

    return FakeQueue()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Of a database that is not there yet."""
    return f"sqlite:///{tmp_path}/nocturne.sqlite"
