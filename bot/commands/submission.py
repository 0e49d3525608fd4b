"""From what a listener typed to a submission: options written behind a seed, those filled in beside it, defaults."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, NamedTuple, TypeAlias

from bot.language.i18n import say
from core import styles
from core.errors import BadRequest, shown
from core.option_kinds import MINUTES, SECONDS, Choice, Name, Option, Scope, WholeNumber
from core.options import KEY, LENGTH, STYLE, TAKE, TAKES, options_in, options_of
from core.request import ComposeRequest, Rendering, fresh_take
from core.seed import Seed
from core.text import Text

_TYPED = {option.name: option for option in options_of("compose")}
"""Options that may be typed along with the seed."""
_NUMBER = r"\d+(?:[.,]\d+)?"
_TIME = re.compile(
    rf"{_NUMBER}\s*{MINUTES}\s+{_NUMBER}\s*{SECONDS}(?!\w)|{_NUMBER}\s+(?:{MINUTES}|{SECONDS})(?!\w)|\S*",
    re.IGNORECASE,
)
_STYLE = re.compile(r"\S*(?:(?<=\S) +(?!random\b)[^\W\d_][^\s\d:=,+]{2,}(?![^\s])(?!\s*[:=])){0,3}", re.IGNORECASE)
"""A name has several words; two letters may be a note."""
_KEY = re.compile(r"\S*(?:[ ]+(?:sharp|flat)\b)?(?:[ ]+(?:major|minor|maj|min|dur|moll)\b)?", re.IGNORECASE)
_WORD = re.compile(r"\S*")
_SEED_PREFIX = re.compile(r"^\s*(?:/?(?:compose|harmonize)\s+)?(?:(?:seed|melody)\s*[:=])?", re.IGNORECASE)
"""The beginning of a seed where somebody types the whole command."""
_UNKNOWN_OPTION = re.compile(r"\b([^\W\d_]\w{2,19})\s*[:=]")
"""What looks like the name of an option. No note or chord does."""

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
    if unknown := _UNKNOWN_OPTION.search(seed):
        raise _no_option(unknown[1], list(known))
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


def _no_option(name: str, known: Sequence[str]) -> BadRequest:
    if near := get_close_matches(name.lower(), known, n=1):
        return BadRequest("there is no option `{name}` here; did you mean `{near}`?", name=name, near=near[0])
    return BadRequest("there is no option `{name}` here; there are {known}", name=name, known=tuple(known))


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
    choices = option.choices if isinstance(option, Choice) else (option.usual, *styles.NAMES)
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
    submission = Submission(request, rendering, **{"private": False} | _given(options, Scope.REPLY))
    TAKES.check(submission.takes)
    return submission


def _given(options: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """Values of a scope's options, without those that were left out."""
    given = {each: options[each.name] for each in options_in(scope) if options.get(each.name) is not None}
    return {option.name: _in_english(option, value) for option, value in given.items()}  # clients may send a name


def names_option(typed: str) -> bool:
    """Whether a text in `seed` names an option, as in `72 length:500`."""
    return bool(_named(_TYPED).search(typed))


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
    """The pattern of an option's value where it stands in a text: some have several words."""
    if isinstance(option, Choice):
        names = [name for choice in option.choices for name in (choice, say(Text(choice)))]
        long = [re.escape(name).replace(r"\ ", "[ _]") for name in names if " " in name]
        return re.compile("|".join([rf"{choice}\b" for choice in long] + [r"\S*"]), re.IGNORECASE)
    if isinstance(option, WholeNumber) and option.unit:
        return re.compile(rf"\S+ +{option.unit}|\S*")
    return {LENGTH: _TIME, STYLE: _STYLE, KEY: _KEY}.get(option, _WORD)
