"""What is said in Discord: messages with their files, interactions, and their JSON.

All of it lives in memory and belongs to one event loop. What a test waits for is `Watched`.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import mimetypes
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from .codes import BUTTON, EPHEMERAL, LOADING, TEXT_DISPLAY
from .places import Channel, Json, User, timestamp

PATIENCE = 120.0
"""Seconds after which a test gives up waiting: the machine may be busy."""


class Watched:
    """Something that changes, and that a test may wait for."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def changed(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, condition: Callable[[Self], Any], within: float = PATIENCE) -> Self:
        """Wait until `condition` holds. Raises TimeoutError, which says what there is instead."""
        try:
            async with asyncio.timeout(within):
                while not condition(self):
                    future = asyncio.get_running_loop().create_future()
                    self._waiting.append(future)
                    await future
        except TimeoutError:
            raise TimeoutError(f"waited {within:g} s, and there is still only {self!r}") from None
        return self


@dataclass(eq=False)
class Attachment:
    id: int
    filename: str
    bytes: bytes = field(repr=False)
    url: str
    description: str | None = None
    ephemeral: bool = False
    duration_secs: float | None = None
    waveform: str | None = None
    """In base64, of a voice message; so is the duration."""

    @property
    def content_type(self) -> str | None:
        return mimetypes.guess_type(self.filename)[0]

    def to_json(self) -> Json:
        common = {
            "id": str(self.id),
            "filename": self.filename,
            "size": len(self.bytes),
            "url": self.url,
            "proxy_url": self.url,
            "content_type": self.content_type,
            "ephemeral": self.ephemeral,
        }
        if self.description is not None:
            common["description"] = self.description
        if self.waveform is not None:
            common |= {"duration_secs": self.duration_secs, "waveform": self.waveform}
        if self.bytes.startswith(b"\x89PNG\r\n\x1a\n"):
            common["width"], common["height"] = (int.from_bytes(self.bytes[at : at + 4]) for at in (16, 20))
        return common


class Revision(NamedTuple):
    """How a message looked from `at` on (seconds since 1970)."""

    at: float
    content: str
    embeds: list[Json]
    attachments: list[Attachment]
    components: list[Json]


class Message(Watched):
    """A message and its `revisions`, oldest first. `allowed_mentions` is as sent, `pings` are the users notified."""

    def __init__(self, id: int, channel: Channel, author: User, at: float, *, flags: int = 0) -> None:
        super().__init__()
        self.id, self.channel, self.author, self.at, self.flags = id, channel, author, at, flags
        self.content = ""
        self.embeds: list[Json] = []
        self.attachments: list[Attachment] = []
        self.components: list[Json] = []
        self.revisions: list[Revision] = []
        self.allowed_mentions: Json | None = None
        self.pings: list[int] = []
        self.nonce: str | None = None
        self.edited_at: float | None = None
        self.deleted = False
        self.interaction: Interaction | None = None
        """The interaction that this message answers."""

    def __repr__(self) -> str:
        state = "deleted " if self.deleted else "loading " if self.loading else ""
        files = [attachment.filename for attachment in self.attachments]
        buttons = [button.get("label") for button in self.buttons]
        return f"<{state}message {self.content!r}, embeds {self.embeds}, files {files}, buttons {buttons}>"

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)

    @property
    def loading(self) -> bool:
        return bool(self.flags & LOADING)

    @property
    def final(self) -> bool:
        """Nothing more is to come: there are files, or there is no button left that a listener could cancel with."""
        return not self.loading and bool(self.attachments or not self.buttons)

    @property
    def buttons(self) -> list[Json]:
        return [part for part in parts(self.components) if part["type"] == BUTTON]

    @property
    def text(self) -> str:
        """All that can be read in it, embeds and text displays included."""
        embedded = (text for embed in self.embeds for text in embed_texts(embed))
        displayed = (part["content"] for part in parts(self.components) if part["type"] == TEXT_DISPLAY)
        return "\n".join([self.content, *embedded, *displayed]).strip()

    def file(self, suffix: str) -> Attachment:
        """The one attachment whose name ends with `suffix`."""
        (found,) = (attachment for attachment in self.attachments if attachment.filename.endswith(suffix))
        return found

    def record(self, at: float) -> None:
        """Note how the message looks now, and tell those who wait."""
        look = (self.content, copy.deepcopy(self.embeds), list(self.attachments), copy.deepcopy(self.components))
        self.revisions.append(Revision(at, *look))
        self.changed()

    def to_json(self) -> Json:
        message = {
            "id": str(self.id),
            "type": 20 if self.interaction else 0,
            "channel_id": str(self.channel.id),
            "author": self.author.to_json(),
            "content": self.content,
            "embeds": self.embeds,
            "attachments": [attachment.to_json() for attachment in self.attachments],
            "components": self.components,
            "flags": self.flags,
            "timestamp": timestamp(self.at),
            "edited_timestamp": self.edited_at and timestamp(self.edited_at),
            "mentions": [],
            "mention_roles": [],
            "mention_everyone": False,
            "pinned": False,
            "tts": False,
        }
        if self.nonce:
            message["nonce"] = self.nonce
        if self.interaction:
            application = str(self.interaction.application_id)
            message |= {"application_id": application, "webhook_id": application}
            message["interaction_metadata"] = self.interaction.metadata_json()
        return message


class Choice(NamedTuple):
    """One suggestion of an autocomplete."""

    name: str
    value: str | int | float


class Interaction(Watched):
    """What somebody did with the app, and what became of it. `data` is the interaction's own part of the payload."""

    def __init__(
        self, id: int, kind: int, application_id: int, user: User, channel: Channel, data: Json, owners: dict[str, str]
    ) -> None:
        super().__init__()
        self.id, self.kind, self.application_id = id, kind, application_id
        self.user, self.channel, self.data, self.owners = user, channel, data, owners
        self.token = base64.urlsafe_b64encode(f"interaction:{id}:{secrets.token_urlsafe(96)}".encode()).decode()
        self.created_at = 0.0
        self.acknowledged_at: float | None = None
        self.lost = False
        """The acknowledgement came too late."""
        self.attachment_size_limit = channel.size_limit
        self.source: Message | None = None
        """The message whose component was used."""
        self.message: Message | None = None
        """The original answer, once there is one."""
        self.followups: list[Message] = []
        self.posted: Message | None = None
        """An ordinary message that brings the answer: its nonce is the interaction's id."""
        self.choices: list[Choice] | None = None
        self.modal: Json | None = None

    def __repr__(self) -> str:
        state = "not acknowledged" if self.acknowledged_at is None else f"acknowledged after {self.acknowledged_after}"
        return f"<interaction {self.data.get('name') or self.data.get('custom_id')}, {state}, {self.message!r}>"

    @property
    def acknowledged_after(self) -> float | None:
        """Seconds from the interaction to its acknowledgement; None when there was none in time."""
        return None if self.acknowledged_at is None else self.acknowledged_at - self.created_at

    async def answered(self, within: float = PATIENCE) -> Message:
        """The first answer that has anything to read. Raises TimeoutError."""
        return await self._answer(lambda message: not message.loading, within)

    async def finished(self, within: float = PATIENCE) -> Message:
        """The answer to which nothing more is to come. Raises TimeoutError."""
        return await self._answer(lambda message: message.final, within)

    async def _answer(self, condition: Callable[[Message], Any], within: float) -> Message:
        """The original answer of which `condition` holds or, where that was removed, the one in its place."""
        deadline = time.monotonic() + within
        message = await self.shows(lambda message: message.deleted or condition(message), within)
        if not message.deleted:
            return message
        await self.until(lambda interaction: interaction.later, deadline - time.monotonic())
        return self.later[-1]

    @property
    def later(self) -> list[Message]:
        """Messages beside the original answer."""
        return [*([self.posted] if self.posted else []), *self.followups]

    async def shows(self, condition: Callable[[Message], Any], within: float = PATIENCE) -> Message:
        """The original answer, as soon as `condition` holds of it. Raises TimeoutError."""
        if self.acknowledged_at is None:
            raise TimeoutError("the application did not respond")
        deadline = time.monotonic() + within
        await self.until(lambda interaction: interaction.message is not None, within)
        assert self.message is not None
        return await self.message.until(condition, deadline - time.monotonic())

    def metadata_json(self) -> Json:
        return {
            "id": str(self.id),
            "type": self.kind,
            "user": self.user.to_json(),
            "authorizing_integration_owners": self.owners,
        }

    def to_json(self) -> Json:
        channel, guild = self.channel, self.channel.guild
        permissions = str(channel.app_permissions)
        payload = {
            "id": str(self.id),
            "application_id": str(self.application_id),
            "type": self.kind,
            "data": self.data,
            "token": self.token,
            "version": 1,
            "channel_id": str(channel.id),
            "channel": channel.to_json() | ({"permissions": permissions} if guild else {}),
            "app_permissions": permissions,
            "locale": self.user.locale,
            "entitlements": [],
            "entitlement_sku_ids": [],
            "authorizing_integration_owners": self.owners,
            "context": channel.context,
            "attachment_size_limit": self.attachment_size_limit,
        }
        if guild:
            payload |= {"guild": guild.partial_json(), "guild_id": str(guild.id), "guild_locale": guild.locale}
            payload["member"] = guild.member_json(self.user)
        else:
            payload["user"] = self.user.to_json()
        if self.source:
            payload["message"] = self.source.to_json()
        return payload


def parts(components: list[Json]) -> Iterator[Json]:
    """Every component, however deep it is nested."""
    for component in components:
        yield component
        yield from parts(component.get("components", []))
        yield from parts([component[key] for key in ("component", "accessory") if key in component])


def embed_texts(embed: Json) -> Iterator[str]:
    """All that counts towards the 6,000 characters of a message's embeds."""
    yield from (embed[key] for key in ("title", "description") if embed.get(key))
    for item in embed.get("fields", []):
        yield from (item["name"], item["value"])
    yield from (embed[key][part] for key, part in (("footer", "text"), ("author", "name")) if embed.get(key))
