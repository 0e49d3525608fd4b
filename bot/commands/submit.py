"""Submitting: from an interaction that asks for a piece to a pending reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import discord

from bot.commands.submission import Defaults, Submission
from bot.delivery.retry import ACKNOWLEDGED_ALREADY, DISCORD_UNREACHABLE, Retry
from bot.services import Interaction
from bot.store.daily_counts import NO_SERVER
from bot.store.database import STORE_UNREACHABLE
from bot.store.pending_reply import FRESH, Destination, PendingReply, Source, StoredNotes
from bot.store.piece_table import Stored
from bot.store.server_rules import Rules
from core.errors import BadRequest, StoreError
from core.expression import ANY
from core.midi.smf import parse
from core.options import STYLE
from core.request import ComposeRequest
from core.styles import known_style
from core.text import Text

_AVATAR_PIXELS = 64
PRIVATE_PIECE = Text("this piece is private, and not yours")


async def acknowledge(interaction: Interaction, private: bool) -> int | None:
    """Tell Discord that a reply will follow, as a message of its own; returns that one's id, where Discord tells it.
    When only Discord's receipt was lost, another attempt fails, and all is well."""
    retry = Retry(DISCORD_UNREACHABLE, interaction.client.services.deliveries.timing.acknowledge_delays)
    try:
        receipt = await retry(interaction.response.defer, ephemeral=private, thinking=True)
    except discord.HTTPException as error:
        if error.code != ACKNOWLEDGED_ALREADY:
            raise
        return None
    return receipt.message_id if receipt else None


def _begun(interaction: Interaction) -> float:
    """The moment of the first look at an interaction, by the event loop's clock."""
    begun: float = interaction.extras.setdefault("begun", asyncio.get_running_loop().time())
    return begun


@asynccontextmanager
async def in_time(interaction: Interaction) -> AsyncIterator[None]:
    """Limit what is looked up before an interaction is acknowledged. Raises StoreError."""
    try:
        async with asyncio.timeout_at(_begun(interaction) + interaction.client.services.deliveries.timing.admit):
            yield
    except TimeoutError:
        raise StoreError(STORE_UNREACHABLE) from None


async def rules_here(interaction: Interaction) -> Rules:
    """The rules of the place where the answer to an interaction is shown. Raises BadRequest where no piece may be shown
    or asked for, and StoreError."""
    async with in_time(interaction):
        rules = await interaction.client.services.rules.get(interaction.guild_id)
    rules.allow_channel(interaction.channel_id, getattr(interaction.channel, "parent_id", None))
    return rules


async def usual_here(interaction: Interaction, rules: Rules) -> Defaults:
    """Completes options by the defaults of the one who asks, and of the place. Raises StoreError."""
    services = interaction.client.services
    async with in_time(interaction):
        own = await services.defaults.get(interaction.user.id)

    def usual(options: dict[str, Any]) -> dict[str, Any]:
        full = rules.usual(options, own)
        if STYLE.name not in options and services.styles and full.get(STYLE.name) not in services.styles:
            full[STYLE.name] = ANY  # chosen when the checkpoints knew it
        return full

    return usual


async def admit(interaction: Interaction, pieces: int = 1) -> Rules:
    """Let somebody ask for pieces here and now; returns the rules that hold here. Raises BadRequest, QueueError and
    StoreError where they may not."""
    services, user_id = interaction.client.services, interaction.user.id
    async with in_time(interaction):
        await asyncio.to_thread(services.library.disk.check)
        making = sum(pending.pieces for pending in services.deliveries.of(user_id))
        await services.library.quota.check(user_id, making + pieces)
        await services.deliveries.admission.check(user_id, pieces)
        rules = await rules_here(interaction)
        await services.rules.allow_today(rules, interaction.guild_id, user_id, pieces)
    return rules


async def submit(
    interaction: Interaction,
    submission: Submission,
    rules: Rules,
    source: Source = FRESH,
    parent: str = "",
    *,
    aside: bool = False,
    seconds: float | None = None,
) -> None:
    """Accept a submission under these rules. `parent` is the id of the stored piece that it continues; `aside`: only
    the one who asks sees the progress; `seconds`: how long the whole piece lasts, where that is known and not the new
    music's length. Raises BadRequest, TooManyJobs, QueueFull and StoreError."""
    rules.allow_seconds(submission.seconds if seconds is None else seconds)
    destination = destination_of(interaction, private=submission.private or rules.private)
    request, takes = submission.request, submission.takes
    if not isinstance(source, StoredNotes):
        request = with_known_style(request, interaction.client.services.styles)
    pending = PendingReply(str(interaction.id), request, destination, source, submission.rendering, parent, takes=takes)
    await interaction.client.services.deliveries.accept(
        pending, lambda: acknowledge(interaction, aside or destination.private), rules, _begun(interaction)
    )


def with_known_style(request: ComposeRequest, styles: Sequence[str]) -> ComposeRequest:
    """The request with its style as the checkpoints spell it, where the bot has these. Raises BadRequest."""
    if request.style == ANY or not styles:
        return request
    return replace(request, style=known_style(request.style, styles))


def primed_seconds(request: ComposeRequest) -> float:
    """Seconds that were asked for in all: the request's, and those of the music that it continues. To be called in a
    thread, as that is parsed."""
    return request.seconds + (parse(request.primer).seconds if request.primer else 0.0)


def heard_seconds(stored: Stored) -> float:
    """Seconds of a stored piece that a continuation of it begins with, as they were composed. To be called in a thread,
    as music is parsed."""
    rendering = stored.recipe.rendering
    seconds = stored.duration / rendering.stretch
    if rendering.only_new and not rendering.crop:  # the continuation begins with more than is heard
        seconds += parse(stored.recipe.request.primer).seconds
    return seconds


def shown_seconds(interaction: Interaction, stored: Stored) -> float:
    """Seconds that count where a stored piece is shown as it is: none where it was made, though the rules there may
    allow no more such pieces."""
    return 0.0 if stored.guild_id == interaction.guild_id else stored.duration


def destination_of(interaction: Interaction, private: bool) -> Destination:
    """The destination of the reply to an interaction."""
    return Destination(
        user_id=interaction.user.id,
        channel_id=interaction.channel_id,
        application_id=interaction.application_id,
        token=interaction.token,
        private=private,
        size_limit=interaction.filesize_limit,
        reachable=is_member(interaction) or interaction.context.dm_channel is True,
        accepted_at=interaction.created_at.timestamp(),
        guild_id=interaction.guild_id,
        locale=str(interaction.locale),
        name=interaction.user.display_name,
        avatar=avatar_of(interaction.user),
    )


def is_member(interaction: Interaction) -> bool:
    """Whether the bot itself is in the server, where it can post. A press under a message that answers no command, such
    as the greeting, perhaps names no installation."""
    known = interaction.guild_id is not None and interaction.client.get_guild(interaction.guild_id) is not None
    return known or interaction.is_guild_integration()


def avatar_of(listener: discord.User | discord.Member) -> str:
    """The address of somebody's picture, as small as it stands beside a name."""
    return listener.display_avatar.with_size(_AVATAR_PIXELS).url


async def find_piece(interaction: Interaction, piece_id: str) -> Stored:
    """A stored piece that a message of the bot's names. Raises StoreError, and BadRequest when it is gone, or private
    and another's."""
    async with in_time(interaction):
        return _visible(interaction, await interaction.client.services.library.get(piece_id))


async def find_pieces(interaction: Interaction, piece_ids: Iterable[str]) -> list[Stored]:
    """Those of these pieces that are stored, whoever may see them. Raises StoreError."""
    library = interaction.client.services.library
    async with in_time(interaction):
        return [stored for piece_id in piece_ids if (stored := await library.find(piece_id))]


async def find_typed_piece(interaction: Interaction, piece_id: str) -> Stored:
    """A stored piece whose id was typed. Raises BadRequest as `find_piece` does, where there is no such piece, and for
    a piece of somebody else's direct message: it was made among few, and its owner alone shows it to others. Raises
    StoreError."""
    async with in_time(interaction):
        stored = await interaction.client.services.library.find(piece_id)
    if stored is None:
        raise BadRequest("there is no piece `{piece}`: mistyped, or no longer stored", piece=piece_id)
    if stored.guild_id == NO_SERVER and stored.user_id != interaction.user.id:
        raise BadRequest(PRIVATE_PIECE)
    return _visible(interaction, stored)


def _visible(interaction: Interaction, stored: Stored) -> Stored:
    if stored.private and stored.user_id != interaction.user.id:
        raise BadRequest(PRIVATE_PIECE)
    return stored
