"""The reader of files that tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.midi.reader import Reader
from tests.support.waiting import PATIENCE


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """One with time enough for a machine that is busy."""
    reader = Reader(seconds=PATIENCE)
    yield reader
    reader.close()
