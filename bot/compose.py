"""/compose: from what was typed to an accepted interaction."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.answers import Answer
from bot.delivery import UNREACHABLE, patiently
from bot.options import MAX_SUGGESTIONS, suggestions, understand
from core.request import (
    DEFAULT_LENGTH,
    DEFAULT_MODEL,
    DEFAULT_TEMPERATURE,
    MAX_LENGTH,
    MAX_TAKE,
    MAX_TEMPERATURE,
    MAX_TOP_P,
    MIN_LENGTH,
    MIN_TEMPERATURE,
    MIN_TOP_P,
    MODELS,
    STEP_SECONDS,
    ComposeRequest,
)

if TYPE_CHECKING:
    from bot.client import Nocturne

ACKNOWLEDGE_PATIENCE = (0.2, 0.4)
"""Discord gives 3 s in all."""
_ACKNOWLEDGED_ALREADY = 40060


@app_commands.command(description="Compose a piano piece from a few notes, or from none")
@app_commands.describe(
    seed="random, or the notes to begin with: 72 or C5; a comma joins a chord, a space goes on: C4,E4,G4 C5",
    length=(
        f"in steps of {STEP_SECONDS:g} s: {MIN_LENGTH} ({MIN_LENGTH * STEP_SECONDS:g} s) to {MAX_LENGTH}"
        f" ({MAX_LENGTH * STEP_SECONDS:g} s); {DEFAULT_LENGTH} ({DEFAULT_LENGTH * STEP_SECONDS:g} s) if left out"
    ),
    style="whose manner to play in; any if left out",
    temperature=(f"{MIN_TEMPERATURE:g} (careful) to {MAX_TEMPERATURE:g} (wild); {DEFAULT_TEMPERATURE:g} if left out"),
    top_p=f"{MIN_TOP_P:g} (the likeliest choices alone) to {MAX_TOP_P:g} (all); what suits the model if left out",
    take="the number of the draw: the same one makes the same piece again; a fresh one if left out",
    model=f"who composes; {DEFAULT_MODEL} if left out",
    private="only you see the answer",
)
@app_commands.choices(model=[app_commands.Choice(name=model, value=model) for model in MODELS])
async def compose(
    interaction: discord.Interaction[Nocturne],
    seed: str,
    length: app_commands.Range[int, MIN_LENGTH, MAX_LENGTH] | None = None,
    style: str | None = None,
    temperature: app_commands.Range[float, MIN_TEMPERATURE, MAX_TEMPERATURE] | None = None,
    top_p: app_commands.Range[float, MIN_TOP_P, MAX_TOP_P] | None = None,
    take: app_commands.Range[int, 0, MAX_TAKE] | None = None,
    model: str | None = None,
    private: bool | None = None,
) -> None:
    request, hidden = understand(
        seed,
        length=length,
        style=style,
        temperature=temperature,
        top_p=top_p,
        take=take,
        model=model,
        private=private,
    )
    answer = _answer(interaction, request, hidden)
    await interaction.client.deliveries.accept(answer, lambda: _acknowledge(interaction, hidden))


@compose.autocomplete("seed")
async def suggest_seed(_: discord.Interaction[Nocturne], typed: str) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=name, value=value) for name, value in suggestions(typed)]


@compose.autocomplete("style")
async def suggest_style(interaction: discord.Interaction[Nocturne], typed: str) -> list[app_commands.Choice[str]]:
    known = dict.fromkeys(style for card in interaction.client.cards for style in card.styles)
    fitting = [style for style in known if typed.strip().casefold() in style.casefold()]
    return [app_commands.Choice(name=style, value=style) for style in fitting[:MAX_SUGGESTIONS]]


async def _acknowledge(interaction: discord.Interaction[Nocturne], private: bool) -> None:
    """Say that an answer will follow. When only Discord's receipt was lost, saying it again fails, and all is well."""
    try:
        await patiently(lambda: interaction.response.defer(ephemeral=private), UNREACHABLE, ACKNOWLEDGE_PATIENCE)
    except discord.HTTPException as error:
        if error.code != _ACKNOWLEDGED_ALREADY:
            raise


def _answer(interaction: discord.Interaction[Nocturne], request: ComposeRequest, private: bool) -> Answer:
    return Answer(
        job_id=str(interaction.id),
        request=request,
        user_id=interaction.user.id,
        channel_id=interaction.channel_id,
        application_id=interaction.application_id,
        token=interaction.token,
        private=private,
        size_limit=interaction.filesize_limit,
        reachable=interaction.is_guild_integration() or interaction.context.dm_channel is True,
        accepted_at=time.time(),
    )
