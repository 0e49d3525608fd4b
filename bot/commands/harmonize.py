"""/harmonize and "Harmonize this melody": from a melody, typed or in a file, to a submission."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import discord
from discord import app_commands

from bot.commands.forms import File
from bot.commands.given import midi_in, submit_file, usual_of
from bot.commands.options import with_options
from bot.commands.submission import Defaults, Submission, completed, read_options, submission_of, takes_asked
from bot.commands.submit import admit, submit, usual_here
from bot.commands.suggestions import seed_suggestions
from bot.language.translator import described, named
from bot.services import Interaction
from core.errors import BadRequest
from core.options import TAKES, options_of
from core.request import ComposeRequest
from core.seed import Seed
from core.tasks import HARMONIZE

_TYPED = {option.name: option for option in options_of(HARMONIZE)}
"""Options that may be typed along with the melody."""


@app_commands.command(description=described("Accompany a melody of yours: notes that you type, or a MIDI file"))
@app_commands.describe(
    melody=described("the notes of the melody, one at a time, such as C4 D4 E4 G4"),
    file=described("a MIDI file (.mid) of one voice, in place of notes"),
)
@with_options(HARMONIZE)
async def harmonize(
    interaction: Interaction, melody: str | None = None, file: discord.Attachment | None = None, **options: Any
) -> None:
    if (file is None) == (melody is None):
        raise BadRequest("type a `melody`, or choose a `file` (.mid) of one voice, to be harmonized")
    if file:
        await submit_file(interaction, HARMONIZE, File.of(file), options)
        return
    typed = melody or ""
    rules = await admit(interaction, takes_asked(typed, options.get(TAKES.name)))
    usual = await usual_here(interaction, rules)
    await submit(interaction, read_melody(typed, options, usual), rules)


@app_commands.context_menu(name=named("Harmonize this melody"))
async def harmonize_message(interaction: Interaction, message: discord.Message) -> None:
    await submit_file(interaction, HARMONIZE, midi_in(message), {})


@harmonize.autocomplete("melody")
async def suggest_melodies(_: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    found = [each for each in seed_suggestions(typed, read=Seed.melody) if _is_melody(each[1])]
    return [app_commands.Choice(name=name, value=value) for name, value in found]


def read_melody(typed: str, filled: dict[str, Any], defaults: Defaults) -> Submission:
    """The submission that a typed melody and the other options (None: left out) stand for. Raises BadRequest."""
    given = {name: value for name, value in filled.items() if value is not None}
    melody, options = read_options(typed, given, _TYPED)
    full = completed(options, usual_of(HARMONIZE, defaults))
    return submission_of(full, lambda fields: ComposeRequest.harmonized(Seed.melody(melody), **fields))


def _is_melody(typed: str) -> bool:
    with suppress(BadRequest):
        chords = Seed.parse(typed).chords
        return bool(chords) and all(len(chord) == 1 for chord in chords)
    return False
