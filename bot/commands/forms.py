"""Forms that outlive a restart. A form's custom_id says what it is about, and all that was put into it comes with the
answer: so nothing of it is kept here, and whichever bot gets the answer reads it. Input that is wrong is not lost: a
button under the refusal opens the form again with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import discord

from bot.commands.components import PersistentItem
from bot.language import sentences
from bot.language.i18n import say, speak
from bot.process import metrics
from bot.services import Interaction
from core.errors import NocturneError, shown
from core.expression import ANY
from core.option_kinds import Choice, Option
from core.options import KEY, LENGTH, STYLE, TEMPERATURE
from core.seed import MAX_TYPED
from core.text import Text
from core.tonality import KEYS

TEXT = "text"
"""custom_id of the text that may name any option; every other one is that of its option."""
MAX_SELECT_OPTIONS = 25
MAX_RADIO_OPTIONS = 10
"""Options of a select and of a radio group that Discord allows."""
MAX_FILE_NAME = 60
"""Characters of a file's name that are shown."""
_LONGEST_VALUE = 60
"""Characters of an option that is written."""
_LABELS = {LENGTH: Text("Length"), TEMPERATURE: Text("Temperature")}
"""Of options that have none of their own."""
_LINK = re.compile(r"\[(?P<name>.*)\]\((?P<url>\S*)\)", re.DOTALL)


class File(NamedTuple):
    """A file that was put into a form."""

    name: str
    url: str
    size: int = 0
    """Bytes; 0 where it was looked at before."""


class Answers(NamedTuple):
    """All that a form holds: texts and choices by their custom_ids, and a file."""

    texts: Mapping[str, str]
    file: File | None = None

    @classmethod
    def sent(cls, interaction: Interaction) -> Self:
        """From the answer to a form."""
        data: Any = interaction.data
        attachments = data.get("resolved", {}).get("attachments", {})
        texts: dict[str, str] = {}
        file = None
        for part in _parts(data["components"]):
            values = part.get("values", [])
            if values and values[0] in attachments:
                about = attachments[values[0]]
                file = File(about["filename"], about["url"], about["size"])
            else:
                texts[part["custom_id"]] = part.get("value") or next(iter(values), "")
        return cls(texts, file)

    @classmethod
    def shown(cls, message: discord.Message) -> Self:
        """From the message that `embed` is part of."""
        [embed] = message.embeds
        texts = {TEXT: embed.description or ""} | {str(field.name): str(field.value) for field in embed.fields}
        link = _LINK.fullmatch(texts.pop("file", ""))
        return cls(texts, File(link["name"], link["url"]) if link else None)

    def embed(self) -> discord.Embed:
        """What was put in, for a message from which `shown` reads it again."""
        embed = discord.Embed(description=self.texts.get(TEXT) or None)
        for name, text in self.texts.items():
            if name != TEXT and text:
                embed.add_field(name=name, value=text)
        if self.file:
            name = shown(self.file.name.translate(dict.fromkeys(map(ord, "[]()"), "_")), MAX_FILE_NAME)
            embed.add_field(name="file", value=f"[{name}]({self.file.url})")
        return embed


def _parts(components: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Components that hold an answer, out of their labels."""
    for component in components:
        part = component.get("component", component)
        if "custom_id" in part:
            yield part


class Form(discord.ui.Modal):
    """Base of a form, whose custom_id is its `name` and what it is about: `edit:abcd2345`."""

    name: ClassVar[str]

    def __init__(self, title: str, about: str, *labels: discord.ui.Label[Any]) -> None:
        super().__init__(title=title, custom_id=f"{self.name}:{about}")
        for label in labels:
            self.add_item(label)
        self.stop()  # discord.py keeps a form that waits, and reads an answer to no other

    @classmethod
    async def open(cls, interaction: Interaction, about: str, answers: Answers | None = None) -> None:
        """Show the form, with these answers where it was answered before. Raises NocturneError."""
        raise NotImplementedError

    @classmethod
    async def respond(cls, interaction: Interaction, about: str, answers: Answers) -> None:
        """Do as the form says. An error raised here is said to the one who answered, and the form can be opened again
        with what was put in."""
        raise NotImplementedError


async def read_form(interaction: Interaction) -> None:
    """Let the form that an interaction answers respond; other interactions are none of its business."""
    if interaction.type is not discord.InteractionType.modal_submit:
        return
    data: Any = interaction.data
    name, _, about = data["custom_id"].partition(":")
    if name in interaction.client.forms:
        speak(interaction.locale)
        await _respond(interaction, interaction.client.forms[name], about)


async def _respond(interaction: discord.Interaction[Any], form: type[Form], about: str) -> None:
    try:
        answers = Answers.sent(interaction)
        try:
            await form.respond(interaction, about, answers)
        except NocturneError as error:
            if interaction.response.is_done():
                raise
            metrics.refused(error)
            await _offer_again(interaction, f"{form.name}:{about}", answers, sentences.explain(error))
    except Exception as error:
        await interaction.client.tree.on_error(interaction, error)


async def _offer_again(interaction: Interaction, form: str, answers: Answers, sentence: str) -> None:
    """Say what is wrong, to the one who answered alone, and keep what was put in."""
    view = discord.ui.View(timeout=None)
    view.add_item(AgainButton(form))
    await interaction.response.send_message(sentence, embed=answers.embed(), view=view, ephemeral=True)


class AgainButton(
    PersistentItem, discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"again:(?P<form>[a-z]+:[^\n]*)"
):
    """Opens a form again, with what was put into it."""

    def __init__(self, form: str) -> None:
        style = discord.ButtonStyle.primary
        super().__init__(discord.ui.Button(label=say("Edit again"), style=style, custom_id=f"again:{form}"))
        self.name, _, self.about = form.partition(":")

    async def respond(self, interaction: Interaction) -> None:
        assert interaction.message is not None
        form = interaction.client.forms[self.name]
        await form.open(interaction, self.about, Answers.shown(interaction.message))


def text_label(text: str, description: str, now: str) -> discord.ui.Label[Any]:
    """Asks for a text that may name any option."""
    box = discord.ui.TextInput[Any](custom_id=TEXT, default=now[:MAX_TYPED], required=False, max_length=MAX_TYPED)
    return discord.ui.Label(text=text, description=description, component=box)


def option_label(option: Option[Any], now: str, styles: Sequence[str]) -> discord.ui.Label[Any]:
    """Asks for an option, where `now` is chosen or written so far."""
    offered = _offered(option, now, styles)
    if not offered:
        box = discord.ui.TextInput[Any](
            custom_id=option.name, default=now[:_LONGEST_VALUE], required=False, max_length=_LONGEST_VALUE
        )
        return discord.ui.Label(text=_label(option), description=say(option.accepted), component=box)
    return discord.ui.Label(text=_label(option), component=_menu(option.name, offered, now))


def _menu(custom_id: str, offered: Sequence[str], now: str) -> discord.ui.Item[Any]:
    """A few choices are seen at once, many in a list."""
    if len(offered) <= MAX_RADIO_OPTIONS:
        radios = [discord.RadioGroupOption(label=say(Text(each)), value=each, default=each == now) for each in offered]
        return discord.ui.RadioGroup(custom_id=custom_id, options=radios)
    options = [discord.SelectOption(label=say(Text(each)), value=each, default=each == now) for each in offered]
    return discord.ui.Select(custom_id=custom_id, options=options)


def _label(option: Option[Any]) -> str:
    return say(option.label or _LABELS[option])


def _offered(option: Option[Any], now: str, styles: Sequence[str]) -> list[str]:
    """Values to choose from, the present one among them; none for an option that is written."""
    if isinstance(option, Choice):
        return list(option.choices)
    if option is KEY:
        return [ANY, *map(str, KEYS)]
    if option is STYLE and styles:
        return list(dict.fromkeys([ANY, now or ANY, *styles]))[:MAX_SELECT_OPTIONS]
    return []
