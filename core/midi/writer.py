"""Notes in ticks -> the bytes of a Standard MIDI File of format 1, whose first track has the beats and no notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import log2
from typing import NamedTuple

from core.key_events import PEDAL, RELEASE, STRIKE, KeyEvent
from core.midi.beats import Beats
from core.midi.controllers import SUSTAIN

_TEXT, _TRACK_NAME, _END_OF_TRACK, _TEMPO, _METRE, _KEY = 0x01, 0x03, 0x2F, 0x51, 0x58, 0x59
_CLOCKS, _THIRTYSECONDS = 24, 8
"""MIDI clocks of a metronome's click, and 32nd notes of a quarter, which a metre has to tell."""


class Strike(NamedTuple):
    """A note, in ticks."""

    start: int
    end: int
    pitch: int
    velocity: int


PedalMove = tuple[int, int]
"""A tick, and the position of the sustain pedal from there on."""


@dataclass(frozen=True, slots=True)
class Track:
    """A track of a file; all are on the first channel, since one piano plays them."""

    name: str
    strikes: Sequence[Strike]
    pedal: Sequence[PedalMove] = field(default=())
    program: int = 0


def playable(strikes: Iterable[Strike]) -> list[Strike]:
    """The notes, in order, as one piano can play them: a key that is struck while it is held is released first, and one
    that is struck twice in a tick sounds once, as hard and as long as either."""
    latest: dict[int, int] = {}
    played: list[Strike] = []
    for strike in strikes:
        place = latest.get(strike.pitch)
        if place is not None:
            before = played[place]
            if before.start == strike.start:
                longest, hardest = max(before.end, strike.end), max(before.velocity, strike.velocity)
                played[place] = before._replace(end=longest, velocity=hardest)
                continue
            played[place] = before._replace(end=min(before.end, strike.start))
        latest[strike.pitch] = len(played)
        played.append(strike)
    return played


def pedal_until(moves: Iterable[PedalMove], end: int) -> list[PedalMove]:
    """The moves up to a tick, of those that are in order. Of several at tick 0, where the music begins, only the last
    one counts."""
    kept: list[PedalMove] = []
    for tick, value in moves:
        if tick > end:
            break
        if tick == 0:
            kept.clear()
        kept.append((tick, value))
    return kept


def key_events(strikes: Iterable[Strike], pedal: Iterable[PedalMove]) -> list[KeyEvent]:
    """Notes and moves of the pedal in the order in which they happen: in each tick the pedal comes first, then
    releases, then strikes, from low to high."""
    events = [KeyEvent(tick, PEDAL, SUSTAIN, value) for tick, value in pedal]
    for start, end, pitch, velocity in strikes:
        events += [KeyEvent(start, STRIKE, pitch, velocity), KeyEvent(end, RELEASE, pitch, 0)]
    return sorted(events, key=lambda event: event[:3])


def written(tracks: Sequence[Track], beats: Beats, title: str = "", texts: Sequence[str] = ()) -> bytes:
    """The file. `title` is its name, as sequencers and score editors show it, and `texts` say more about it."""
    said = [(0, _meta(_TRACK_NAME, title.encode()))] if title else []
    said += [(0, _meta(_TEXT, text.encode())) for text in texts]
    chunks = [_chunk(b"MTrk", _timed(sorted(said + _signs(beats), key=lambda event: event[0])))]
    chunks += [_chunk(b"MTrk", _timed(_messages(track))) for track in tracks]
    header = b"".join(number.to_bytes(2, "big") for number in (1, len(chunks), beats.resolution))
    return b"".join([_chunk(b"MThd", header), *chunks])


_Event = tuple[int, bytes]
"""A tick and a message."""


def _signs(beats: Beats) -> list[_Event]:
    """Tempo, metre and key."""
    tempos = [(tick, _meta(_TEMPO, tempo.to_bytes(3, "big"))) for tick, tempo in beats.tempos]
    metres = [
        (tick, _meta(_METRE, bytes([count, round(log2(unit)), _CLOCKS, _THIRTYSECONDS])))
        for tick, count, unit in beats.metres
    ]
    keys = [(tick, _meta(_KEY, bytes([sharps % 256, minor]))) for tick, sharps, minor in beats.keys]
    return tempos + metres + keys


def _messages(track: Track) -> list[_Event]:
    """The messages of a track, in order."""
    messages = [(0, _meta(_TRACK_NAME, track.name.encode())), (0, bytes([0xC0, track.program]))]
    running = 0
    for tick, kind, number, value in key_events(track.strikes, track.pedal):
        status = 0xB0 if kind == PEDAL else 0x90
        messages.append((tick, bytes([number, value] if status == running else [status, number, value])))
        running = status
    return messages


def _timed(events: Sequence[_Event]) -> bytes:
    content, before = bytearray(), 0
    for tick, message in events:
        content += _quantity(tick - before) + message
        before = tick
    return bytes(content) + b"\0" + _meta(_END_OF_TRACK, b"")


def _quantity(value: int) -> bytes:
    """A number of variable length."""
    if value < 0x80:
        return bytes([value])
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))


def _meta(kind: int, content: bytes) -> bytes:
    return bytes([0xFF, kind]) + _quantity(len(content)) + content


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "big") + content
