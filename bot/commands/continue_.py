"""/continue and "Continue this MIDI": from a file that was sent to a submission."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands

from bot.commands.options import submission_of, with_options
from bot.commands.submit import admit, submit
from bot.language.translator import described, named
from bot.services import Interaction
from bot.store.pending_reply import UnreadUpload
from core.errors import BadRequest
from core.midi.container import MAX_BYTES, too_large
from core.midi.excerpt import Excerpt
from core.models import DEFAULT_MODEL
from core.options import FROM, KEEP, LENGTH
from core.request import ComposeRequest
from core.seed import Seed

_MIDI_SUFFIXES = (".mid", ".midi", ".rmi", ".kar")


@app_commands.command(name="continue", description=described("Continue a MIDI file of yours"))
@app_commands.describe(file=described("a MIDI file (.mid); all its parts but the drums are read as one piano"))
@with_options("continue")
async def continue_(interaction: Interaction, file: discord.Attachment, **options: Any) -> None:
    await _submit_file(interaction, file, options)


@app_commands.context_menu(name=named("Continue this MIDI"))
async def continue_message(interaction: Interaction, message: discord.Message) -> None:
    files = [file for file in message.attachments if file.filename.lower().endswith(_MIDI_SUFFIXES)]
    if not files:
        raise BadRequest("this message carries no MIDI file (.mid)")
    await _submit_file(interaction, files[0], {})


async def _submit_file(interaction: Interaction, file: discord.Attachment, options: dict[str, Any]) -> None:
    """A file is read after its acknowledgement, which all can see, as they see what is wrong with it; what is wrong
    with an option repeats what was typed, and is found out before."""
    rules = await admit(interaction)
    if file.size > MAX_BYTES:
        raise too_large(file.size)
    given = {name: value for name, value in options.items() if value is not None}
    excerpt = Excerpt(given.pop(FROM.parameter, None), given.pop(KEEP.parameter, None))
    if rules.longest is not None:
        given.setdefault(LENGTH.name, max(LENGTH.least, min(LENGTH.usual, rules.length // 2)))  # the file has the rest
    usual = rules.usual({"model": DEFAULT_MODEL} | given)
    submission = submission_of(usual, lambda fields: ComposeRequest(Seed(), **fields))
    await submit(interaction, submission, rules, UnreadUpload(file.url, excerpt.until, excerpt.keep, rules.longest))
