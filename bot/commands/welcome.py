"""The first piece without typing: /help, the greeting in a new server, and /panel, whose message stays in a channel."""

from __future__ import annotations

import logging
from typing import Any

import discord
from discord import app_commands

from bot.commands.components import PersistentItem
from bot.commands.submission import read_submission
from bot.commands.submit import admit, submit, usual_here
from bot.language.i18n import say, speak
from bot.language.replies import COLOUR
from bot.language.translator import described, named
from bot.services import Interaction, ServiceClient

_log = logging.getLogger(__name__)


@app_commands.command(name=named("help"), description=described("What I do, and how to get a first piece"))
async def help_(interaction: Interaction) -> None:
    await interaction.response.send_message(embed=guide(interaction.client), view=start_view(), ephemeral=True)


@app_commands.command(
    name=named("panel"), description=described("Post a message here with a button that composes a piece")
)
@app_commands.default_permissions(manage_guild=True)
@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
async def panel(interaction: Interaction) -> None:
    await interaction.response.send_message(embed=invitation(interaction.client), view=start_view())


class StartButton(PersistentItem, discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"start:(?P<seed>random)"):
    """Composes a piece as `/compose random` does, for whoever presses it."""

    acts_once = True

    def __init__(self, seed: str = "random") -> None:
        style = discord.ButtonStyle.primary
        super().__init__(discord.ui.Button(label=say("Compose something"), style=style, custom_id=f"start:{seed}"))
        self.seed = seed

    async def respond(self, interaction: Interaction) -> None:
        rules = await admit(interaction)
        usual = await usual_here(interaction, rules)
        await submit(interaction, read_submission(self.seed, usual), rules)


def start_view() -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    view.add_item(StartButton())
    return view


def invitation(client: ServiceClient) -> discord.Embed:
    """The message of the panel and of the greeting, for everybody in a channel."""
    lines = (
        say("I compose piano pieces and play them. Press the button, and a moment later there is one to hear."),
        say("To choose how it begins: {compose}. Everything else: {help}.", **_mentions(client)),
    )
    return discord.Embed(title="Nocturne", description="\n".join(lines), colour=COLOUR)


def guide(client: ServiceClient) -> discord.Embed:
    """The answer of /help, with commands that can be clicked."""
    mentions = _mentions(client)
    lines = (
        say(
            "{compose} `random` makes a piece out of nothing, `C5` or `Am F C G` one that starts like that.", **mentions
        ),
        say("{continue_} continues a MIDI file of yours.", **mentions),
        say("{perform} plays one as a pianist would, and {harmonize} accompanies a melody.", **mentions),
        "",
        say(
            "Under a piece, **New take** composes it anew, **Edit** asks what should be different, **Variation**"
            " keeps its opening, **Continue** makes it longer, and **Arrange** changes instrument, tempo and pitch."
            " **Listen** and **Video** play on every phone.",
        ),
        "",
        say("{history} has your pieces, {queue} what is being made, {about} what I learnt from.", **mentions),
        say("{defaults} keeps what you like best: a style, a length, a kind of sound file.", **mentions),
        say("{forget} removes everything that is stored here about you.", **mentions),
    )
    return discord.Embed(title="Nocturne", description="\n".join(lines), colour=COLOUR)


def _mentions(client: ServiceClient) -> dict[str, str]:
    """Commands that can be clicked, as places of a template take them."""
    names = {"compose": "compose", "continue_": "continue", "perform": "perform", "harmonize": "harmonize"}
    names |= {"help": "help", "history": "history", "queue": "queue", "about": "about", "forget": "forget"}
    names |= {"defaults": "defaults"}
    return {place: client.mention(name) for place, name in names.items()}


async def greet(client: ServiceClient, guild: discord.Guild) -> None:
    """Say hello in the system channel of a server that the bot was just added to, in the server's language."""
    speak(guild.preferred_locale)
    if guild.system_channel is None:
        return
    try:
        await guild.system_channel.send(embed=invitation(client), view=start_view())
    except discord.HTTPException as error:
        _log.info("no greeting in server %d: %s", guild.id, error)
