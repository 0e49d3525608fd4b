"""What crosses the queue: a ComposeRequest out, a Piece back, each checked where it is made; both travel as JSON."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from core.errors import BadRequest, shown
from core.models import DEFAULT_MODEL, MODELS
from core.records import check_types, decoded, known_fields, of_type
from core.seed import CHORD_SECONDS, Seed
from core.text import NOTHING, Text

STEP_SECONDS = 0.2
"""One step of `length`: the article's frame."""
MIN_LENGTH, DEFAULT_LENGTH, MAX_LENGTH = 25, 500, 3000
MIN_TEMPERATURE, DEFAULT_TEMPERATURE, MAX_TEMPERATURE = 0.1, 1.0, 2.0
MIN_TOP_P, MAX_TOP_P = 0.1, 1.0
USUAL = -1.0
"""A `top_p` that stands for what is usual for the model: `ModelSpec.usual_top_p`."""
ANY_STYLE = "any"
MAX_STYLE = 60
"""Characters of a style's name."""
_NOT_IN_A_NAME = frozenset('<>[]`*|~@:/\\"#')
"""What Discord would make a mention, a link or a heading of."""
MAX_TAKE = 2**32 - 1

INSTRUMENTS = {
    "grand": 0,
    "bright": 1,
    "electric grand": 2,
    "honky-tonk": 3,
    "electric": 4,
    "harpsichord": 6,
    "clavinet": 7,
    "celesta": 8,
    "glockenspiel": 9,
    "music box": 10,
    "vibraphone": 11,
    "marimba": 12,
    "xylophone": 13,
    "dulcimer": 15,
    "organ": 16,
    "church organ": 19,
    "reed organ": 20,
    "accordion": 21,
    "guitar": 24,
    "harp": 46,
}
"""What a piece can be played on, and its program in General MIDI, counted from 0."""
DEFAULT_INSTRUMENT = "grand"
MIN_TEMPO, USUAL_TEMPO, MAX_TEMPO = 25, 100, 400
MAX_TRANSPOSE = 24
AUDIO_FORMATS = ("mp3", "wav", "flac")
"""Each is also the suffix of such a file; the first is the usual one, and what the others are replaced by."""


@dataclass(frozen=True, slots=True)
class ComposeRequest:
    """What a listener asked for. `length` is in steps of 0.2 s, `temperature` is how daring the draws are, `top_p` is
    the probability that the choices drawn from reach together (left out, what is usual for the model), and `take` is
    the number of the random draw: the same request gives the same piece. A `primer` is a MIDI file of a piano alone,
    which the piece begins with in place of a seed; `length` counts from its end. Raises BadRequest."""

    seed: Seed
    take: int
    length: int = DEFAULT_LENGTH
    temperature: float = DEFAULT_TEMPERATURE
    model: str = DEFAULT_MODEL
    style: str = ANY_STYLE
    top_p: float = USUAL
    primer: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        check_types(self)
        if not MIN_LENGTH <= self.length <= MAX_LENGTH:
            raise BadRequest(
                "length {length} is outside {least} to {most} steps of {step:g} s ({shortest:g} to {longest:g} s)",
                length=self.length,
                least=MIN_LENGTH,
                most=MAX_LENGTH,
                step=STEP_SECONDS,
                shortest=MIN_LENGTH * STEP_SECONDS,
                longest=MAX_LENGTH * STEP_SECONDS,
            )
        if not MIN_TEMPERATURE <= self.temperature <= MAX_TEMPERATURE:  # a NaN fails too
            raise BadRequest(
                "temperature {temperature:g} is outside {least:g} to {most:g}",
                temperature=self.temperature,
                least=MIN_TEMPERATURE,
                most=MAX_TEMPERATURE,
            )
        if not 0 <= self.take <= MAX_TAKE:
            raise BadRequest("take {take} is outside 0 to {most}", take=self.take, most=MAX_TAKE)
        if self.model not in MODELS:
            raise BadRequest(
                "there is no model '{model}', only {known}", model=shown(self.model), known=", ".join(MODELS)
            )
        model = MODELS[self.model]
        if self.top_p == USUAL:
            object.__setattr__(self, "top_p", model.usual_top_p)
        if not MIN_TOP_P <= self.top_p <= MAX_TOP_P:
            raise BadRequest(
                "top_p {top_p:g} is outside {least:g} to {most:g}", top_p=self.top_p, least=MIN_TOP_P, most=MAX_TOP_P
            )
        if not _is_name(self.style):
            raise BadRequest(
                "the style '{style}' is not a name, which has 1 to {most} letters, digits or spaces",
                style=shown(self.style),
                most=MAX_STYLE,
            )
        if not model.knows_styles and (self.style, self.top_p) != (ANY_STYLE, 1):
            raise BadRequest("the article's model knows no styles and no top_p; the model 'performance' does")
        if self.primer and (not model.continues_primer or self.seed.chords):
            raise BadRequest("only the model 'performance' goes on from a primer, and without a seed")
        if (seed_seconds := len(self.seed.chords) * CHORD_SECONDS) > self.seconds:
            raise BadRequest(
                "the seed lasts {seed:g} s, longer than the piece of {piece:g} s", seed=seed_seconds, piece=self.seconds
            )

    @property
    def seconds(self) -> float:
        """The length asked for, in seconds."""
        return self.length * STEP_SECONDS

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"seed": self.seed.spelled, "primer": base64.b64encode(self.primer).decode()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ComposeRequest:
        """Raises BadRequest, TypeError or KeyError for what `to_json` did not write."""
        data = known_fields(cls, data)
        primer = decoded(data.get("primer", ""))  # jobs of older versions have none
        return cls(**data | {"seed": Seed.parse(of_type(str, data["seed"])), "primer": primer})


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a composed piece is played: nothing of it needs the model again. `tempo` is in percent of the composed speed,
    `transpose` in semitones, `audio` is the file format that is wished for. Raises BadRequest."""

    instrument: str = DEFAULT_INSTRUMENT
    tempo: int = USUAL_TEMPO
    transpose: int = 0
    audio: str = AUDIO_FORMATS[0]

    def __post_init__(self) -> None:
        check_types(self)
        if self.instrument not in INSTRUMENTS:
            raise BadRequest(
                "there is no instrument '{instrument}', only {known}",
                instrument=shown(self.instrument),
                known=", ".join(INSTRUMENTS),
            )
        if not MIN_TEMPO <= self.tempo <= MAX_TEMPO:
            raise BadRequest(
                "tempo {tempo} is outside {least} to {most} percent", tempo=self.tempo, least=MIN_TEMPO, most=MAX_TEMPO
            )
        if not -MAX_TRANSPOSE <= self.transpose <= MAX_TRANSPOSE:
            raise BadRequest(
                "transpose {transpose} is outside -{most} to {most} semitones",
                transpose=self.transpose,
                most=MAX_TRANSPOSE,
            )
        if self.audio not in AUDIO_FORMATS:
            raise BadRequest(
                "there is no audio format '{audio}', only {known}",
                audio=shown(self.audio),
                known=", ".join(AUDIO_FORMATS),
            )

    @property
    def edits(self) -> bool:
        """Whether the notes differ from those that were composed."""
        return replace(self, audio=AUDIO_FORMATS[0]) != Rendering()

    @property
    def stretch(self) -> float:
        """How many times as long everything lasts."""
        return USUAL_TEMPO / self.tempo

    def lasting(self, seconds: float) -> float:
        """How long `seconds` of composed music last. Raises BadRequest when they are slowed down to more than is ever
        played."""
        longest = MAX_LENGTH * STEP_SECONDS
        slowed = seconds * self.stretch
        if slowed > max(longest, seconds):
            raise BadRequest(
                "at {tempo} % the piece would last {slowed:.0f} s, at most {longest:.0f} are played",
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


@dataclass(frozen=True, slots=True)
class Composed:
    """What a request became before, to be rendered in another way: the hexadecimal digits of the checkpoint's hash, and
    the .mid before it was edited."""

    checkpoint: str
    midi: bytes

    def to_json(self) -> dict[str, Any]:
        return {"checkpoint": self.checkpoint, "midi": base64.b64encode(self.midi).decode()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Composed:
        return cls(data["checkpoint"], decoded(data["midi"]))


def fresh_take() -> int:
    """A take that nobody chose, short enough to be typed again."""
    return secrets.randbelow(1_000_000)


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a piece was made from: the request, the checkpoint (hexadecimal digits of its hash), the rendering."""

    request: ComposeRequest
    checkpoint: str
    rendering: Rendering = AS_COMPOSED

    def __post_init__(self) -> None:
        check_types(self)

    @property
    def name(self) -> str:
        """A file name without suffix, of letters, digits and `-` alone."""
        request = self.request
        seed = "continued" if request.primer else _plain(str(request.seed))
        warmth = "" if request.temperature == DEFAULT_TEMPERATURE else f"-t{round(100 * request.temperature)}"
        style = "" if request.style == ANY_STYLE else f"-{_plain(request.style)}"
        nucleus = "" if request.top_p == MODELS[request.model].usual_top_p else f"-p{round(100 * request.top_p)}"
        composed = f"nocturne-{request.model}-{seed}-{request.length}{style}{warmth}{nucleus}-take{request.take}"
        edits = self.rendering
        instrument = "" if edits.instrument == DEFAULT_INSTRUMENT else f"-{_plain(edits.instrument)}"
        tempo = "" if edits.tempo == USUAL_TEMPO else f"-{edits.tempo}pct"
        shift = f"-{'up' if edits.transpose > 0 else 'down'}{abs(edits.transpose)}" if edits.transpose else ""
        return f"{composed}{instrument}{tempo}{shift}"

    def to_json(self) -> dict[str, Any]:
        return self.request.to_json() | {"checkpoint": self.checkpoint, "rendering": self.rendering.to_json()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Recipe:
        """Raises as ComposeRequest's does."""
        request = {key: value for key, value in of_type(dict, data).items() if key not in ("checkpoint", "rendering")}
        rendering = Rendering.from_json(data.get("rendering", {}))  # jobs of older versions have none
        return cls(ComposeRequest.from_json(request), data["checkpoint"], rendering)


@dataclass(frozen=True, slots=True)
class Piece:
    """A finished piece. `duration` is in seconds of music; `seconds` says how long each stage of the making took;
    `audio_format` is one of `AUDIO_FORMATS`; `composed` is the .mid before it was edited (left out, `midi`), which
    another rendering begins with; `attention` are pictures of what the model attended to, where it can tell."""

    recipe: Recipe
    duration: float
    notes: int
    midi: bytes
    audio: bytes
    picture: bytes
    seconds: dict[str, float]
    audio_format: str = AUDIO_FORMATS[0]
    composed: bytes = b""
    attention: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not self.composed:
            object.__setattr__(self, "composed", self.midi)

    @property
    def remark(self) -> Text:
        """A sentence for the listener when the sound is not in the format that was wished for, else empty."""
        wished = self.recipe.rendering.audio
        if wished == self.audio_format:
            return NOTHING
        return Text(
            "As {wished} this piece is too large to be sent, so it is an {format}.",
            {"wished": wished.upper(), "format": self.audio_format.upper()},
        )

    def to_json(self) -> dict[str, Any]:
        files = {key: base64.b64encode(getattr(self, key)).decode() for key in _FILES}
        return {
            "recipe": self.recipe.to_json(),
            "duration": self.duration,
            "notes": self.notes,
            "seconds": self.seconds,
            "audio_format": self.audio_format,
            "attention": [base64.b64encode(picture).decode() for picture in self.attention],
            **files,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Piece:
        data = known_fields(cls, data)
        files = {key: decoded(data[key]) for key in _FILES if key in data}  # older pieces have no `composed`
        attention = tuple(decoded(picture) for picture in of_type(list, data.get("attention", [])))
        return cls(**data | files | {"recipe": Recipe.from_json(data["recipe"]), "attention": attention})


def _is_name(text: str) -> bool:
    return 0 < len(text) <= MAX_STYLE and text.isprintable() and not _NOT_IN_A_NAME & set(text)


_FILES = ("midi", "audio", "picture", "composed")


def _plain(text: str) -> str:
    """`60,64,67 72` -> `60-64-67-72`: what any file system takes, and not too much of it."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:40].strip("-")
