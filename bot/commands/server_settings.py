"""/settings: a server's rules, shown and changed in one message by its managers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import discord
from discord import app_commands

from bot.commands.components import MAX_SELECT_OPTIONS, PersistentItem
from bot.language import replies
from bot.language.i18n import say
from bot.language.translator import described, named
from bot.language.words import spoken_time
from bot.services import Interaction, Services
from bot.store.server_rules import Rules
from core.errors import BadRequest
from core.expression import ANY
from core.models import MODELS
from core.options import LENGTH, STEP_SECONDS
from core.text import Text

LENGTH_LIMITS = (150, 300, 500, 900, 1500, LENGTH.most)
DAILY_LIMITS = (0, 5, 10, 20, 50, 100)
HIGHEST_AT_ONCE = 10

_QUESTIONS = {
    "channels": Text("**Channels** where members may ask for pieces (none chosen: all)"),
    "length": Text("**Longest piece**"),
    "at_once": Text("**Pieces a member may have in progress at once**"),
    "a_day": Text("**Pieces a member may have a day**"),
    "style": Text("**Default style**"),
    "model": Text("**Default model**"),
    "private": Text("**Who sees the piece**"),
}


@app_commands.command(name=named("settings"), description=described("What members may do with me in this server"))
@app_commands.default_permissions(manage_guild=True)
@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
async def settings(interaction: Interaction) -> None:
    await interaction.response.defer(ephemeral=True)
    rules = await interaction.client.services.rules.get(_managed_guild(interaction))
    await interaction.edit_original_response(view=settings_view(interaction.client.services, rules))


class ChannelSelect(PersistentItem, discord.ui.DynamicItem[discord.ui.ChannelSelect[Any]], template=r"rules:channels"):
    def __init__(self, channels: Sequence[int] = ()) -> None:
        select = discord.ui.ChannelSelect[Any](
            custom_id="rules:channels",
            min_values=0,
            max_values=MAX_SELECT_OPTIONS,
            placeholder=say("all channels"),
            default_values=[
                discord.SelectDefaultValue(id=channel, type=discord.SelectDefaultValueType.channel)
                for channel in channels[:MAX_SELECT_OPTIONS]
            ],
        )
        super().__init__(select)

    async def respond(self, interaction: Interaction) -> None:
        await _change(interaction, channels=tuple(channel.id for channel in self.item.values))


class RuleSelect(
    PersistentItem,
    discord.ui.DynamicItem[discord.ui.Select[Any]],
    template=r"rules:(?P<rule>length|at_once|a_day|style|model|private)",
):
    """The select of a rule other than the channels."""

    def __init__(self, rule: str, options: Sequence[tuple[Any, str]] = ((0, "·"),), now: Any = None) -> None:
        self.rule = rule
        select = discord.ui.Select[Any](
            custom_id=f"rules:{rule}",
            options=[
                discord.SelectOption(label=label, value=str(value), default=value == now) for value, label in options
            ],
        )
        super().__init__(select)

    async def respond(self, interaction: Interaction) -> None:
        [chosen] = self.item.values
        options = {str(value): value for value, _ in _options(interaction.client.services)[self.rule]}
        if chosen not in options:
            raise BadRequest("there is no such choice any more; please open the settings again")
        await _change(interaction, **{self.rule: options[chosen]})


RULE_SELECTS = (ChannelSelect, RuleSelect)


def settings_view(services: Services, rules: Rules) -> discord.ui.LayoutView:
    """The message: a line and a select for each rule."""
    selects: dict[str, discord.ui.Item[Any]] = {"channels": ChannelSelect(rules.channels)}
    for rule, options in _options(services).items():
        selects[rule] = RuleSelect(rule, options, getattr(rules, rule))
    container = discord.ui.Container[Any](accent_colour=replies.COLOUR)
    for rule, question in _QUESTIONS.items():
        container.add_item(discord.ui.TextDisplay(say(question)))
        container.add_item(discord.ui.ActionRow(selects[rule]))
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.TextDisplay(say("Settings of this server. Changes take effect at once.")))
    view.add_item(container)
    return view


def _options(services: Services) -> dict[str, list[tuple[Any, str]]]:
    """Values of each rule, and their labels."""
    most = services.deliveries.admission.max_jobs_per_user
    styles = list(dict.fromkeys([ANY, *services.styles]))
    return {
        "length": [(steps, spoken_time(steps * STEP_SECONDS)) for steps in LENGTH_LIMITS],
        "at_once": [(0, say("no server limit (mine is {most})", most=most))]
        + [(count, str(count)) for count in range(1, min(most, HIGHEST_AT_ONCE))],
        "a_day": [(count, str(count) if count else say("as many as they like")) for count in DAILY_LIMITS],
        "style": [(style, say(Text(style))) for style in styles[:MAX_SELECT_OPTIONS]],
        "model": [(model, model) for model in MODELS],
        "private": [
            (False, say("everybody, unless the person who asked keeps it private")),
            (True, say("only the person who asked")),
        ],
    }


async def _change(interaction: Interaction, **changes: Any) -> None:
    services, guild_id = interaction.client.services, _managed_guild(interaction)
    await interaction.response.defer()
    rules = await services.rules.change(guild_id, **changes)
    await interaction.edit_original_response(view=settings_view(services, rules))


def _managed_guild(interaction: Interaction) -> int:
    """The server whose manager asks. Raises BadRequest for anybody else, whatever the server lets them type."""
    if interaction.guild_id is None or not interaction.permissions.manage_guild:
        raise BadRequest("only those who may manage this server can change its settings")
    return interaction.guild_id
