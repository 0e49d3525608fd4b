"""Waiting for what another task or process does in its own time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds after which a test gives up waiting: the machine may be busy."""


async def until(condition: Callable[[], object], within: float = PATIENCE) -> None:
    """Wait until this holds; asked again and again."""
    patience = time.monotonic() + within
    while not condition():
        assert time.monotonic() < patience, f"waited {within:g} s in vain"
        await asyncio.sleep(0.02)
