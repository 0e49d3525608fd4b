"""The lock of DATA_DIR, which one process of a kind holds at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import BadSetting
from core.process.lock import lines, lock, write


def test_the_lines_stay_for_the_next_holder(tmp_path: Path):
    """The next holder finds what the last one wrote, and nothing else; the folder is made where there is none."""
    path = tmp_path / "data" / "bot.lock"
    for written in (["first", "second"], ["third"]):
        with lock(path) as held:
            write(held, *written)
    with lock(path) as held:
        assert lines(held) == ["third"]


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path):
    """A file lies where the folder should: the setting is named, not a traceback printed."""
    (tmp_path / "data").touch()
    with pytest.raises(BadSetting, match=f"^DATA_DIR is '{tmp_path}/data', which cannot be written to \\("):
        lock(tmp_path / "data" / "bot.lock")
