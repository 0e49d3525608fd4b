"""Whatever strangers send or type, and whatever may stand in a database: it is understood, or refused by one sentence.
`make test` tries a few hundred of each, always the same; `make fuzz` tries many more, and others each time."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pretty_midi import PrettyMIDI

from bot.commands.options import MAX_SUGGESTION, MAX_SUGGESTIONS, read_submission, suggestions
from bot.commands.register import COMPONENTS
from bot.language import card, recipes
from bot.store.pending_reply import FRESH, Destination, PendingReply, StoredNotes, UnreadUpload
from core.errors import BadRequest
from core.midi.excerpt import MAX_SECONDS, Excerpt
from core.midi.piano import MOST_NOTES, Upload, reduced
from core.midi.reader import MEMORY, TOO_MUCH, Reader
from core.midi.smf import parse
from core.models import MODELS
from core.options import AUDIO_FORMATS, INSTRUMENTS, LENGTH, STYLE, TAKE, TEMPERATURE, TEMPO, TOP_P, TRANSPOSE
from core.piece import Composed
from core.request import ComposeRequest, Recipe, Rendering
from core.seed import HIGHEST_PITCH, LOWEST_PITCH, MAX_CHORD_NOTES, MAX_CHORDS, Seed
from core.text import Text
from tests.support import midi_corpus as corpus
from tests.support.pieces import piece

EXAMPLES = settings.default.max_examples
"""Of the profile; what takes moments tries several times as many."""
LONGEST_SENTENCE = 500
LONGEST_OPTION = 6000
"""Characters that Discord lets somebody type into an option."""
WIDEST = 2**53
"""Discord's numbers are within plus and minus this."""


def sentence(refusal: BadRequest) -> str:
    """What a refusal says, which is one line that anybody may read."""
    said = str(refusal)
    assert 0 < len(said) <= LONGEST_SENTENCE and len(said.splitlines()) == 1, said
    assert said.isprintable(), repr(said)
    return said


# --- MIDI files


BYTES = st.binary(max_size=8)
DELTAS = st.sampled_from([0, 1, 100, corpus.BEAT, 2**14, 2**21, corpus.LONG]) | st.integers(0, corpus.LONG)
MESSAGES = st.one_of(
    st.builds(
        lambda kind, channel, key, value: bytes([kind | channel, key, value]),
        st.sampled_from([0x80, 0x90, 0x90, 0xA0, 0xB0, 0xE0]),
        st.integers(0, 15),
        st.integers(0, 127) | st.just(64),
        st.integers(0, 127),
    ),
    st.builds(lambda key, value: bytes([key, value]), st.integers(0, 127), st.integers(0, 127)),
    st.builds(corpus.meta, st.integers(0, 127), BYTES),
    st.builds(lambda tempo: corpus.meta(0x51, tempo.to_bytes(3, "big")), st.integers(0, 2**24 - 1)),
    st.builds(lambda text: corpus.meta(3, text.encode()), st.text(max_size=40)),
    st.builds(lambda kind, content: bytes([kind]) + content, st.sampled_from([0xF0, 0xF7, 0xFF, 0xF1, 0xFE]), BYTES),
    st.sampled_from([b"\xff" * 6, b"\xff\x01\xff\xff\xff\x7f", b"\x80\x80\x80\x80\x00"]),
)
EVENTS = st.builds(corpus.event, DELTAS, MESSAGES) | st.builds(
    corpus.note,
    st.integers(0, 127),
    at=DELTAS,
    lasts=DELTAS,
    velocity=st.integers(0, 127),
    channel=st.integers(0, 15),
)
SOON = st.integers(0, 4 * corpus.BEAT)
PLAYED = st.builds(
    corpus.note,
    st.integers(LOWEST_PITCH, HIGHEST_PITCH),
    at=SOON,
    lasts=SOON,
    velocity=st.integers(1, 127),
    channel=st.integers(0, 15),
) | st.builds(
    lambda delta, channel, value: corpus.event(delta, bytes([0xB0 | channel, 64, value])),
    SOON,
    st.integers(0, 15),
    st.integers(0, 127),
)
TRACKS = st.lists(PLAYED, min_size=1, max_size=20).map(lambda events: corpus.track(*events))
ODD_TRACKS = st.lists(PLAYED | EVENTS, max_size=20).map(lambda events: corpus.track(*events))
NUMBERS = st.integers(0, 2**16 - 1)
PLAYABLE = st.builds(
    lambda chunks, kind: corpus.smf(*chunks, kind=kind), st.lists(TRACKS, min_size=1, max_size=4), st.integers(0, 2)
)
ODD = st.builds(
    lambda chunks, kind, division, tracks: corpus.smf(*chunks, kind=kind, division=division, tracks=tracks),
    st.lists(TRACKS | ODD_TRACKS | st.builds(corpus.chunk, st.binary(min_size=4, max_size=4), BYTES), max_size=5),
    kind=st.integers(0, 2) | NUMBERS,
    division=st.sampled_from([corpus.BEAT, 1, corpus.smpte(25, 40)]) | NUMBERS,
    tracks=NUMBERS,
)
LEGAL = st.sampled_from([data for data, _ in corpus.LEGAL.values()])
DAMAGED = st.sampled_from([data for data, _ in corpus.DAMAGED.values() if len(data) < 2000])


def chunks(data: bytes) -> list[bytes]:
    """A file in parts, as its own lengths have it; together they are the file."""
    places = [0]
    while places[-1] + 8 <= len(data):
        places.append(places[-1] + 8 + int.from_bytes(data[places[-1] + 4 : places[-1] + 8], "big"))
    return [data[start:end] for start, end in zip(places, [*places[1:], len(data)], strict=True)]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A file with a few things done to it, mostly behind its header."""
    data = draw(LEGAL | PLAYABLE | ODD)
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(min(14, len(data)), len(data)) | st.integers(0, len(data)))
        end = place + draw(st.integers(0, 12))
        parts = chunks(data)
        number = draw(st.integers(0, len(parts) - 1))
        before, part, after = parts[:number], parts[number], parts[number + 1 :]
        match draw(st.sampled_from(["cut", "flip", "flip", "in", "in", "out", "twice", "chunk", "length", "track"])):
            case "cut":
                data = data[:place]
            case "flip":
                flipped = bytes(byte ^ 1 << draw(st.integers(0, 7)) for byte in data[place : place + 1])
                data = data[:place] + flipped + data[place + 1 :]
            case "in":
                data = data[:place] + draw(EVENTS | MESSAGES | BYTES | DELTAS.map(corpus.quantity)) + data[place:]
            case "out":
                data = data[:place] + data[end:]
            case "twice":
                data = data[:end] + data[place:]
            case "chunk":
                data = b"".join([*before, *draw(st.sampled_from([[], [part, part]])), *after])
            case "length":
                data = b"".join([*before, part[:4], draw(st.binary(min_size=4, max_size=4)), part[8:], *after])
            case "track":
                data = b"".join([*before, part, draw(TRACKS | ODD_TRACKS), *after])
    return draw(st.sampled_from([data, data, data, corpus.riff(data)]))


FILES = PLAYABLE | mutated() | mutated() | ODD | LEGAL | DAMAGED | st.binary(max_size=500)
MOMENTS = st.none() | st.floats(0.1, 60) | st.floats(0, WIDEST)
EXCERPTS = st.builds(Excerpt, MOMENTS, st.none() | st.floats(1, 60) | st.floats(1, WIDEST), st.floats(0, MAX_SECONDS))


def read_or_refused(read: Callable[[], Upload]) -> None:
    """One piano that is as it is described, or a sentence."""
    try:
        upload = read()
    except BadRequest as refusal:
        assert sentence(refusal) != TOO_MUCH  # which is also said of what nobody foresaw
        return
    [piano] = PrettyMIDI(io.BytesIO(upload.midi)).instruments
    assert 1 <= upload.notes == len(piano.notes) <= MOST_NOTES
    assert 0 < upload.seconds <= MAX_SECONDS
    assert abs(max(note.end for note in piano.notes) - upload.seconds) < 0.0011
    assert all(LOWEST_PITCH <= note.pitch <= HIGHEST_PITCH and 0 <= note.start < note.end for note in piano.notes)
    assert str(upload.remark).isprintable()
    assert len(str(upload.remark)) < LONGEST_SENTENCE
    assert not set(str(upload.remark)) & set("<>@[]`*/")
    again = reduced(parse(upload.midi))
    assert (again.notes, again.seconds) == (upload.notes, upload.seconds)


@settings(max_examples=10 * EXAMPLES)
@given(FILES, EXCERPTS)
def test_any_file_is_read_or_refused(data: bytes, excerpt: Excerpt):
    """By the reader's own code, which is quick here."""
    read_or_refused(lambda: reduced(parse(data), excerpt))


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """One with time enough for a machine that is busy, whose process is never renewed: it has to bear everything."""
    reader = Reader(seconds=60, reads=sys.maxsize)
    process = reader._running()
    written = bytes_written(process.pid)
    yield reader
    assert reader._running() is process
    assert bytes_written(process.pid) == written
    reader.close()


def bytes_written(process: int) -> str:
    """To any disk; pipes do not count."""
    [line] = [line for line in Path(f"/proc/{process}/io").read_text().splitlines() if line.startswith("write_bytes")]
    return line


@settings(max_examples=3 * EXAMPLES)
@given(FILES, EXCERPTS)
def test_any_file_leaves_the_reader_well(reader: Reader, data: bytes, excerpt: Excerpt):
    """The same process goes on, within its memory, and has written, opened and started nothing."""
    process = reader._running()
    read_or_refused(lambda: reader.read(data, excerpt))
    assert reader._process is process
    state = Path(f"/proc/{process.pid}")
    peak = re.search(r"VmPeak:\s+(\d+) kB", (state / "status").read_text())
    assert peak
    assert int(peak[1]) * 1024 <= MEMORY
    assert len(list((state / "fd").iterdir())) <= 5  # three that it was given, and what Python may hold
    assert not (state / "task" / str(process.pid) / "children").read_text()


# --- What is typed


PARTS = st.sampled_from(
    [
        *("random", "C5", "60", "72", "108", "b", "♭", "#", "C minor", "major", "C5 (72)", "(", ")", "seed:"),
        *(" ", ",", ", ", "\n", "\u2028", "\x00", "\t", "\u202e", "😀", "@everyone", "[a](b)", "-1", "٣", "²"),
        *("length:50", "length:", "style:Chopin", "style=", "temperature:0,5", "top_p:0.9", "take:", "take=3"),
        *("model:article", "instrument:music_box", "tempo:50", "transpose:-3", "audio:wav", "crop:1-2", "private:yes"),
        "1e999",
    ]
)
TEXTS = st.text(max_size=200) | st.lists(PARTS | st.text(max_size=4), max_size=12).map("".join)
TYPED = TEXTS | st.builds(
    lambda before, part, count, after: (before + part * count + after)[:LONGEST_OPTION],
    TEXTS,
    PARTS | st.text(max_size=4),
    st.sampled_from([10, 30, 100, LONGEST_OPTION]),
    TEXTS,
)
WHOLE = st.integers(0, 700) | st.integers(-WIDEST, WIDEST)
BROKEN = st.floats(0, 2) | st.floats(-WIDEST, WIDEST)
FILLED = st.fixed_dictionaries(
    {},
    optional={
        "length": st.none() | WHOLE,
        "style": st.none() | TYPED,
        "temperature": st.none() | BROKEN,
        "top_p": st.none() | BROKEN,
        "take": st.none() | WHOLE,
        "model": st.none() | st.sampled_from([*MODELS]) | TYPED,
        "instrument": st.none() | st.sampled_from(sorted(INSTRUMENTS)) | TYPED,
        "tempo": st.none() | WHOLE,
        "transpose": st.none() | st.integers(-30, 30) | WHOLE,
        "audio": st.none() | st.sampled_from(AUDIO_FORMATS) | TYPED,
        "crop": st.none() | st.sampled_from(["30-60", "0:30-", "-1:00", "60-30", "-"]) | TYPED,
        "private": st.none() | st.booleans(),
    },
)


@settings(max_examples=6 * EXAMPLES)
@given(TYPED)
@example("60\n62\nH")
@example("seed \u2028" * 5)
def test_any_text_is_a_seed_or_a_sentence(typed: str):
    """One that is read can be typed again."""
    try:
        seed = Seed.parse(typed)
    except BadRequest as refusal:
        sentence(refusal)
    else:
        within_bounds(seed)


def within_bounds(seed: Seed) -> None:
    assert Seed.parse(str(seed)) == seed
    assert len(seed.chords) <= MAX_CHORDS
    for chord in seed.chords:
        assert 1 <= len(chord) <= MAX_CHORD_NOTES
        assert list(chord) == sorted(set(chord))
        assert chord[0] >= LOWEST_PITCH
        assert chord[-1] <= HIGHEST_PITCH


@settings(max_examples=6 * EXAMPLES)
@given(TYPED, FILLED)
@example("72 take:" + "9" * 4000, {})
@example("72 style:x", {"style": "a\nb"})
@example("72", {"style": "[free](http://a.b)"})
def test_anything_typed_is_a_submission_or_a_sentence(typed: str, filled: dict[str, Any]):
    """A submission is one that can be made, stored, shown and repeated."""
    try:
        request, rendering, private, _ = read_submission(typed, **filled)
    except BadRequest as refusal:
        sentence(refusal)
        return
    assert isinstance(private, bool)
    within_bounds(request.seed)
    can_be_shown(request, rendering)


def can_be_shown(request: ComposeRequest, rendering: Rendering) -> None:
    """Discord takes every message about it, its files have names that are safe anywhere, and it can be stored."""
    recipe = Recipe(request, "0123456789ab", rendering)
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    typed = recipes.command(request, rendering)
    assert typed.isprintable()
    assert len(typed) < 1500
    done = replace(piece(request), recipe=recipe)
    reply = card.finished(done, 10 * 2**20)
    assert reply.embed is not None
    assert len(reply.embed) <= 6000
    assert len(reply.embed.title or "") <= 256
    assert 1 <= len(reply.embed.description or "") <= 4096
    names = [attachment.name for attachment in reply.attachments]
    assert names and all(re.fullmatch(r"nocturne-[a-z0-9-]{1,180}\.(mp3|mid|png)", name) for name in names), names


@settings(max_examples=4 * EXAMPLES)
@given(TYPED)
def test_discord_takes_what_is_suggested(typed: str):
    """Not too many, none empty, none too long; and what is suggested is understood."""
    offered = suggestions(typed)
    assert len(offered) <= MAX_SUGGESTIONS
    assert len(set(offered)) == len(offered)
    for name, value in offered:
        assert len(name.strip()) >= 1
        assert len(name) <= MAX_SUGGESTION
        assert len(value.strip()) >= 1
        assert len(value) <= MAX_SUGGESTION
        read_submission(value, take=None if "take" in value.lower() else 1)


# --- Buttons


TEMPLATES = {button: button.__discord_ui_compiled_template__ for button in COMPONENTS}
IDS = st.one_of(
    st.text(max_size=100),
    *(st.from_regex(template) for template in TEMPLATES.values()),
    *(st.from_regex(template, fullmatch=True) for template in TEMPLATES.values()),
    st.builds(
        lambda kind, rest: f"{kind}:{rest}",
        st.sampled_from(sorted({template.pattern.split(":")[0] for template in TEMPLATES.values()})),
        st.text(),
    ),
    st.builds("cancel:{}".format, st.integers(0, 10**30)),
    st.builds("history:{}".format, st.text("0123456789", max_size=9)),
)


def result(work: Coroutine[Any, Any, Any]) -> Any:
    """Of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


@settings(max_examples=10 * EXAMPLES)
@given(IDS)
@example("history:007")
@example("cancel:" + "9" * 90)
def test_a_button_is_known_by_what_it_wrote_itself(custom_id: str):
    """At most one kind of button reads a custom_id, and what it reads is what it would write."""
    known = [(button, match) for button, template in TEMPLATES.items() if (match := template.fullmatch(custom_id))]
    assert len(known) <= 1
    for button, match in known:
        try:
            item = result(button.from_custom_id(None, None, match))
        except BadRequest as refusal:
            sentence(refusal)
        else:
            assert item.item.custom_id == custom_id
            assert len(custom_id) <= 100
            assert custom_id.isascii()


# --- What is read back


CHORDS = st.sets(st.integers(LOWEST_PITCH, HIGHEST_PITCH), min_size=1, max_size=MAX_CHORD_NOTES).map(
    lambda pitches: tuple(sorted(pitches))
)
STYLES = st.sampled_from(["any", "Chopin"]) | st.text(min_size=1, max_size=STYLE.longest)


@st.composite
def requests(draw: st.DrawFn) -> ComposeRequest:
    """Any that can be made."""
    options = {
        "take": draw(st.integers(0, TAKE.most)),
        "length": draw(st.integers(LENGTH.least, LENGTH.most)),
        "temperature": draw(st.floats(TEMPERATURE.least, TEMPERATURE.most)),
    }
    if draw(st.booleans()):
        options |= {"style": draw(STYLES), "top_p": draw(st.floats(TOP_P.least, TOP_P.most))}
    else:
        options |= {"model": draw(st.sampled_from([*MODELS]))}
    most = int(options["length"] // 2)  # a chord lasts two steps
    seed = Seed(tuple(draw(st.lists(CHORDS, max_size=min(most, MAX_CHORDS)))))
    primer = draw(BYTES) if not seed.chords and options.get("model") != "article" else b""
    try:
        return ComposeRequest(seed, primer=primer, **options)  # type: ignore[arg-type]
    except BadRequest as refusal:
        assert "is not the name of a style" in sentence(refusal)
        return ComposeRequest(seed, primer=primer, **options | {"style": "any"})  # type: ignore[arg-type]


RENDERINGS = st.builds(
    Rendering,
    st.sampled_from(sorted(INSTRUMENTS)),
    st.integers(TEMPO.least, TEMPO.most),
    st.integers(TRANSPOSE.least, TRANSPOSE.most),
    st.sampled_from(AUDIO_FORMATS),
    only_new=st.booleans(),
    crop=st.just("")
    | st.tuples(st.floats(0, 300), st.floats(301, 600)).map(lambda bounds: f"{bounds[0]:f}-{bounds[1]:f}"),
)
RECIPES = st.builds(Recipe, requests(), st.text("0123456789abcdef", min_size=12, max_size=12), RENDERINGS)
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
    *(st.floats(0, WIDEST), st.none() | IDS, st.text()),
)
SOURCES = st.one_of(
    st.just(FRESH),
    st.builds(UnreadUpload, st.text(min_size=1), *[st.none() | st.floats(0, WIDEST)] * 2),
    st.builds(StoredNotes, st.text(min_size=1)),
)
PENDING = st.builds(
    PendingReply,
    *(st.integers(0, WIDEST).map(str), requests(), DESTINATIONS, SOURCES, RENDERINGS, st.text(), SAID),
)
PIECES = st.builds(
    lambda recipe, audio_format: replace(piece(recipe.request), recipe=recipe, audio_format=audio_format),
    RECIPES,
    st.sampled_from(AUDIO_FORMATS),
)
STORED = st.one_of(
    requests(),
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


@settings(max_examples=4 * EXAMPLES)
@given(STORED)
def test_what_is_stored_is_read_back(stored: Any):
    """As it was."""
    assert type(stored).from_json(json.loads(json.dumps(stored.to_json()))) == stored


@settings(max_examples=10 * EXAMPLES)
@given(st.data())
def test_what_is_damaged_is_refused(data: st.DataObject):
    """By an error that whoever reads it expects; what is read all the same is what it says to be."""
    stored = data.draw(STORED)
    damaged = json.loads(json.dumps(stored.to_json()))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged = data.draw(changed(damaged))
    try:
        read = type(stored).from_json(damaged)
    except BadRequest as refusal:
        sentence(refusal)
    except (TypeError, KeyError):
        pass
    else:
        assert type(read).from_json(json.loads(json.dumps(read.to_json()))) == read
        if isinstance(read, Recipe):
            can_be_shown(read.request, read.rendering)
        if isinstance(read, PendingReply):
            destination = read.destination
            assert isinstance(destination.seconds_left, float | None)
            assert isinstance(str(read.remark), str)
            assert isinstance(destination.editable, bool)
            assert destination.audio_limit <= destination.size_limit


@settings(max_examples=4 * EXAMPLES)
@given(requests(), RENDERINGS)
def test_any_piece_can_be_shown(request: ComposeRequest, rendering: Rendering):
    """With files whose names are ours, whatever was asked for."""
    can_be_shown(request, rendering)
