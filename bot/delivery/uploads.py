"""Files that listeners send to be continued. They are downloaded and read once their interaction is noted down, so that
a bot that is killed meanwhile does so again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import discord

from bot.delivery.retry import DISCORD_UNREACHABLE
from bot.store.pending_reply import FRESH, PendingReply, UnreadUpload
from core.errors import BadRequest
from core.midi.excerpt import MAX_SECONDS, Excerpt
from core.midi.piano import Upload
from core.midi.reader import Reader


class UploadReader:
    """Reads one file at a time, in a thread beside the event loop. Those that wait for it hold up no thread: there are
    few, and the database needs them."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self.blocking = Reader()
        self._turn = asyncio.Lock()

    async def read(self, data: bytes, excerpt: Excerpt) -> Upload:
        """As `Reader.read` does."""
        async with self._turn:
            return await asyncio.to_thread(self.blocking.read, data, excerpt)

    async def continued(self, pending: PendingReply, upload: UnreadUpload) -> PendingReply:
        """The pending reply with the request that continues its upload. Raises BadRequest for a file that cannot be
        had, or read, or is too long."""
        try:
            data = await self._client.http.get_from_cdn(upload.url)
        except (discord.HTTPException, *DISCORD_UNREACHABLE) as error:
            raise BadRequest("the file could not be downloaded from Discord; please send it again") from error
        read = await self.read(data, Excerpt(upload.until, upload.keep, MAX_SECONDS - pending.request.seconds))
        request = read.continued(pending.request)
        pending.rendering.rendered_seconds(read.seconds + request.seconds)
        return replace(pending, request=request, remark=read.remark, source=FRESH)

    async def close(self) -> None:
        await asyncio.to_thread(self.blocking.close)
