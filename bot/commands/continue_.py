"""/continue and "Continue this MIDI": from a file that was sent, or a stored piece, to a submission."""

from __future__ import annotations

import asyncio
from typing import Any

import discord
from discord import app_commands

from bot.commands.forms import (
    EVERY_OTHER_OPTION,
    TEXT,
    Answers,
    File,
    Form,
    field_text,
    file_label,
    labels_of,
    option_label,
    text_label,
)
from bot.commands.given import check_size, midi_in
from bot.commands.options import with_options
from bot.commands.pieces import latest_pieces
from bot.commands.submission import Defaults, Submission, completed, read_only_options, submission_of
from bot.commands.submit import admit, find_typed_piece, heard_seconds, rules_here, submit, usual_here
from bot.language.i18n import say
from bot.language.translator import described, named
from bot.services import Interaction
from bot.store.pending_reply import StoredPrimer, UnreadUpload
from bot.store.piece_table import Stored
from bot.store.server_rules import Rules
from core.errors import BadRequest
from core.midi.excerpt import MAX_SECONDS
from core.models import DEFAULT_MODEL
from core.options import CONTINUED, FROM, KEEP, LENGTH, STYLE, TAKES, options_of
from core.request import ComposeRequest, Origin
from core.seed import Seed

_FIELDS = (LENGTH, STYLE)
"""Options with a field of their own in the form."""
_WRITTEN = {option.name: option for option in options_of("continue") if option is not CONTINUED}
"""Options that the form takes, by name."""


@app_commands.command(
    name="continue", description=described("Continue a MIDI file of yours, or a piece that was made here")
)
@app_commands.describe(file=described("a MIDI file (.mid); all its parts but the drums are read as one piano"))
@with_options("continue")
async def continue_(interaction: Interaction, file: discord.Attachment | None = None, **options: Any) -> None:
    piece = options.get(CONTINUED.parameter)
    if file and piece is not None:
        raise BadRequest("choose either a `file` (.mid) to be continued, or a `piece` by its id")
    if file or piece is not None:
        await _submit(interaction, File.of(file) if file else None, options)
    else:
        await rules_here(interaction)
        await ContinueForm.show(interaction, Answers(_texts(options)))


@continue_.autocomplete(CONTINUED.parameter)
async def suggest_pieces(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    return await latest_pieces(interaction, typed)


@app_commands.context_menu(name=named("Continue this MIDI"))
async def continue_message(interaction: Interaction, message: discord.Message) -> None:
    await _submit(interaction, midi_in(message), {})


class ContinueForm(Form):
    """Asks for the file of a command that named none, and for what else is mostly chosen; all other options are
    written, and those of the command stand there already. A field that is left empty is as one's defaults say."""

    name = "continue"
    labels = labels_of(*_FIELDS)

    @classmethod
    async def show(cls, interaction: Interaction, answers: Answers) -> None:
        styles = interaction.client.services.styles
        fields = (option_label(each, answers.texts.get(each.name, ""), styles) for each in _FIELDS)
        along = text_label(say("Other options"), say(EVERY_OTHER_OPTION), answers.texts.get(TEXT, ""))
        await interaction.response.send_modal(
            cls(say("Continue a MIDI file"), "", file_label(answers.file), *fields, along)
        )

    @classmethod
    async def open(cls, interaction: Interaction, about: str, answers: Answers) -> None:
        await cls.show(interaction, answers)

    @classmethod
    async def respond(cls, interaction: Interaction, about: str, answers: Answers) -> None:
        if answers.file is None:
            raise BadRequest("choose either a `file` (.mid) to be continued, or a `piece` by its id")
        options = read_only_options(answers.texts.get(TEXT, ""), answers.values(_FIELDS), _WRITTEN)
        await _submit(interaction, answers.file, {_WRITTEN[name].parameter: value for name, value in options.items()})


def _texts(options: dict[str, Any]) -> dict[str, str]:
    """The form's contents for the options of the command (None: left out)."""
    given = {each: options[each.parameter] for each in _WRITTEN.values() if options.get(each.parameter) is not None}
    along = [f"{option.name}:{option.write(value)}" for option, value in given.items() if option not in _FIELDS]
    return {TEXT: " ".join(along)} | {each.name: field_text(each, given[each]) for each in _FIELDS if each in given}


async def _submit(interaction: Interaction, file: File | None, options: dict[str, Any]) -> None:
    """A file is read after its acknowledgement; what is wrong with an option is found out before."""
    rules = await admit(interaction, options.get(TAKES.name) or TAKES.usual)
    if file:
        check_size(file)
    submission = read_continuation(options, rules, await usual_here(interaction, rules))
    origin = submission.request.origin
    if file:
        upload = UnreadUpload(file.url, origin.from_, origin.keep, rules.longest)
        await submit(interaction, submission, rules, upload)
        return
    stored = await find_typed_piece(interaction, origin.piece)
    seconds = await asyncio.to_thread(_whole_seconds, stored, submission)
    submission = submission._replace(private=submission.private or stored.private)
    source = StoredPrimer(stored.id, origin.from_, origin.keep)
    await submit(interaction, submission, rules, source, stored.id, seconds=seconds)


def read_continuation(options: dict[str, Any], rules: Rules, defaults: Defaults) -> Submission:
    """The submission that the options of /continue (None: left out) stand for under these rules. Raises BadRequest."""
    given = {name: value for name, value in options.items() if value is not None}
    piece = CONTINUED.read(given.pop(CONTINUED.parameter, CONTINUED.usual))
    origin = Origin(piece, given.pop(FROM.parameter, None), given.pop(KEEP.parameter, None))

    def usual(given: dict[str, Any]) -> dict[str, Any]:
        options = defaults({"model": DEFAULT_MODEL} | given)
        if LENGTH.name not in given and rules.longest is not None:  # the file has the rest
            options[LENGTH.name] = max(LENGTH.least, min(options[LENGTH.name], rules.length // 2))
        return options

    full = completed(given, usual)
    return submission_of(full, lambda fields: ComposeRequest(Seed(), origin=origin, **fields), unread=True)


def _whole_seconds(stored: Stored, submission: Submission) -> float:
    """Seconds that a stored piece, or a passage of it, lasts with the new music, as it is composed or as it is heard,
    whichever is longer. Raises BadRequest for more than is ever composed or played."""
    origin, more = submission.request.origin, submission.request.seconds
    bounds = (heard_seconds(stored), origin.from_, origin.keep)
    kept = min(seconds for seconds in bounds if seconds is not None)
    if kept + more > MAX_SECONDS:
        raise BadRequest(
            "the piece's {kept:.0f} s and {more:g} s more are together longer than {most:g} s; `from` goes on from an"
            " earlier second, and a smaller `length` leaves more room",
            kept=kept,
            more=more,
            most=MAX_SECONDS,
        )
    submission.rendering.rendered_seconds(kept + more, kept)
    return (kept + more) * max(1.0, submission.rendering.stretch)
