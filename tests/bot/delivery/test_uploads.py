"""Files that listeners send are read, once, beside everything else."""

import asyncio
import io
import threading

import pytest
from pretty_midi import PrettyMIDI

from bot.store.pending_reply import FRESH
from core.midi.excerpt import WHOLE, Excerpt
from core.request import Rendering
from tests.discord_standin import Discord, Upload
from tests.support.midi_corpus import note, smf, track
from tests.support.playing_bot import FakeQueue, asks_for, clara, emptied, playing, remaining

pytestmark = pytest.mark.asyncio


async def test_a_bot_that_ends_while_it_reads_reads_again(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Whoever was told that an answer follows gets the piece that goes on from their file, as they wished."""
    reading = asyncio.Event()

    async def read(*_: object) -> None:
        reading.set()
        await asyncio.Event().wait()

    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            monkeypatch.setattr(bot.services.reader, "read", read)
            file = Upload("mine.mid", smf(track(note(60), note(62))))
            asked = await listener.types("/continue", file=file, take=7, instrument="celesta", **{"from": 0.5})
            await reading.wait()
        assert asked.acknowledged_at
        assert len(await remaining(url)) == 1
        assert not queue.jobs
        async with playing(standin, queue, url, monkeypatch):
            await asked.answered()
            request = asks_for(queue, asked)
            [piano] = PrettyMIDI(io.BytesIO(request.primer)).instruments
            assert [note.pitch for note in piano.notes] == [60]
            assert request.take == 7
            assert queue.terms[0]["rendering"] == Rendering(instrument="celesta")
            [row] = await remaining(url)
            assert (row.source, row.request) == (FRESH, request)
            assert row.remark
            queue.finish(asked.id)
            assert (await asked.finished()).attachments
            assert await emptied(url)


async def test_files_that_are_slow_to_read_hold_up_nothing_else(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """However many wait to be read, one after another, the database is reached meanwhile."""
    slow, release = threading.Event(), threading.Event()

    def read(data: bytes, excerpt: Excerpt) -> None:
        slow.set()
        release.wait(60)

    async with Discord() as standin, playing(standin, queue, url, monkeypatch) as bot:
        monkeypatch.setattr(bot.services.reader.blocking, "read", read)
        reading = [asyncio.create_task(bot.services.reader.read(b"", WHOLE)) for _ in range(100)]
        await asyncio.to_thread(slow.wait, 10)
        try:
            assert await asyncio.wait_for(bot.services.library.of(1, 0, 1), 10) == []
        finally:
            release.set()
        await asyncio.gather(*reading)
