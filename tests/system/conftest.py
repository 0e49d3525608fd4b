"""The bot and the people that the tests of a module share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.stage import Stage, staged


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One bot for all tests; whatever they do to it, it runs afterwards."""
    async with staged(tmp_path_factory.mktemp("stage")) as stage:
        yield stage
