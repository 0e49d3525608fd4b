"""A piano's keys and pedal as they move, one event after another."""

from __future__ import annotations

from typing import NamedTuple

PEDAL, RELEASE, STRIKE = range(3)
"""The kinds of key events, in the order in which those of a tick happen."""


class KeyEvent(NamedTuple):
    """A move of the pedal, a release or a strike."""

    tick: int
    kind: int
    number: int
    """The pitch, or the pedal's controller."""
    value: int
    """The velocity, or the pedal's position."""
