"""Settings of the bot beside those of the worker, which never sees the token."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import fsspec
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    HttpUrl,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
)
from pydantic_settings import NoDecode

from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Shards:
    """The connections to Discord, numbered from 0, that are this bot's among the `count` of all; each has the servers
    whose id, shifted right by 22 bits and divided by `count`, leaves its number, and number 0 the direct messages."""

    first: int
    last: int
    """Included."""
    count: int
    """Of all bots together."""

    @property
    def ids(self) -> list[int]:
        return [*range(self.first, self.last + 1)]


def _shards(text: object) -> Shards:
    """`0-3/8`, or `3/8` for one."""
    parts = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?/(\d{1,5})", str(text), re.ASCII)
    if not parts:
        raise ValueError
    first, last, count = int(parts[1]), int(parts[2] or parts[1]), int(parts[3])
    if not first <= last < count:
        raise ValueError
    return Shards(first, last, count)


def _token(token: SecretStr) -> SecretStr:
    """Discord alone knows whether a token is right; this only catches what was pasted with something around it."""
    text = token.get_secret_value()
    if not text.isascii() or any(character.isspace() or character in "\"'" for character in text):
        raise ValueError
    return token


def _files_url(address: str) -> str:
    """The package for the address has to be installed: the first piece would be lost otherwise."""
    protocol, separator, _ = address.partition("://")
    try:
        fsspec.get_filesystem_class(protocol if separator else "file")
    except ImportError as error:
        raise ValueError from error
    return address


class BotSettings(Settings):
    discord_token: Annotated[SecretStr, AfterValidator(_token)] = Field(
        repr=False,
        description="the bot's token, which https://discord.com/developers/applications shows under Bot, in the"
        " environment or in .env here",
    )
    discord_api: HttpUrl = Field(
        default=HttpUrl("https://discord.com/api/v10"), description="an address with https://: that of Discord's API"
    )
    test_guild: PositiveInt | None = Field(
        default=None, description="the id of a server, where commands then appear at once and nowhere else"
    )
    shards: Annotated[Shards, NoDecode, BeforeValidator(_shards)] | None = Field(
        default=None, description="0-3/8, or 3/8 for one: which connections to Discord this bot opens, of how many"
    )
    spawn_worker: bool = Field(
        default_factory=lambda data: data.get("queue_url", "").startswith("sqlite"),
        description="true or false: whether the bot starts a worker of its own",
    )
    metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="a port from 1 to 65535, for the bot's metrics"
    )
    files_url: Annotated[str, AfterValidator(_files_url)] = Field(
        default_factory=lambda data: str(data.get("data_dir", Path("data")) / "pieces"),
        repr=False,
        description="a folder, or an address that fsspec knows, such as s3://BUCKET/FOLDER, with the package for it",
    )
    source_url: HttpUrl | None = Field(
        default=None, description="an address with https://: that of this bot's source code, which /about links to"
    )
    keep_days: PositiveFloat = Field(
        default=30, description="a number of days above 0: how long a piece stays for its buttons and /piece"
    )
    pieces_a_day: NonNegativeInt = Field(
        default=200, description="a whole number: how many pieces of one listener are stored within a day, 0 for any"
    )
    mib_a_day: NonNegativeInt = Field(
        default=250, description="a whole number: how many MiB of one listener are stored within a day, 0 for any"
    )
    min_free_mib: NonNegativeInt = Field(
        default=1024, description="a whole number of MiB from 0: below so much free disk no further piece is taken"
    )
    sweep_when_full: bool = Field(
        default=False, description="true or false: whether the oldest pieces are removed early when the disk is full"
    )
    queue_limit: PositiveInt = Field(
        default=1000, description="a whole number from 1: how many pieces of all listeners may wait"
    )
    max_jobs_per_user: PositiveInt = Field(
        default=4, description="a whole number from 1: how many unfinished pieces one listener may have"
    )
