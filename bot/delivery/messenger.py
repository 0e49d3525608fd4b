"""The way of a reply to its listener: edits of the message that Discord shows since the acknowledgement, no more in a
second than Discord takes, and a message of its own where that one cannot be edited any more."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import discord

from bot.delivery.rate_limiter import RateLimiter
from bot.delivery.retry import DISCORD_UNREACHABLE, Retry
from bot.language import replies
from bot.language.i18n import say
from bot.language.replies import Reply, VoiceMessage
from bot.language.sentences import SORRY
from bot.store.pending_reply import Destination, PendingReply
from bot.store.piece_table import Stored
from core.text import Text

EDITS_A_SECOND = 18
"""Limit for all replies together. A final reply always goes at once; progress is shown where that leaves room."""
RESERVED_EDITS = 6
"""Edits of these a second that are left to listeners who have been told nothing yet."""
NO_VOICE_MESSAGES = Text(
    "I may not send voice messages here. Whoever manages this server can give me the permission Send Voice Messages;"
    " Video plays everywhere."
)
_UNKNOWN_MESSAGE, _ENTITY_TOO_LARGE = 10008, 40005
_ORIGINAL: Any = "@original"
"""The one message that Discord knows by a name; discord.py's signature has only numbers."""

_log = logging.getLogger(__name__)
_Message = TypeVar("_Message")


class Views(NamedTuple):
    """Builders of the components under the bot's messages; the commands, which answer them, hand them in."""

    cancel: Callable[[str], discord.ui.View]
    """From a job's id: under its progress."""
    piece: Callable[[Stored], discord.ui.View]
    """Under a finished piece."""
    takes: Callable[[Mapping[int, Stored], int], discord.ui.View]
    """Under several takes, from those that are stored, by their numbers, and from how many were asked for."""


class Delivery(NamedTuple):
    """The end of a reply's way."""

    how: str
    """The delivery in words, for the log."""
    url: str = ""
    """Address of the message that others see too, or that comes by direct message; empty where there is none."""


class Messenger:
    """Delivers every reply of this bot."""

    def __init__(self, client: discord.Client, views: Views, retry: Retry, mention_seconds: float) -> None:
        """Whoever has waited for longer than `mention_seconds` is mentioned by the reply."""
        self._client = client
        self._views = views
        self._retry = retry
        self._mention_seconds = mention_seconds
        self._limiter = RateLimiter(EDITS_A_SECOND)

    def has_room(self, *, first: bool) -> bool:
        """Whether a listener may be told of progress now, for the `first` time or again."""
        return self._limiter.has_room(0 if first else RESERVED_EDITS)

    async def show(self, pending: PendingReply, progress: str) -> int | None:
        """Tell a listener of progress; returns the id of the message. A failure is logged only: it is no reason not to
        finish the piece."""
        try:
            with self._limiter.edit():
                return (await self._edit(pending, Reply(progress, buttons=self._views.cancel(pending.job_id)))).id
        except (discord.HTTPException, *DISCORD_UNREACHABLE) as error:
            _log.debug("job %s: progress was not shown: %s", pending.job_id, error)
            return None

    async def deliver(self, pending: PendingReply, reply: Reply) -> Delivery:
        """Edit the original message, or send one of its own where the token has expired. Raises what Discord answers
        when it cannot be reached for a long time."""
        with self._limiter.edit():
            if reply.voice:
                return await self._deliver_voice(pending, reply.voice)
            if reply.aside and pending.destination.editable and not pending.destination.private:
                return await self._deliver_aside(pending, reply)
            return await self._deliver(pending, reply)

    async def _deliver_voice(self, pending: PendingReply, voice: VoiceMessage) -> Delivery:
        """Post a voice message, and say in the original message where it is, or why there is none."""
        try:
            link = await self._retry(self._post_voice, pending, voice)
        except discord.HTTPException as error:
            if _passes(error):
                raise
            _log.info("job %s: Discord takes no voice message there (%s, %s)", pending.job_id, error.status, error.code)
            return await self._deliver(pending, Reply(say(NO_VOICE_MESSAGES)))
        if pending.destination.editable:
            await self._deliver(pending, Reply(say("Here it is: {link}", link=link)))
        return Delivery("answered, by a voice message", link)

    async def _post_voice(self, pending: PendingReply, voice: VoiceMessage) -> str:
        """Send a voice message, as Discord's documentation has it; discord.py can give a file no type. Returns the
        message's address."""
        destination, file = pending.destination, voice.file
        about = {
            "id": "0",
            "filename": file.name,
            "description": file.description,
            "duration_secs": voice.seconds,
            "waveform": base64.b64encode(voice.waveform).decode(),
        }
        message = {
            "flags": discord.MessageFlags(voice=True).value,
            "attachments": [about],
            "nonce": pending.job_id,  # sent twice, it is one message
            "enforce_nonce": True,
        }
        channel_id = await self._channel_of(pending)
        sent = await self._client.http.request(
            discord.http.Route("POST", "/channels/{channel_id}/messages", channel_id=channel_id),
            form=[
                {"name": "payload_json", "value": json.dumps(message)},
                {"name": "files[0]", "value": file.data, "filename": file.name, "content_type": "audio/ogg"},
            ],
        )
        return message_url(None if destination.private else destination.guild_id, channel_id, int(sent["id"]))

    async def _channel_of(self, pending: PendingReply) -> int:
        """Where a message to a listener goes: a private piece to them alone."""
        destination = pending.destination
        if destination.private or destination.channel_id is None:
            return (await self._client.create_dm(discord.Object(destination.user_id))).id
        return destination.channel_id

    async def _deliver_aside(self, pending: PendingReply, reply: Reply) -> Delivery:
        """Remove the original message, which all can see, and then tell the listener alone: as long as it is there and
        only says that the bot is thinking, Discord would fill it with what follows."""
        try:
            with suppress(discord.NotFound):
                await self._retry(self._webhook(pending).delete_message, _ORIGINAL)
            await self._retry(self._whisper, pending, reply)
            return Delivery("answered, to its listener alone")
        except discord.HTTPException as error:
            if _passes(error):
                raise
            return await self._deliver_as_message(pending, reply)

    async def _whisper(self, pending: PendingReply, reply: Reply) -> None:
        """A follow-up that the listener alone sees; discord.py sends none with a token that it did not get itself."""
        destination = pending.destination
        route = discord.http.Route(
            "POST",
            "/webhooks/{webhook_id}/{webhook_token}",
            webhook_id=destination.application_id,
            webhook_token=destination.token,
        )
        flags = discord.MessageFlags(ephemeral=True).value
        await self._client.http.request(route, json={"content": reply.content, "flags": flags})

    async def _deliver(self, pending: PendingReply, reply: Reply) -> Delivery:
        if pending.destination.editable:
            if self._is_long_awaited(pending, reply) and (delivery := await self._deliver_anew(pending, reply)):
                return delivery
            try:
                addressed = self._addressed(pending, reply)
                message = await send_what_fits(lambda fitting: self._retry(self._edit, pending, fitting), addressed)
                return Delivery("answered", _url_of(message, pending.destination))
            except discord.HTTPException as error:
                if _passes(error):
                    raise
                if error.code == _UNKNOWN_MESSAGE:
                    return Delivery("dropped, its message was deleted")
                if error.status not in (401, 404):  # neither of these: the token is good, the reply is not
                    return await self._apologize(pending, error)
        return await self._deliver_as_message(pending, reply)

    async def _deliver_anew(self, pending: PendingReply, reply: Reply) -> Delivery | None:
        """Send the reply as a message of its own, in the place of the original one: Discord notifies nobody of an edit.
        None where the original one is gone or brings the reply already, and where the bot may send no other."""
        if not pending.destination.reachable:
            return None
        try:
            original = await self._retry(self._webhook(pending).fetch_message, _ORIGINAL)
        except discord.HTTPException as error:
            if _passes(error):
                raise
            return None
        if original.attachments:
            return None
        destination = replace(pending.destination, message_id=original.id)
        delivery = await self._deliver_as_message(replace(pending, destination=destination), reply)
        return delivery if delivery.url else None

    async def _apologize(self, pending: PendingReply, error: discord.HTTPException) -> Delivery:
        _log.error("job %s: Discord refused the reply: %s", pending.job_id, error)
        await self._retry(self._edit, pending, Reply(say(SORRY)))
        return Delivery("answered with an apology")

    async def _deliver_as_message(self, pending: PendingReply, reply: Reply) -> Delivery:
        if not pending.destination.reachable:
            return Delivery("dropped, the token has expired and no message can be sent there")
        try:
            url = await send_what_fits(lambda fitting: self._retry(self._send, pending, fitting), reply)
        except discord.HTTPException as error:
            if _passes(error):
                raise
            return Delivery(f"dropped, Discord takes no message there ({error.status}, {error.code})")
        await self._remove_original(pending.destination)
        return Delivery("answered by a message", url)

    async def _remove_original(self, destination: Destination) -> None:
        """Remove the original message, which would show progress for ever: its token may have expired, but it is one of
        the bot's own. What only its listener sees is not, and goes by itself when they start their Discord again."""
        if destination.message_id is None or destination.channel_id is None or destination.private:
            return
        with suppress(discord.HTTPException, *DISCORD_UNREACHABLE):
            await self._retry(self._client.http.delete_message, destination.channel_id, destination.message_id)

    def _is_long_awaited(self, pending: PendingReply, reply: Reply) -> bool:
        """Whether a reply brings files to a place where others are too, and its listener has perhaps looked away."""
        destination = pending.destination
        return not destination.private and bool(reply.attachments) and destination.age > self._mention_seconds

    def _addressed(self, pending: PendingReply, reply: Reply) -> Reply:
        """The reply, with a mention of a listener who waited long for what it brings."""
        if not self._is_long_awaited(pending, reply):
            return reply
        return replies.mentioning(reply, pending.destination.user_id)

    def _webhook(self, pending: PendingReply) -> discord.Webhook:
        destination = pending.destination
        return discord.Webhook.partial(destination.application_id, destination.token, client=self._client)

    async def _edit(self, pending: PendingReply, reply: Reply) -> discord.WebhookMessage:
        return await self._webhook(pending).edit_message(
            _ORIGINAL,
            content=reply.content,
            embed=reply.embed,
            attachments=reply.files(),
            view=reply.buttons,
            allowed_mentions=_only(pending.destination.user_id),
        )

    async def _send(self, pending: PendingReply, reply: Reply) -> str:
        """Send an ordinary message that mentions the listener: a private piece by direct message, any other in its
        channel. Returns its address."""
        destination = pending.destination
        channel_id = await self._channel_of(pending)
        where = self._client.get_partial_messageable(channel_id)
        message = replies.late(reply, destination.user_id)
        sent = await where.send(
            message.content,
            embeds=[message.embed] if message.embed else [],
            files=message.files(),
            allowed_mentions=_only(destination.user_id),
            view=message.buttons or discord.utils.MISSING,
            nonce=pending.job_id,  # sent twice, it is one message
        )
        return message_url(None if destination.private else destination.guild_id, channel_id, sent.id)


async def send_what_fits(send: Callable[[Reply], Awaitable[_Message]], reply: Reply) -> _Message:
    """Send a reply; without its largest files, and with a sentence about each, as long as Discord finds it too large.
    Raises whatever else Discord answers."""
    while True:
        try:
            return await send(reply)
        except discord.HTTPException as error:
            smaller = reply.smaller() if error.status == 413 or error.code == _ENTITY_TOO_LARGE else None
            if smaller is None:
                raise
            reply = smaller


def _url_of(message: discord.WebhookMessage, destination: Destination) -> str:
    """Address of an original message, where others than its listener can see it."""
    if message.flags.ephemeral or destination.channel_id is None:
        return ""
    return message_url(destination.guild_id, destination.channel_id, message.id)


def message_url(guild_id: int | None, channel_id: int, message_id: int) -> str:
    """Address of a message; of a direct message where there is no server."""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


def _only(user_id: int) -> discord.AllowedMentions:
    """Mentions of this listener, and of nobody else."""
    return discord.AllowedMentions(everyone=False, roles=False, users=[discord.Object(user_id)])


def _passes(error: discord.HTTPException) -> bool:
    """Whether a refusal is of this moment, and not of the reply."""
    return error.status >= 500 or error.status == 429
