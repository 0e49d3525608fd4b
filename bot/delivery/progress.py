"""Progress of one job, as its listener is told of it."""

from __future__ import annotations

import math
import time

from bot.delivery.estimates import Estimates
from bot.delivery.leases import Leases
from bot.delivery.messenger import Messenger
from bot.delivery.open_replies import OpenReplies
from bot.language import replies
from bot.language.i18n import say
from bot.store.pending_reply import PendingReply
from core.queue.jobs import Job, JobState
from core.text import NOTHING, Text

ANEW = Text("The composer was restarted, so this piece begins anew.")
LEAST_PROGRESS = 0.1
"""Share of a job that has to be done before its end is estimated."""


class Progress:
    """Edits the listener's message as the job goes on, no more often than each `edit_seconds`."""

    def __init__(
        self,
        pending: PendingReply,
        messenger: Messenger,
        leases: Leases,
        estimates: Estimates,
        open_replies: OpenReplies,
        edit_seconds: float,
    ) -> None:
        self._pending = pending
        self._messenger, self._leases, self._estimates, self._open = messenger, leases, estimates, open_replies
        self._edit_seconds = edit_seconds
        self._noted = False  # in the row, where the progress is shown
        self._shown = ""
        self._shown_at = -math.inf
        self._begun = 0.0  # seconds since 1970
        self._share = 0.0
        self._anew = False

    async def show(self, job: Job) -> None:
        """Estimate the end of a job that is not over yet, and tell of it where it is time."""
        if job.progress < self._share:  # its worker has died
            self._anew, self._begun = True, 0.0
        self._share = job.progress
        shares, reply_id = self._open.shares, self._pending.job_id
        shares[reply_id] = max(job.progress, shares.get(reply_id, 0.0))
        if job.state is JobState.RUNNING:
            self._estimate_end(job.progress)
        if self._due():
            text = replies.progress(job, self._pending, self._estimates.wait(job.id), shares[reply_id])
            notes = [say(note) for note in (self._estimates.workers.absence, ANEW if self._anew else NOTHING) if note]
            text = "\n".join([text, *notes])
            if text != self._shown:
                message_id = await self._messenger.show(self._pending, text)
                self._shown, self._shown_at = text, time.monotonic()
                if message_id and not self._noted:
                    self._noted = await self._leases.note_message(reply_id, message_id)

    def _estimate_end(self, progress: float) -> None:
        self._begun = self._begun or time.time()
        if progress > LEAST_PROGRESS:
            self._open.ends[self._pending.job_id] = self._begun + (time.time() - self._begun) / progress

    def _due(self) -> bool:
        """Another bot that has taken the job over by now tells of it itself."""
        return (
            time.monotonic() >= self._shown_at + self._edit_seconds
            and self._leases.held
            and self._pending.destination.editable
            and self._messenger.has_room(first=not self._shown)
        )
