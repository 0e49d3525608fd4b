"""People and places in Discord: users, servers and channels, and their JSON."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .codes import (
    APP_PERMISSIONS,
    DM_CHANNEL,
    EPOCH,
    GROUP_CHANNEL,
    IN_BOT_DM,
    IN_GUILD,
    IN_PRIVATE_CHANNEL,
    MANAGER,
    SEND_VOICE_MESSAGES,
    TEXT_CHANNEL,
    TIER_LIMITS,
)

if TYPE_CHECKING:
    from .model import Message

Json = dict[str, Any]


def timestamp(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()


@dataclass(eq=False)
class User:
    """`installed`: has added the app to their account; `accepts_dms`: lets the bot write to them."""

    id: int
    name: str
    bot: bool = False
    locale: str = "en-US"
    installed: bool = False
    accepts_dms: bool = True

    def to_json(self) -> Json:
        return {
            "id": str(self.id),
            "username": self.name,
            "discriminator": "0",
            "global_name": None if self.bot else self.name.title(),
            "avatar": None,
            "bot": self.bot,
            "public_flags": 0,
        }


@dataclass(eq=False)
class Guild:
    """A server. `installed`: the app was added to it; `tier` is its boost tier, 0 to 3; `managers` are the members who
    may manage the server and its messages."""

    id: int
    name: str
    installed: bool = True
    tier: int = 0
    locale: str = "en-US"
    channels: list[Channel] = field(default_factory=list)
    members: list[User] = field(default_factory=list)
    managers: list[User] = field(default_factory=list)

    def permissions_of(self, user: User) -> int:
        return APP_PERMISSIONS[IN_GUILD] | (MANAGER if user in self.managers else 0)

    def member_json(self, user: User, *, with_user: bool = True) -> Json:
        member: Json = {
            "roles": [],
            "nick": None,
            "avatar": None,
            "joined_at": timestamp(EPOCH),
            "premium_since": None,
            "pending": False,
            "communication_disabled_until": None,
            "flags": 0,
            "permissions": str(self.permissions_of(user)),
        }
        return member | ({"user": user.to_json(), "deaf": False, "mute": False} if with_user else {})

    def partial_json(self) -> Json:
        return {"id": str(self.id), "locale": self.locale, "features": []}

    def to_json(self) -> Json:
        everyone = {
            "id": str(self.id),
            "name": "@everyone",
            "permissions": str(APP_PERMISSIONS[IN_GUILD]),
            "position": 0,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }
        return {
            "id": str(self.id),
            "name": self.name,
            "owner_id": str(self.members[0].id) if self.members else None,
            "preferred_locale": self.locale,
            "premium_tier": self.tier,
            "features": [],
            "emojis": [],
            "stickers": [],
            "roles": [everyone],
            "verification_level": 0,
            "default_message_notifications": 1,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "afk_timeout": 300,
            "system_channel_id": str(self.channels[0].id) if self.channels else None,
            "system_channel_flags": 0,
        }

    def create_json(self) -> Json:
        """What GUILD_CREATE adds: channels, the members that a bot without privileged intents is told of, and so on."""
        return self.to_json() | {
            "joined_at": timestamp(EPOCH),
            "large": False,
            "unavailable": False,
            "member_count": len(self.members),
            "members": [self.member_json(user) for user in self.members if user.bot],
            "channels": [channel.to_json() for channel in self.channels],
            "threads": [],
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }


@dataclass(eq=False)
class Channel:
    """A server's text channel, or a direct message between `recipients`. `readonly`: the bot may not write there;
    `voiceless`: it may send no voice messages."""

    id: int
    name: str | None = None
    guild: Guild | None = None
    recipients: list[User] = field(default_factory=list)
    readonly: bool = False
    voiceless: bool = False
    messages: list[Message] = field(default_factory=list)

    @property
    def members(self) -> list[User]:
        """Who is there."""
        return self.guild.members if self.guild else self.recipients

    @property
    def type(self) -> int:
        if self.guild:
            return TEXT_CHANNEL
        return DM_CHANNEL if len(self.recipients) == 2 else GROUP_CHANNEL

    @property
    def context(self) -> int:
        if self.guild:
            return IN_GUILD
        return IN_BOT_DM if any(user.bot for user in self.recipients) else IN_PRIVATE_CHANNEL

    @property
    def app_permissions(self) -> int:
        """What the app may do here."""
        return APP_PERMISSIONS[self.context] & ~(SEND_VOICE_MESSAGES if self.voiceless else 0)

    @property
    def size_limit(self) -> int:
        """Bytes an attachment may have here."""
        return TIER_LIMITS[self.guild.tier if self.guild else 0]

    def to_json(self) -> Json:
        common = {"id": str(self.id), "type": self.type, "flags": 0, "last_message_id": None}
        if not self.guild:
            return common | {"recipients": [user.to_json() for user in self.recipients if not user.bot]}
        return common | {
            "guild_id": str(self.guild.id),
            "name": self.name,
            "topic": None,
            "position": self.guild.channels.index(self),
            "permission_overwrites": [],
            "parent_id": None,
            "nsfw": False,
            "rate_limit_per_user": 0,
        }
