"""/defaults: a listener's own defaults, shown and changed in one message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import discord
from discord import app_commands

from bot.commands.components import MAX_SELECT_OPTIONS, PersistentItem
from bot.commands.suggestions import USUAL_SECONDS
from bot.language import replies
from bot.language.i18n import number, say
from bot.language.translator import described, named
from bot.language.words import spoken_time
from bot.services import Interaction, Services
from bot.store.defaults import OWN
from core.errors import BadRequest
from core.expression import ANY
from core.option_kinds import Choice, Option
from core.options import AUDIO, INSTRUMENT, LENGTH, MODEL, PRIVATE, STEP_SECONDS, STYLE, TEMPERATURE
from core.text import Text

TEMPERATURES = (0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3)
NOT_SET = "-"
"""Value of the choice to have no default."""

_QUESTIONS: dict[Option[Any], Text] = {
    STYLE: Text("**Style**"),
    LENGTH: Text("**Length**"),
    INSTRUMENT: Text("**Instrument**"),
    AUDIO: Text("**Sound file**"),
    TEMPERATURE: Text("**Temperature**: how daring the choices are"),
    MODEL: Text("**Model**"),
    PRIVATE: Text("**Who sees the piece**"),
}
"""In the order in which they are shown."""


@app_commands.command(
    name=named("defaults"), description=described("Your own defaults: style, length, instrument and more")
)
async def defaults(interaction: Interaction) -> None:
    await interaction.response.defer(ephemeral=True)
    services = interaction.client.services
    own = await services.defaults.get(interaction.user.id)
    await interaction.edit_original_response(view=defaults_view(services, own))


class DefaultSelect(
    PersistentItem,
    discord.ui.DynamicItem[discord.ui.Select[Any]],
    template=rf"default:(?P<option>{'|'.join(option.name for option in OWN)})",
):
    """The select of one option, always about the one who chooses."""

    def __init__(self, option: str, choices: Sequence[tuple[Any, str]] = ((None, "·"),), now: Any = None) -> None:
        [self.option] = [each for each in OWN if each.name == option]
        options = [
            discord.SelectOption(label=label, value=_written(self.option, value), default=value == now)
            for value, label in choices
        ]
        super().__init__(discord.ui.Select(custom_id=f"default:{option}", options=options))

    async def respond(self, interaction: Interaction) -> None:
        [chosen] = self.item.values
        services = interaction.client.services
        values = {_written(self.option, value): value for value, _ in _choices(self.option, services)}
        if chosen not in values:
            raise BadRequest("there is no such choice any more; please use `/defaults` again")
        await interaction.response.defer()
        own = await services.defaults.set(interaction.user.id, self.option, values[chosen])
        await interaction.edit_original_response(view=defaults_view(services, own))


def defaults_view(services: Services, own: Mapping[str, Any]) -> discord.ui.LayoutView:
    """The message: a line and a select for each option."""
    container = discord.ui.Container[Any](accent_colour=replies.COLOUR)
    for option, question in _QUESTIONS.items():
        select = DefaultSelect(option.name, _choices(option, services, own.get(option.name)), own.get(option.name))
        container.add_item(discord.ui.TextDisplay(say(question)))
        container.add_item(discord.ui.ActionRow(select))
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(
        discord.ui.TextDisplay(
            say(
                "Your own defaults, in every server and in direct messages: they hold for all that you leave out"
                " when you ask for a piece. Changes take effect at once, and nobody else sees them."
            )
        )
    )
    view.add_item(container)
    return view


def _choices(option: Option[Any], services: Services, now: Any = None) -> list[tuple[Any, str]]:
    """Values to choose from, the present one among them, and their labels."""
    values = list(dict.fromkeys(value for value in (*_values(option, services), now) if value is not None))
    listed = values if now in values[: MAX_SELECT_OPTIONS - 1] or now is None else [now, *values]
    unset = (None, say("not set (usually {usual})", usual=_label(option, _usual(option))))
    return [unset, *((value, _label(option, value)) for value in listed[: MAX_SELECT_OPTIONS - 1])]


def _usual(option: Option[Any]) -> Any:
    return False if option is PRIVATE else option.usual


def _values(option: Option[Any], services: Services) -> Sequence[Any]:
    if isinstance(option, Choice):
        return option.choices
    if option is STYLE:
        return (ANY, *(style for style in services.styles if style != ANY))
    if option is LENGTH:
        return [round(seconds / STEP_SECONDS) for seconds in USUAL_SECONDS]
    return TEMPERATURES if option is TEMPERATURE else (False, True)


def _written(option: Option[Any], value: Any) -> str:
    return NOT_SET if value is None else option.write(value)


def _label(option: Option[Any], value: Any) -> str:
    if option is LENGTH:
        return spoken_time(value * STEP_SECONDS)
    if option is TEMPERATURE:
        return number(value, "g")
    if option is PRIVATE:
        return say("only you") if value else say("everybody")
    return say(Text(value))
