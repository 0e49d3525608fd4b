"""/compose: from what was typed to a submission."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from discord import app_commands

from bot.commands.options import with_options
from bot.commands.submission import read_submission, takes_asked
from bot.commands.submit import admit, submit, usual_here
from bot.commands.suggestions import SUGGESTIONS_TIMEOUT, seed_suggestions
from bot.language.translator import described
from bot.services import Interaction
from core.errors import StoreError
from core.options import TAKES
from core.seed import Seed

RECENT_SEEDS = 5
"""Pieces of a listener whose seeds are suggested to them."""


@app_commands.command(description=described("Compose a piano piece from a few notes, or from none"))
@app_commands.describe(
    seed=described("random, notes (C5 or 72) or chords (Am F C G); a comma joins notes: C4,E4,G4 C5")
)
@with_options("compose")
async def compose(interaction: Interaction, seed: str, **options: Any) -> None:
    rules = await admit(interaction, takes_asked(seed, options.get(TAKES.name)))
    usual = await usual_here(interaction, rules)
    await submit(interaction, read_submission(seed, usual, **options), rules)


@compose.autocomplete("seed")
async def suggest_seeds(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    recent = await _recent_seeds(interaction)
    return [app_commands.Choice(name=name, value=value) for name, value in seed_suggestions(typed, recent)]


async def _recent_seeds(interaction: Interaction) -> list[Seed]:
    """Seeds of the listener's latest pieces. Suggestions come without them rather than late."""
    with suppress(StoreError, TimeoutError):
        async with asyncio.timeout(SUGGESTIONS_TIMEOUT):
            stored = await interaction.client.services.library.of(interaction.user.id, 0, RECENT_SEEDS)
            return [piece.recipe.request.seed for piece in stored]
    return []
