"""/perform and "Perform this MIDI": from a score that was sent to a submission."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands

from bot.commands.forms import File
from bot.commands.given import midi_in, submit_file
from bot.commands.options import with_options
from bot.language.translator import described, named
from bot.services import Interaction
from core.tasks import PERFORM


@app_commands.command(description=described("Play a MIDI file of yours as a pianist would: all its notes stay"))
@app_commands.describe(file=described("a MIDI file (.mid); all its parts but the drums are read as one piano"))
@with_options(PERFORM)
async def perform(interaction: Interaction, file: discord.Attachment, **options: Any) -> None:
    await submit_file(interaction, PERFORM, File.of(file), options)


@app_commands.context_menu(name=named("Perform this MIDI"))
async def perform_message(interaction: Interaction, message: discord.Message) -> None:
    await submit_file(interaction, PERFORM, midi_in(message), {})
