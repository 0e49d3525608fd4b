"""/compose and /continue: from what was typed, or sent, to an accepted interaction."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import discord
from discord import app_commands

from bot.commands.options import MAX_SUGGESTIONS, suggestions, understand, wish_of
from bot.commands.submit import admitted, ask
from bot.language.i18n import described, named
from bot.services import Interaction
from bot.store.pending_reply import UnreadUpload
from bot.store.pieces import Stored
from core.errors import BadRequest, StoreError
from core.midi.container import MAX_BYTES, too_large
from core.models import MODELS
from core.request import (
    AUDIO_FORMATS,
    DEFAULT_LENGTH,
    DEFAULT_MODEL,
    DEFAULT_TEMPERATURE,
    INSTRUMENTS,
    MAX_LENGTH,
    MAX_TAKE,
    MAX_TEMPERATURE,
    MAX_TEMPO,
    MAX_TOP_P,
    MAX_TRANSPOSE,
    MIN_LENGTH,
    MIN_TEMPERATURE,
    MIN_TEMPO,
    MIN_TOP_P,
    STEP_SECONDS,
    ComposeRequest,
)
from core.seed import Seed

LATEST, LATEST_SECONDS = 5, 1.0
"""Of how many of their pieces somebody is suggested the seeds, and how long that may be looked up."""
_MIDI_NAMES = (".mid", ".midi", ".rmi", ".kar")

_DESCRIPTIONS = {
    "length": described(
        "in steps of {step:g} s: {least} ({shortest:g} s) to {most} ({longest:g} s);"
        " {usual} ({seconds:g} s) if left out",
        step=STEP_SECONDS,
        least=MIN_LENGTH,
        shortest=MIN_LENGTH * STEP_SECONDS,
        most=MAX_LENGTH,
        longest=MAX_LENGTH * STEP_SECONDS,
        usual=DEFAULT_LENGTH,
        seconds=DEFAULT_LENGTH * STEP_SECONDS,
    ),
    "style": described("whose manner to play in; any if left out"),
    "temperature": described(
        "{least:g} (careful) to {most:g} (wild); {usual:g} if left out",
        least=MIN_TEMPERATURE,
        most=MAX_TEMPERATURE,
        usual=DEFAULT_TEMPERATURE,
    ),
    "top_p": described(
        "{least:g} (the likeliest choices alone) to {most:g} (all); what suits the model if left out",
        least=MIN_TOP_P,
        most=MAX_TOP_P,
    ),
    "take": described("the number of the draw: the same one makes the same piece again; a fresh one if left out"),
    "instrument": described("what it is played on; a grand piano if left out"),
    "tempo": described("in percent of the composed speed, {least} to {most}", least=MIN_TEMPO, most=MAX_TEMPO),
    "transpose": described("in semitones, -{most} to {most}", most=MAX_TRANSPOSE),
    "audio": described("the file to listen to: mp3 plays in every Discord app, wav and flac lose nothing"),
    "private": described("only you see the answer"),
}
_CHOICES = {
    "instrument": [app_commands.Choice(name=name, value=name) for name in INSTRUMENTS],
    "audio": [app_commands.Choice(name=name, value=name) for name in AUDIO_FORMATS],
}
_Length = app_commands.Range[int, MIN_LENGTH, MAX_LENGTH]
_Temperature = app_commands.Range[float, MIN_TEMPERATURE, MAX_TEMPERATURE]
_TopP = app_commands.Range[float, MIN_TOP_P, MAX_TOP_P]
_Take = app_commands.Range[int, 0, MAX_TAKE]
_Tempo = app_commands.Range[int, MIN_TEMPO, MAX_TEMPO]
_Transpose = app_commands.Range[int, -MAX_TRANSPOSE, MAX_TRANSPOSE]


@app_commands.command(description=described("Compose a piano piece from a few notes, or from none"))
@app_commands.describe(
    seed=described("random, or the notes to begin with: 72 or C5; a comma joins a chord, a space goes on: C4,E4,G4 C5"),
    model=described("who composes; {model} if left out", model=DEFAULT_MODEL),
    **_DESCRIPTIONS,
)
@app_commands.choices(model=[app_commands.Choice(name=model, value=model) for model in MODELS], **_CHOICES)
async def compose(
    interaction: Interaction,
    seed: str,
    length: _Length | None = None,
    style: str | None = None,
    temperature: _Temperature | None = None,
    top_p: _TopP | None = None,
    take: _Take | None = None,
    model: str | None = None,
    instrument: str | None = None,
    tempo: _Tempo | None = None,
    transpose: _Transpose | None = None,
    audio: str | None = None,
    private: bool | None = None,
) -> None:
    rules = await admitted(interaction)
    wish = understand(
        seed,
        rules.usual,
        length=length,
        style=style,
        temperature=temperature,
        top_p=top_p,
        take=take,
        model=model,
        instrument=instrument,
        tempo=tempo,
        transpose=transpose,
        audio=audio,
        private=private,
    )
    await ask(interaction, wish, rules)


@compose.autocomplete("seed")
async def suggest_seed(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    latest = [stored.recipe.request.seed for stored in await _latest(interaction)]
    return [app_commands.Choice(name=name, value=value) for name, value in suggestions(typed, latest)]


async def _latest(interaction: Interaction) -> list[Stored]:
    """Suggestions come without them rather than late."""
    with suppress(StoreError, TimeoutError):
        async with asyncio.timeout(LATEST_SECONDS):
            return await interaction.client.services.library.of(interaction.user.id, 0, LATEST)
    return []


@app_commands.command(name="continue", description=described("Go on from a MIDI file of yours"))
@app_commands.describe(
    file=described("a MIDI file (.mid); all its parts but the drums are read as one piano"),
    until=described("go on from this second of it; from its end if left out"),
    **_DESCRIPTIONS,
)
@app_commands.rename(until="from")
@app_commands.choices(**_CHOICES)
async def go_on(
    interaction: Interaction,
    file: discord.Attachment,
    length: _Length | None = None,
    until: app_commands.Range[float, 0.0] | None = None,
    style: str | None = None,
    temperature: _Temperature | None = None,
    top_p: _TopP | None = None,
    take: _Take | None = None,
    instrument: str | None = None,
    tempo: _Tempo | None = None,
    transpose: _Transpose | None = None,
    audio: str | None = None,
    private: bool | None = None,
) -> None:
    options = {
        "length": length,
        "style": style,
        "temperature": temperature,
        "top_p": top_p,
        "take": take,
        "instrument": instrument,
        "tempo": tempo,
        "transpose": transpose,
        "audio": audio,
        "private": private,
    }
    await _go_on_from(interaction, file, until, options)


@app_commands.context_menu(name=named("Continue this MIDI"))
async def go_on_from_message(interaction: Interaction, message: discord.Message) -> None:
    files = [file for file in message.attachments if file.filename.lower().endswith(_MIDI_NAMES)]
    if not files:
        raise BadRequest("this message carries no MIDI file (.mid)")
    await _go_on_from(interaction, files[0], None, {})


@compose.autocomplete("style")
@go_on.autocomplete("style")
async def suggest_style(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    fitting = [style for style in interaction.client.services.styles if typed.strip().casefold() in style.casefold()]
    return [app_commands.Choice(name=style, value=style) for style in fitting[:MAX_SUGGESTIONS]]


async def _go_on_from(
    interaction: Interaction,
    file: discord.Attachment,
    until: float | None,
    options: dict[str, Any],
) -> None:
    """A file is read after its acknowledgement, which all can see, as they see what is wrong with it; what is wrong
    with an option repeats what was typed, and is found out before."""
    rules = await admitted(interaction)
    if file.size > MAX_BYTES:
        raise too_large(file.size)
    given = {name: value for name, value in options.items() if value is not None}
    usual = rules.usual({"model": DEFAULT_MODEL} | given)
    wish = wish_of(usual, lambda options: ComposeRequest(Seed(), **options))
    await ask(interaction, wish, rules, UnreadUpload(file.url, until))
