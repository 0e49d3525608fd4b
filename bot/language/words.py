"""Words about a piece that several messages share: times, takes, how it is played."""

from __future__ import annotations

import math

from bot.language.i18n import say, say_some, spoken
from core import tonality
from core.expression import ANY
from core.options import TAKES
from core.piece import Heard
from core.recipe import Recipe
from core.request import AS_COMPOSED, ComposeRequest, Rendering
from core.text import Text
from core.tonality import Key

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


def key_and_duration(heard: Heard | None, duration: float) -> list[str]:
    """The key of a piece, where it is known, and how long it sounds; `duration` is that of its music alone. Pieces of
    older versions do not tell what is heard."""
    return [*filter(None, [_key(heard)]), _sounding(heard, duration)]


def _key(heard: Heard | None) -> str:
    """Its name, or that none is clear; nothing where an older version did not say."""
    if heard is None or heard.key is None:
        return ""
    return say(Text(heard.key)) if heard.key else say("No clear key")


def _sounding(heard: Heard | None, duration: float) -> str:
    """`1:34`, and of a continuation how much of it is new: `3:08 (1:34 new)`."""
    if heard is None:
        return clock(duration)
    if heard.new_from is None:
        return clock(heard.seconds)
    new = clock(max(0.0, heard.seconds - heard.new_from))
    return say("{whole} ({new} new)", whole=clock(heard.seconds), new=new)


def manner(recipe: Recipe) -> list[str]:
    """The style in which a piece is composed and the way in which it is played, where these are not the usual ones."""
    style = [] if recipe.request.style == ANY else [say(Text(recipe.request.style))]
    return [*style, played(recipe.rendering)] if recipe.rendering.changes_notes else style


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


def seed_notes(request: ComposeRequest, rendering: Rendering = AS_COMPOSED, heard: Heard | None = None) -> str:
    """The notes that a piece begins with or harmonizes, spelled as its key has them: the one that is heard, before the
    rendering shifted it, or else the one that was asked for."""
    sounding = heard_key(heard)
    key = sounding.shifted(-rendering.transpose) if sounding else tonality.read(request.key)
    return request.seed.said(spoken(), key)


def heard_key(heard: Heard | None) -> Key | None:
    """None where no key is clear, or none is known."""
    return tonality.read(heard.key) if heard and heard.key else None


def brief(text: str, longest: int = _LONGEST_SEED) -> str:
    """A text of no more than so many characters."""
    return text if len(text) <= longest else text[: longest - 2] + " …"
