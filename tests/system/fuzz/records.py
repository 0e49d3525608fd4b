"""Records as they are stored or travel, and JSON that is damaged, for Hypothesis."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

from hypothesis import strategies as st

from bot.store.files import ID
from bot.store.pending_reply import FRESH, Destination, PendingReply, StoredNotes, StoredPrimer, UnreadUpload
from core.errors import BadRequest
from core.expression import ANY, DYNAMICS, MOODS, PACES
from core.models import MODELS
from core.options import (
    AUDIO_FORMATS,
    FREEDOM,
    INSTRUMENTS,
    LENGTH,
    STYLE,
    TAKE,
    TAKES,
    TEMPERATURE,
    TEMPO,
    TOP_P,
    TRANSPOSE,
)
from core.piece import Composed
from core.recipe import Recipe
from core.request import FORMS, ComposeRequest, Origin, Rendering
from core.seed import HIGHEST_PITCH, LOWEST_PITCH, MAX_CHORD_NOTES, MAX_CHORDS, Seed
from core.tasks import HARMONIZE, PERFORM, TASKS
from core.text import Text
from core.tonality import ALL_KEYS
from tests.support.pieces import piece
from tests.system.fuzz.claims import sentence
from tests.system.fuzz.typed import WIDEST

Fields: TypeAlias = dict[str, st.SearchStrategy[Any]]

BYTES = st.binary(max_size=8)
SCORES = st.binary(min_size=1, max_size=8)
PITCHES = st.integers(LOWEST_PITCH, HIGHEST_PITCH)
CHORDS = st.sets(PITCHES, min_size=1, max_size=MAX_CHORD_NOTES).map(lambda pitches: tuple(sorted(pitches)))
NO_SEED = st.just(Seed())
SEEDS = st.lists(CHORDS, max_size=MAX_CHORDS).map(lambda chords: Seed(tuple(chords)))
MELODIES = st.lists(PITCHES, min_size=1, max_size=MAX_CHORDS).map(
    lambda pitches: Seed(tuple((pitch,) for pitch in pitches))
)
ORIGINS = st.builds(
    Origin,
    st.just("") | st.from_regex(ID, fullmatch=True),
    st.none() | st.floats(0, 600),
    st.none() | st.floats(1, 600),
)
COMMON: Fields = {
    "take": st.integers(0, TAKE.most + 1 - TAKES.most),
    "length": st.integers(LENGTH.least, LENGTH.most),
    "temperature": st.floats(TEMPERATURE.least, TEMPERATURE.most),
}
MANNER: Fields = {
    "style": st.sampled_from([ANY, "Chopin"]) | st.text(min_size=1, max_size=STYLE.longest),
    "dynamics": st.sampled_from([ANY, *DYNAMICS]),
    "top_p": st.floats(TOP_P.least, TOP_P.most),
}
NEW_MUSIC: Fields = {
    "key": st.sampled_from([ANY, *map(str, ALL_KEYS)]),
    "pace": st.sampled_from([ANY, *PACES]),
    "mood": st.sampled_from([ANY, *MOODS]),
}


def made(seeds: st.SearchStrategy[Seed], **options: st.SearchStrategy[Any]) -> st.SearchStrategy[ComposeRequest]:
    """Requests with any of these values."""
    return st.builds(_request, seeds, **COMMON | options)


def _request(seed: Seed, **options: Any) -> ComposeRequest:
    options["length"] = max(options["length"], 2 * len(seed.chords))  # a chord lasts two steps
    try:
        return ComposeRequest(seed, **options)
    except BadRequest as refusal:
        assert "is not the name of a style" in sentence(refusal)
        return ComposeRequest(seed, **options | {"style": ANY})


REQUESTS = st.one_of(
    made(SEEDS, model=st.sampled_from([*MODELS])),
    made(SEEDS, **MANNER, **NEW_MUSIC),
    made(NO_SEED, primer=BYTES, origin=ORIGINS, **MANNER, **NEW_MUSIC),
    made(NO_SEED, task=st.just(PERFORM), score=SCORES, freedom=st.integers(FREEDOM.least, FREEDOM.most), **MANNER),
    made(NO_SEED, task=st.just(HARMONIZE), score=SCORES, **MANNER),
    made(MELODIES, task=st.just(HARMONIZE), **MANNER),
)
RENDERINGS = st.builds(
    Rendering,
    st.sampled_from(sorted(INSTRUMENTS)),
    st.integers(TEMPO.least, TEMPO.most),
    st.integers(TRANSPOSE.least, TRANSPOSE.most),
    st.sampled_from(AUDIO_FORMATS),
    st.sampled_from(FORMS),
    only_new=st.booleans(),
    crop=st.just("")
    | st.tuples(st.floats(0, 300), st.floats(301, 600)).map(lambda bounds: f"{bounds[0]:f}-{bounds[1]:f}"),
)
RECIPES = st.builds(Recipe, REQUESTS, st.text("0123456789abcdef", min_size=12, max_size=12), RENDERINGS)
SAID = st.recursive(
    st.text().map(Text),
    lambda inner: st.builds(
        lambda value, more: Text("{value} {more:g}", {"value": value, "more": more}),
        inner | st.text(),
        st.integers(0, 9),
    ),
    max_leaves=3,
)
IDS = st.integers(0, 2**64 - 1)
DESTINATIONS = st.builds(
    Destination,
    *(IDS, st.none() | IDS, IDS, st.text(), st.booleans(), st.integers(0, 2**30), st.booleans()),
    *(st.floats(0, WIDEST), st.none() | IDS, st.text(), st.text(), st.text(), st.none() | IDS),
)
SECONDS = st.none() | st.floats(0, WIDEST)
SOURCES = st.one_of(
    st.just(FRESH),
    st.builds(UnreadUpload, st.text(min_size=1), *[SECONDS] * 3, task=st.sampled_from(TASKS)),
    st.builds(StoredPrimer, st.text(min_size=1), SECONDS, SECONDS),
    st.builds(StoredNotes, st.text(min_size=1)),
)
PENDING = st.builds(
    PendingReply,
    *(st.integers(0, WIDEST).map(str), REQUESTS, DESTINATIONS, SOURCES, RENDERINGS, st.text(), SAID),
    takes=st.integers(TAKES.least, TAKES.most),
)
PIECES = st.builds(
    lambda recipe, audio_format: replace(piece(recipe.request), recipe=recipe, audio_format=audio_format),
    RECIPES,
    st.sampled_from(AUDIO_FORMATS),
)
STORED = st.one_of(
    REQUESTS,
    RENDERINGS,
    RECIPES,
    PENDING,
    st.builds(Composed, st.text("0123456789abcdef", min_size=12, max_size=12), BYTES),
    PIECES,
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -1, 2**70, "random", "60", "nan", "===", "\ud800"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=10),
)
LISTS = st.lists(LEAVES, max_size=3)
JSON = LEAVES | LISTS | st.dictionaries(st.text(max_size=5), LEAVES | LISTS, max_size=3)


@st.composite
def changed(draw: st.DrawFn, data: Any) -> Any:
    """JSON with one thing in it left out, added, or replaced."""
    if not isinstance(data, dict) or not data or draw(st.integers(0, 9)) == 0:
        return draw(JSON)
    key = draw(st.sampled_from(sorted(data)))
    match draw(st.sampled_from(["inner", "inner", "leave out", "add", "swap"])):
        case "inner":
            return data | {key: draw(changed(data[key]))}
        case "leave out":
            return {name: value for name, value in data.items() if name != key}
        case "add":
            return data | {draw(st.text(max_size=5)): draw(JSON)}
        case _:
            return data | {key: data[draw(st.sampled_from(sorted(data)))]}
