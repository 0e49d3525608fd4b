"""/forget: removes everything that is stored about somebody, after a question."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands

from bot.commands.components import PersistentItem
from bot.language.i18n import say
from bot.language.translator import described, named
from bot.services import Interaction
from core.text import Text

QUESTION = Text(
    "This removes all that is stored here about you: your pieces with their files and recipes, also those still in"
    " progress, and your defaults. Messages stay in their channels, but their buttons do nothing any more. It"
    " cannot be undone."
)
YES, NO = Text("Remove everything"), Text("Keep it")
FORGOTTEN = Text("Nothing is stored about you here any more.")
KEPT = Text("Nothing was removed.")


@app_commands.command(name=named("forget"), description=described("Remove everything that is stored here about you"))
async def forget(interaction: Interaction) -> None:
    view = discord.ui.View(timeout=None)
    view.add_item(ForgetButton("yes"))
    view.add_item(ForgetButton("no"))
    await interaction.response.send_message(say(QUESTION), view=view, ephemeral=True)


class ForgetButton(
    PersistentItem, discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"forget:(?P<answer>yes|no)"
):
    """The answer to the question, always about the one who presses it."""

    def __init__(self, answer: str) -> None:
        style = discord.ButtonStyle.danger if answer == "yes" else discord.ButtonStyle.secondary
        label = YES if answer == "yes" else NO
        super().__init__(discord.ui.Button(label=say(label), style=style, custom_id=f"forget:{answer}"))
        self.answer = answer

    async def respond(self, interaction: Interaction) -> None:
        await interaction.response.defer()
        if self.answer == "yes":
            services, user_id = interaction.client.services, interaction.user.id
            await services.deliveries.cancel_all(user_id)
            await services.library.forget(user_id)
            await services.rules.forget(user_id)
            await services.defaults.forget(user_id)
            await services.queue.forget(user_id)
        said = FORGOTTEN if self.answer == "yes" else KEPT
        await interaction.edit_original_response(content=say(said), view=None)
