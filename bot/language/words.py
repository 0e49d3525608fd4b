"""Words about a piece that several messages share: times, takes, how it is played."""

from __future__ import annotations

import math

from bot.language.i18n import say, say_some
from core.options import TAKES
from core.request import AS_COMPOSED, ComposeRequest, Rendering

_LONGEST_SEED = 120
"""Characters."""


def spoken_time(seconds: float) -> str:
    """`30 s`, `1 min 30 s`, `2 min`."""
    minutes, rest = divmod(round(seconds, 1), 60)
    parts = [say("{minutes:g} min", minutes=int(minutes))] if minutes else []
    if rest or not minutes:
        parts.append(say("{seconds:g} s", seconds=rest))
    return " ".join(parts)


def clock(seconds: float) -> str:
    """`1:05`."""
    return f"{round(seconds) // 60}:{round(seconds) % 60:02}"


def rounded(seconds: float) -> int:
    """Seconds as people say them: 20, 45, 75, 150, 240."""
    unit = 5 if seconds < 60 else 15 if seconds < 120 else 30 if seconds < 300 else 60
    return round(seconds / unit) * unit


def taken(request: ComposeRequest, takes: int = TAKES.usual) -> str:
    """`take 7`, or `takes 7 to 10`."""
    if takes == TAKES.usual:
        return say("take {take}", take=request.take)
    return say("takes {first} to {last}", first=request.take, last=request.take + takes - 1)


def lasting(request: ComposeRequest) -> str:
    return say("{seconds:g} s ({steps} steps)", seconds=request.seconds, steps=request.length)


def played(rendering: Rendering) -> str:
    """`harpsichord, 80 % tempo, 3 semitones lower`."""
    played = [say(rendering.instrument)] if rendering.instrument != AS_COMPOSED.instrument else []
    if rendering.tempo != AS_COMPOSED.tempo:
        played.append(say("{tempo}% tempo", tempo=rendering.tempo))
    new = say("only the new part") if rendering.only_new else ""
    return say(", ").join(filter(None, [*played, shifted(rendering.transpose), new, passage(rendering)]))


def passage(rendering: Rendering) -> str:
    """`30 to 60 s`; nothing for all of a piece."""
    since, until = rendering.bounds
    if not rendering.crop:
        return ""
    if until == math.inf:
        return say("from {since:g} s on", since=since)
    return say("{since:g} to {until:g} s", since=since, until=until)


def shifted(semitones: int) -> str:
    """`3 semitones lower`; nothing for none."""
    if semitones > 0:
        return say_some("{count} semitone higher", "{count} semitones higher", semitones)
    return say_some("{count} semitone lower", "{count} semitones lower", -semitones) if semitones else ""


def brief(text: str, longest: int = _LONGEST_SEED) -> str:
    """A text of no more than so many characters."""
    return text if len(text) <= longest else text[: longest - 2] + " …"
