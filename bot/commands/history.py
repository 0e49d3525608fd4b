"""/history: the pieces that somebody has asked for, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import discord
from discord import app_commands

from bot.commands.components import PersistentItem
from bot.commands.pieces import bring_back
from bot.commands.submit import find_typed_piece
from bot.language import recipes
from bot.language.i18n import date, say
from bot.language.translator import described, named
from bot.services import Interaction
from bot.store.piece_table import Stored

PAGE_SIZE = 8
"""Pieces on a page of a history."""


@app_commands.command(
    name=named("history"), description=described("The pieces that you have asked for, the newest first")
)
async def history(interaction: Interaction) -> None:
    await interaction.response.defer(ephemeral=True)
    await _show_page(interaction, 0)


class PageButton(
    PersistentItem, discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"history:(?P<page>0|[1-9][0-9]{0,5})"
):
    """Turns to a page of the history of the one who presses it."""

    def __init__(self, page: str, label: str = "·") -> None:
        style = discord.ButtonStyle.secondary
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=f"history:{page}"))
        self.page = int(page)

    async def respond(self, interaction: Interaction) -> None:
        await interaction.response.defer()
        await _show_page(interaction, self.page)


class HistorySelect(PersistentItem, discord.ui.DynamicItem[discord.ui.Select[Any]], template="history:piece"):
    """Brings back one of the pieces of a page, as `/piece` does."""

    def __init__(self, theirs: Sequence[Stored] = ()) -> None:
        options = [
            discord.SelectOption(
                label=recipes.gist(stored), value=stored.id, description=f"{date(stored.created_at)} · {stored.id}"
            )
            for stored in theirs
        ]
        placeholder = say("Bring a piece back")
        super().__init__(discord.ui.Select(custom_id="history:piece", placeholder=placeholder, options=options))

    async def respond(self, interaction: Interaction) -> None:
        [piece_id] = self.item.values
        await bring_back(interaction, await find_typed_piece(interaction, piece_id))


async def _show_page(interaction: Interaction, page: int) -> None:
    theirs = await interaction.client.services.library.of(interaction.user.id, page * PAGE_SIZE, PAGE_SIZE + 1)
    shown, more = theirs[:PAGE_SIZE], len(theirs) > PAGE_SIZE
    view = discord.ui.View(timeout=None)
    if shown:
        view.add_item(HistorySelect(shown))
    if page:
        view.add_item(PageButton(str(page - 1), say("Newer")))
    if more:
        view.add_item(PageButton(str(page + 1), say("Older")))
    await interaction.edit_original_response(content=page_of(shown, page * PAGE_SIZE), view=view)


def page_of(theirs: Sequence[Stored], first: int) -> str:
    """A page of somebody's pieces, which are counted from `first`."""
    if not theirs:
        if first:
            return say("There are no more.")
        return say("There is no piece of yours here. `/compose random` makes one.")
    return "\n".join(map(_line, theirs))


def _line(stored: Stored) -> str:
    """A piece of a page, as a link to the message that shows it."""
    gist = recipes.gist(stored)
    linked = f"[{gist}](<{stored.message_url}>)" if stored.message_url else gist
    return f"`{stored.id}` {linked} · <t:{stored.created_at:.0f}:R>"
