"""MIDI files of strangers, for Hypothesis: playable, odd, damaged, and no MIDI files at all."""

from __future__ import annotations

from hypothesis import strategies as st

from core.midi.excerpt import MAX_SECONDS, Excerpt
from core.seed import HIGHEST_PITCH, LOWEST_PITCH
from tests.support import midi_corpus as corpus
from tests.system.fuzz.typed import WIDEST

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
GIVEN_FILES = PLAYABLE | st.builds(corpus.smf, TRACKS) | ODD
"""To be performed or harmonized; a track alone is one voice."""
MOMENTS = st.none() | st.floats(0.1, 60) | st.floats(0, WIDEST)
EXCERPTS = st.builds(Excerpt, MOMENTS, st.none() | st.floats(1, 60) | st.floats(1, WIDEST), st.floats(0, MAX_SECONDS))
