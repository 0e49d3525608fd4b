"""What a listener typed into `/compose` -> ComposeRequest, and what is suggested while typing `seed`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from core.errors import BadRequest
from core.request import ComposeRequest, fresh_take
from core.seed import Seed

MAX_SUGGESTIONS = 25
MAX_SUGGESTION = 100
"""Characters of a suggestion that Discord allows."""

_TYPED_OPTION = re.compile(r"\b(length|style|temperature|top_p|take|model|private)\s*[:=]\s*(\S*)", re.IGNORECASE)
_SEED_PREFIX = re.compile(r"^\s*seed\s*[:=]", re.IGNORECASE)
_NAMED_SEED = re.compile(r"\(([^()]*)\)\s*$")
_LAST_NOTE = re.compile(r"(.*[\s,])?([^\s,]*)", re.DOTALL)
_TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}

_KINDS: dict[str, tuple[Callable[[str], Any], str]] = {
    "length": (int, "a whole number of steps of 0.2 s, such as 500 for 100 s"),
    "style": (str, "the name of a style"),
    "temperature": (lambda text: float(text.replace(",", ".")), "a number, such as 0.9"),
    "top_p": (lambda text: float(text.replace(",", ".")), "a number, such as 0.95"),
    "take": (int, "a whole number"),
    "model": (str.lower, "the name of a model"),
    "private": (lambda text: _TRUTHS[text.lower()], "yes or no"),
}


def understand(typed: str, **filled: Any) -> tuple[ComposeRequest, bool]:
    """The request, and whether its answer is private, from the text in `seed` and the other options (None: left out).
    People type `72 length:500` into `seed` as a whole, and clients may send the name of a suggestion in place of its
    value. Raises BadRequest."""
    options = {name: value for name, value in filled.items() if value is not None}
    for name, text in _TYPED_OPTION.findall(typed):
        name, value = name.lower(), _read(name.lower(), text)
        if options.setdefault(name, value) != value:
            raise BadRequest(f"{name} is given twice, as {_brief(str(options[name]))} and as {_brief(text)}")
    private = options.pop("private", False)
    return ComposeRequest(seed=_seed(typed), **{"take": fresh_take(), **options}), private


def suggestions(typed: str) -> list[tuple[str, str]]:
    """Names and values to choose from: `random` first, then notes that begin as the last one typed does."""
    if _TYPED_OPTION.search(typed):
        return [(typed, typed)] if len(typed) <= MAX_SUGGESTION and _is_request(typed) else []
    head, last = _LAST_NOTE.fullmatch(typed.lstrip()).groups(default="")  # type: ignore[union-attr]  # matches any text
    found = [("random", "random")] if not head and "random".startswith(last.lower()) else []
    for note in _notes(last):
        try:
            seed = Seed.parse(head + note)
        except BadRequest:
            continue
        spelled = seed.names if head or note.isdecimal() else note  # Bb4 stays Bb4
        name = f"{spelled} ({seed})"
        if len(name) <= MAX_SUGGESTION and len(found) < MAX_SUGGESTIONS:
            found.append((name, str(seed)))
    return found


def _seed(typed: str) -> Seed:
    bare = _SEED_PREFIX.sub("", _TYPED_OPTION.sub("", typed))
    named = _NAMED_SEED.search(bare)  # `C5 (72)` is how a suggestion reads
    return Seed.parse(named[1] if named else bare)


def _read(name: str, text: str) -> Any:
    read, accepted = _KINDS[name]
    try:
        return read(text)
    except (ValueError, KeyError):
        raise BadRequest(f"{name} is '{_brief(text)}', accepted is {accepted}") from None


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


def _brief(text: str) -> str:
    return text if len(text) <= 20 else text[:17] + "..."
