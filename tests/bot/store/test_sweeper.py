"""bot/store/sweeper.py: pieces are gone when their time is over, or the disk is full, and nothing else ever is."""

import os
import time
from pathlib import Path

import pytest

from bot.store.database import Database
from bot.store.files import MARK
from bot.store.pieces import Library
from bot.store.sweeper import Sweeper
from core.errors import BadRequest, QueueFull
from tests.support.stored_pieces import PIECE, age, files, names, pending

pytestmark = [pytest.mark.asyncio, pytest.mark.every_engine]


@pytest.fixture
def sweeper(library: Library) -> Sweeper:
    return Sweeper(library, keep_days=1)


async def test_old_pieces_are_swept(library: Library, sweeper: Sweeper, folder: Path, url: str):
    """After their days, with their files; and files without a row, though not those that are just being written."""
    await sweeper.sweep()  # before there is anything
    old, young = [await library.add(pending(job), PIECE) for job in "12"]
    age(url, 25 * 3600, old)
    age(url, 23 * 3600, young)
    for name in ("orphaned", "justmade"):
        (folder / name).mkdir()
    os.utime(folder / "orphaned", (0, 0))
    await sweeper.sweep()
    assert names(folder) == {young.id, "justmade", MARK}
    with pytest.raises(BadRequest):
        await library.get(old.id)


async def test_a_clock_that_is_ahead_removes_nothing(
    library: Library, folder: Path, url: str, caplog: pytest.LogCaptureFixture
):
    """By a clock that is a month ahead every piece is due: Discord's clock says otherwise, and the log says so."""
    stored = [await library.add(pending(str(job)), PIECE) for job in range(3)]
    age(url, 40 * 86400, *stored)  # as the database's clock sees it from a month ahead
    await Sweeper(library, keep_days=1, real_time=lambda: time.time() - 31 * 86400).sweep()
    assert len(await library.of(42, 0, 9)) == 3
    assert names(folder) == {piece.id for piece in stored}
    assert "no piece is removed: the database's clock is 31.0 days ahead of Discord's" in caplog.text


async def test_a_sweep_of_many_says_so(library: Library, sweeper: Sweeper, url: str, caplog: pytest.LogCaptureFixture):
    """A tenth of all pieces at once is nothing unusual, and more of them has a line in the log."""
    stored = [await library.add(pending(str(job)), PIECE) for job in range(11)]
    age(url, 25 * 3600, stored[0])
    await sweeper.sweep()
    assert not caplog.records
    age(url, 25 * 3600, stored[1], stored[2])
    await sweeper.sweep()
    assert "2 of 10 stored pieces are over KEEP_DAYS old and are removed now" in caplog.text


async def test_nothing_but_pieces_is_swept(library: Library, sweeper: Sweeper, folder: Path, url: str):
    """In a place that is marked as Nocturne's: not even what is named as a piece, or lies in its folder. What is linked
    is elsewhere, and so is neither."""
    await library.claim()
    stored = await library.add(pending(), PIECE)
    foreign = {"notes.txt", "makefile", "holiday/photo.jpg", "holidays/photo.jpg", "holidays/piece.mid"}
    foreign |= {"lectures/piece.mid/piece.mid", f"{stored.id}/mine.txt"}
    for name in foreign:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")
        os.utime(folder / name, (0, 0))
    album = folder.with_name("album")
    album.mkdir()
    os.utime(album, (0, 0))
    (folder / "pictures").symlink_to(album)
    age(url, 25 * 3600, stored)
    await sweeper.sweep()
    assert files(folder) == {MARK, *foreign}
    assert (folder / "pictures").is_symlink()


@pytest.mark.parametrize(("allowed", "left"), [(False, 20), (True, 18)])
async def test_a_disk_that_is_nearly_full(
    allowed: bool, left: int, database: Database, folder: Path, caplog: pytest.LogCaptureFixture
):
    """Nothing more is taken, with a sentence; and of what is there the oldest tenth goes, if the owner says so."""
    library = Library(database, folder, least_free=2**62)
    stored = [await library.add(pending(str(job)), PIECE) for job in range(20)]
    with pytest.raises(QueueFull, match="hardly any room left"):
        library.disk.check()
    await Sweeper(library, keep_days=1, sweep_when_full=allowed).make_room()
    assert {piece.id for piece in await library.of(42, 0, 99)} == {piece.id for piece in stored[20 - left :]}
    assert "the disk is nearly full" in caplog.text


async def test_a_disk_with_room(library: Library, sweeper: Sweeper):
    """Anything may be stored, and nothing is removed early."""
    await library.add(pending(), PIECE)
    library.disk.check()
    await sweeper.make_room()
    assert len(await library.of(42, 0, 9)) == 1
