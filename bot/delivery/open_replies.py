"""The pending replies in memory, for all that look them up by job or by user."""

from __future__ import annotations

from bot.store.pending_reply import PendingReply, reply_of


class OpenReplies:
    """Pending replies as far as this bot knows of them, and what is known of their jobs beside their rows."""

    def __init__(self) -> None:
        self.own: dict[str, PendingReply] = {}
        """Pending replies of this bot, by their ids."""
        self.elsewhere: dict[str, PendingReply] = {}
        """Pending replies of other bots, by their ids, as of some seconds ago."""
        self.unqueued: set[str] = set()
        """Jobs that are accepted and not in the queue yet."""
        self.ends: dict[str, float] = {}
        """When a reply will be delivered, in seconds since 1970, where that can be told."""
        self.shares: dict[str, float] = {}
        """The most of its progress, 0 to 1, that a reply has shown: jobs may begin anew, but no bar goes backwards."""
        self.delivered: set[str] = set()
        """Replies that have reached their listener, and whose row is still to be removed."""

    def update(self, pending: PendingReply) -> None:
        """Replace a pending reply of this bot; nothing happens where it is closed by now."""
        if pending.job_id in self.own:
            self.own[pending.job_id] = pending

    def close(self, reply_id: str) -> None:
        """Forget a pending reply of this bot, which counts for no limit from here on."""
        if pending := self.own.pop(reply_id, None):
            self.unqueued.difference_update(pending.job_ids)
        self.ends.pop(reply_id, None)
        self.shares.pop(reply_id, None)

    def find(self, job_id: str) -> PendingReply | None:
        """The pending reply to which a job belongs."""
        reply_id = reply_of(job_id)
        return self.own.get(reply_id) or self.elsewhere.get(reply_id)

    def of(self, user_id: int) -> list[PendingReply]:
        """Pending replies of a user, in the order in which they were asked for."""
        theirs = [
            pending for pending in {**self.elsewhere, **self.own}.values() if pending.destination.user_id == user_id
        ]
        return sorted(theirs, key=lambda pending: pending.destination.accepted_at)
