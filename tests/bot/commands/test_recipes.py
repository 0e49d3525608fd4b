"""A recipe that is shown, typed again by anybody, asks for the same piece."""

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pretty_midi import PrettyMIDI

from bot.commands.continue_ import read_continuation
from bot.commands.submission import read_submission
from bot.language.i18n import speak
from bot.language.recipes import command
from bot.store.server_rules import Rules
from core.errors import BadRequest
from core.expression import DYNAMICS, MOODS, PACES
from core.models import MODELS
from core.option_kinds import Option
from core.options import AUDIO_FORMATS, INSTRUMENTS, LENGTH, options_of
from core.request import WHOLE_FILE, ComposeRequest, Origin, Rendering
from core.seed import HIGHEST_PITCH, LOWEST_PITCH, Seed
from core.tonality import ALL_KEYS
from tests.discord_standin import Discord, Upload
from tests.support.delivered import MIDI
from tests.support.playing_bot import FakeQueue, asks_for, clara, playing

STYLES = st.sampled_from(["any", "Chopin", "pop", "Frédéric Chopin", "Bach 2", "C. P. E. Bach"])
PITCHES = st.integers(LOWEST_PITCH, HIGHEST_PITCH)
SEEDS = st.builds(
    lambda chords, flats: Seed(tuple(tuple(sorted(chord)) for chord in chords), flats),
    st.lists(st.sets(PITCHES, min_size=1, max_size=10), max_size=6),
    st.frozensets(PITCHES.filter(lambda pitch: pitch % 12 in (1, 3, 6, 8, 10))),
)
CROPS = st.builds(
    lambda since, lasts: f"{since / 100}-{(since + lasts) / 100}", st.integers(0, 9999), st.integers(1, 9)
)
RENDERINGS = {
    "instrument": st.sampled_from(list(INSTRUMENTS)),
    "tempo": st.integers(25, 400),
    "transpose": st.integers(-24, 24),
    "audio": st.sampled_from(AUDIO_FORMATS),
    "crop": st.just("") | CROPS,
}
PERFORMED = {
    "style": STYLES,
    "key": st.sampled_from(["any", *map(str, ALL_KEYS)]),
    "pace": st.sampled_from(["any", *PACES]),
    "dynamics": st.sampled_from(["any", *DYNAMICS]),
    "mood": st.sampled_from(["any", *MOODS]),
    "top_p": st.floats(0.1, 1.0),
}
COMPOSED = {"length": st.integers(25, 3000), "temperature": st.floats(0.1, 2.0), "take": st.integers(0, 2**32 - 1)}
DEFAULTS = st.fixed_dictionaries({}, optional=PERFORMED | RENDERINGS | {"model": st.sampled_from(list(MODELS))})
"""A listener's own, whatever they are."""
RULES = st.builds(Rules, length=st.integers(25, 3000), style=STYLES, model=st.sampled_from(list(MODELS)))
SECONDS = st.none() | st.floats(1.0, 5000.0)
LOCALES = st.sampled_from(["en-US", "de", "zh-CN"])


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    speak("")


@st.composite
def recipes(draw: st.DrawFn, origin: Origin | None = None) -> tuple[ComposeRequest, Rendering]:
    """A request that may be made, of the model that continues pieces where it has an origin, and a rendering."""
    model = "performance" if origin else draw(st.sampled_from(list(MODELS)))
    options = COMPOSED | (PERFORMED if model == "performance" else {})
    fields = {name: draw(values) for name, values in options.items()}
    primed = {"primer": b"MThd", "origin": origin} if origin else {}
    try:
        request = ComposeRequest(Seed() if origin else draw(SEEDS), model=model, **fields, **primed)
        rendering = Rendering(**{name: draw(values) for name, values in RENDERINGS.items()})
        rendering.rendered_seconds(request.seconds)
    except BadRequest:
        assume(False)
    return request, rendering


def as_a_client_reads(typed: str) -> dict[str, Any]:
    """The values of a command that is typed into a client, by the names of its options."""
    name, _, rest = typed.removeprefix("/").partition(" ")
    kinds: dict[str, type] = {"seed": str, "melody": str} | {option.name: option.kind for option in options_of(name)}
    found = re.findall(rf"\b({'|'.join(kinds)}):(.*?)(?= (?:{'|'.join(kinds)}):|$)", rest)
    return {name: kinds[name](value) for name, value in found}


@given(recipes(), RULES, DEFAULTS, LOCALES)
def test_a_composed_piece_is_asked_for_again(
    recipe: tuple[ComposeRequest, Rendering], rules: Rules, own: dict[str, Any], locale: str
):
    """Whatever the server's defaults and the listener's are, in every language; each option in its place, or all of it
    typed into `seed`."""
    speak(locale)
    request, rendering = recipe
    typed = command(request, rendering)
    filled = as_a_client_reads(typed)
    for submission in (
        read_submission(typed, lambda options: rules.usual(options, own)),
        read_submission(filled.pop("seed"), lambda options: rules.usual(options, own), **filled),
    ):
        assert submission.request.to_json() == request.to_json()
        assert submission.rendering == rendering


@given(st.data(), st.sampled_from(["", "abcd2345"]), SECONDS, SECONDS, RULES)
def test_a_continued_piece_is_asked_for_again(
    data: st.DataObject, piece: str, since: float | None, keep: float | None, rules: Rules
):
    """With the id of the piece that it continues, or the same file, and what was read of it."""
    request, rendering = data.draw(recipes(Origin(piece, since, keep)))
    filled = as_a_client_reads(command(request, rendering))
    submission = read_continuation(
        {"from_" if name == "from" else name: filled[name] for name in filled}, rules, rules.usual
    )
    assert submission.request.to_json() == request.to_json() | {"primer": ""}
    assert submission.rendering == rendering


@pytest.mark.parametrize("model", MODELS)
def test_a_take_is_a_recipe(model: str):
    """Where one is named, no default holds; where none is, all do."""
    rules = Rules(length=300, style="Chopin", model=model)
    assert read_submission("72 take:7", rules.usual).request == ComposeRequest(Seed(((72,),)), take=7)
    drawn = read_submission("72", rules.usual).request
    assert (drawn.model, drawn.length) == (model, 300)


def test_every_option_is_in_the_test():
    """Of those that change what is composed or how it is played."""

    def told(option: Option[Any]) -> bool:
        return option.name not in ("takes", "model", "private", "piece", "from", "keep", "only_new")

    assert {*COMPOSED, *PERFORMED, *RENDERINGS} == {option.name for option in options_of("compose") if told(option)}
    assert LENGTH.usual in range(25, 3000)
    assert Origin() == WHOLE_FILE


@pytest.mark.asyncio
@pytest.mark.parametrize("label", ["Variation", "Continue"])
async def test_what_a_button_makes_can_be_typed(
    label: str, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """By anybody in that server, whose default style comes in between; and so can another take of it. The notes that
    it continues are the same."""
    async with Discord() as standin:
        guild = standin.guild()
        listener, other = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch) as bot:
            pressed = await listener.types("/compose", seed="72", length=100, take=7, crop="3-17", tempo=90)
            for pressing in (label, "New take"):
                await pressed.answered()
                queue.finish(pressed.id, midi=MIDI, composed=MIDI, duration=15.56)
                pressed = await listener.clicks(await pressed.finished(), pressing)
            await pressed.answered()
            queue.finish(pressed.id)
            said = await (await listener.clicks(await pressed.finished(), "Recipe")).answered()
            typed = said.content.removeprefix("```\n").partition("\n")[0]
            await bot.services.rules.change(guild.id, style="Chopin", length=400)
            retyped = await other.types("/continue", **as_a_client_reads(typed))
            await retyped.answered()
            assert asks_for(queue, retyped).primer
            assert asks_for(queue, retyped) == asks_for(queue, pressed)
            assert queue.terms[-1]["rendering"] == queue.terms[-2]["rendering"]


@pytest.mark.asyncio
async def test_a_file_or_a_piece_is_continued(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """One of them: both, and a piece that is not there, are answered to the one who typed alone."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            file = Upload("mine.mid", MIDI)
            for options, says in (
                (
                    {"file": file, "piece": "abcd2345"},
                    "Choose either a `file` (.mid) to be continued, or a `piece` by its id",
                ),
                ({"piece": "the last one"}, "'the last one' is not the id of a piece"),
                ({"piece": "abcd2345"}, "There is no piece `abcd2345`: mistyped, or no longer stored."),
            ):
                said = await (await listener.types("/continue", **options)).answered()
                assert said.content.startswith(says)
                assert said.ephemeral
            asked = await listener.types("/compose", seed="72", length=100, take=7)
            await asked.answered()
            queue.finish(asked.id, midi=MIDI, composed=MIDI, duration=20.0)
            await asked.finished()
            [(_, piece)] = await listener.autocompletes("/continue", "piece", "")
            said = await (await listener.types("/continue", piece=piece, length=2990)).answered()
            assert said.content.startswith("The piece's 20 s and 598 s more are together longer than 600 s")
            kept = await listener.types("/continue", piece=piece, **{"from": 12.0, "keep": 4.0})
            await kept.answered()
            [part] = PrettyMIDI(io.BytesIO(asks_for(queue, kept).primer)).instruments
            assert [note.pitch for note in part.notes] == [48, 49, 50, 51]
