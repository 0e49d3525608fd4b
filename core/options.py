"""Every option of a piece, declared once. Slash commands, the command line, typed text, the checks of a request,
recipes, file names and titles of pictures are all made from these declarations.

A new option is a declaration here, a field of the same name in ComposeRequest or Rendering, the translations of its
sentences, and the code that uses it.
"""

from __future__ import annotations

import re
from typing import Any

from core.expression import ANY, MOODS, PACES
from core.expression import DYNAMICS as VELOCITIES
from core.models import DEFAULT_MODEL, MODELS
from core.option_kinds import (
    Choice,
    KeyName,
    Name,
    Number,
    Option,
    Passage,
    PieceId,
    Scope,
    Seconds,
    Steps,
    WholeNumber,
    YesNo,
)
from core.text import Text

STEP_SECONDS = 0.2
"""One step of `length`: the article's frame."""
INSTRUMENTS = {
    str(name): program
    for name, program in (
        (Text("grand"), 0),
        (Text("bright"), 1),
        (Text("electric grand"), 2),
        (Text("honky-tonk"), 3),
        (Text("electric"), 4),
        (Text("harpsichord"), 6),
        (Text("clavinet"), 7),
        (Text("celesta"), 8),
        (Text("glockenspiel"), 9),
        (Text("music box"), 10),
        (Text("vibraphone"), 11),
        (Text("marimba"), 12),
        (Text("xylophone"), 13),
        (Text("dulcimer"), 15),
        (Text("organ"), 16),
        (Text("church organ"), 19),
        (Text("reed organ"), 20),
        (Text("accordion"), 21),
        (Text("guitar"), 24),
        (Text("harp"), 46),
    )
}
"""Instruments that a piece can be played on, and their programs in General MIDI, counted from 0."""
AUDIO_FORMATS = ("mp3", "wav", "flac")
"""Each is also the suffix of such a file; the first is the usual one, and what the others are replaced by."""


_ALL_TASKS = ("compose", "continue", "perform", "harmonize")
"""Commands that make a piece, of an option that all of them have."""


def slug(text: str) -> str:
    """`60,64,67 72` -> `60-64-67-72`: what any file system takes, and not too much of it."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:40].strip("-")


def slugged_key(key: str) -> str:
    """`E♭ major` -> `e-flat-major`."""
    return slug(key.replace("♭", " flat").replace("♯", " sharp"))


def _bounds(crop: str) -> list[str]:
    """`30-60` -> from 30, until 60."""
    since, _, until = crop.partition("-")
    return [f"from {since}", f"until {until}"] if until else [f"from {since}"]


def _passage(crop: str) -> Text:
    """`30-60` -> `30–60 s`, with the reader's decimal point."""
    since, _, until = crop.partition("-")
    if not until:
        return Text("{since:g} s –", {"since": float(since)})
    return Text("{since:g}–{until:g} s", {"since": float(since), "until": float(until)})


LENGTH = Steps(
    name="length",
    scope=Scope.REQUEST,
    step_seconds=STEP_SECONDS,
    least=25,
    usual=500,
    most=3000,
    metavar="STEPS",
    about=Text(
        "in steps of {step:g} s: {least} ({shortest:g} s) to {most} ({longest:g} s); default: {usual} ({seconds:g} s)"
    ),
    accepted=Text("a time such as 30s, 1:30 or 2 min, or a whole number of 0.2 s steps, such as 500 for 100 s"),
    refusal=Text("length {length} is outside {least} to {most} steps of {step:g} s ({shortest:g} to {longest:g} s)"),
)
CONTINUED = PieceId(
    name="piece",
    scope=Scope.SOURCE,
    usual="",
    commands=("continue",),
    command_line=False,
    about=Text("a piece in place of a file: its 8-character id, shown under the piece and by /history"),
    accepted=Text("the id of a piece"),
    refusal=Text(
        "'{piece}' is not the id of a piece; an id has 8 letters and digits, and /history shows those of yours"
    ),
)
FROM = Seconds(
    name="from",
    scope=Scope.SOURCE,
    commands=("continue",),
    least=0.0,
    metavar="SECONDS",
    about=Text("the second to continue from (default: the end)"),
    accepted=Text("a time such as 90, 30s or 1:30"),
    refusal=Text("from must be at least {least:g} s; {from:g} s is not"),
)
KEEP = Seconds(
    name="keep",
    scope=Scope.SOURCE,
    commands=("continue",),
    least=1.0,
    metavar="SECONDS",
    about=Text("how many seconds of it to keep before the new part (default: as many as fit)"),
    accepted=Text("a time such as 90, 30s or 1:30"),
    refusal=Text("keep must be at least {least:g} s; {keep:g} s is not"),
)
STYLE = Name(
    name="style",
    scope=Scope.REQUEST,
    commands=_ALL_TASKS,
    usual=ANY,
    longest=60,
    about=Text("the style to play in (default: any)"),
    accepted=Text("the name of a style"),
    refusal=Text("'{style}' is not the name of a style; a name has 1 to {most} letters, digits or spaces"),
    label=Text("Style"),
    file_mark=slug,
)
KEY = KeyName(
    name="key",
    scope=Scope.REQUEST,
    usual=ANY,
    metavar="KEY",
    about=Text("the key, such as C minor or Eb major (default: any)"),
    accepted=Text("a key, such as C minor, Eb or F# major"),
    refusal=Text("there is no key '{key}'"),
    label=Text("Key"),
    file_mark=slugged_key,
)
PACE = Choice(
    name="pace",
    scope=Scope.REQUEST,
    choices=(ANY, *PACES),
    usual=ANY,
    about=Text("how many notes a second it has (default: any)"),
    accepted=Text("the name of a pace"),
    refusal=Text("there is no pace '{pace}'; there are {known}"),
    label=Text("Pace"),
    file_mark=slug,
)
DYNAMICS = Choice(
    name="dynamics",
    scope=Scope.REQUEST,
    commands=_ALL_TASKS,
    choices=(ANY, *VELOCITIES),
    usual=ANY,
    about=Text("how loud it is played (default: any)"),
    accepted=Text("a word such as soft"),
    refusal=Text("there are no dynamics '{dynamics}'; there are {known}"),
    label=Text("Dynamics"),
    file_mark=slug,
)
MOOD = Choice(
    name="mood",
    scope=Scope.REQUEST,
    choices=(ANY, *MOODS),
    usual=ANY,
    about=Text("sets major or minor, pace and dynamics, unless you name them (default: any)"),
    accepted=Text("the name of a mood"),
    refusal=Text("there is no mood '{mood}'; there are {known}"),
    file_mark=slug,
)
FREEDOM = WholeNumber(
    name="freedom",
    scope=Scope.REQUEST,
    commands=("perform",),
    least=0,
    usual=100,
    most=100,
    unit="%",
    metavar="PERCENT",
    about=Text("how freely it is timed: {least} as written, {usual} as pianists do (default: {usual})"),
    accepted=Text("a whole number of percent, from 0 (as written) to 100 (as pianists do)"),
    refusal=Text("freedom {freedom} is outside {least} to {most} percent"),
    label=Text("Freedom"),
    file_mark=lambda value: f"freedom{value}",
    caption=lambda value: Text("freedom {percent} %", {"percent": value}),
)
TEMPERATURE = Number(
    name="temperature",
    scope=Scope.REQUEST,
    commands=_ALL_TASKS,
    least=0.1,
    usual=1.0,
    most=2.0,
    metavar="T",
    about=Text("{least:g} (careful) to {most:g} (wild); default: {usual:g}"),
    accepted=Text("a number, such as 0.9"),
    refusal=Text("temperature {temperature:g} is outside {least:g} to {most:g}"),
    file_mark=lambda value: f"t{round(100 * value)}",
)
TOP_P = Number(
    name="top_p",
    scope=Scope.REQUEST,
    commands=_ALL_TASKS,
    least=0.1,
    usual_of=lambda model: model.usual_top_p,
    most=1.0,
    metavar="P",
    about=Text("{least:g} (only the likeliest choices) to {most:g} (all); default: what suits the model"),
    accepted=Text("a number, such as 0.95"),
    refusal=Text("top_p {top_p:g} is outside {least:g} to {most:g}"),
    label=Text("Top p"),
    file_mark=lambda value: f"p{round(100 * value)}",
)
TAKE = WholeNumber(
    name="take",
    scope=Scope.REQUEST,
    commands=_ALL_TASKS,
    least=0,
    most=2**32 - 1,
    metavar="NUMBER",
    about=Text("take number: the same number gives the same piece; random if left out"),
    accepted=Text("a whole number"),
    refusal=Text("take {take} is outside 0 to {most}"),
    file_mark=lambda value: f"take{value}",
    caption=lambda value: Text("take {take}", {"take": value}),
)
TAKES = WholeNumber(
    name="takes",
    scope=Scope.REPLY,
    commands=_ALL_TASKS,
    command_line=False,
    least=1,
    usual=1,
    most=4,
    about=Text("how many takes to make side by side, to choose from: {least} to {most} (default: {usual})"),
    accepted=Text("a whole number"),
    refusal=Text("takes {takes} is outside {least} to {most}"),
)
MODEL = Choice(
    name="model",
    scope=Scope.REQUEST,
    commands=("compose",),
    choices=tuple(MODELS),
    usual=DEFAULT_MODEL,
    about=Text("which model composes (default: {model})"),
    accepted=Text("the name of a model"),
    refusal=Text("there is no model '{model}'; there are {known}"),
)
INSTRUMENT = Choice(
    name="instrument",
    scope=Scope.RENDERING,
    commands=_ALL_TASKS,
    choices=tuple(INSTRUMENTS),
    usual="grand",
    about=Text("what it is played on (default: grand piano)"),
    accepted=Text("the name of an instrument"),
    refusal=Text("there is no instrument '{instrument}'; there are {known}"),
    file_mark=slug,
    caption=Text,
)
TEMPO = WholeNumber(
    name="tempo",
    scope=Scope.RENDERING,
    commands=_ALL_TASKS,
    least=25,
    usual=100,
    most=400,
    unit="%",
    metavar="PERCENT",
    about=Text("in percent of the composed speed, {least} to {most}"),
    accepted=Text("a whole number of percent"),
    refusal=Text("tempo must be {least} to {most} percent; {tempo} is not"),
    file_mark=lambda value: f"{value}pct",
    caption=lambda value: f"{value} %",
)
TRANSPOSE = WholeNumber(
    name="transpose",
    scope=Scope.RENDERING,
    commands=_ALL_TASKS,
    least=-24,
    usual=0,
    most=24,
    metavar="SEMITONES",
    about=Text("in semitones, -{most} to {most}"),
    accepted=Text("a whole number of semitones"),
    refusal=Text("transpose {transpose} is outside -{most} to {most} semitones"),
    file_mark=lambda value: f"{'up' if value > 0 else 'down'}{abs(value)}",
    caption=lambda value: f"{value:+d}".replace("-", "−"),
)
AUDIO = Choice(
    name="audio",
    scope=Scope.RENDERING,
    commands=_ALL_TASKS,
    choices=AUDIO_FORMATS,
    usual=AUDIO_FORMATS[0],
    about=Text("the sound file: mp3 is small and plays almost everywhere; wav and flac lose nothing"),
    accepted=Text("the name of a file format"),
    refusal=Text("there is no audio format '{audio}'; there are {known}"),
)
ONLY_NEW = YesNo(
    name="only_new",
    scope=Scope.RENDERING,
    commands=("continue",),
    usual=False,
    about=Text("only the new part, without what it continues (default: both)"),
    accepted=Text("yes or no"),
    file_mark=lambda value: "new",
    caption=lambda value: Text("new part"),
)
CROP = Passage(
    name="crop",
    scope=Scope.RENDERING,
    commands=_ALL_TASKS,
    usual="",
    most=3600.0,
    metavar="FROM-UNTIL",
    about=Text("only a part of it, in seconds: 30-60, 0:30-1:00, or 30- to the end (default: all)"),
    accepted=Text("two times in seconds, such as 30-60, or 30- to the end"),
    refusal=Text("crop {crop} ends before it begins"),
    file_mark=lambda value: slug(" ".join(_bounds(value))),
    caption=_passage,
)
PRIVATE = YesNo(
    name="private",
    scope=Scope.REPLY,
    commands=_ALL_TASKS,
    command_line=False,
    about=Text("only you see the answer"),
    accepted=Text("yes or no"),
)

OPTIONS: tuple[Option[Any], ...] = (
    CONTINUED,
    LENGTH,
    FROM,
    KEEP,
    STYLE,
    KEY,
    PACE,
    DYNAMICS,
    MOOD,
    FREEDOM,
    TEMPERATURE,
    TOP_P,
    TAKE,
    TAKES,
    MODEL,
    INSTRUMENT,
    TEMPO,
    TRANSPOSE,
    AUDIO,
    ONLY_NEW,
    CROP,
    PRIVATE,
)
"""In the order in which Discord shows them and a recipe tells them."""


def options_of(command: str) -> list[Option[Any]]:
    return [option for option in OPTIONS if command in option.commands]


def options_in(scope: Scope) -> list[Option[Any]]:
    return [option for option in OPTIONS if option.scope is scope]
