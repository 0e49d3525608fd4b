"""From the source of a pending reply to what the queue is given: uploads are read, stored notes fetched."""

from __future__ import annotations

from bot.delivery.leases import Leases
from bot.delivery.uploads import UploadReader
from bot.process import metrics
from bot.store.pending_reply import PendingReply, StoredNotes, UnreadUpload
from bot.store.pieces import Library
from core.errors import BadRequest
from core.request import Composed


class Sources:
    """Resolves the sources of this bot's pending replies."""

    def __init__(self, reader: UploadReader, library: Library, leases: Leases) -> None:
        self._reader, self._library, self._leases = reader, library, leases

    async def read(self, pending: PendingReply) -> PendingReply:
        """The pending reply whose request is whole: an upload is read, and what it says noted down. Raises BadRequest
        for a file that is no good."""
        if not isinstance(pending.source, UnreadUpload):
            return pending
        try:
            whole = await self._reader.continued(pending, pending.source)
        except BadRequest as error:
            metrics.refused(error)
            await self._leases.uncount(pending.job_id)
            raise
        await self._leases.change(whole)
        return whole

    async def composed(self, pending: PendingReply) -> Composed | None:
        """The notes of a stored piece that is only rendered in another way. Raises BadRequest when it is not stored any
        more."""
        if not isinstance(pending.source, StoredNotes):
            return None
        stored = await self._library.get(pending.source.piece_id)
        return Composed(stored.recipe.checkpoint, (await self._library.piece(stored)).composed)
