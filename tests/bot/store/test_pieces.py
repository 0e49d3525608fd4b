"""bot/store/pieces.py and piece_table.py: pieces are kept and found again, wherever their files are."""

import asyncio
import errno
import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import fsspec
import pytest
import sqlalchemy as sa

from bot.store.database import Database
from bot.store.files import MARK, Files
from bot.store.pieces import Library
from bot.store.sweeper import Sweeper
from core.errors import BadRequest, BadSetting
from tests.support.ports import free_port
from tests.support.stored_pieces import PIECE, age, files, names, pending

pytestmark = [pytest.mark.asyncio, pytest.mark.every_engine]


async def test_a_piece_is_kept_with_its_files(library: Library):
    """A delivered piece comes back as it was, by an id that can be typed."""
    stored = await library.add(pending(), PIECE)
    assert re.fullmatch("[a-z0-9]{8}", stored.id)
    assert await library.get(stored.id) == stored
    assert (stored.user_id, stored.private, stored.parent) == (42, True, "abcdefgh")
    assert await library.piece(stored) == PIECE


async def test_a_file_of_an_older_piece_says_what_is_heard(library: Library, folder: Path, url: str):
    """Its row does not; where there is no such file either, nobody knows."""
    stored = await library.add(pending(), PIECE)
    beside = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with beside.begin() as connection:
        connection.execute(sa.text("UPDATE nocturne_pieces SET heard = NULL"))
    beside.dispose()
    older = await library.get(stored.id)
    assert older == replace(stored, heard=None)
    assert await library.heard(older) is None
    (folder / stored.id / "heard.json").write_text(json.dumps(asdict(PIECE.heard)))
    assert await library.heard(older) == PIECE.heard


async def test_a_piece_that_is_added_twice_is_one(library: Library, folder: Path):
    """As a bot does that was killed between storing and answering."""
    first = await library.add(pending(), PIECE)
    assert await library.add(pending(), PIECE) == first
    assert names(folder) == {first.id}


async def test_nothing_stays_of_a_piece_that_cannot_be_written(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """As on a full disk, of which half a piece would only take more; later it is kept."""

    def full(self: Files, piece_id: str, contents: object) -> None:
        (folder / piece_id).mkdir(parents=True)
        (folder / piece_id / "piece.mid").write_bytes(b"MThd")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Files, "write", full)
        with pytest.raises(OSError, match="No space"):
            await library.add(pending(), PIECE)
    assert names(folder) == set()
    stored = await library.add(pending(), PIECE)
    assert names(folder) == {stored.id}


async def test_a_removed_piece_is_gone(library: Library, folder: Path):
    """Row and files; asking for it says so, and so does a piece whose files alone are gone."""
    stored, other = await library.add(pending(), PIECE), await library.add(pending("2"), PIECE)
    await library.remove(stored.id)
    assert names(folder) == {other.id}
    (folder / other.id / "piece.mid").unlink()
    for lookup in (library.get(stored.id), library.get("nonsense"), library.piece(other)):
        with pytest.raises(BadRequest, match="no longer stored"):
            await lookup


async def test_history_is_newest_first(library: Library):
    """A user's own, a page at a time."""
    ids = [(await library.add(pending(str(job)), PIECE)).id for job in range(5)]
    await library.add(pending("9", user_id=7), PIECE)
    assert [stored.id for stored in await library.of(42, 0, 2)] == [ids[4], ids[3]]
    assert [stored.id for stored in await library.of(42, 4, 2)] == [ids[0]]
    await library.forget(42)
    assert await library.of(42, 0, 9) == []
    assert len(await library.of(7, 0, 9)) == 1


@pytest.mark.parametrize(
    "foreign",
    [
        "notes.txt",
        "makefile",
        "holiday/photo.jpg",
        "holidays/photo.jpg",
        "holidays/piece.mid.txt",
        "holidays/piece.mid/1",
    ],
)
async def test_a_place_of_somebody_else_s_is_refused(library: Library, folder: Path, foreign: str):
    """At the start, in a sentence that says how to put it right; nothing is touched, also where it is named as a
    piece."""
    (folder / foreign).parent.mkdir(parents=True)
    (folder / foreign).write_text("mine")
    with pytest.raises(BadSetting, match=rf"with '{foreign.partition('/')[0]}.*' in it, .* put a file {MARK} there"):
        await library.claim()
    assert files(folder) == {foreign}


async def test_a_place_of_an_older_version_is_marked(library: Library, folder: Path):
    """Such a place has pieces alone, and a disk of its own has a folder of its file system's."""
    stored = await library.add(pending(), PIECE)
    (folder / "lost+found").mkdir()
    await library.claim()
    await library.claim()
    assert names(folder) == {stored.id, "lost+found", MARK}


def whole(folder: Path) -> list[Path]:
    """The folder, and all that is in it."""
    return [folder, *folder.rglob("*")]


@pytest.mark.parametrize("foreign", ["website/index.html", "holidays/photo.jpg"])
async def test_only_the_rights_of_pieces_are_mended(library: Library, folder: Path, foreign: str):
    """Older versions let everybody read those. What else is in a place that is marked all the same may be for others,
    and so may the place itself."""
    await library.add(pending(), PIECE)
    await library.claim()
    (folder / foreign).parent.mkdir()
    (folder / foreign).write_text("mine")
    for path in whole(folder):
        path.chmod(0o755)
    await library.claim()
    readable = {path for path in whole(folder) if path.stat().st_mode & 0o077}
    assert readable == {folder, (folder / foreign).parent, folder / foreign}


async def test_a_place_that_cannot_be_written_to_is_noticed(library: Library, folder: Path):
    """At the start, in a sentence; here a file stands where a folder is meant."""
    os.mknod(folder)
    with pytest.raises(BadSetting, match=r"^FILES_URL cannot be written to \(.*\), accepted is a place for the files"):
        await library.claim()


async def test_a_piece_that_cannot_be_read_is_left_out(library: Library, folder: Path, url: str):
    """A piece of a damaged row hides no other piece, and is removed in time, or when its user says so."""
    stored = [await library.add(pending(str(job), user_id), PIECE) for job, user_id in enumerate((42, 42, 7))]
    beside = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with beside.begin() as connection:
        for recipe, piece_id in (("[]", stored[0].id), ('{"seed": {}}', stored[2].id)):
            set_recipe = sa.text("UPDATE nocturne_pieces SET recipe = :recipe WHERE id = :id")
            connection.execute(set_recipe, {"recipe": recipe, "id": piece_id})
    assert await library.of(42, 0, 9) == [stored[1]]
    with pytest.raises(BadRequest, match="no longer stored"):
        await library.get(stored[0].id)
    await library.forget(42)
    assert names(folder) == {stored[2].id}
    age(url, 25 * 3600, stored[2])
    await Sweeper(library, keep_days=1).sweep()
    assert names(folder) == set()
    with beside.begin() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM nocturne_pieces")).scalar() == 0
    beside.dispose()


@pytest.mark.parametrize("typed", ["", "nonsense1", "../../..", "abcdefgh\n", "\x00" * 8, "x" * 6000])
async def test_what_is_no_id_is_not_looked_up(library: Library, monkeypatch: pytest.MonkeyPatch, typed: str):
    """PostgreSQL takes not every text that can be typed."""
    monkeypatch.setattr(library.table, "find", None)
    with pytest.raises(BadRequest, match="no longer stored"):
        await library.get(typed)


async def test_a_database_without_migrations_is_taken_over(url: str):
    """One that an older bot made keeps what is in it."""
    older = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with older.begin() as connection:
        connection.execute(
            sa.text("CREATE TABLE nocturne_answers (job_id TEXT NOT NULL PRIMARY KEY, answer JSON NOT NULL)")
        )
        connection.execute(sa.text("INSERT INTO nocturne_answers VALUES ('1', '[]')"))
    for _ in range(2):
        await (await Database.open(url)).close()
    with older.begin() as connection:
        kept = connection.execute(sa.text("SELECT job_id, CAST(answer AS TEXT) FROM nocturne_answers")).all()
        assert kept == [("1", "[]")]
        assert connection.execute(sa.text("SELECT version_num FROM nocturne_version")).all() == [("0009",)]
    older.dispose()


@pytest.fixture(params=["memory", "s3"])
def address(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of a place where there are no files yet. S3 is a server of the test's own; with a hundred megabytes of packages
    it is no part of what tests need."""
    if request.param == "memory":
        yield f"memory://{secrets.token_hex(4)}/pieces"
        return
    for package in ("s3fs", "moto.server"):
        pytest.importorskip(package, reason="S3 is tried where s3fs and moto[server] are installed")
    import boto3  # type: ignore[import-not-found]
    from moto.server import ThreadedMotoServer  # type: ignore[import-not-found]

    port = free_port()
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    fsspec.get_filesystem_class("s3").clear_instance_cache()  # it remembers the server of the test before
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="nocturne")
    yield f"s3://nocturne/{secrets.token_hex(4)}/pieces"
    server.stop()


async def test_files_may_be_elsewhere(address: str, url: str):
    """Two bots with the same database and the same address see the same pieces, whatever fsspec keeps them in."""
    databases = [await Database.open(url) for _ in range(2)]
    mine, theirs = (Library(database, address) for database in databases)
    await mine.claim()
    await Sweeper(mine, keep_days=1).sweep()  # before there is anything
    stored, other = await mine.add(pending(), PIECE), await theirs.add(pending("2"), PIECE)
    assert await theirs.piece(await theirs.get(stored.id)) == PIECE
    mine.files.write("orphaned", {"piece.mid": b"MThd"})
    await Sweeper(theirs, keep_days=1).sweep()
    later = Sweeper(theirs, keep_days=1, sweep_seconds=-60.0)  # as if a minute had passed since every file was written
    assert sorted(mine.files.names()) == sorted([stored.id, other.id, "orphaned"])
    await later.sweep()
    assert sorted(mine.files.names()) == sorted([stored.id, other.id])
    await theirs.remove(stored.id)
    await theirs.remove(stored.id)
    assert mine.files.names() == [other.id]
    with pytest.raises(BadRequest, match="no longer stored"):
        await mine.piece(stored)
    mine.files._system.pipe_file(f"{address.partition('://')[2]}/notes.txt", b"mine")
    await later.sweep()
    assert "notes.txt" in mine.files._listed()
    mine.files._system.rm(mine.files._mark)
    with pytest.raises(BadSetting, match=r"with 'notes\.txt' in it"):
        await mine.claim()
    for database in databases:
        await database.close()


async def test_files_that_cannot_be_reached(library: Library, monkeypatch: pytest.MonkeyPatch):
    """Whatever a file system raises, the bot knows it as OSError."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(library.files._system, "pipe_file", fail)
    with pytest.raises(OSError, match="cannot be reached: ZeroDivisionError"):
        await library.add(pending(), PIECE)
    assert await library.of(42, 0, 9) == []


async def test_several_bots_may_come_first(url: str):
    """Four bots bring the same database up to date in the same moment."""
    databases = await asyncio.gather(*(Database.open(url) for _ in range(4)))
    for database in databases:
        assert await Library(database, Path("nowhere")).of(42, 0, 9) == []
        await database.close()
