"""Repeated presses: a button that a listener presses again within moments stands for one wish, not for several."""

from __future__ import annotations

from typing import Any

import discord

SAME_WISH_SECONDS = 3.0
"""A further press of the same button by the same listener within this time adds nothing to the first one."""


class Presses:
    """Presses of the last moments, by listener and button. Their times are Discord's, so that a bot that is late with
    one of them takes no two for one."""

    def __init__(self) -> None:
        self._taken: dict[tuple[int, str], float] = {}

    def repeats(self, interaction: discord.Interaction) -> bool:
        """Whether a press repeats one that was taken for a wish; otherwise it is taken for one from here on."""
        at, press = interaction.created_at.timestamp(), _press(interaction)
        self._taken = {taken: then for taken, then in self._taken.items() if abs(at - then) < SAME_WISH_SECONDS}
        if press in self._taken:
            return True
        self._taken[press] = at
        return False

    def forget(self, interaction: discord.Interaction) -> None:
        """Nothing came of a press, so the next one is a wish again."""
        self._taken.pop(_press(interaction), None)


def _press(interaction: discord.Interaction) -> tuple[int, str]:
    data: Any = interaction.data
    return interaction.user.id, data["custom_id"]
