"""How the body of a request becomes a message, or changes one: text, embeds, buttons, mentions and files."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any, NamedTuple

from aiohttp import BodyPartReader, web

from .codes import COMPONENTS_V2, LOADING, VOICE_MESSAGE
from .gateway import DIRECT_MESSAGES, GUILD_MESSAGES, Gateway
from .limits import FILES, check_message, check_voice_message
from .model import Attachment, Interaction, Message
from .places import Channel, Json
from .refusals import Refused, invalid
from .world import World


class File(NamedTuple):
    filename: str
    bytes: bytes
    content_type: str


Files = dict[str, File]
"""By `files[n]`'s n."""

_FILE_FIELD = re.compile(r"files\[(\d+)\]")
_MENTION = re.compile(r"<@!?(\d+)>")


async def read_body(request: web.Request) -> tuple[Any, Files]:
    """The JSON of a request, and the files of a multipart one."""
    if request.content_type != "multipart/form-data":
        try:
            return await request.json(), {}
        except ValueError:
            raise Refused(400, 50109, "The request body contains invalid JSON.") from None
    body: Any = {}
    files: Files = {}
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        if part.name == "payload_json":
            body = json.loads(await part.text())
        elif match := _FILE_FIELD.fullmatch(part.name or ""):
            kind = part.headers.get("Content-Type", "application/octet-stream")
            files[match[1]] = File(part.filename or "unknown", bytes(await part.read()), kind)
        else:
            raise invalid(str(part.name), "UNKNOWN_FIELD", "Only payload_json and files[n] are read")
    return body, files


class Messages:
    """Writes, edits and deletes messages, and tells the gateway."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        self.world, self.gateway = world, gateway

    def write(
        self,
        channel: Channel,
        body: Json,
        files: Files,
        *,
        size_limit: int,
        flags: int = 0,
        interaction: Interaction | None = None,
    ) -> Message:
        """A new message, the answer to an `interaction` perhaps. Nothing is kept of one that is refused."""
        self._check(body, files, size_limit)
        if flags & VOICE_MESSAGE:
            check_voice_message(body, [file.content_type for file in files.values()])
        if not (body.get("content") or body.get("embeds") or body.get("components") or files):
            raise Refused(400, 50006, "Cannot send an empty message")
        message = self.world.add_message(channel, flags=flags)
        message.interaction, message.nonce = interaction, body.get("nonce")
        try:
            self._fill(message, body, files)
        except Refused:
            channel.messages.remove(self.world.messages.pop(message.id))
            raise
        self.publish(message)
        if asked := self.world.interaction(message.nonce):
            asked.posted = message
            asked.changed()
        return message

    def publish(self, message: Message) -> Message:
        """Let everybody see a new message that is filled."""
        message.record(self.world.clock.now())
        self._announce("MESSAGE_CREATE", message, message.to_json())
        self.world.changed()
        return message

    def edit(self, message: Message, body: Json, files: Files, *, size_limit: int) -> Message:
        """Change what the body has; the rest stays."""
        if message.flags & VOICE_MESSAGE:
            raise Refused(400, 50162, "Voice messages cannot be edited.")
        self._check(body, files, size_limit)
        self._fill(message, body, files)
        message.flags &= ~LOADING
        message.edited_at = self.world.clock.now()
        message.record(message.edited_at)
        self._announce("MESSAGE_UPDATE", message, message.to_json())
        self.world.changed()
        return message

    def delete(self, message: Message) -> None:
        message.deleted = True
        self.world.messages.pop(message.id)
        message.channel.messages.remove(message)
        self._announce("MESSAGE_DELETE", message, {"id": str(message.id), "channel_id": str(message.channel.id)})
        message.changed()
        self.world.changed()

    def _check(self, body: Json, files: Files, size_limit: int) -> None:
        if not isinstance(body, dict):
            raise invalid("_", "MODEL_TYPE_CONVERT", "Only dictionaries may be used")
        check_message(body)
        if len(files) > FILES:
            raise invalid("files", "BASE_TYPE_MAX_LENGTH", f"Must be {FILES} or fewer in length.")
        if any(len(file.bytes) > size_limit for file in files.values()):
            raise Refused(413, 40005, "Request entity too large")

    def _fill(self, message: Message, body: Json, files: Files) -> None:
        attachments = self._attachments(message, body, files)
        named = {attachment.filename: attachment.url for attachment in attachments}
        embeds = message.embeds
        if "embeds" in body:
            embeds = [_resolved(embed, named, f"embeds.{at}") for at, embed in enumerate(body["embeds"] or [])]
        if len(attachments) > FILES:
            raise invalid("attachments", "BASE_TYPE_MAX_LENGTH", f"Must be {FILES} or fewer in length.")
        message.attachments, message.embeds = attachments, embeds
        if "content" in body:
            message.content = body["content"] or ""
        if "components" in body:
            message.components = self._numbered(body["components"] or [])
        message.flags |= body.get("flags", 0) & COMPONENTS_V2
        message.allowed_mentions = body.get("allowed_mentions", message.allowed_mentions)
        if not message.edited_at and not message.ephemeral:
            message.pings = [int(user) for user in _MENTION.findall(message.content) if _may_ping(message, user)]

    def _attachments(self, message: Message, body: Json, files: Files) -> list[Attachment]:
        """What the message has after this request: a list of `attachments` keeps only those that it names."""
        about = body.get("attachments")
        kept = message.attachments
        if about is not None:
            named = {str(item.get("id")) for item in about}
            if unknown := named - {*files} - {str(attachment.id) for attachment in kept}:
                raise invalid("attachments.id", "ATTACHMENT_NOT_FOUND", f"Attachment data not found for {unknown}")
            kept = [attachment for attachment in kept if str(attachment.id) in named]
        described = {str(item.get("id")): item for item in about or []}
        added = []
        for key, (filename, data, _) in files.items():
            item = described.get(key, {})
            name, text = item.get("filename") or filename, item.get("description")
            ephemeral = message.ephemeral
            attachment = self.world.add_attachment(name, data, message.channel, text, ephemeral=ephemeral)
            if message.flags & VOICE_MESSAGE:
                attachment.duration_secs, attachment.waveform = item["duration_secs"], item["waveform"]
            added.append(attachment)
        return kept + added

    def _numbered(self, components: list[Json]) -> list[Json]:
        """The components as Discord gives them back: each with an `id` of its own."""
        numbers = itertools.count(1)

        def number(component: Json) -> Json:
            part: Json = {"id": next(numbers)} | component
            for key in ("component", "accessory"):
                if key in part:
                    part[key] = number(part[key])
            if "components" in part:
                part["components"] = [number(inner) for inner in part["components"]]
            return part

        return [number(part) for part in components]

    def _announce(self, event: str, message: Message, data: Json) -> None:
        channel = message.channel
        if message.ephemeral or self.world.bot not in channel.members:
            return  # a bot is told of what is written where it is, and everybody can read
        guild = channel.guild
        if guild:
            data["guild_id"] = str(guild.id)
        intent = GUILD_MESSAGES if guild else DIRECT_MESSAGES
        self.gateway.dispatch(event, data, guild.id if guild else None, intent)


def _may_ping(message: Message, user: str) -> bool:
    allowed = message.allowed_mentions
    return allowed is None or "users" in (allowed.get("parse") or []) or user in map(str, allowed.get("users") or [])


def _resolved(embed: Json, named: dict[str, str], path: str) -> Json:
    """The embed as it is shown: `attachment://name` becomes the file's address."""
    shown = {"type": "rich"} | embed
    for key in ("image", "thumbnail"):
        if not (url := (embed.get(key) or {}).get("url")):
            continue
        scheme, _, name = url.partition("://")
        if scheme == "attachment" and name in named:
            shown[key] = embed[key] | {"url": named[name], "proxy_url": named[name]}
        elif scheme not in ("http", "https"):
            raise invalid(
                f"{path}.{key}.url", "URL_TYPE_INVALID_URL", f"No such attachment, or not a well formed URL: {url}"
            )
    return shown
