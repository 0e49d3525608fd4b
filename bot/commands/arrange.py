"""The Arrange button: a stored piece played on another instrument, at another tempo, higher or lower, or as another
kind of file. What is chosen so far is in every custom_id of the question, so it outlives a restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import discord

from bot.commands.components import Pressing
from bot.commands.options import RENDERING_OPTIONS, Wish
from bot.commands.submit import admitted, ask, looked_up
from bot.language.i18n import say
from bot.language.replies import shifted
from bot.services import Interaction
from bot.store.pending_reply import StoredNotes
from bot.store.pieces import ID, Stored
from core.request import AUDIO_FORMATS, INSTRUMENTS, USUAL_TEMPO, Rendering

TEMPOS = (25, 33, 50, 60, 70, 75, 80, 85, 90, 95, USUAL_TEMPO, 105, 110, 115, 120, 130, 140, 150, 175, 200, 300, 400)
SHIFTS = range(12, -13, -1)

_STATE = (
    rf"(?P<piece_id>{ID}):(?P<instrument>[a-z_-]+):(?P<tempo>[0-9]{{2,3}}):(?P<transpose>-?[0-9]{{1,2}})"
    ":(?P<audio>[a-z0-9]+)"
)


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What is chosen so far for a piece."""

    piece_id: str
    rendering: Rendering

    @classmethod
    def of(cls, stored: Stored) -> Self:
        """As it is played now."""
        return cls(stored.id, stored.recipe.rendering)

    @classmethod
    def read(cls, piece_id: str, instrument: str, tempo: str, transpose: str, audio: str) -> Self:
        """From the parts of a custom_id. Raises BadRequest."""
        return cls(piece_id, Rendering(instrument.replace("_", " "), int(tempo), int(transpose), audio))

    def parts(self) -> dict[str, str]:
        """What `read` reads."""
        options = {name: str(value).replace(" ", "_") for name, value in self.rendering.to_json().items()}
        return {"piece_id": self.piece_id} | options

    def question(self) -> str:
        return say("How shall piece `{piece}` be played? Its notes stay as they were composed.", piece=self.piece_id)

    def view(self) -> discord.ui.View:
        view = discord.ui.View(timeout=None)
        for option in RENDERING_OPTIONS:
            view.add_item(ArrangeSelect(option, **self.parts()))
        view.add_item(PlayButton(**self.parts()))
        return view


class ArrangeSelect(
    Pressing,
    discord.ui.DynamicItem[discord.ui.Select[Any]],
    template=rf"arrange:(?P<option>instrument|tempo|transpose|audio):{_STATE}",
):
    """One thing to choose; the message shows what is chosen."""

    def __init__(self, option: str, **state: str) -> None:
        self.option, self.chosen = option, Arrangement.read(**state)
        now = getattr(self.chosen.rendering, option)
        options = [
            discord.SelectOption(label=_label(option, value), value=str(value), default=value == now)
            for value in _values(option, now)
        ]
        custom_id = ":".join(["arrange", option, *state.values()])
        super().__init__(discord.ui.Select(custom_id=custom_id, options=options))

    async def pressed(self, interaction: Interaction) -> None:
        [value] = self.item.values
        chosen = Arrangement.read(**self.chosen.parts() | {self.option: value.replace(" ", "_")})
        await interaction.response.edit_message(content=chosen.question(), view=chosen.view())


class PlayButton(Pressing, discord.ui.DynamicItem[discord.ui.Button[Any]], template=f"play:{_STATE}"):
    """Has the piece played as it is chosen."""

    def __init__(self, **state: str) -> None:
        style = discord.ButtonStyle.primary
        custom_id = ":".join(["play", *state.values()])
        super().__init__(discord.ui.Button(label=say("Play it so"), style=style, custom_id=custom_id))
        self.chosen = Arrangement.read(**state)

    async def pressed(self, interaction: Interaction) -> None:
        stored = await looked_up(interaction, self.chosen.piece_id)
        rules = await admitted(interaction)
        self.chosen.rendering.lasting(stored.duration / stored.recipe.rendering.stretch)
        wish = Wish(stored.recipe.request, self.chosen.rendering, stored.private)
        await ask(interaction, wish, rules, StoredNotes(stored.id), stored.parent)


def _values(option: str, now: Any) -> list[Any]:
    """What can be chosen, at most 25; what is chosen now is among it, whatever it is."""
    if option == "tempo":
        return sorted({*TEMPOS, now})
    if option == "transpose":
        left_out = set() if now in SHIFTS else {SHIFTS[-1] if now > 0 else SHIFTS[0]}
        return sorted({*SHIFTS, now} - left_out, reverse=True)
    return list(INSTRUMENTS if option == "instrument" else AUDIO_FORMATS)


def _label(option: str, value: Any) -> str:
    if option == "tempo":
        return say("{tempo} % tempo", tempo=value)
    if option == "transpose":
        return shifted(value) or say("as composed")
    return str(value)
