"""Forms that outlive a restart. A form's custom_id says what it is about, and all that was put into it comes with the
answer: so nothing of it is kept here, and whichever bot gets the answer reads it. Input that is wrong is not lost: a
button under the refusal opens the form again with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import discord

from bot.commands.components import MAX_SELECT_OPTIONS, PersistentItem
from bot.language import sentences
from bot.language.i18n import say, speak
from bot.language.replies import COLOUR
from bot.process import metrics
from bot.services import Interaction
from core.errors import NocturneError, shown
from core.expression import ANY
from core.option_kinds import Choice, Option
from core.options import DYNAMICS, KEY, LENGTH, PACE, STEP_SECONDS, STYLE, TEMPERATURE
from core.seed import MAX_TYPED
from core.text import Text
from core.tonality import ALL_KEYS

TEXT, FILE = "text", "file"
"""custom_ids of the text that may name any option, and of a file; every other one is that of its option."""
EVERY_OTHER_OPTION = Text("any other option, such as temperature:0.9 or take:7")
MAX_RADIO_OPTIONS = 10
"""Options of a radio group that Discord allows."""
_LONGEST_FILE_NAME = 60
"""Characters of a file's name that are shown."""
_LONGEST_FIELD = 1024
"""Characters of an embed's field that Discord allows."""
_LONGEST_VALUE = 60
"""Characters of an option that is written."""
_LABELS = {LENGTH: Text("Length"), TEMPERATURE: Text("Temperature")}
"""Labels of options that have none of their own."""
FILE_LABEL = Text("MIDI file")
_IN_MENUS: dict[str, Option[Any]] = {option.name: option for option in (KEY, PACE, DYNAMICS, STYLE)}
"""Options whose values are chosen, and shown in the reader's language."""
_LINK = re.compile(r"\[(?P<name>.*)\]\((?P<url>\S*)\) (?P<size>[0-9]+) B")
_NOT_IN_A_LINK = dict.fromkeys(map(ord, "[]()"), "_")


class File(NamedTuple):
    """A file that somebody sent, which lies with Discord."""

    name: str
    url: str
    size: int
    """Bytes, as Discord says."""

    @classmethod
    def of(cls, attachment: discord.Attachment) -> Self:
        return cls(attachment.filename, attachment.url, attachment.size)

    def __str__(self) -> str:
        """A link with the size, which `read` reads again."""
        name = shown(self.name.translate(_NOT_IN_A_LINK), _LONGEST_FILE_NAME)
        return f"[{name}]({self.url}) {self.size} B"

    @classmethod
    def read(cls, text: str) -> Self | None:
        link = _LINK.fullmatch(text)
        return cls(link["name"], link["url"], int(link["size"])) if link else None


class Answers(NamedTuple):
    """All that a form holds: texts and choices by their custom_ids, and a file."""

    texts: Mapping[str, str]
    file: File | None = None

    @classmethod
    def sent(cls, interaction: Interaction) -> Self:
        """From the answer to a form. A file that was sent with an earlier answer need not be sent again: it is shown by
        the message from which the form was opened."""
        data: Any = interaction.data
        attachments = data.get("resolved", {}).get("attachments", {})
        texts: dict[str, str] = {}
        file = _file_shown(interaction.message) if interaction.message else None
        for part in _parts(data["components"]):
            value = part.get("value") or next(iter(part.get("values", [])), "")
            if part["custom_id"] != FILE:
                texts[part["custom_id"]] = value
            elif value:
                file = File(attachments[value]["filename"], attachments[value]["url"], attachments[value]["size"])
        return cls(texts, file)

    def values(self, options: Sequence[Option[Any]]) -> dict[str, Any]:
        """Values of options that have a field of their own, but of those left empty. Raises BadRequest."""
        texts = {option: self.texts.get(option.name, "").strip() for option in options}
        return {option.name: option.read(text) for option, text in texts.items() if text}


def _parts(components: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Components that hold an answer, out of their labels."""
    for component in components:
        part = component.get("component", component)
        if "custom_id" in part:
            yield part


class Form(discord.ui.Modal):
    """Base of a form, whose custom_id is its `name` and what it is about: `edit:abcd2345`."""

    name: ClassVar[str]
    labels: ClassVar[Mapping[str, Text]]
    """Names of its fields but the text and the file, by their custom_ids."""

    def __init__(self, title: str, about: str, *labels: discord.ui.Label[Any]) -> None:
        super().__init__(title=title, custom_id=f"{self.name}:{about}")
        for label in labels:
            self.add_item(label)
        self.stop()  # discord.py keeps a form that waits, and reads an answer to no other

    @classmethod
    async def open(cls, interaction: Interaction, about: str, answers: Answers) -> None:
        """Show the form again, with these answers. Raises NocturneError."""
        raise NotImplementedError

    @classmethod
    async def respond(cls, interaction: Interaction, about: str, answers: Answers) -> None:
        """Do as the form says. An error raised here is said to the one who answered, and the form can be opened again
        with what was put in."""
        raise NotImplementedError


def _shown(form: type[Form], answers: Answers, styles: Sequence[str]) -> discord.Embed:
    """Answers to a form, in its own words, as part of a message from which `_read_shown` reads them again."""
    embed = discord.Embed(description=answers.texts.get(TEXT) or None, colour=COLOUR)
    for custom_id, label in form.labels.items():
        if text := answers.texts.get(custom_id):
            embed.add_field(name=say(label), value=_words(custom_id, styles).get(text, text))
    if answers.file and len(str(answers.file)) <= _LONGEST_FIELD:
        embed.add_field(name=say(FILE_LABEL), value=str(answers.file))
    return embed


def _read_shown(form: type[Form], message: discord.Message, styles: Sequence[str]) -> Answers:
    embed = message.embeds[0] if message.embeds else discord.Embed()
    shown = {str(field.name): str(field.value) for field in embed.fields}
    texts = {TEXT: embed.description or ""}
    for custom_id, label in form.labels.items():
        if text := shown.get(say(label)):
            values = {word: value for value, word in _words(custom_id, styles).items()}
            texts[custom_id] = values.get(text, text)
    return Answers(texts, _file_shown(message))


def _file_shown(message: discord.Message) -> File | None:
    fields = message.embeds[0].fields if message.embeds else ()
    files = [File.read(str(field.value)) for field in fields if field.name == say(FILE_LABEL)]
    return files[0] if files else None


def _words(custom_id: str, styles: Sequence[str]) -> dict[str, str]:
    """The words in which a menu shows its values."""
    option = _IN_MENUS.get(custom_id)
    return {value: say(Text(value)) for value in _offered(option, "", styles)} if option else {}


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
            await _offer_again(interaction, form, about, answers, sentences.explain(error))
    except Exception as error:
        await interaction.client.tree.on_error(interaction, error)


async def _offer_again(interaction: Interaction, form: type[Form], about: str, answers: Answers, sentence: str) -> None:
    """Say what is wrong, to the one who answered alone, and keep what was put in."""
    view = discord.ui.View(timeout=None)
    view.add_item(AgainButton(f"{form.name}:{about}"))
    embed = _shown(form, answers, interaction.client.services.styles)
    await interaction.response.send_message(sentence, embed=embed, view=view, ephemeral=True)


class AgainButton(
    PersistentItem,
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"again:(?P<form>[a-z]+:[A-Za-z0-9_:.-]{0,80})",
):
    """Opens a form again, with what was put into it."""

    def __init__(self, form: str) -> None:
        style = discord.ButtonStyle.primary
        super().__init__(discord.ui.Button(label=say("Edit again"), style=style, custom_id=f"again:{form}"))
        self.name, _, self.about = form.partition(":")

    async def respond(self, interaction: Interaction) -> None:
        assert interaction.message is not None
        form = interaction.client.forms[self.name]
        answers = _read_shown(form, interaction.message, interaction.client.services.styles)
        await form.open(interaction, self.about, answers)


def text_label(text: str, description: str, now: str) -> discord.ui.Label[Any]:
    """Asks for a text that may name any option."""
    box = discord.ui.TextInput[Any](custom_id=TEXT, default=now[:MAX_TYPED], required=False, max_length=MAX_TYPED)
    return discord.ui.Label(text=text, description=description, component=box)


def file_label(now: File | None) -> discord.ui.Label[Any]:
    """Asks for a file, in place of the one that was sent before, where there is one."""
    least = 0 if now else 1
    upload = discord.ui.FileUpload[Any](custom_id=FILE, required=bool(least), min_values=least, max_values=1)
    instead = say("leave it empty to keep {name}", name=shown(now.name, _LONGEST_FILE_NAME)) if now else None
    return discord.ui.Label(text=say(FILE_LABEL), description=instead, component=upload)


def field_text(option: Option[Any], value: Any) -> str:
    """A value as a field of its own has it."""
    if option is LENGTH:
        return f"{value * STEP_SECONDS:g} s"
    return value if isinstance(value, str) else option.write(value)


def option_label(option: Option[Any], now: str, styles: Sequence[str]) -> discord.ui.Label[Any]:
    """Asks for an option, where `now` is chosen or written so far; nothing where it is empty."""
    offered = _offered(option, now, styles)
    if not offered:
        box = discord.ui.TextInput[Any](
            custom_id=option.name, default=now[:_LONGEST_VALUE], required=False, max_length=_LONGEST_VALUE
        )
        return discord.ui.Label(text=_label(option), description=say(option.accepted), component=box)
    return discord.ui.Label(text=_label(option), component=_menu(option.name, offered, now))


def _menu(custom_id: str, offered: Sequence[str], now: str) -> discord.ui.Item[Any]:
    """A few choices are seen at once, many in a list. What is chosen already can only be changed."""
    chosen = bool(now)
    if len(offered) <= MAX_RADIO_OPTIONS:
        radios = [discord.RadioGroupOption(label=say(Text(each)), value=each, default=each == now) for each in offered]
        return discord.ui.RadioGroup(custom_id=custom_id, options=radios, required=chosen)
    options = [discord.SelectOption(label=say(Text(each)), value=each, default=each == now) for each in offered]
    return discord.ui.Select(custom_id=custom_id, options=options, required=chosen, min_values=int(chosen))


def labels_of(*options: Option[Any]) -> dict[str, Text]:
    """The labels of the options' fields, by their custom_ids."""
    return {option.name: option.label or _LABELS[option] for option in options}


def _label(option: Option[Any]) -> str:
    return say(labels_of(option)[option.name])


def _offered(option: Option[Any], now: str, styles: Sequence[str]) -> list[str]:
    """Values to choose from, the present one among them; none for an option that is written."""
    if isinstance(option, Choice):
        return list(option.choices)
    if option is KEY:
        return [ANY, *map(str, ALL_KEYS)]
    if option is STYLE and styles:
        return list(dict.fromkeys([ANY, now or ANY, *styles]))[:MAX_SELECT_OPTIONS]
    return []
