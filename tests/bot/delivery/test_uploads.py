"""Files that listeners send are read, once, beside everything else."""

import asyncio
import io
import threading
from functools import partial

import pytest
from pretty_midi import PrettyMIDI

from bot.client import Nocturne
from bot.store.pending_reply import FRESH
from core.midi.excerpt import Excerpt
from core.midi.reader import TOO_MUCH, Reader, Reading
from core.queue.jobs import JobState
from core.request import Rendering
from tests.discord_standin import Discord, Upload
from tests.support.midi_corpus import note, smf, track
from tests.support.playing_bot import FakeQueue, asks_for, clara, emptied, playing, remaining
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.asyncio

QUICK = Upload("quick.mid", smf(track(note(60))))
SLOW = Upload("slow.mid", smf(track(note(60), note(62), note(64))))


async def test_a_bot_that_ends_while_it_reads_reads_again(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Whoever was told that an answer follows gets the piece that goes on from their file, as they wished."""
    reading = asyncio.Event()

    async def read(*_: object) -> None:
        reading.set()
        await asyncio.Event().wait()

    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            monkeypatch.setattr(bot.services.reader.theirs, "read", read)
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


class SlowReader:
    """Stands in for listeners' readers: files of one note are read as ever, any other takes until `release`."""

    def __init__(self, bot: Nocturne, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reading: list[bytes] = []
        self._release = threading.Event()
        self._read = Reader.ask
        for reader in bot.services.reader.theirs._readers:
            monkeypatch.setattr(reader, "ask", partial(self._ask, reader))

    def _ask(self, reader: Reader, data: bytes, excerpt: Excerpt) -> Reading:
        if data != QUICK.bytes:
            self.reading.append(data)
            self._release.wait(PATIENCE)
        return self._read(reader, data, excerpt)

    def release(self) -> None:
        self._release.set()


async def test_slow_files_hold_up_nobody_else(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """While the files of one listener take for ever, another one's file is read, a variation begins, the database is
    reached, and each interaction is acknowledged."""
    async with Discord() as standin:
        guild = standin.guild()
        mallory, clara, robert = (standin.person(name, guild) for name in ("mallory", "clara", "robert"))
        async with playing(standin, queue, url, monkeypatch) as bot:
            composed = await clara.types("/compose", seed="72", length=25)
            await composed.answered()
            queue.finish(composed.id, composed=SLOW.bytes)
            piece = await composed.finished()
            slow = SlowReader(bot, monkeypatch)
            try:
                for _ in range(3):
                    assert (await mallory.types("/continue", file=SLOW)).acknowledged_at
                await until(lambda: slow.reading)
                continued = await clara.types("/continue", file=QUICK)
                varied = await robert.clicks(piece, "Variation")
                assert varied.acknowledged_at
                await until(lambda: {str(continued.id), str(varied.id)} <= {*queue.requests})
                assert asks_for(queue, varied).primer
                assert len(slow.reading) == 1  # however many readers are free
                assert len(queue.jobs) == 3
                assert len(await bot.services.library.of(clara.user.id, 0, 9)) == 1
            finally:
                slow.release()
            await until(lambda: len(queue.jobs) == 6)


async def test_a_file_that_cost_much_counts(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Where a member may have one piece a day, a bad file that took long to read was it; any other bad file was not."""
    cost = 0.0

    async def read(*_: object) -> Reading:
        return Reading(None, TOO_MUCH, cost)

    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            await bot.services.rules.change(listener.channel.guild.id, a_day=1)
            monkeypatch.setattr(bot.services.reader.theirs, "read", read)
            for _ in range(2):
                asked = await listener.types("/continue", file=SLOW)
                assert "too much time or memory" in (await asked.answered()).content
                assert await emptied(url)
            cost = 4.0
            asked = await listener.types("/continue", file=SLOW)
            assert "too much time or memory" in (await asked.answered()).content
            assert await emptied(url)
            asked = await listener.types("/continue", file=SLOW)
            assert "a day" in (await asked.answered()).content


async def test_a_piece_is_cancelled_while_its_file_is_read(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """/queue shows it, /cancel takes it back at once, and no piece comes: not later either, nor from another bot."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            slow = SlowReader(bot, monkeypatch)
            try:
                asked = await listener.types("/continue", file=SLOW, take=7)
                await until(lambda: slow.reading)
                shown = await (await listener.types("/queue")).answered()
                assert "**Continuing your file**" in shown.content
                assert "Reading your file." in shown.content
                said = await (await listener.types("/cancel")).answered()
                assert said.content == "Cancelled: 1 piece of yours."
                assert (await asked.answered()).content.startswith("Cancelled: **Continuing your file**")
                assert await emptied(url)
            finally:
                slow.release()
            assert queue.jobs[str(asked.id)].state is JobState.CANCELLED
            assert not queue.requests
