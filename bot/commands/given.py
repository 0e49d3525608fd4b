"""Notes that are given in a file: what the commands that take one share."""

from __future__ import annotations

from typing import Any

import discord

from bot.commands.forms import File
from bot.commands.submission import Defaults, Submission, completed, submission_of
from bot.commands.submit import admit, submit, usual_here
from bot.services import Interaction
from bot.store.pending_reply import UnreadUpload
from core.errors import BadRequest
from core.midi.container import MAX_BYTES, MIDI_NAMES, too_large
from core.models import DEFAULT_MODEL
from core.options import MODEL, TAKES, options_of
from core.request import ComposeRequest
from core.seed import Seed


def midi_in(message: discord.Message) -> File:
    """The first MIDI file that a message carries. Raises BadRequest."""
    files = [file for file in message.attachments if file.filename.lower().endswith(MIDI_NAMES)]
    if not files:
        raise BadRequest("this message carries no MIDI file (.mid)")
    return File.of(files[0])


def check_size(file: File) -> None:
    """Raises BadRequest for a file that is larger than what is read."""
    if file.size > MAX_BYTES:
        raise too_large(file.size)


async def submit_file(interaction: Interaction, task: str, file: File, options: dict[str, Any]) -> None:
    """Submit a file whose notes are performed or harmonized. It is read after the acknowledgement, and how long it
    lasts is known only then."""
    rules = await admit(interaction, options.get(TAKES.name) or TAKES.usual)
    check_size(file)
    submission = read_given(task, options, await usual_here(interaction, rules))
    upload = UnreadUpload(file.url, longest=rules.longest, task=task)
    await submit(interaction, submission, rules, upload, seconds=0.0)


def read_given(task: str, options: dict[str, Any], defaults: Defaults) -> Submission:
    """The submission that the options beside a file (None: left out) stand for; its request lacks the notes. Raises
    BadRequest."""
    given = {name: value for name, value in options.items() if value is not None}
    full = completed(given, usual_of(task, defaults))
    return submission_of(full, lambda fields: ComposeRequest(Seed(), **fields), unread=True)


def usual_of(task: str, defaults: Defaults) -> Defaults:
    """The defaults of options that the task has."""
    names = {option.name for option in options_of(task)}

    def usual(given: dict[str, Any]) -> dict[str, Any]:
        options = defaults({MODEL.name: DEFAULT_MODEL} | given)
        return {name: value for name, value in options.items() if name in names}

    return usual
