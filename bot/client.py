"""The discord.py client: registers the commands that it was given, and answers when one of them fails."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket

from bot.delivery.retry import ACKNOWLEDGED_ALREADY
from bot.language import sentences
from bot.language.i18n import speak
from bot.language.translator import Translator
from bot.process import metrics, refusals
from bot.process.identifies import Identifies, start_delay
from bot.services import PERMISSIONS, Interaction, ServiceClient
from bot.settings import Shards

discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # the bot never speaks

_log = logging.getLogger(__name__)


class Tree(app_commands.CommandTree[ServiceClient]):
    """The commands, for servers and for people who installed the bot for themselves, in every kind of channel."""

    def __init__(self, client: ServiceClient) -> None:
        super().__init__(
            client,
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
        )

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """Before every command; also the moment from which on its language is known."""
        speak(interaction.locale)
        return True

    async def on_error(self, interaction: discord.Interaction[Any], error: Exception, /) -> None:
        """Answer once, so that only the one who asked sees it where that is still possible."""
        speak(interaction.locale)
        cause = getattr(error, "original", error)  # discord.py wraps what a command raises
        if isinstance(cause, discord.HTTPException) and cause.code == ACKNOWLEDGED_ALREADY:
            _log.debug("interaction %d was answered by another bot", interaction.id)
            return
        metrics.refused(error)
        sentence = sentences.explain(error)
        if sentences.reason(error) == sentences.SORRY:
            _log.error("interaction %d failed", interaction.id, exc_info=error)
        try:
            if not interaction.response.is_done():
                await interaction.response.send_message(sentence, ephemeral=True)
            elif interaction.type is discord.InteractionType.application_command:
                await interaction.edit_original_response(content=sentence, embed=None, attachments=[], view=None)
            else:  # the original message is the piece whose button was pressed
                await interaction.followup.send(sentence, ephemeral=True)
        except (discord.HTTPException, aiohttp.ClientError, OSError) as silence:
            _log.warning("interaction %d got no answer: %s", interaction.id, silence)


class Nocturne(ServiceClient):
    """The bot's connections to Discord. It is started once it has its services and its commands."""

    def __init__(
        self,
        *,
        test_guild: int | None = None,
        shards: Shards | None = None,
        http_trace: aiohttp.TraceConfig | None = None,
    ) -> None:
        """Without `shards`, Discord says how many there are, and all are this bot's. `http_trace` is told of each of
        the requests to Discord."""
        super().__init__(
            shard_count=shards.count if shards else None,
            http_trace=http_trace or aiohttp.TraceConfig(),
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            activity=discord.CustomActivity("/compose random"),
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
        )
        self.shard_ids = shards.ids if shards else None
        self.tree = Tree(self)
        self._sweeping: asyncio.Task[None] | None = None
        self._identifies: Identifies
        self._test_guild = discord.Object(test_guild) if test_guild else None

    async def setup_hook(self) -> None:
        """Between the login and the first event. Raises BadSetting for a list of commands that Discord refuses."""
        count, gateway, limits = await self.http.get_bot_gateway()
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway)  # where discord.py goes once a session is lost
        await self.tree.set_translator(Translator())
        await self._register_commands()
        await self.services.deliveries.resume()
        self._sweeping = asyncio.create_task(self.services.sweeper.run(), name="sweeper")
        shards = len(self.shard_ids or range(count))
        limit = discord.SessionStartLimits(**limits)
        self._identifies = Identifies(limit, shards)
        if seconds := start_delay(limit, shards):
            _log.error("only %d identifies are left for today; connecting in %.0f s", limit.remaining, seconds)
            await asyncio.sleep(seconds)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Wait until a shard may identify; discord.py itself waits for 5 s each time. A long wait runs into the
        time-out with which it connects, after which it tries again."""
        assert shard_id is not None
        if not initial:
            await asyncio.sleep(self._identifies.delay(shard_id))
        self._identifies.note(shard_id)

    async def _register_commands(self) -> None:
        """At every start: the request replaces the whole list, and Discord counts only what changed."""
        guild = self._test_guild
        if guild is not None:
            self.tree.copy_global_to(guild=guild)
        with refusals.commands_worded(guild.id if guild else None):
            self.synced = await self.tree.sync(guild=guild)

    async def on_ready(self) -> None:
        _log.info("%s is at the piano, in %d servers, with %d shards", self.user, len(self.guilds), len(self.shards))
        _log.info("invite it with %s", discord.utils.oauth_url(self.application_id or 0, permissions=PERMISSIONS))

    async def close(self) -> None:
        if self._sweeping:
            self._sweeping.cancel()
        await self.services.deliveries.close()
        await self.services.reader.close()
        await super().close()
