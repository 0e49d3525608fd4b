"""The world behind the API: its clock, its ids, and everybody and everything in it."""

from __future__ import annotations

import re
import time

from .codes import ANSWER_SECONDS, EPOCH
from .model import Attachment, Interaction, Message, Watched
from .places import Channel, Guild, Json, User


class Clock:
    """Seconds since 1970, which a test can move forward."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        return time.monotonic() + self._offset

    def advance(self, seconds: float) -> None:
        self._offset += seconds


class World(Watched):
    """Everything there is. Changes when commands are registered, a session starts or ends, a message is written, a
    request refused."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token = token
        self.clock = Clock()
        self.answer_seconds = ANSWER_SECONDS
        """Limit for an acknowledgement. A test that is not about it may give a busy machine more than Discord does."""
        self.origin = ""
        """Where the server listens, `http://127.0.0.1:PORT`."""
        self._last_snowflake = 0
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.messages: dict[int, Message] = {}
        self.attachments: dict[int, Attachment] = {}
        self.interactions: dict[str, Interaction] = {}
        """By token."""
        self.commands: dict[int | None, list[Json]] = {}
        """By guild; None has the global ones."""
        self.application_id = self.snowflake()
        self.owner = self.add_user("owner")
        # A bot's user has its application's id.
        self.bot = self.users[self.application_id] = User(self.application_id, "nocturne", bot=True)

    def __repr__(self) -> str:
        names = [command["name"] for commands in self.commands.values() for command in commands]
        return f"<world with commands {names} and {len(self.messages)} messages>"

    def snowflake(self) -> int:
        """An id that is larger than every one before, and tells the time."""
        first = int((self.clock.now() - EPOCH) * 1000) << 22
        self._last_snowflake = max(first, self._last_snowflake + 1)
        return self._last_snowflake

    def interaction(self, nonce: str | None) -> Interaction | None:
        """The interaction whose id is the nonce of a message that the bot sent."""
        return next((each for each in self.interactions.values() if str(each.id) == nonce), None)

    def add_user(self, name: str, *, locale: str = "en-US", installed: bool = False) -> User:
        user = User(self.snowflake(), name, locale=locale, installed=installed)
        self.users[user.id] = user
        return user

    def add_guild(self, name: str, *, installed: bool = True, tier: int = 0, locale: str = "en-US") -> Guild:
        guild = Guild(self.snowflake(), name, installed, tier, locale)
        if installed:
            guild.members.append(self.bot)
        self.guilds[guild.id] = guild
        self.add_channel("general", guild)
        return guild

    def add_channel(self, name: str, guild: Guild) -> Channel:
        channel = Channel(self.snowflake(), name, guild)
        guild.channels.append(channel)
        self.channels[channel.id] = channel
        return channel

    def direct_channel(self, *recipients: User) -> Channel:
        """The one direct message between these."""
        for channel in self.channels.values():
            if not channel.guild and {*channel.recipients} == {*recipients}:
                return channel
        channel = Channel(self.snowflake(), recipients=list(recipients))
        self.channels[channel.id] = channel
        return channel

    def add_attachment(
        self, filename: str, data: bytes, channel: Channel, description: str | None = None, *, ephemeral: bool = False
    ) -> Attachment:
        """Keep a file as Discord's CDN does, under a name made safe."""
        safe = re.sub(r"[^\w.-]", "_", filename)
        id = self.snowflake()
        url = f"{self.origin}/attachments/{channel.id}/{id}/{safe}"
        self.attachments[id] = Attachment(id, safe, data, url, description, ephemeral)
        return self.attachments[id]

    def add_message(self, channel: Channel, *, flags: int = 0) -> Message:
        """A message by the bot, still blank: fill it, then `record` it."""
        message = Message(self.snowflake(), channel, self.bot, self.clock.now(), flags=flags)
        self.messages[message.id] = message
        channel.messages.append(message)
        return message

    def add_interaction(
        self,
        kind: int,
        user: User,
        channel: Channel,
        data: Json,
        owners: dict[str, str],
        *,
        source: Message | None = None,
        size_limit: int | None = None,
    ) -> Interaction:
        interaction = Interaction(self.snowflake(), kind, self.application_id, user, channel, data, owners)
        interaction.created_at, interaction.source = self.clock.now(), source
        interaction.attachment_size_limit = size_limit or channel.size_limit
        self.interactions[interaction.token] = interaction
        return interaction
