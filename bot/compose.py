"""/compose and /continue: from what was typed, or sent, to an accepted interaction."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.asking import acknowledge, answer_of
from bot.options import MAX_SUGGESTIONS, suggestions, understand, wish_of
from bot.patience import UNREACHABLE
from core.errors import BadRequest
from core.logs import about_job
from core.midi import MAX_BYTES
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
    MODELS,
    STEP_SECONDS,
)

if TYPE_CHECKING:
    from bot.client import Nocturne

_MIDI_NAMES = (".mid", ".midi", ".rmi", ".kar")

_DESCRIPTIONS = {
    "length": (
        f"in steps of {STEP_SECONDS:g} s: {MIN_LENGTH} ({MIN_LENGTH * STEP_SECONDS:g} s) to {MAX_LENGTH}"
        f" ({MAX_LENGTH * STEP_SECONDS:g} s); {DEFAULT_LENGTH} ({DEFAULT_LENGTH * STEP_SECONDS:g} s) if left out"
    ),
    "style": "whose manner to play in; any if left out",
    "temperature": f"{MIN_TEMPERATURE:g} (careful) to {MAX_TEMPERATURE:g} (wild); {DEFAULT_TEMPERATURE:g} if left out",
    "top_p": f"{MIN_TOP_P:g} (the likeliest choices alone) to {MAX_TOP_P:g} (all); what suits the model if left out",
    "take": "the number of the draw: the same one makes the same piece again; a fresh one if left out",
    "instrument": "what it is played on; a grand piano if left out",
    "tempo": f"in percent of the composed speed, {MIN_TEMPO} to {MAX_TEMPO}",
    "transpose": f"in semitones, -{MAX_TRANSPOSE} to {MAX_TRANSPOSE}",
    "audio": "the file to listen to: mp3 plays in every Discord app, wav and flac lose nothing",
    "private": "only you see the answer",
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


@app_commands.command(description="Compose a piano piece from a few notes, or from none")
@app_commands.describe(
    seed="random, or the notes to begin with: 72 or C5; a comma joins a chord, a space goes on: C4,E4,G4 C5",
    model=f"who composes; {DEFAULT_MODEL} if left out",
    **_DESCRIPTIONS,
)
@app_commands.choices(model=[app_commands.Choice(name=model, value=model) for model in MODELS], **_CHOICES)
async def compose(
    interaction: discord.Interaction[Nocturne],
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
    wish = understand(
        seed,
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
    answer = answer_of(interaction, wish)
    await interaction.client.deliveries.accept(answer, lambda: acknowledge(interaction, wish.private))


@compose.autocomplete("seed")
async def suggest_seed(_: discord.Interaction[Nocturne], typed: str) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=name, value=value) for name, value in suggestions(typed)]


@app_commands.command(name="continue", description="Go on from a MIDI file of yours")
@app_commands.describe(
    file="a MIDI file (.mid); all its parts but the drums are read as one piano",
    until="go on from this second of it; from its end if left out",
    **_DESCRIPTIONS,
)
@app_commands.rename(until="from")
@app_commands.choices(**_CHOICES)
async def go_on(
    interaction: discord.Interaction[Nocturne],
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


@app_commands.context_menu(name="Continue this MIDI")
async def go_on_from_message(interaction: discord.Interaction[Nocturne], message: discord.Message) -> None:
    files = [file for file in message.attachments if file.filename.lower().endswith(_MIDI_NAMES)]
    if not files:
        raise BadRequest("this message carries no MIDI file (.mid)")
    await _go_on_from(interaction, files[0], None, {})


@compose.autocomplete("style")
@go_on.autocomplete("style")
async def suggest_style(interaction: discord.Interaction[Nocturne], typed: str) -> list[app_commands.Choice[str]]:
    known = dict.fromkeys(style for card in interaction.client.cards for style in card.styles)
    fitting = [style for style in known if typed.strip().casefold() in style.casefold()]
    return [app_commands.Choice(name=style, value=style) for style in fitting[:MAX_SUGGESTIONS]]


async def _go_on_from(
    interaction: discord.Interaction[Nocturne],
    file: discord.Attachment,
    until: float | None,
    options: dict[str, Any],
) -> None:
    """Download, read and accept. Reading takes too long for an acknowledgement afterwards, so that comes first."""
    client, private = interaction.client, bool(options.get("private"))
    client.deliveries.check(interaction.user.id)
    if file.size > MAX_BYTES:
        raise BadRequest(f"the file has {file.size / 2**20:.1f} MiB, at most {MAX_BYTES / 2**20:g} MiB are read")
    await acknowledge(interaction, private)
    try:
        data = await file.read()
    except (discord.HTTPException, *UNREACHABLE) as error:
        raise BadRequest("the file could not be downloaded from Discord; please send it again") from error
    with about_job(str(interaction.id)):
        upload = await asyncio.to_thread(client.reader.read, data, until)
    wish = wish_of(options, lambda options: upload.continued(**options))
    wish.rendering.lasting(upload.seconds + wish.request.seconds)
    await client.deliveries.accept(answer_of(interaction, wish, upload.remark), lambda: asyncio.sleep(0))
