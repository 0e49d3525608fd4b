"""/piece and the buttons under a piece."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

import discord
from discord import app_commands

from bot.commands.arrange import Arrangement
from bot.commands.components import PersistentItem
from bot.commands.deletion import check_deletion, delete, delete_remains
from bot.commands.edit import open_edit_form
from bot.commands.listen import listen, show_video
from bot.commands.submission import Submission
from bot.commands.submit import (
    admit,
    avatar_of,
    find_piece,
    find_pieces,
    find_typed_piece,
    in_time,
    rules_here,
    shown_seconds,
    submit,
)
from bot.commands.successors import Maker, continuation, continues_file, new_take, performance, variation
from bot.commands.suggestions import MAX_SUGGESTIONS, SUGGESTIONS_TIMEOUT, is_part
from bot.delivery.messenger import message_url, send_what_fits
from bot.language import card, recipes
from bot.language.card import Provenance
from bot.language.i18n import say
from bot.language.replies import Reply
from bot.language.translator import described, named
from bot.services import Interaction
from bot.store.files import ID
from bot.store.piece_table import Stored
from core.errors import StoreError
from core.models import MODELS
from core.options import CONTINUED
from core.text import Text

LAST_ROW = 4
"""Row of the buttons that delete, apart from all others."""

Action: TypeAlias = Callable[[Interaction, Stored], Awaitable[None]]
"""The answer to a press, once the piece is found."""


def _submits(maker: Maker) -> Action:
    """An action that asks for a new piece."""

    async def act(interaction: Interaction, stored: Stored) -> None:
        rules = await admit(interaction)
        made = await asyncio.to_thread(maker, stored, rules)
        submission = Submission(made.request, made.rendering, stored.private)
        seconds = made.seconds * max(1.0, made.rendering.stretch)
        await submit(interaction, submission, rules, made.source, made.parent, seconds=seconds)

    return act


async def _show_recipe(interaction: Interaction, stored: Stored) -> None:
    async with in_time(interaction):
        heard = await interaction.client.services.library.heard(stored)
    await interaction.response.send_message(recipes.recipe(stored, heard), ephemeral=True)


async def _ask_arrangement(interaction: Interaction, stored: Stored) -> None:
    await rules_here(interaction)
    arrangement = Arrangement.of(stored)
    await interaction.response.send_message(arrangement.question(), view=arrangement.view(), ephemeral=True)


async def _show_attention(interaction: Interaction, stored: Stored) -> None:
    await rules_here(interaction)
    await interaction.response.defer(ephemeral=True, thinking=True)
    async with interaction.client.services.library.opened(stored) as piece:
        reply = card.attention(piece)
        await interaction.edit_original_response(content=reply.content, attachments=reply.files())


async def _ask_deletion(interaction: Interaction, stored: Stored) -> None:
    """Ask once, in the place of the button: so the answer, whenever it comes, can remove the very message, also one
    that is not the bot's to remove by itself."""
    check_deletion(interaction, stored)
    await interaction.response.edit_message(view=piece_view(stored, deleting=True))


async def _keep(interaction: Interaction, stored: Stored) -> None:
    await interaction.response.edit_message(view=piece_view(stored))


async def _delete(interaction: Interaction, stored: Stored) -> None:
    await delete(interaction, [stored])


_ACTIONS: dict[str, tuple[Text, Action]] = {
    "take": (Text("New take"), _submits(new_take)),
    "edit": (Text("Edit"), open_edit_form),
    "vary": (Text("Variation"), _submits(variation)),
    "continue": (Text("Continue"), _submits(continuation)),
    "perform": (Text("Perform"), _submits(performance)),
    "arrange": (Text("Arrange"), _ask_arrangement),
    "listen": (Text("Listen"), listen),
    "video": (Text("Video"), show_video),
    "attention": (Text("Attention"), _show_attention),
    "recipe": (Text("Recipe"), _show_recipe),
    "delete": (Text("Delete"), _ask_deletion),
    "erase": (Text("Delete for good"), _delete),
    "keep": (Text("Keep it"), _keep),
}
"""Labels and actions of the buttons under a piece, by the word in their custom_ids."""
_ACTING_ONCE = ("take", "vary", "continue", "perform", "listen", "video", "erase")
_DELETING = ("delete", "erase")
_STYLES = dict.fromkeys(_DELETING, discord.ButtonStyle.danger) | {"listen": discord.ButtonStyle.primary}
"""Styles of buttons that stand out: on a phone, a piece is heard by Listen first."""


class PieceButton(
    PersistentItem,
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=rf"piece:(?P<action>{'|'.join(_ACTIONS)}):(?P<piece_id>{ID})",
):
    """One action with a stored piece, for anybody who sees it; deleting is for a few."""

    def __init__(self, action: str, piece_id: str) -> None:
        label, self.act = _ACTIONS[action]
        self.action, self.piece_id = action, piece_id
        self.acts_once = action in _ACTING_ONCE
        style = _STYLES.get(action, discord.ButtonStyle.secondary)
        row = LAST_ROW if action in (*_DELETING, "keep") else None
        custom_id = f"piece:{action}:{piece_id}"
        super().__init__(discord.ui.Button(label=say(label), style=style, custom_id=custom_id, row=row))

    async def respond(self, interaction: Interaction) -> None:
        if self.action in _DELETING and not await find_pieces(interaction, [self.piece_id]):
            await delete_remains(interaction)
        else:
            await self.act(interaction, await find_piece(interaction, self.piece_id))


def piece_view(stored: Stored, *, deleting: bool = False) -> discord.ui.View:
    """Buttons for what can be done with a piece: not every model can go on from one, or tell what it attended to.
    `deleting`: whether it is being asked if the piece shall be deleted."""
    view = discord.ui.View(timeout=None)
    model = MODELS[stored.recipe.request.model]
    actions = ["listen", "video", "take", "edit", *(["vary", "continue"] if model.continues_primer else [])]
    actions += ["perform"] if continues_file(stored) else []
    actions += ["arrange", *(["attention"] if stored.pictures else []), "recipe"]
    actions += ["erase", "keep"] if deleting else ["delete"]
    for action in actions:
        view.add_item(PieceButton(action, stored.id))
    return view


@app_commands.command(name=named("piece"), description=described("Bring back a piece that was made here"))
@app_commands.describe(id=described("the piece's 8-character id, shown under the piece and by /history"))
async def piece(interaction: Interaction, id: str) -> None:
    typed = CONTINUED.read(id)
    CONTINUED.check(typed)
    stored = await find_typed_piece(interaction, typed)
    await bring_back(interaction, stored)


async def bring_back(interaction: Interaction, stored: Stored) -> None:
    """Answer with a stored piece, as a message of its own."""
    rules = await rules_here(interaction)
    rules.allow_seconds(shown_seconds(interaction, stored))
    await interaction.response.defer(ephemeral=stored.private or rules.private, thinking=True)
    message = await _show_piece(interaction, stored)
    if interaction.user.id == stored.user_id and not message.flags.ephemeral and interaction.channel_id is not None:
        url = message_url(interaction.guild_id, interaction.channel_id, message.id)
        await interaction.client.services.library.table.move_message(stored.id, url)


async def _show_piece(interaction: Interaction, stored: Stored) -> discord.InteractionMessage:
    """A function of its own, so that the files are gone from memory when they are counted so."""
    async with interaction.client.services.library.opened(stored) as piece:
        about = await _provenance(interaction, stored)
        reply = card.finished(piece, interaction.filesize_limit, stored.remark, about)
        return await send_what_fits(partial(_fill_response, interaction, piece_view(stored)), reply)


async def _fill_response(interaction: Interaction, view: discord.ui.View, reply: Reply) -> discord.InteractionMessage:
    return await interaction.edit_original_response(
        content=reply.content, embed=reply.embed, attachments=reply.files(), view=view
    )


async def _provenance(interaction: Interaction, stored: Stored) -> Provenance:
    """The provenance on the card of a stored piece, whoever asked for that card."""
    parent_owner = await interaction.client.services.library.owner(stored.parent)
    about = Provenance(stored.id, stored.parent, parent_owner, stored.user_id)
    try:
        theirs = stored.user_id == interaction.user.id
        listener = interaction.user if theirs else await interaction.client.fetch_user(stored.user_id)
    except discord.HTTPException:  # that account is gone
        return about
    return about._replace(name=listener.display_name, avatar=avatar_of(listener))


@piece.autocomplete("id")
async def suggest_pieces(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    return await latest_pieces(interaction, typed)


async def latest_pieces(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """The latest pieces of the one who types; none rather than late."""
    with suppress(StoreError, TimeoutError):
        async with asyncio.timeout(SUGGESTIONS_TIMEOUT):
            theirs = await interaction.client.services.library.of(interaction.user.id, 0, MAX_SUGGESTIONS)
            named = [(recipes.headline(stored), stored.id) for stored in theirs]
            return [app_commands.Choice(name=name, value=id) for name, id in named if is_part(typed.strip("` "), name)]
    return []
