"""Requests for pieces: a ComposeRequest goes out through the queue, and a `core.piece.Piece` comes back. It is plain
data, checked where it is made."""

from __future__ import annotations

import base64
import math
import secrets
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from core.errors import BadRequest
from core.expression import Expression
from core.models import MODELS, ModelSpec
from core.option_kinds import Scope
from core.options import (
    AUDIO,
    CONTINUED,
    CROP,
    DYNAMICS,
    FREEDOM,
    INSTRUMENT,
    KEY,
    LENGTH,
    MODEL,
    MOOD,
    ONLY_NEW,
    PACE,
    STEP_SECONDS,
    STYLE,
    TEMPERATURE,
    TEMPO,
    TOP_P,
    TRANSPOSE,
    options_in,
)
from core.records import check_types, decoded, known_fields, of_type
from core.seed import CHORD_SECONDS, Seed
from core.tasks import COMPOSE, HARMONIZE, PERFORM, TASKS, WORDS
from core.text import Text

PIECE, VOICE, VIDEO = FORMS = ("piece", "voice", "video")
"""The forms of a composed piece: all its files, an Ogg Opus to be sent as a voice message, or an MP4."""
USUAL_TOP_P = -1.0
"""A `top_p` that stands for what is usual for the model: `ModelSpec.usual_top_p`."""
EXPRESSION_OPTIONS = (KEY, PACE, DYNAMICS, MOOD)
"""Options that make up a request's `expression`."""
_PERFORMANCE_OPTIONS = (STYLE, TOP_P, *EXPRESSION_OPTIONS)
"""Options that the article's model does not have."""
_NEW_MUSIC_OPTIONS = (KEY, PACE, MOOD)
"""Options of which the notes that are performed or harmonized leave nothing open."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The source of a primer, as it is typed: a recipe says it, and nothing is composed by it."""

    piece: str = CONTINUED.usual
    """Id of a stored piece; empty for a listener's file."""
    from_: float | None = None
    """The second that the new part follows; None for the end."""
    keep: float | None = None
    """Seconds before it that are kept; None for as many as fit."""

    def __post_init__(self) -> None:
        check_types(self)
        for option in options_in(Scope.SOURCE):
            if (value := getattr(self, option.parameter)) != option.usual:
                option.check(value)

    @property
    def is_opening(self) -> bool:
        """Whether it is the beginning of a stored piece, which goes another way from there."""
        return bool(self.piece) and self.from_ is not None


WHOLE_FILE = Origin()


def fits_model(model: str, option: str, value: Any) -> bool:
    """Whether a model composes with this value of an option; an unknown one may."""
    if model not in MODELS or MODELS[model].knows_styles:
        return True
    usual = {each.name: each.usual_for(model) for each in _PERFORMANCE_OPTIONS}
    return option not in usual or value == usual[option]


@dataclass(frozen=True, slots=True)
class ComposeRequest:
    """A listener's request for a piece: the same request gives the same piece. Raises BadRequest."""

    seed: Seed
    """The notes that it begins with."""
    take: int
    """The number of the random draw."""
    length: int = LENGTH.usual
    """In steps of 0.2 s, from the end of the primer on where there is one."""
    temperature: float = TEMPERATURE.usual
    """The divisor of the logits: how daring the draws are."""
    model: str = MODEL.usual
    """A name in `core.models.MODELS`."""
    style: str = STYLE.usual
    """Whose manner it is played in; only the checkpoint knows its names."""
    key: str = KEY.usual
    """The name of the key, `E♭ major`; it may be given in any way in which `core.tonality` reads it."""
    pace: str = PACE.usual
    """A word in `core.expression.PACES`."""
    dynamics: str = DYNAMICS.usual
    """A word in `core.expression.DYNAMICS`."""
    mood: str = MOOD.usual
    """A word in `core.expression.MOODS`, for what key, pace and dynamics leave open."""
    top_p: float = USUAL_TOP_P
    """The nucleus: the probability that the choices drawn from reach together."""
    primer: bytes = field(default=b"", repr=False)
    """A MIDI file of a piano alone, which the piece begins with in place of a seed."""
    origin: Origin = WHOLE_FILE
    """The origin of the primer."""
    task: str = COMPOSE
    """One of `TASKS`. A score that is performed, and a melody that is harmonized, are as long as `length`."""
    score: bytes = field(default=b"", repr=False)
    """A MIDI file of a piano alone: the score, or the melody where that is no seed."""
    freedom: int = FREEDOM.usual
    """In percent of what pianists do, how far a performance moves the onsets of its score."""

    def __post_init__(self) -> None:
        check_types(self)
        MODEL.check(self.model)
        model = MODELS[self.model]
        if self.top_p == USUAL_TOP_P:
            object.__setattr__(self, "top_p", model.usual_top_p)
        object.__setattr__(self, "key", KEY.read(self.key))
        for option in options_in(Scope.REQUEST):
            option.check(getattr(self, option.name))
        self._check_model()
        self._check_task(model)
        if self.primer and (not model.continues_primer or self.seed.chords):
            raise BadRequest("only the model 'performance' can continue a piece, and it takes no seed then")
        if (seed_seconds := len(self.seed.chords) * CHORD_SECONDS) > self.seconds:
            raise BadRequest(
                "the seed alone lasts {seed:g} s, longer than the whole piece ({piece:g} s)",
                seed=seed_seconds,
                piece=self.seconds,
            )

    def _check_model(self) -> None:
        """Raises BadRequest for an option that the model does not have."""
        for option in _PERFORMANCE_OPTIONS:
            if not fits_model(self.model, option.name, getattr(self, option.name)):
                raise BadRequest("{option} works only with the model 'performance'", option=option.name)

    def _check_task(self, model: ModelSpec) -> None:
        """Raises TypeError for a task that there is not and a score that nothing is done with, else as
        `_check_given`."""
        if self.task not in TASKS:
            raise TypeError(f"the task {self.task!r}, accepted is one of {TASKS}")
        if self.score and (self.task == COMPOSE or self.primer or self.seed.chords):
            raise TypeError("a score is performed or harmonized, and has no primer or seed beside it")
        if self.task != COMPOSE:
            self._check_given(model)

    def _check_given(self, model: ModelSpec) -> None:
        """Raises BadRequest where no notes are given, or no melody, and for an option that has no effect on them."""
        if not self.score and (self.task == PERFORM or self.seed.is_random):
            raise BadRequest(_NOTHING_GIVEN[self.task])
        if not model.continues_primer:
            raise BadRequest("only the model 'performance' can play notes that are given")
        if any(len(chord) > 1 for chord in self.seed.chords):
            raise BadRequest("a melody has one note at a time, such as `C4 D4 E4 G4`, so there can be no chords in it")
        for option in _NEW_MUSIC_OPTIONS:
            if getattr(self, option.name) != option.usual:
                raise BadRequest("{option} has no effect where the notes are given", option=option.name)

    @classmethod
    def harmonized(cls, melody: Seed, **options: Any) -> ComposeRequest:
        """The request to harmonize a seed, as long as its notes last. Raises BadRequest."""
        steps = math.ceil(round(len(melody.chords) * CHORD_SECONDS / STEP_SECONDS, 6))
        return cls(melody, task=HARMONIZE, length=max(LENGTH.least, steps), **options)

    @property
    def file_word(self) -> str:
        """A word for the file that it is made from; empty where there is none."""
        return WORDS[self.task] if self.primer or self.score else ""

    @property
    def expression(self) -> Expression:
        """The meaning of key, pace, dynamics and mood together."""
        return Expression.of(self.key, self.pace, self.dynamics, self.mood)

    @property
    def seconds(self) -> float:
        """The length asked for, in seconds."""
        return self.length * STEP_SECONDS

    def to_json(self) -> dict[str, Any]:
        files = {name: base64.b64encode(getattr(self, name)).decode() for name in _GIVEN_FILES}
        return asdict(self) | {"seed": self.seed.spelled} | files

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ComposeRequest:
        """Raises BadRequest, TypeError or KeyError for what `to_json` did not write."""
        data = known_fields(cls, data)
        files = {name: decoded(data.get(name, "")) for name in _GIVEN_FILES}  # jobs of older versions have none
        origin = Origin(**known_fields(Origin, data.get("origin", {})))
        return cls(**data | files | {"seed": Seed.parse(of_type(str, data["seed"])), "origin": origin})


_GIVEN_FILES = ("primer", "score")
_NOTHING_GIVEN = {
    PERFORM: Text("there is nothing to perform: a MIDI file is needed"),
    HARMONIZE: Text(
        "there is nothing to harmonize: a melody is needed, as notes such as `C4 D4 E4` or as a MIDI file of one voice"
    ),
}


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a composed piece is played: nothing of it needs the model again. Raises BadRequest."""

    instrument: str = INSTRUMENT.usual
    """A name in `core.options.INSTRUMENTS`."""
    tempo: int = TEMPO.usual
    """In percent of the composed speed."""
    transpose: int = TRANSPOSE.usual
    """In semitones."""
    audio: str = AUDIO.usual
    """The file format that is wished for."""
    form: str = PIECE
    """One of `FORMS`."""
    only_new: bool = ONLY_NEW.usual
    """Whether the new part of a continuation stands alone."""
    crop: str = CROP.usual
    """The seconds from which and until which it is played, of what was composed; of the new part where that is alone.
    Empty for all."""

    def __post_init__(self) -> None:
        check_types(self)
        if self.form not in FORMS:
            raise TypeError(f"a piece in the form {self.form!r}, accepted is one of {FORMS}")
        object.__setattr__(self, "crop", CROP.read(self.crop))  # 0:30-1:00 is 30-60
        for option in options_in(Scope.RENDERING):
            option.check(getattr(self, option.name))

    @property
    def changes_notes(self) -> bool:
        """Whether the notes differ from those that were composed."""
        return replace(self, audio=AUDIO.usual, form=PIECE) != Rendering()

    @property
    def stretch(self) -> float:
        """The factor by which the tempo lengthens everything."""
        return TEMPO.usual / self.tempo

    @property
    def is_part(self) -> bool:
        """Whether it leaves out some of what was composed."""
        return self.only_new or bool(self.crop)

    @property
    def bounds(self) -> tuple[float, float]:
        """The two seconds of `crop`; zero and infinity where it is empty."""
        return CROP.bounds(self.crop)

    def rendered_seconds(self, seconds: float, primer: float = 0.0) -> float:
        """The duration of `seconds` of composed music in this rendering, of which `primer` are not new. Raises
        BadRequest for a part that begins later, and as `stretched` does."""
        since, until = self.bounds
        there = seconds - primer if self.only_new else seconds
        if since >= there:
            raise BadRequest(
                "crop starts at {since:g} s, but the piece lasts only {seconds:.0f} s", since=since, seconds=there
            )
        return self.stretched(min(there, until) - since)

    def stretched(self, seconds: float) -> float:
        """`seconds` at this tempo. Raises BadRequest when they are slowed down to more than is ever played."""
        longest = LENGTH.most * STEP_SECONDS
        slowed = seconds * self.stretch
        if slowed > max(longest, seconds):
            raise BadRequest(
                "at {tempo}% tempo it would last {slowed:,.0f} s; I play at most {longest:,.0f} s",
                tempo=self.tempo,
                slowed=slowed,
                longest=longest,
            )
        return slowed

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Rendering:
        """Raises as ComposeRequest's does."""
        return cls(**known_fields(cls, data))


AS_COMPOSED = Rendering()


def fresh_take() -> int:
    """A take that nobody chose, short enough to be typed again."""
    return secrets.randbelow(1_000_000)
