"""Suggestions while a listener types: seeds, styles, keys and lengths."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from discord import app_commands

from bot.commands.submission import names_option, read_submission
from bot.language.i18n import say
from bot.language.words import spoken_time
from bot.services import Interaction
from core import notation, tonality
from core.errors import BadRequest
from core.options import KEY, LENGTH, STEP_SECONDS
from core.seed import Seed
from core.text import Text

MAX_SUGGESTIONS = 25
"""Suggestions that Discord shows at a time."""
MAX_SUGGESTION = 100
"""Characters of a suggestion that Discord allows."""
SUGGESTIONS_TIMEOUT = 1.0
"""Seconds that looking up what to suggest may take: they come without it rather than late."""
USUAL_SECONDS = (15, 30, 60, 90, 100, 120, 180, 240, 300, 600)
"""Lengths that are suggested."""

_SUGGESTED_CHORDS = ("major", "minor", "7", "minor 7", "diminished")
_CHORD = re.compile(r"([A-G])([#♯b♭]?)\s*([a-z0-9 ]*)", re.IGNORECASE)
_LAST_NOTE = re.compile(r"(.*[\s,])?([^\s,]*)", re.DOTALL)


def is_part(typed: str, *names: str) -> bool:
    """Whether one of the names contains what was typed, in any case, `#` and `b` being ♯ and ♭."""
    return any(_searched(typed.strip()) in _searched(name) for name in names)


def _searched(text: str) -> str:
    return text.casefold().replace("♯", "#").replace("♭", "b")


async def suggest_styles(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """Styles of the loaded checkpoints that contain what was typed."""
    named = [(say(Text(style)), style) for style in interaction.client.services.styles]
    fitting = [(name, style) for name, style in named if is_part(typed, name, style)]
    return [app_commands.Choice(name=name, value=style) for name, style in fitting[:MAX_SUGGESTIONS]]


async def suggest_keys(_: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """Keys for what was typed."""
    return [app_commands.Choice(name=say(Text(name)), value=name) for name in keys_for(typed)[:MAX_SUGGESTIONS]]


def keys_for(typed: str) -> list[str]:
    """The key that was typed, in whatever language, and those whose names begin so, in English or in the reader's
    language."""
    meant, begun = tonality.read(typed), KEY.write(typed.strip()).casefold()
    names = [KEY.usual, *map(str, tonality.ALL_KEYS)]
    fitting = [
        name for name in names if any(KEY.write(said).casefold().startswith(begun) for said in (name, say(Text(name))))
    ]
    return list(dict.fromkeys([*([str(meant)] if meant else []), *fitting]))


async def suggest_lengths(_: Interaction, typed: str) -> list[app_commands.Choice[int]]:
    """Lengths as times, `1 min 30 s (450)`. A client takes nothing but digits, so these may be steps or seconds."""
    begun = str(typed).strip()
    lengths = [round(seconds / STEP_SECONDS) for seconds in USUAL_SECONDS]
    if begun.isdecimal() and len(begun) <= 5:
        meant = [int(begun), round(int(begun) / STEP_SECONDS)]
        lengths = meant + [length for length in lengths if str(length).startswith(begun)]
    return [_suggested_length(length) for length in dict.fromkeys(lengths) if LENGTH.least <= length <= LENGTH.most]


def _suggested_length(length: int) -> app_commands.Choice[int]:
    return app_commands.Choice(name=f"{spoken_time(length * STEP_SECONDS)} ({length})", value=length)


def seed_suggestions(
    typed: str, latest: Iterable[Seed] = (), read: Callable[[str], Seed] = Seed.parse
) -> list[tuple[str, str]]:
    """Names and values to choose from: the chord whose name was typed, `random`, the latest seeds of the one who types,
    notes that begin as the last one typed does, and chords. `read` makes a seed of a text, or raises BadRequest."""
    if names_option(typed):
        return [(typed, typed)] if len(typed) <= MAX_SUGGESTION and _is_submission(typed) else []
    typed = notation.plain(typed)
    head, last = _LAST_NOTE.fullmatch(typed.lstrip()).groups(default="")  # type: ignore[union-attr]  # matches any text
    chords = list(_chords(typed.strip()))
    found = [chord for chord in chords if _means(typed, chord[1])]
    if not head and "random".startswith(last.lower()):
        found.append(("random", "random"))
    begun = typed.strip().lower()
    for seed in latest:
        if not seed.is_random and any(text.lower().startswith(begun) for text in (str(seed), seed.names)):
            found.append(_suggestion(seed))
    likely = [head + note for note in _notes(last)] or ([] if chords else [typed])
    found += [_suggestion(seed) for seed in _seeds(likely, read)]
    fitting = {name: value for name, value in found if len(name) <= MAX_SUGGESTION}
    later = [chord for chord in chords if chord[0] not in fitting]
    return list(fitting.items())[: MAX_SUGGESTIONS - len(later)] + later


def _is_submission(typed: str) -> bool:
    try:
        read_submission(typed)
    except BadRequest:
        return False
    return True


def _suggestion(seed: Seed) -> tuple[str, str]:
    return f"{seed.names} ({seed})", seed.spelled


def _seeds(texts: Iterable[str], read: Callable[[str], Seed]) -> Iterator[Seed]:
    """Seeds of the texts that are notes to begin with."""
    for text in texts:
        with suppress(BadRequest):
            seed = read(text)
            if seed.chords:
                yield seed


def _means(typed: str, notes: str) -> bool:
    """Whether what was typed is the name of a chord of these notes. A root alone may still become a note."""
    name = _CHORD.fullmatch(typed.strip()) if len(typed) <= MAX_SUGGESTION else None
    meant = notation.read(typed) if name and name[3] else None
    return meant is not None and meant.chords == Seed.parse(notes).chords


def _notes(beginning: str) -> Iterator[str]:
    """Spellings of notes that begin so, likely ones first; for nothing the white keys of three octaves."""
    if not beginning:
        yield from (f"{letter}{octave}" for octave in (4, 5, 3) for letter in "CDEFGAB")
    elif beginning.isdecimal():
        yield from (str(pitch) for pitch in range(128) if str(pitch).startswith(beginning))
    else:
        beginning = beginning.lower().replace("♯", "#").replace("♭", "b")
        for accidental in ("", "#", "b"):
            for octave in (4, 5, 3, 6, 2, 7, 1, 8, 0):
                for letter in "CDEFGAB":
                    if (note := f"{letter}{accidental}{octave}").lower().startswith(beginning):
                        yield note
        if re.fullmatch("b[0-8]", beginning):
            yield f"Bb{beginning[1]}"  # the German B


def _chords(beginning: str) -> Iterator[tuple[str, str]]:
    """Chords on the root that is typed, `C major (60,64,67)`, whose name begins so; those of C for nothing."""
    typed = _CHORD.fullmatch(beginning or "C") if len(beginning) <= MAX_SUGGESTION else None
    if typed is None:
        return
    letter, accidental, kind = typed[1].upper(), typed[2].lower().replace("♯", "#").replace("♭", "b"), typed[3]
    root = Seed.parse(f"{letter}{accidental}4").chords[0][0]
    for name in _SUGGESTED_CHORDS:
        if name.startswith(kind.strip().lower()):
            notes = ",".join(str(root + step) for step in notation.CHORDS[name])
            yield f"{letter}{accidental} {name} ({notes})", notes
