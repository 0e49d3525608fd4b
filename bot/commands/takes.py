"""The buttons under several takes side by side: a number keeps that take, another asks for as many more, and one, which
asks once, deletes all. Their custom_ids say all that they need, so they outlive a restart."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import discord

from bot.commands.components import PersistentItem
from bot.commands.deletion import check_deletion, delete, delete_remains
from bot.commands.pieces import LAST_ROW, bring_back
from bot.commands.submission import Submission
from bot.commands.submit import admit, find_piece, find_pieces, primed_seconds, submit
from bot.language.i18n import say
from bot.services import Interaction
from bot.store.files import ID
from bot.store.piece_table import Stored
from core.request import fresh_take
from core.text import Text

_MORE = {2: Text("Two more"), 3: Text("Three more"), 4: Text("Four more")}
"""Labels, by how many takes a press asks for."""
_TAKES = rf"(?P<takes>[{min(_MORE)}-{max(_MORE)}])"
_DELETION = {"delete": Text("Delete all"), "erase": Text("Delete all for good"), "spare": Text("Keep them")}
"""Labels of the buttons that delete: the first one asks, the others answer."""


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
    template=rf"more:{_TAKES}:(?P<piece_id>{ID})",
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


class DeleteAllButton(
    PersistentItem,
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=rf"takes:(?P<action>{'|'.join(_DELETION)}):{_TAKES}:(?P<ids>(?:[1-9]{ID}){{1,{max(_MORE)}}})",
):
    """Deletes the message and all of its takes, those too that somebody has kept, once it is pressed again."""

    def __init__(self, action: str, takes: str, ids: str) -> None:
        self.action, self.takes = action, int(takes)
        self.pieces = {int(number): piece_id for number, piece_id in re.findall(rf"([1-9])({ID})", ids)}
        self.acts_once = action == "erase"
        style = discord.ButtonStyle.secondary if action == "spare" else discord.ButtonStyle.danger
        custom_id = f"takes:{action}:{takes}:{ids}"
        super().__init__(
            discord.ui.Button(label=say(_DELETION[action]), style=style, custom_id=custom_id, row=LAST_ROW)
        )

    async def respond(self, interaction: Interaction) -> None:
        remaining = await find_pieces(interaction, self.pieces.values())
        if self.action == "spare":
            await interaction.response.edit_message(view=_view(self.takes, self.pieces))
        elif not remaining:
            await delete_remains(interaction)
        elif self.action == "erase":
            await delete(interaction, remaining)
        else:
            check_deletion(interaction, remaining[0])
            await interaction.response.edit_message(view=_view(self.takes, self.pieces, deleting=True))


def takes_view(stored: Mapping[int, Stored], takes: int) -> discord.ui.View:
    """Buttons under so many takes, of which these are stored, by their numbers."""
    return _view(takes, {number: piece.id for number, piece in stored.items()})


def _view(takes: int, pieces: Mapping[int, str], *, deleting: bool = False) -> discord.ui.View:
    """`deleting`: whether it is being asked if all shall be deleted."""
    view = discord.ui.View(timeout=None)
    for number, piece_id in pieces.items():
        view.add_item(KeepButton(str(number), piece_id))
    view.add_item(MoreButton(str(takes), next(iter(pieces.values()))))
    ids = "".join(f"{number}{piece_id}" for number, piece_id in pieces.items())
    for action in ("erase", "spare") if deleting else ("delete",):
        view.add_item(DeleteAllButton(action, str(takes), ids))
    return view
