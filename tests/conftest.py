"""What several of the tests of the bot begin with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.playing_bot import FakeQueue


@pytest.fixture
def queue() -> FakeQueue:
    from tests.playing_bot import FakeQueue  # discord.py is slow to import, and most tests do without

    return FakeQueue()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Of a database that is not there yet."""
    return f"sqlite:///{tmp_path}/nocturne.sqlite"
