"""The question of the Arrange button: another rendering of a stored piece, by instrument, tempo, transposition and file
format. Every custom_id of the question has the values chosen so far, so it outlives a restart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import discord

from bot.commands.components import PersistentItem
from bot.commands.options import Submission
from bot.commands.submit import admit, find_piece, submit
from bot.language.i18n import say
from bot.language.replies import shifted
from bot.services import Interaction
from bot.store.files import ID
from bot.store.pending_reply import StoredNotes
from bot.store.pieces import Stored
from core.option_kinds import Choice, Option, Scope
from core.options import TEMPO, TRANSPOSE, options_in
from core.request import Rendering

_OFFERED: dict[Option[int], Sequence[int]] = {
    TEMPO: (25, 33, 50, 60, 70, 75, 80, 85, 90, 95, 100, 105, 110, 115, 120, 130, 140, 150, 175, 200, 300, 400),
    TRANSPOSE: range(12, -13, -1),
}
"""Numbers to choose from, in the order in which they are shown."""
_ARRANGED = options_in(Scope.RENDERING)
"""Options of the question. A message has five rows, and one of them is the button's."""
_CHOSEN = rf"(?P<piece_id>{ID}):" + ":".join(rf"(?P<{option.name}>[a-z0-9_-]+)" for option in _ARRANGED)
"""The end of every custom_id: the piece, and the values chosen so far."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A piece, and the rendering that is chosen for it so far."""

    piece_id: str
    rendering: Rendering

    @classmethod
    def of(cls, stored: Stored) -> Self:
        """The arrangement in which the piece is stored."""
        return cls(stored.id, stored.recipe.rendering)

    @classmethod
    def read(cls, piece_id: str, **written: str) -> Self:
        """From the groups of a custom_id. Raises BadRequest."""
        return cls(piece_id, Rendering(**{option.name: option.read(written[option.name]) for option in _ARRANGED}))

    def write(self) -> dict[str, str]:
        """The groups that `read` reads."""
        options = {option.name: option.write(getattr(self.rendering, option.name)) for option in _ARRANGED}
        return {"piece_id": self.piece_id} | options

    def question(self) -> str:
        return say(
            "How shall piece `{piece}` be played? Only the playing changes; nothing is composed anew.",
            piece=self.piece_id,
        )

    def view(self) -> discord.ui.View:
        view = discord.ui.View(timeout=None)
        for option in _ARRANGED:
            view.add_item(ArrangeSelect(option.name, **self.write()))
        view.add_item(PlayButton(**self.write()))
        return view


class ArrangeSelect(
    PersistentItem,
    discord.ui.DynamicItem[discord.ui.Select[Any]],
    template=rf"arrange:(?P<option>{'|'.join(option.name for option in _ARRANGED)}):{_CHOSEN}",
):
    """The select of one option; the message shows the chosen values."""

    def __init__(self, option: str, **chosen: str) -> None:
        [self.option] = [each for each in _ARRANGED if each.name == option]
        self.arrangement = Arrangement.read(**chosen)
        now = getattr(self.arrangement.rendering, option)
        options = [
            discord.SelectOption(label=_label(self.option, value), value=str(value), default=value == now)
            for value in _values(self.option, now)
        ]
        custom_id = ":".join(["arrange", option, *chosen.values()])
        super().__init__(discord.ui.Select(custom_id=custom_id, options=options))

    async def respond(self, interaction: Interaction) -> None:
        [value] = self.item.values
        rendering = replace(self.arrangement.rendering, **{self.option.name: self.option.read(value)})
        arrangement = replace(self.arrangement, rendering=rendering)
        await interaction.response.edit_message(content=arrangement.question(), view=arrangement.view())


class PlayButton(PersistentItem, discord.ui.DynamicItem[discord.ui.Button[Any]], template=f"play:{_CHOSEN}"):
    """Asks for the piece in the rendering that is chosen."""

    def __init__(self, **chosen: str) -> None:
        style = discord.ButtonStyle.primary
        custom_id = ":".join(["play", *chosen.values()])
        super().__init__(discord.ui.Button(label=say("Play it like this"), style=style, custom_id=custom_id))
        self.arrangement = Arrangement.read(**chosen)

    async def respond(self, interaction: Interaction) -> None:
        stored = await find_piece(interaction, self.arrangement.piece_id)
        rules = await admit(interaction)
        self.arrangement.rendering.rendered_seconds(stored.duration / stored.recipe.rendering.stretch)
        submission = Submission(stored.recipe.request, self.arrangement.rendering, stored.private)
        await submit(interaction, submission, rules, StoredNotes(stored.id), stored.parent)


def _values(option: Option[Any], now: Any) -> list[Any]:
    """Values to choose from, at most 25; the present one is among them, whatever it is."""
    if isinstance(option, Choice):
        return list(option.choices)
    offered = list(_OFFERED[option])
    if option is TRANSPOSE and now not in offered:
        offered.remove(offered[-1] if now > 0 else offered[0])
    return sorted({*offered, now}, reverse=offered[0] > offered[-1])


def _label(option: Option[Any], value: Any) -> str:
    if option is TEMPO:
        return say("{tempo}% tempo", tempo=value)
    if option is TRANSPOSE:
        return shifted(value) or say("as composed")
    return str(value)
