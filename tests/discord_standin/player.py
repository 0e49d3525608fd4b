"""A bot with one command of each kind, for the tests of the stand-in."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator

import discord
import pytest
import yarl
from discord import app_commands

from tests.discord_standin import Discord
from tests.discord_standin.model import PATIENCE

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (640).to_bytes(4) + (480).to_bytes(4)


MIDI = b"MThd" + bytes(range(256))


class Player(discord.AutoShardedClient):
    """A bot with one command of each kind."""

    def __init__(self, standin: Discord) -> None:
        super().__init__(intents=discord.Intents(guilds=True))
        everywhere = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)
        everybody = app_commands.AppInstallationType(guild=True, user=True)
        self.tree = app_commands.CommandTree(self, allowed_contexts=everywhere, allowed_installs=everybody)
        self.tree.error(self._keep_quiet)
        for command in (say, play, late, twice, ask, order, listen):
            self.tree.add_command(command)
        self.standin = standin
        self.received: list[discord.Interaction] = []

    async def _keep_quiet(self, interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
        """Nothing is said: a test looks at what was refused."""

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Without the five seconds that discord.py leaves between two sessions."""

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        self.received.append(interaction)


@app_commands.command()
async def say(
    interaction: discord.Interaction, text: str, loud: bool = False, times: app_commands.Range[int, 1, 5] = 1
):
    """Say something; `psst` to the listener alone."""
    await interaction.response.send_message(
        " ".join([text.upper() if loud else text] * times), ephemeral=text == "psst"
    )


@say.autocomplete("text")
async def _suggest(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=word, value=word) for word in ("random", "rondo") if word.startswith(typed)]


class Stop(discord.ui.View):
    @discord.ui.button(label="Cancel")
    async def cancel(self, interaction: discord.Interaction, button: discord.ui.Button) -> None:
        await interaction.response.edit_message(content="stopped", view=None)


@app_commands.command()
async def play(interaction: discord.Interaction, to_the_end: bool = True):
    """Defer, then progress with a button, then files and an embed with a picture."""
    await interaction.response.defer(thinking=True)
    await interaction.edit_original_response(content="playing", view=Stop())
    if to_the_end:
        files = [discord.File(io.BytesIO(MIDI), "a piece.mid"), discord.File(io.BytesIO(PNG), "roll.png")]
        embed = discord.Embed(title="A piece").set_image(url="attachment://roll.png")
        await interaction.edit_original_response(content=None, embed=embed, attachments=files, view=None)


@app_commands.command()
async def late(interaction: discord.Interaction):
    """Acknowledge a moment after Discord has given up waiting."""
    interaction.client.standin.advance(interaction.client.standin.world.answer_seconds + 0.1)
    await interaction.response.defer()


@app_commands.command()
async def twice(interaction: discord.Interaction):
    """Acknowledge two times, which discord.py itself would notice."""
    await interaction.response.defer()
    interaction.response._response_type = None
    await interaction.response.defer()


class Name(discord.ui.Modal, title="Who are you?"):
    name = discord.ui.TextInput(label="Name", custom_id="name", max_length=20)

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"hello {self.name.value}")


@app_commands.command()
async def ask(interaction: discord.Interaction):
    """Open a modal."""
    await interaction.response.send_modal(Name())


class Order(discord.ui.Modal, title="Order"):
    """A form of every component that may have a label; each has its usual value."""

    def __init__(self) -> None:
        super().__init__()
        options = [discord.SelectOption(label=word, value=word, default=word == "tea") for word in ("tea", "coffee")]
        sizes = [discord.RadioGroupOption(label=word, value=word, default=word == "small") for word in ("small", "big")]
        self.drink = discord.ui.Select(custom_id="drink", options=options)
        self.size = discord.ui.RadioGroup(custom_id="size", options=sizes)
        self.files = discord.ui.FileUpload(custom_id="files", required=False, min_values=1, max_values=2)
        for part in (self.drink, self.size, self.files):
            self.add_item(discord.ui.Label(text=part.custom_id, component=part))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        sent = [f"{file.filename} of {len(await file.read())} bytes" for file in self.files.values]
        await interaction.response.send_message(f"{self.size.value} {self.drink.values} {sent}")


@app_commands.command()
async def order(interaction: discord.Interaction):
    """Open a form."""
    await interaction.response.send_modal(Order())


@app_commands.command()
async def listen(interaction: discord.Interaction, file: discord.Attachment, sender: discord.User):
    """Read an uploaded file back."""
    await interaction.response.send_message(f"{sender.name} sent {len(await file.read())} bytes")


@contextlib.asynccontextmanager
async def connected(standin: Discord, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Player]:
    """A Player that is logged in, has registered its commands and listens."""
    standin.world.answer_seconds = PATIENCE  # the machine may be busy
    monkeypatch.setattr(discord.http.Route, "BASE", standin.api)
    monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(standin.gateway.url))
    async with Player(standin) as player:
        await player.login(standin.token)
        running = asyncio.create_task(player.connect())
        await standin.registered("say", "play")
        yield player
    await running
