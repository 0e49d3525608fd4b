"""The question of the Arrange button: another rendering of a stored piece, by instrument, tempo, transposition, file
format, and which part of it is played. Every custom_id of the question has the values chosen so far, so it outlives a
restart."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import discord

from bot.commands.components import PersistentItem
from bot.commands.forms import Answers, Form
from bot.commands.submission import Submission
from bot.commands.submit import admit, find_piece, primed_seconds, submit
from bot.language.i18n import say
from bot.language.words import passage, shifted
from bot.services import Interaction
from bot.store.files import ID
from bot.store.pending_reply import StoredNotes
from bot.store.piece_table import Stored
from core.option_kinds import Choice, Option
from core.options import AUDIO, CROP, INSTRUMENT, TEMPO, TRANSPOSE
from core.request import Rendering
from core.text import Text

_OFFERED: dict[Option[int], Sequence[int]] = {
    TEMPO: (25, 33, 50, 60, 70, 75, 80, 85, 90, 95, 100, 105, 110, 115, 120, 130, 140, 150, 175, 200, 300, 400),
    TRANSPOSE: range(12, -13, -1),
}
"""Numbers to choose from, in the order in which they are shown."""
_SELECTED = (INSTRUMENT, TEMPO, TRANSPOSE, AUDIO)
"""Options with a select each. A message has five rows, and the last one is for buttons."""
_CHOSEN = (
    rf"(?P<piece_id>{ID}):"
    + ":".join(rf"(?P<{option.name}>[a-z0-9_-]+)" for option in _SELECTED)
    + r"(?::(?P<only_new>True|False|):(?P<crop>[0-9.-]*))?"
)
"""The end of every custom_id: the piece, and the values chosen so far. The last two are there where the piece is a
continuation or cropped."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A piece, and the rendering that is chosen for it so far."""

    piece_id: str
    rendering: Rendering
    is_continuation: bool = False
    """Whether the piece has a new part, which can stand alone."""

    @classmethod
    def of(cls, stored: Stored) -> Self:
        """The arrangement in which the piece is stored."""
        return cls(stored.id, stored.recipe.rendering, bool(stored.recipe.request.primer))

    @classmethod
    def read(cls, piece_id: str, only_new: str | None, crop: str | None, **selected: str) -> Self:
        """From the groups of a custom_id. Raises BadRequest."""
        options: dict[str, Any] = {option.name: option.read(selected[option.name]) for option in _SELECTED}
        rendering = Rendering(**options, only_new=only_new == "True", crop=crop or "")
        return cls(piece_id, rendering, bool(only_new))

    def write(self) -> dict[str, str | None]:
        """The groups that `read` reads."""
        selected = {option.name: option.write(getattr(self.rendering, option.name)) for option in _SELECTED}
        more: dict[str, str | None] = {"only_new": None, "crop": None}
        if self.is_continuation or self.rendering.crop:
            only_new = str(self.rendering.only_new) if self.is_continuation else ""
            more = {"only_new": only_new, "crop": self.rendering.crop}
        return {"piece_id": self.piece_id} | selected | more

    def question(self) -> str:
        return say(
            "How should piece `{piece}` be played? Only the playing changes; nothing is composed anew.",
            piece=self.piece_id,
        )

    def view(self) -> discord.ui.View:
        view = discord.ui.View(timeout=None)
        for option in _SELECTED:
            view.add_item(ArrangeSelect(option.name, **self.write()))
        view.add_item(PlayButton(**self.write()))
        view.add_item(CropButton(**self.write()))
        if self.is_continuation:
            view.add_item(NewPartButton(**self.write()))
        return view

    async def ask_again(self, interaction: Interaction, **changes: Any) -> None:
        """Show the question with other values of some options. Raises BadRequest."""
        arrangement = replace(self, rendering=replace(self.rendering, **changes))
        await interaction.response.edit_message(content=arrangement.question(), view=arrangement.view())


def _custom_id(kind: str, chosen: dict[str, str | None]) -> str:
    return f"{kind}:{_joined(chosen)}"


def _joined(chosen: dict[str, str | None]) -> str:
    return ":".join(value for value in chosen.values() if value is not None)


class ArrangeSelect(
    PersistentItem,
    discord.ui.DynamicItem[discord.ui.Select[Any]],
    template=rf"arrange:(?P<option>{'|'.join(option.name for option in _SELECTED)}):{_CHOSEN}",
):
    """The select of one option; the message shows the chosen values."""

    def __init__(self, option: str, **chosen: Any) -> None:
        [self.option] = [each for each in _SELECTED if each.name == option]
        self.arrangement = Arrangement.read(**chosen)
        now = getattr(self.arrangement.rendering, option)
        options = [
            discord.SelectOption(label=_label(self.option, value), value=str(value), default=value == now)
            for value in _values(self.option, now)
        ]
        super().__init__(discord.ui.Select(custom_id=_custom_id(f"arrange:{option}", chosen), options=options))

    async def respond(self, interaction: Interaction) -> None:
        [value] = self.item.values
        await self.arrangement.ask_again(interaction, **{self.option.name: self.option.read(value)})


class PlayButton(PersistentItem, discord.ui.DynamicItem[discord.ui.Button[Any]], template=f"play:{_CHOSEN}"):
    """Asks for the piece in the rendering that is chosen."""

    acts_once = True

    def __init__(self, **chosen: Any) -> None:
        self.arrangement = Arrangement.read(**chosen)
        super().__init__(_button("play", say("Play it like this"), chosen, discord.ButtonStyle.primary))

    async def respond(self, interaction: Interaction) -> None:
        rendering = self.arrangement.rendering
        stored = await find_piece(interaction, self.arrangement.piece_id)
        rules = await admit(interaction)
        seconds = await asyncio.to_thread(_rendered_seconds, stored, rendering)
        submission = Submission(stored.recipe.request, rendering, stored.private)
        await submit(interaction, submission, rules, StoredNotes(stored.id), stored.parent, seconds=seconds)


def _rendered_seconds(stored: Stored, rendering: Rendering) -> float:
    """Seconds that a stored piece lasts in another rendering, as far as they can be told: only the worker knows the
    whole of which a part is stored, or the new part alone. Raises BadRequest for more than is ever played."""
    request, (since, until) = stored.recipe.request, rendering.bounds
    whole = request.seconds if rendering.only_new else primed_seconds(request)
    asked = max(0.0, min(whole, until) - since) * rendering.stretch
    if rendering.only_new or stored.recipe.rendering.is_part:
        return asked
    return min(asked, rendering.rendered_seconds(stored.duration / stored.recipe.rendering.stretch))


class NewPartButton(PersistentItem, discord.ui.DynamicItem[discord.ui.Button[Any]], template=f"part:{_CHOSEN}"):
    """Leaves out what a continuation continues, or puts it back."""

    def __init__(self, **chosen: Any) -> None:
        self.arrangement = Arrangement.read(**chosen)
        label = say("With the beginning") if self.arrangement.rendering.only_new else say("Only the new part")
        super().__init__(_button("part", label, chosen))

    async def respond(self, interaction: Interaction) -> None:
        await self.arrangement.ask_again(interaction, only_new=not self.arrangement.rendering.only_new)


class CropButton(PersistentItem, discord.ui.DynamicItem[discord.ui.Button[Any]], template=f"crop:{_CHOSEN}"):
    """Opens the form for the crop, and says which one is chosen."""

    def __init__(self, **chosen: Any) -> None:
        self.arrangement = Arrangement.read(**chosen)
        cropped = passage(self.arrangement.rendering)
        super().__init__(_button("crop", say("Crop: {passage}", passage=cropped) if cropped else say("Crop"), chosen))

    async def respond(self, interaction: Interaction) -> None:
        since, _, until = self.arrangement.rendering.crop.partition("-")
        await CropForm.show(interaction, self.arrangement, since, until)


def _button(
    kind: str,
    label: str,
    chosen: dict[str, str | None],
    style: discord.ButtonStyle = discord.ButtonStyle.secondary,
) -> discord.ui.Button[Any]:
    return discord.ui.Button(label=label, style=style, custom_id=_custom_id(kind, chosen))


class CropForm(Form):
    """Asks from which second and until which a piece is played."""

    name = "crop"
    labels: ClassVar = {"from": Text("From (seconds, or 1:30)"), "until": Text("Until")}

    @classmethod
    async def show(cls, interaction: Interaction, arrangement: Arrangement, since: str, until: str) -> None:
        about = _joined(arrangement.write())
        labels = (
            _moment("from", since, say("the beginning")),
            _moment("until", until, say("the end")),
        )
        await interaction.response.send_modal(cls(say("Crop"), about, *labels))

    @classmethod
    async def open(cls, interaction: Interaction, about: str, answers: Answers) -> None:
        since, until = (answers.texts.get(name, "") for name in ("from", "until"))
        await cls.show(interaction, cls._arrangement(about), since, until)

    @classmethod
    async def respond(cls, interaction: Interaction, about: str, answers: Answers) -> None:
        crop = CROP.between(answers.texts["from"], answers.texts["until"])
        await cls._arrangement(about).ask_again(interaction, crop=crop)

    @classmethod
    def _arrangement(cls, about: str) -> Arrangement:
        chosen = re.fullmatch(_CHOSEN, about)
        assert chosen is not None
        return Arrangement.read(**chosen.groupdict())


def _moment(custom_id: str, now: str, left_out: str) -> discord.ui.Label[Any]:
    box = discord.ui.TextInput[Any](
        custom_id=custom_id, default=now, placeholder=left_out, required=False, max_length=12
    )
    return discord.ui.Label(text=say(CropForm.labels[custom_id]), component=box)


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
        return shifted(value) or say("pitch as composed")
    return say(Text(str(value)))
