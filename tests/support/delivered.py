"""Pieces as a listener has them in Discord, asked for and delivered, and what is seen of them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pretty_midi import Note, PrettyMIDI

from tests.discord_standin import Message, Person
from tests.support.music import as_bytes, piano
from tests.support.playing_bot import FakeQueue

MIDI = as_bytes(
    piano(*(Note(80, 40 + second, second, second + 0.9) for second in range(20)), pedal=[(0.5, 127), (15, 0)])
)
"""A note a second, for 20 s."""
BUTTONS = ["Listen", "Video", "New take", "Edit", "Variation", "Continue", "Arrange", "Recipe", "Delete"]
"""Labels of the buttons under a piece of the usual model."""
OF_20_SECONDS: Mapping[str, Any] = MappingProxyType({"midi": MIDI, "composed": MIDI, "duration": 20.0})


async def delivered(
    queue: FakeQueue, listener: Person, changes: Mapping[str, Any] = OF_20_SECONDS, **options: object
) -> Message:
    """The message of a piece, of which the worker gives back these fields. An option that is None is left out."""
    every = {"seed": "72", "length": 100, "take": 7} | options
    asked = await listener.types("/compose", **{name: value for name, value in every.items() if value is not None})
    await asked.answered()
    queue.finish(asked.id, **changes)
    return await asked.finished()


def labels(message: Message) -> list[str]:
    """The labels of a message's buttons."""
    return [button["label"] for button in message.buttons]


def pitches(midi: bytes) -> list[int]:
    return [note.pitch for note in PrettyMIDI(io.BytesIO(midi)).instruments[0].notes]
