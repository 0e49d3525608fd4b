"""What a listener typed -> a submission; the options of slash commands, made from their declarations; suggestions."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias, TypeVar

from discord import app_commands

from bot.language.i18n import say
from bot.language.translator import described
from bot.language.words import spoken_time
from bot.services import Interaction
from core import notation, tonality
from core.errors import BadRequest, shown
from core.option_kinds import Choice, Name, Number, Option, Scope, WholeNumber
from core.options import KEY, LENGTH, STEP_SECONDS, STYLE, TAKE, TAKES, options_in, options_of
from core.request import ComposeRequest, Rendering, fresh_take
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

_TYPED = {option.name: option for option in options_of("compose")}
"""Options that may be typed along with the seed."""
_TIME = re.compile(r"\d+(?:[.,]\d+)?\s+(?:s|sec|seconds?|min|minutes?)\b|\S*", re.IGNORECASE)
_STYLE = re.compile(r"\S*(?:(?<=\S) +(?!random\b)[^\W\d_][^\s\d:=,+]{2,}(?![^\s])(?!\s*[:=])){0,3}", re.IGNORECASE)
"""A name has several words; two letters may be a note."""
_KEY = re.compile(r"\S*(?:[ ]+(?:sharp|flat)\b)?(?:[ ]+(?:major|minor|maj|min|dur|moll)\b)?", re.IGNORECASE)
_WORD = re.compile(r"\S*")
_SEED_PREFIX = re.compile(r"^\s*(?:/?(?:compose|harmonize)\s+)?(?:(?:seed|melody)\s*[:=])?", re.IGNORECASE)
"""The beginning of a seed where somebody types the whole command."""
_SUGGESTED_CHORDS = ("major", "minor", "7", "minor 7", "diminished")
_CHORD = re.compile(r"([A-G])([#♯b♭]?)\s*([a-z0-9 ]*)", re.IGNORECASE)
_LAST_NOTE = re.compile(r"(.*[\s,])?([^\s,]*)", re.DOTALL)

_Callback = TypeVar("_Callback", bound=Callable[..., Any])
Defaults: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Adds the usual values of options that were left out."""


class Submission(NamedTuple):
    """All that the options of a command say, once they are read and checked."""

    request: ComposeRequest
    rendering: Rendering
    private: bool
    """Whether only the person who asked sees the answer."""
    takes: int = TAKES.usual
    """The number of its takes, from the request's own one on, side by side."""

    @property
    def seconds(self) -> float:
        """Seconds that the new music lasts, as it is composed or as it is heard, whichever is longer."""
        return self.request.seconds * max(1.0, self.rendering.stretch)


def with_options(command: str) -> Callable[[_Callback], _Callback]:
    """Give a slash command's callback a parameter for each option that the command has. It takes them as keywords, with
    None for what was left out."""
    options = options_of(command)
    choices = {each.parameter: _choices(each) for each in options if isinstance(each, Choice)}
    suggested = {each.parameter: _SUGGEST[each] for each in options if each in _SUGGEST}
    decorators: tuple[Callable[[_Callback], _Callback], ...] = (
        app_commands.describe(**{each.parameter: described(each.description) for each in options}),
        app_commands.rename(**{each.parameter: each.name for each in options if each.parameter != each.name}),
        app_commands.choices(**choices),
        app_commands.autocomplete(**suggested),
    )

    def decorate(callback: _Callback) -> _Callback:
        signature = inspect.signature(callback)
        own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        parameters = [*own, *map(_parameter, options)]
        # discord.py reads a command's parameters from the signature of its callback
        callback.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        for decorator in decorators:
            callback = decorator(callback)
        return callback

    return decorate


def _parameter(option: Option[Any]) -> inspect.Parameter:
    annotation: Any = option.kind
    if isinstance(option, WholeNumber | Number):
        bounded: Any = app_commands.Range
        annotation = bounded[option.kind, option.least, option.most]
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(option.parameter, kind, default=None, annotation=annotation | None)


def _choices(option: Choice) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=described(Text(name)), value=name) for name in option.choices]


async def suggest_styles(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """Styles of the loaded checkpoints that contain what was typed."""
    part = typed.strip().casefold()
    fitting = [style for style in interaction.client.services.styles if part in style.casefold()]
    return [app_commands.Choice(name=style, value=style) for style in fitting[:MAX_SUGGESTIONS]]


async def suggest_keys(_: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """Keys for what was typed."""
    return [app_commands.Choice(name=name, value=name) for name in keys_for(typed)]


def keys_for(typed: str) -> list[str]:
    """The key that was typed, in whatever language, and those whose names begin so."""
    meant, begun = tonality.read(typed), KEY.write(typed.strip()).casefold()
    names = [KEY.usual, *map(str, tonality.KEYS)]
    fitting = [name for name in names if KEY.write(name).casefold().startswith(begun)]
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


_SUGGEST: dict[Option[Any], Any] = {STYLE: suggest_styles, LENGTH: suggest_lengths, KEY: suggest_keys}
"""Options whose values are suggested while they are typed."""


def read_submission(typed: str, defaults: Defaults = dict, **filled: Any) -> Submission:
    """The submission that the text in `seed` and the other options (None: left out) stand for. People type
    `72 length:500` into `seed` as a whole, and clients may send the name of a suggestion in place of its value. Raises
    BadRequest."""
    seed, options = read_options(typed, {name: value for name, value in filled.items() if value is not None})
    return submission_of(completed(options, defaults), lambda fields: ComposeRequest(Seed.parse(seed), **fields))


def read_options(
    typed: str, filled: Mapping[str, Any], known: Mapping[str, Option[Any]] = _TYPED
) -> tuple[str, dict[str, Any]]:
    """The rest of a text, once the `known` options that it names are read, and these beside those that are filled in.
    Raises BadRequest."""
    options = dict(filled)
    seed, along = _split(typed, known)
    for option, text in along:
        value = option.read(_in_english(option, text))
        given = options.setdefault(option.name, value)
        if given is not value and given != value:  # a NaN is not even itself
            raise BadRequest(
                "{option} is given twice, as {one} and as {other}",
                option=option.name,
                one=shown(str(options[option.name]), 20),
                other=shown(text, 20),
            )
    return seed, options


def takes_asked(typed: str, filled: int | None = None) -> int:
    """The number of takes that a submission asks for, in the text in `seed` or beside it, before all of it is read: the
    usual one where that cannot be read."""
    texts = [text for option, text in _split(typed, _TYPED)[1] if option is TAKES]
    with suppress(BadRequest):
        return min(max(filled or TAKES.read(texts[0] if texts else str(TAKES.usual)), TAKES.least), TAKES.most)
    return TAKES.usual


def read_only_options(typed: str, filled: Mapping[str, Any], known: Mapping[str, Option[Any]]) -> dict[str, Any]:
    """As `read_options`, of a text beside which there is something else to begin with. Raises BadRequest for a rest."""
    rest, options = read_options(typed, filled, known)
    if rest.strip():
        raise BadRequest(
            "only options can be written here, such as temperature:0.9; I can't read '{typed}'",
            typed=shown(rest.strip(), 20),
        )
    return options


def completed(options: dict[str, Any], defaults: Defaults) -> dict[str, Any]:
    """The options with the defaults that hold here; without them where a take is named, as by a recipe: it says all
    that is not usual, and gives the same piece whatever anybody's defaults are. Who sees the piece is no part of it."""
    full = defaults(options)
    if options.get(TAKE.name) is None:
        return full
    return {each.name: full[each.name] for each in options_in(Scope.REPLY) if each.name in full} | options


def _in_english(option: Option[Any], value: Any) -> Any:
    """The name of the choice that the reader's language has this word for; any other value as it is. In a word as in a
    style, `_` stands for a space."""
    if not isinstance(option, Choice | Name) or not isinstance(value, str):
        return value
    spaced = value.replace("_", " ")
    choices = option.choices if isinstance(option, Choice) else (option.usual,)
    words = {word.casefold(): choice for choice in choices for word in (choice, say(Text(choice)))}
    return words.get(spaced.casefold(), spaced)


def submission_of(
    options: Mapping[str, Any], request_of: Callable[[dict[str, Any]], ComposeRequest], *, unread: bool = False
) -> Submission:
    """The submission that options stand for; `request_of` makes a request of its fields, `take` always among them. How
    long the piece will be is for the caller to check where the request has a primer, or is `unread`: it still lacks the
    notes that it is made from. Raises BadRequest."""
    rendering = Rendering(**_given(options, Scope.RENDERING))
    request = request_of({"take": fresh_take()} | _given(options, Scope.REQUEST))
    if not unread and not request.primer:
        rendering.rendered_seconds(request.seconds)
    return Submission(request, rendering, **{"private": False} | _given(options, Scope.REPLY))


def _given(options: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """Values of a scope's options, without those that were left out."""
    given = {each: options[each.name] for each in options_in(scope) if options.get(each.name) is not None}
    return {option.name: _in_english(option, value) for option, value in given.items()}  # clients may send a name


def suggestions(typed: str, latest: Iterable[Seed] = ()) -> list[tuple[str, str]]:
    """Names and values to choose from: the chord whose name was typed, `random`, the latest seeds of the one who types,
    notes that begin as the last one typed does, and chords."""
    if _named(_TYPED).search(typed):
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


def _named(options: Iterable[str]) -> re.Pattern[str]:
    """Finds the name of an option before its value."""
    return re.compile(rf"\b({'|'.join(options)})\s*[:=]\s*", re.IGNORECASE)


def _split(typed: str, known: Mapping[str, Option[Any]]) -> tuple[str, list[tuple[Option[Any], str]]]:
    """The text of the seed, and the options that were typed along with it, each with its value's text."""
    seed, along, place = "", [], 0
    for name in _named(known).finditer(typed):
        if name.start() < place:  # within a value
            continue
        option = known[name[1].lower()]
        value = _value_of(option).match(typed, name.end())
        seed += typed[place : name.start()]
        along.append((option, value[0] if value else ""))
        place = value.end() if value else name.end()
    return _SEED_PREFIX.sub("", seed + typed[place:]), along


def _value_of(option: Option[Any]) -> re.Pattern[str]:
    """How far the option's value goes: some have several words."""
    if isinstance(option, Choice):
        names = [name for choice in option.choices for name in (choice, say(Text(choice)))]
        long = [re.escape(name).replace(r"\ ", "[ _]") for name in names if " " in name]
        return re.compile("|".join([rf"{choice}\b" for choice in long] + [r"\S*"]), re.IGNORECASE)
    return {LENGTH: _TIME, STYLE: _STYLE, KEY: _KEY}.get(option, _WORD)


def _is_submission(typed: str) -> bool:
    try:
        read_submission(typed)
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
