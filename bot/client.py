"""The discord.py client: brings the commands, registers them, and answers when one of them fails."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket

from bot.commands.about import Card, about, read_cards
from bot.commands.arrange import ArrangeSelect, PlayButton
from bot.commands.compose import compose, go_on, go_on_from_message
from bot.commands.forget import ForgetButton, forget
from bot.commands.pieces import CancelButton, PageButton, PieceButton, history, piece
from bot.commands.queue import cancel, queue
from bot.commands.server_settings import RULE_SELECTS, settings
from bot.commands.submit import ACKNOWLEDGED_ALREADY
from bot.delivery.follower import Deliveries
from bot.language import replies
from bot.language.i18n import Translator, speak
from bot.process import metrics
from bot.settings import Shards
from bot.store.pending_replies import Answers
from bot.store.pieces import Library
from bot.store.server_rules import RuleBook
from core.errors import BadSetting
from core.midi.reader import Reader, Upload
from core.queue.client import JobQueue

discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # the bot never speaks

PERMISSIONS = discord.Permissions(view_channel=True, send_messages=True, embed_links=True, attach_files=True)
"""What the bot needs where a piece comes so late that it has to be a message of its own."""

_log = logging.getLogger(__name__)


class Tree(app_commands.CommandTree["Nocturne"]):
    """The commands, for servers and for people who installed the bot for themselves, in every kind of channel."""

    def __init__(self, client: Nocturne) -> None:
        super().__init__(
            client,
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
        )

    async def interaction_check(self, interaction: discord.Interaction[Nocturne], /) -> bool:
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
        sentence = replies.explain(error)
        if replies.reason(error) == replies.SORRY:
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


class Nocturne(discord.AutoShardedClient):
    def __init__(
        self,
        queue: JobQueue,
        answers: Answers,
        library: Library,
        rules: RuleBook,
        *,
        checkpoints: Path,
        preset: str,
        max_jobs_per_user: int,
        queue_limit: int,
        test_guild: int | None = None,
        shards: Shards | None = None,
    ) -> None:
        """`shards` are left to Discord's advice, and all this bot's, where they are left out."""
        super().__init__(
            shard_count=shards.count if shards else None,
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            activity=discord.CustomActivity("/compose random"),
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
        )
        self.shard_ids = shards.ids if shards else None
        self.queue = queue
        self.library = library
        self.rules = rules
        self.deliveries = Deliveries(self, queue, answers, library, max_jobs_per_user, queue_limit)
        self.reader = Reader()
        self._reading = asyncio.Lock()
        self.started_at = time.time()
        self.cards: list[Card] = []
        self.tree = Tree(self)
        self._checkpoints, self._preset = checkpoints, preset
        self._sweeping: asyncio.Task[None] | None = None
        self._test_guild = discord.Object(test_guild) if test_guild else None

    async def setup_hook(self) -> None:
        """Between the login and the first event. Raises BadSetting for a test guild that the bot is not in."""
        _, gateway, _ = await self.http.get_bot_gateway()
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway)  # where discord.py goes once a session is lost
        self.cards = await read_cards(self._checkpoints, self._preset)
        self.add_dynamic_items(CancelButton, PieceButton, ArrangeSelect, PlayButton, PageButton, ForgetButton)
        self.add_dynamic_items(*RULE_SELECTS)
        await self.tree.set_translator(Translator())
        self.tree.add_command(compose)
        self.tree.add_command(go_on)
        self.tree.add_command(go_on_from_message)
        self.tree.add_command(piece)
        self.tree.add_command(history)
        self.tree.add_command(forget)
        self.tree.add_command(queue)
        self.tree.add_command(cancel)
        self.tree.add_command(settings)
        self.tree.add_command(about)
        await self._register_commands()
        await self.deliveries.resume()
        self._sweeping = asyncio.create_task(self.library.keep_swept(), name="library-sweep")

    def styles(self) -> list[str]:
        """What the loaded checkpoints know, each once."""
        return list(dict.fromkeys(style for card in self.cards for style in card.styles))

    async def read(self, data: bytes, until: float | None) -> Upload:
        """What `Reader.read` does. Who waits for it holds up no thread: there are few, and the database needs them."""
        async with self._reading:
            return await asyncio.to_thread(self.reader.read, data, until)

    async def _register_commands(self) -> None:
        """At every start: the request replaces the whole list, and Discord counts only what changed."""
        guild = self._test_guild
        if guild is not None:
            self.tree.copy_global_to(guild=guild)
        try:
            await self.tree.sync(guild=guild)
        except discord.Forbidden:
            if guild is None:
                raise
            raise BadSetting(
                f"TEST_GUILD is {guild.id}, accepted is the id of a server that the bot was invited to"
            ) from None

    async def on_ready(self) -> None:
        _log.info("%s is at the piano, in %d servers, with %d shards", self.user, len(self.guilds), len(self.shards))
        _log.info("invite it with %s", discord.utils.oauth_url(self.application_id or 0, permissions=PERMISSIONS))

    async def close(self) -> None:
        if self._sweeping:
            self._sweeping.cancel()
        await self.deliveries.close()
        await asyncio.to_thread(self.reader.close)
        await super().close()
