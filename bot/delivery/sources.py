"""From the source of a pending reply to what the queue is given: uploads are read, stored notes fetched."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from bot.delivery.leases import Leases
from bot.delivery.uploads import CostlyFile, UploadReader
from bot.process import metrics
from bot.store.pending_reply import FRESH, PendingReply, StoredNotes, StoredPrimer, UnreadUpload
from bot.store.piece_table import Stored
from bot.store.pieces import Library
from core.errors import BadRequest
from core.midi.crop import cropped
from core.midi.excerpt import Excerpt
from core.piece import Composed


class Sources:
    """Resolves the sources of this bot's pending replies."""

    def __init__(self, reader: UploadReader, library: Library, leases: Leases) -> None:
        self._reader, self._library, self._leases = reader, library, leases

    async def read(self, pending: PendingReply) -> PendingReply:
        """The pending reply whose request is whole: the music that it is made from is read, and that noted down. Raises
        BadRequest for a file that is no good, or a piece that is gone."""
        if not pending.unread:
            return pending
        try:
            whole = await self._whole(pending)
        except BadRequest as error:
            metrics.refused(error)
            if not isinstance(error, CostlyFile):
                await self._leases.uncount(pending.job_id)
            raise
        await self._leases.change(whole)
        return whole

    async def _whole(self, pending: PendingReply) -> PendingReply:
        match pending.source:
            case UnreadUpload() as upload:
                return await self._reader.resolved(pending, upload)
            case StoredPrimer(piece_id, until, keep):
                midi = await self._heard(await self._library.get(piece_id), opening=until is not None)
                if until is not None or keep is not None:
                    midi = (await self._reader.passage(midi, Excerpt(until, keep))).midi
                return replace(pending, request=replace(pending.request, primer=midi), source=FRESH)
        return pending

    async def _heard(self, stored: Stored, opening: bool) -> bytes:
        """The notes of a stored piece as they were composed, without those that were cropped off; an opening is that of
        the new part, where that alone is heard."""
        composed = await self._library.composed(stored)
        rendering = stored.recipe.rendering
        if not rendering.crop and not (rendering.only_new and opening):
            return composed
        primer = stored.recipe.request.primer if rendering.only_new else b""
        return (await asyncio.to_thread(cropped, composed, *rendering.bounds, primer=primer)).midi

    async def composed(self, pending: PendingReply) -> Composed | None:
        """The notes of a stored piece that is only rendered in another way. Raises BadRequest when it is not stored any
        more."""
        if not isinstance(pending.source, StoredNotes):
            return None
        stored = await self._library.get(pending.source.piece_id)
        heard = await self._library.heard(stored)
        shared_at_most = heard.shared_at_most if heard else None
        return Composed(stored.recipe.checkpoint, await self._library.composed(stored), shared_at_most)
