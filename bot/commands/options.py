"""What a listener typed into `/compose` -> a wish, and what is suggested while typing `seed`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any, NamedTuple, TypeAlias

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
_NAMED_SEED = re.compile(r"\(([^()]*)\)\s*$")
_CHORDS = {
    "major": (0, 4, 7),
    "minor": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "minor 7": (0, 3, 7, 10),
    "diminished": (0, 3, 6),
}
"""Semitones above the root, which is in the octave from middle C on."""
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
    """Names and values to choose from: `random` first, then the latest seeds of the one who types and notes that begin
    as the last one typed does, and chords."""
    if _TYPED_OPTION.search(typed):
        return [(typed, typed)] if len(typed) <= MAX_SUGGESTION and _is_request(typed) else []
    head, last = _LAST_NOTE.fullmatch(typed.lstrip()).groups(default="")  # type: ignore[union-attr]  # matches any text
    found = [("random", "random")] if not head and "random".startswith(last.lower()) else []
    begun = typed.strip().lower()
    for seed in latest:
        if not seed.is_random and any(text.lower().startswith(begun) for text in (str(seed), seed.names)):
            found.append((f"{seed.names} ({seed})", str(seed)))
    for note in _notes(last):
        try:
            seed = Seed.parse(head + note)
        except BadRequest:
            continue
        spelled = seed.names if head or note.isdecimal() else note  # Bb4 stays Bb4
        found.append((f"{spelled} ({seed})", str(seed)))
    few = MAX_SUGGESTIONS - len(chords := list(_chords(typed.strip())))
    fitting = {name: value for name, value in found if len(name) <= MAX_SUGGESTION}
    return list(fitting.items())[:few] + chords


def _seed(typed: str) -> Seed:
    bare = _SEED_PREFIX.sub("", _TYPED_OPTION.sub("", typed))
    for name, notes in _chords(bare.strip()):
        if name.lower().startswith(f"{bare.strip().lower()} ("):  # `c major`, typed as it is suggested
            return Seed.parse(notes)
    named = _NAMED_SEED.search(bare)  # `C5 (72)` is how a suggestion reads
    return Seed.parse(named[1] if named else bare)


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


def _chords(beginning: str) -> Iterator[tuple[str, str]]:
    """Chords on the root that is typed, `C major (60,64,67)`, whose name begins so; those of C for nothing."""
    typed = _CHORD.fullmatch(beginning or "C") if len(beginning) <= MAX_SUGGESTION else None
    if typed is None:
        return
    letter, accidental, kind = typed[1].upper(), typed[2].lower().replace("♯", "#").replace("♭", "b"), typed[3]
    root = Seed.parse(f"{letter}{accidental}4").chords[0][0]
    for name, steps in _CHORDS.items():
        if name.startswith(kind.strip().lower()):
            notes = ",".join(str(root + step) for step in steps)
            yield f"{letter}{accidental} {name} ({notes})", notes
