"""Files that listeners send, to be continued, performed or harmonized. They are downloaded and read once their
interaction is noted down, so that a bot that is killed meanwhile does so again."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from bot.delivery.download import download
from bot.delivery.turns import Turns
from bot.store.pending_reply import FRESH, PendingReply, UnreadUpload
from bot.store.server_rules import allow_seconds
from core.errors import BadRequest
from core.midi.container import MAX_BYTES
from core.midi.excerpt import GIVEN, MAX_SECONDS, Excerpt
from core.midi.piano import Upload
from core.midi.reader import Reader, Reading
from core.tasks import COMPOSE, HARMONIZE, PERFORM

READERS = max(2, min(os.cpu_count() or 1, 4))
"""Processes that read listeners' files, so that one file that takes long does not hold up all others. Each has 22 MB,
from the first file on that finds the others at work."""
MOST_FILES = 8
"""Files of listeners that are in memory at a time, being downloaded or read."""
COSTLY_SECONDS = 0.5
"""Of the processor. A file that took more counts as a piece for the rules of its server, also when none comes of it:
20,000 notes take 0.2 s."""

LEAST_EXCERPT = 1.0
"""Seconds of a file that are read even where its server leaves no room for them, and which the refusal counts."""


class CostlyFile(BadRequest):
    """A file of which nothing can be made, and that took long to read."""


class ReaderPool:
    """Readers, each in a process and at work in a thread of its own: the event loop's threads are few, and the database
    needs them."""

    def __init__(self, readers: int) -> None:
        self._readers = [Reader() for _ in range(readers)]
        self._threads = ThreadPoolExecutor(readers, thread_name_prefix="reader")
        self._free: asyncio.LifoQueue[Reader] = asyncio.LifoQueue()  # one that was at work is there already
        for reader in self._readers:
            self._free.put_nowait(reader)

    async def read(self, data: bytes, excerpt: Excerpt) -> Reading:
        """As `Reader.ask` does, by whichever of them is free first."""
        reader = await self._free.get()
        reading = asyncio.get_running_loop().run_in_executor(self._threads, reader.ask, data, excerpt)
        reading.add_done_callback(lambda _: self._free.put_nowait(reader))
        return await asyncio.shield(reading)  # one that nobody waits for any more goes on

    async def close(self) -> None:
        await asyncio.gather(*(asyncio.to_thread(reader.close) for reader in self._readers))
        self._threads.shutdown(wait=False)


class UploadReader:
    """Reads listeners' files in turns, and in a line of its own what the bot has stored itself."""

    def __init__(self) -> None:
        self._turns = Turns(MOST_FILES)
        self.theirs, self.ours = ReaderPool(READERS), ReaderPool(1)

    async def resolved(self, pending: PendingReply, upload: UnreadUpload) -> PendingReply:
        """The pending reply with the request that its upload is for. Raises BadRequest for a file that cannot be had,
        or read, or is too long or not what the task needs, and of these CostlyFile for one that took long to read."""
        async with self._turns.taken(pending.destination.user_id):
            reading = await self.theirs.read(await download(upload.url, MAX_BYTES), _excerpt(pending, upload))
        if reading.upload is None:
            raise (CostlyFile if reading.seconds > COSTLY_SECONDS else BadRequest)(reading.refusal)
        return await asyncio.to_thread(_resolved, pending, upload, reading.upload)  # some tasks look at all its notes

    async def passage(self, midi: bytes, excerpt: Excerpt) -> Upload:
        """A passage of a piece that the bot has stored. Raises BadRequest."""
        reading = await self.ours.read(midi, excerpt)
        if reading.upload is None:
            raise BadRequest(reading.refusal)
        return reading.upload

    async def close(self) -> None:
        await asyncio.gather(self.theirs.close(), self.ours.close())


def _excerpt(pending: PendingReply, upload: UnreadUpload) -> Excerpt:
    """The part of the file that is read: all that is performed or harmonized, and of what is continued as much as fits
    before the new music."""
    if upload.task != COMPOSE:
        return GIVEN
    longest = MAX_SECONDS if upload.longest is None else upload.longest / max(1.0, pending.rendering.stretch)
    return Excerpt(upload.until, upload.keep, max(longest - pending.request.seconds, LEAST_EXCERPT))


def _resolved(pending: PendingReply, upload: UnreadUpload, read: Upload) -> PendingReply:
    if upload.task == PERFORM:
        request, remark = read.performed(pending.request), read.score_remark
    elif upload.task == HARMONIZE:
        request, remark = read.harmonized(pending.request), read.remark
    else:
        request, remark = read.continued(pending.request), read.remark
    primer = read.seconds if request.primer else 0.0
    whole = primer + request.seconds
    pending.rendering.rendered_seconds(whole, primer)
    allow_seconds(whole * max(1.0, pending.rendering.stretch), upload.longest)
    return replace(pending, request=request, remark=remark, source=FRESH)
