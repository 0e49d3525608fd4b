"""The way to a listener: edits of the answer that Discord has acknowledged, no more in a second than it takes, and a
message in its place where it cannot be edited any more."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any, NamedTuple

import discord

from bot.delivery.retry import UNREACHABLE, patiently
from bot.language import replies
from bot.language.i18n import say
from bot.language.replies import Reply
from bot.store.pending_replies import Answer
from bot.store.pieces import Stored

EDITS_A_SECOND = 18
"""Of all answers together. What is final always goes at once; progress is told where that leaves room."""
KEPT_EDITS = 6
"""Of these, for who has been told nothing yet."""
DISCORD_PATIENCE = tuple(chain((1, 2, 4, 8, 16, 32), repeat(60, 15)))
"""Seconds to wait between attempts, while Discord is not to be reached."""
_UNKNOWN_MESSAGE, _ENTITY_TOO_LARGE = 10008, 40005
_ORIGINAL: Any = "@original"
"""The one message that Discord knows by a name; discord.py's signature has only numbers."""

_log = logging.getLogger(__name__)


class Views(NamedTuple):
    """Builders of the components under the bot's messages; the commands, which answer them, hand them in."""

    cancel: Callable[[str], discord.ui.View]
    """From a job's id: under its progress."""
    piece: Callable[[Stored], discord.ui.View]
    """Under a finished piece."""


class Messenger:
    """Brings every answer of this bot."""

    def __init__(self, client: discord.Client, views: Views) -> None:
        self._client = client
        self._views = views
        self._pace = Pace(EDITS_A_SECOND)

    def free(self, *, first: bool) -> bool:
        """Whether there is room now to tell somebody how it goes, for the `first` time or again."""
        return self._pace.room(0 if first else KEPT_EDITS)

    async def show(self, answer: Answer, text: str) -> None:
        """Tell how it goes. That this fails is no reason not to finish the piece."""
        try:
            with self._pace.edit():
                await self._edit(answer, Reply(text, buttons=self._views.cancel(answer.job_id)))
        except (discord.HTTPException, *UNREACHABLE) as error:
            _log.debug("job %s: progress was not shown: %s", answer.job_id, error)

    async def _edit(self, answer: Answer, reply: Reply) -> None:
        webhook = discord.Webhook.partial(answer.application_id, answer.token, client=self._client)
        await webhook.edit_message(
            _ORIGINAL,
            content=reply.content,
            embed=reply.embed,
            attachments=reply.files(),
            view=reply.buttons,
        )

    async def deliver(self, answer: Answer, reply: Reply) -> str:
        """Edit the original answer, or say it in a message of its own where the token has expired. Returns how it was
        delivered, for the log. Raises what Discord answers when it cannot be reached for a long time."""
        with self._pace.edit():
            return await self._deliver(answer, reply)

    async def _deliver(self, answer: Answer, reply: Reply) -> str:
        if answer.editable:
            try:
                await patiently(lambda: self._edit(answer, reply), UNREACHABLE, DISCORD_PATIENCE)
                return "answered"
            except discord.HTTPException as error:
                if error.status >= 500 or error.status == 429:
                    raise
                if error.code == _UNKNOWN_MESSAGE:
                    return "dropped, its message was deleted"
                if error.status not in (401, 404):  # neither of these: the token is good, the answer is not
                    return await self._deliver_less(answer, reply, error)
        if not answer.reachable:
            return "dropped, the token has expired and no message can be sent there"
        try:
            await patiently(lambda: self._send(answer, reply), UNREACHABLE, DISCORD_PATIENCE)
            return "answered by a message"
        except discord.HTTPException as error:
            if error.status >= 500 or error.status == 429:
                raise
            return f"dropped, Discord takes no message there ({error.status}, {error.code})"

    async def _deliver_less(self, answer: Answer, reply: Reply, error: discord.HTTPException) -> str:
        """What is left to say when Discord has refused an answer as too large, or as wrong."""
        too_large = error.status == 413 or error.code == _ENTITY_TOO_LARGE
        if too_large and (smaller := reply.smaller()):
            return await self._deliver(answer, smaller)
        _log.error("job %s: Discord refused the answer: %s", answer.job_id, error)
        await patiently(lambda: self._edit(answer, Reply(say(replies.SORRY))), UNREACHABLE, DISCORD_PATIENCE)
        return "answered with an apology"

    async def _send(self, answer: Answer, reply: Reply) -> None:
        """An ordinary message that mentions the listener: a private piece by DM, any other in its channel."""
        listener = discord.Object(answer.user_id)
        where: discord.abc.Messageable
        if answer.private or answer.channel_id is None:
            where = await self._client.create_dm(listener)
        else:
            where = self._client.get_partial_messageable(answer.channel_id)
        message = replies.late(reply, answer.user_id)
        await where.send(
            message.content,
            embeds=[message.embed] if message.embed else [],
            files=message.files(),
            allowed_mentions=discord.AllowedMentions(users=[listener]),
            view=message.buttons or discord.utils.MISSING,
            nonce=answer.job_id,  # sent twice, it is one message
        )


class Pace:
    """Keeps count of the edits of all answers, of which Discord is to get no more than `most` in any second. One takes
    its place from before it is sent until a second after it was answered, so it does not matter when it arrives."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sending = 0
        self._sent: deque[float] = deque()

    def room(self, kept: int = 0) -> bool:
        """Whether there may be one more now, and `kept` others beside it."""
        now = time.monotonic()
        while self._sent and self._sent[0] <= now - 1:
            self._sent.popleft()
        return self._sending + len(self._sent) + kept < self._most

    @contextmanager
    def edit(self) -> Iterator[None]:
        self._sending += 1
        try:
            yield
        finally:
            self._sending -= 1
            self._sent.append(time.monotonic())
