"""What a listener typed into `/compose` -> a wish, and what is suggested while typing `seed`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any, NamedTuple, TypeAlias

from core import notation
from core.errors import BadRequest, shown
from core.request import ComposeRequest, Rendering, fresh_take
from core.seed import Seed
from core.text import Text

MAX_SUGGESTIONS = 25
RENDERING_OPTIONS = tuple(field.name for field in fields(Rendering))
MAX_SUGGESTION = 100
"""Characters of a suggestion that Discord allows."""

_TYPED_OPTION = re.compile(
    r"\b(length|style|temperature|top_p|take|model|instrument|tempo|transpose|audio|private)\s*[:=]\s*(\S*)",
    re.IGNORECASE,
)
_SEED_PREFIX = re.compile(r"^\s*seed\s*[:=]", re.IGNORECASE)
_SUGGESTED_CHORDS = ("major", "minor", "7", "minor 7", "diminished")
_CHORD = re.compile(r"([A-G])([#♯b♭]?)\s*([a-z0-9 ]*)", re.IGNORECASE)
_LAST_NOTE = re.compile(r"(.*[\s,])?([^\s,]*)", re.DOTALL)
_TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError
    return int(text)


_LONGEST_NUMBER = 20
"""Digits; a sentence repeats the number."""
_KINDS: dict[str, tuple[Callable[[str], Any], Text]] = {
    "length": (_whole, Text("a whole number of steps of 0.2 s, such as 500 for 100 s")),
    "style": (str, Text("the name of a style")),
    "temperature": (lambda text: float(text.replace(",", ".")), Text("a number, such as 0.9")),
    "top_p": (lambda text: float(text.replace(",", ".")), Text("a number, such as 0.95")),
    "take": (_whole, Text("a whole number")),
    "model": (str.lower, Text("the name of a model")),
    "instrument": (lambda text: text.lower().replace("_", " "), Text("the name of an instrument")),
    "tempo": (_whole, Text("a whole number of percent")),
    "transpose": (_whole, Text("a whole number of semitones")),
    "audio": (str.lower, Text("the name of a file format")),
    "private": (lambda text: _TRUTHS[text.lower()], Text("yes or no")),
}


Usual: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]


class Wish(NamedTuple):
    """What is to be composed, how it is to be played, and whether only its listener sees the answer."""

    request: ComposeRequest
    rendering: Rendering
    private: bool


def understand(typed: str, usual: Usual = dict, **filled: Any) -> Wish:
    """What the text in `seed` and the other options (None: left out) ask for. People type `72 length:500` into `seed`
    as a whole, and clients may send the name of a suggestion in place of its value. `usual` adds to the options what
    is usual where they were typed. Raises BadRequest."""
    options = {name: value for name, value in filled.items() if value is not None}
    for name, text in _TYPED_OPTION.findall(typed):
        name, value = name.lower(), _read(name.lower(), text)
        if options.setdefault(name, value) != value:
            raise BadRequest(
                "{option} is given twice, as {one} and as {other}",
                option=name,
                one=shown(str(options[name]), 20),
                other=shown(text, 20),
            )
    return wish_of(usual(options), lambda options: ComposeRequest(seed=_seed(typed), **options))


def wish_of(options: Mapping[str, Any], request_of: Callable[[dict[str, Any]], ComposeRequest]) -> Wish:
    """What the options that were not left out ask for; `request_of` makes a request of those that are its own, `take`
    always among them. Raises BadRequest."""
    given = {name: value for name, value in options.items() if value is not None}
    private = bool(given.pop("private", False))
    rendering = Rendering(**{name: given.pop(name) for name in RENDERING_OPTIONS if name in given})
    request = request_of({"take": fresh_take(), **given})
    rendering.lasting(request.seconds)
    return Wish(request, rendering, private)


def suggestions(typed: str, latest: Iterable[Seed] = ()) -> list[tuple[str, str]]:
    """Names and values to choose from: the chord whose name was typed, `random`, the latest seeds of the one who types,
    notes that begin as the last one typed does, and chords."""
    if _TYPED_OPTION.search(typed):
        return [(typed, typed)] if len(typed) <= MAX_SUGGESTION and _is_request(typed) else []
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
    found += [_suggestion(seed) for seed in _seeds(likely)]
    fitting = {name: value for name, value in found if len(name) <= MAX_SUGGESTION}
    later = [chord for chord in chords if chord[0] not in fitting]
    return list(fitting.items())[: MAX_SUGGESTIONS - len(later)] + later


def _suggestion(seed: Seed) -> tuple[str, str]:
    return f"{seed.names} ({seed})", seed.spelled


def _seeds(texts: Iterable[str]) -> Iterator[Seed]:
    """Those of the texts that are notes to begin with."""
    for text in texts:
        with suppress(BadRequest):
            seed = Seed.parse(text)
            if seed.chords:
                yield seed


def _means(typed: str, notes: str) -> bool:
    """Whether what was typed is the name of a chord of these notes. A root alone may still become a note."""
    name = _CHORD.fullmatch(typed.strip()) if len(typed) <= MAX_SUGGESTION else None
    meant = notation.read(typed) if name and name[3] else None
    return meant is not None and meant.chords == Seed.parse(notes).chords


def _seed(typed: str) -> Seed:
    bare = _SEED_PREFIX.sub("", _TYPED_OPTION.sub("", typed))
    return Seed.parse(bare)


def _read(name: str, text: str) -> Any:
    read, accepted = _KINDS[name]
    try:
        return read(text)
    except (ValueError, KeyError):
        raise BadRequest(
            "{option} is '{typed}', accepted is {accepted}", option=name, typed=shown(text, 20), accepted=accepted
        ) from None


def _is_request(typed: str) -> bool:
    try:
        understand(typed)
    except BadRequest:
        return False
    return True


def _notes(beginning: str) -> Iterator[str]:
    """How notes that begin so are spelled, likely ones first. Nothing typed yet: the white keys of three octaves."""
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
