"""The buttons under several takes side by side: a number keeps that take, and another asks for as many more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import discord

from bot.commands.components import PersistentItem
from bot.commands.options import Submission
from bot.commands.pieces import bring_back
from bot.commands.submit import admit, find_piece, primed_seconds, submit
from bot.language.i18n import say
from bot.services import Interaction
from bot.store.files import ID
from bot.store.pieces import Stored
from core.request import fresh_take
from core.text import Text

_MORE = {2: Text("Two more"), 3: Text("Three more"), 4: Text("Four more")}
"""Labels, by how many takes a press asks for."""


class KeepButton(
    PersistentItem,
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=rf"keep:(?P<number>[1-9]):(?P<piece_id>{ID})",
):
    """Posts the card of one of the takes, with all its files and buttons, below them all: the others stay to be heard,
    and to be kept too."""

    acts_once = True

    def __init__(self, number: str, piece_id: str) -> None:
        style = discord.ButtonStyle.primary
        super().__init__(discord.ui.Button(label=number, style=style, custom_id=f"keep:{number}:{piece_id}"))
        self.piece_id = piece_id

    async def respond(self, interaction: Interaction) -> None:
        await bring_back(interaction, await find_piece(interaction, self.piece_id))


class MoreButton(
    PersistentItem,
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=rf"more:(?P<takes>[{min(_MORE)}-{max(_MORE)}]):(?P<piece_id>{ID})",
):
    """Asks for as many takes of the same request as there were, for whoever presses it."""

    acts_once = True

    def __init__(self, takes: str, piece_id: str) -> None:
        self.takes, self.piece_id = int(takes), piece_id
        label, style = say(_MORE[self.takes]), discord.ButtonStyle.secondary
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=f"more:{takes}:{piece_id}"))

    async def respond(self, interaction: Interaction) -> None:
        stored = await find_piece(interaction, self.piece_id)
        rules = await admit(interaction, self.takes)
        recipe = stored.recipe
        request = replace(recipe.request, take=fresh_take())
        submission = Submission(request, recipe.rendering, stored.private, self.takes)
        seconds = await asyncio.to_thread(primed_seconds, request) * max(1.0, recipe.rendering.stretch)
        await submit(interaction, submission, rules, parent=stored.parent, seconds=seconds)


def takes_view(stored: Mapping[int, Stored], takes: int) -> discord.ui.View:
    """A button for each take that is stored, by its number, and one for as many more as were asked for."""
    view = discord.ui.View(timeout=None)
    for number, piece in stored.items():
        view.add_item(KeepButton(str(number), piece.id))
    view.add_item(MoreButton(str(takes), next(iter(stored.values())).id))
    return view
