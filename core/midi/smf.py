"""Standard MIDI Files as anybody may send them: every loop here ends with the file's bytes, and nothing is sized by
what a file claims. Follows the MIDI Manufacturers Association's specification of 1996, and forgives common mistakes."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from core.errors import BadRequest
from core.midi.controllers import SUSTAIN

MOST_NOTES = 20_000
"""Ten minutes of the busiest playing are 18,000."""
MOST_TRACKS = 256
DRUMS = 9
"""The channel of the drums, counted from 0."""

_NOTE_OFF, _NOTE_ON, _CONTROL = 0x80, 0x90, 0xB0
_LENGTHS = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2, 0xF1: 1, 0xF2: 2, 0xF3: 1}
"""Bytes that follow a status; none follow the others."""
_SYSEX, _SYSEX_END, _META = 0xF0, 0xF7, 0xFF
_TRACK_NAME, _END_OF_TRACK, _TEMPO = 0x03, 0x2F, 0x51
_USUAL_TEMPO = 500_000
_FRAMES_A_SECOND = {24: 24.0, 25: 25.0, 29: 30 / 1.001, 30: 30.0}


class Heard(NamedTuple):
    """A note, in seconds."""

    start: float
    end: float
    pitch: int
    velocity: int


class Pedal(NamedTuple):
    """A position of the sustain pedal, 0 to 127, from `time` (seconds) on."""

    time: float
    value: int


@dataclass(slots=True)
class Part:
    """What one track has for one channel."""

    track: int
    channel: int
    name: str
    notes: list[Heard] = field(default_factory=list)
    pedal: list[Pedal] = field(default_factory=list)


def parse(data: bytes) -> list[Part]:
    """The parts of a file that have notes, in its order. Raises BadRequest for what is no MIDI file, is damaged before
    its last track, or has too much in it."""
    format_, division, chunks = _chunks(_unwrapped(data))
    tracks = [_Track(number, chunk) for number, chunk in enumerate(chunks, start=1)]
    notes = sum(len(track.notes) for track in tracks)
    if notes > MOST_NOTES:
        raise BadRequest("the MIDI file has {notes:,} notes, at most {most:,} are read", notes=notes, most=MOST_NOTES)
    if format_ != 2:
        clock = _Clock(division, [tempo for track in tracks for tempo in track.tempos])
        return [part for track in tracks for part in track.parts(clock)]
    parts, begins = [], 0.0
    for track in tracks:  # each a piece of its own, which follow one another
        clock = _Clock(division, track.tempos, begins)
        parts += track.parts(clock)
        begins = clock.seconds(track.end)
    return parts


def _unwrapped(data: bytes) -> bytes:
    """What is in a RIFF container of MIDI, or else the data itself."""
    if data[:4] != b"RIFF" or data[8:12] != b"RMID":
        return data
    place = 12
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        if data[place : place + 4] == b"data":
            return data[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
    return b""


def _chunks(data: bytes) -> tuple[int, int, list[bytes]]:
    """The format, the division, and the tracks of a file; chunks of other kinds are skipped."""
    header = int.from_bytes(data[4:8], "big")
    if data[:4] != b"MThd" or header < 6 or len(data) < 14:
        raise BadRequest("this is not a MIDI file (.mid)")
    format_, division = int.from_bytes(data[8:10], "big"), int.from_bytes(data[12:14], "big")
    tracks, place = [], 8 + header
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "big")
        if data[place : place + 4] == b"MTrk":
            tracks.append(data[place + 8 : place + 8 + size])  # the last one may be cut off
        if len(tracks) > MOST_TRACKS:
            raise BadRequest("the MIDI file has more than {most} tracks", most=MOST_TRACKS)
        place += 8 + size
    return format_, division, tracks


class _Clock:
    """Ticks -> seconds, through all changes of tempo."""

    def __init__(self, division: int, tempos: list[tuple[int, int]], begins: float = 0.0) -> None:
        """`tempos` are (tick, microseconds a beat); `begins` is when tick 0 is. Raises BadRequest for a division that
        makes no time pass."""
        self._ticks, self._seconds, self._pace = [0], [begins], [0.0]
        if division & 0x8000:
            frames, ticks = _FRAMES_A_SECOND.get(256 - (division >> 8)), division & 0xFF
            if not frames or not ticks:
                raise BadRequest("the MIDI file is damaged: its header says neither ticks a beat nor ticks a frame")
            self._pace = [1 / (frames * ticks)]
            return
        if not division:
            raise BadRequest("the MIDI file is damaged: its header says 0 ticks a beat")
        self._pace = [_USUAL_TEMPO / 1e6 / division]
        for tick, tempo in sorted(tempos, key=lambda change: change[0]):
            self._seconds.append(self.seconds(tick))
            self._ticks.append(tick)
            self._pace.append(tempo / 1e6 / division)

    def seconds(self, tick: int) -> float:
        place = bisect_right(self._ticks, tick) - 1
        return self._seconds[place] + (tick - self._ticks[place]) * self._pace[place]


class _Track:
    """One track, read: (start, end, channel, pitch, velocity) notes, (tick, value, channel) pedal, (tick, tempo)
    changes."""

    def __init__(self, number: int, data: bytes) -> None:
        self.number, self.name, self.end = number, "", 0
        self.notes: list[tuple[int, int, int, int, int]] = []
        self.pedal: list[tuple[int, int, int]] = []
        self.tempos: list[tuple[int, int]] = []
        self._held: defaultdict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)
        with suppress(IndexError):  # cut off: what was read before is good
            self._read(data)
        for (channel, pitch), strikes in self._held.items():  # never released
            self.notes += [(start, max(self.end, start + 1), channel, pitch, velocity) for start, velocity in strikes]

    def parts(self, clock: _Clock) -> list[Part]:
        parts: dict[int, Part] = {}
        for start, end, channel, pitch, velocity in sorted(self.notes):
            part = parts.setdefault(channel, Part(self.number, channel, self.name))
            part.notes.append(Heard(clock.seconds(start), clock.seconds(end), pitch, velocity))
        for tick, value, channel in self.pedal:
            if channel in parts:
                parts[channel].pedal.append(Pedal(clock.seconds(tick), value))
        return list(parts.values())

    def _read(self, data: bytes) -> None:
        place, running = 0, 0
        while place < len(data):
            delta, place = self._quantity(data, place)
            self.end += delta
            status = data[place]
            if status >= 0x80:
                place += 1
            else:
                status = running
            if status in (_META, _SYSEX, _SYSEX_END):
                kind = data[place] if status == _META else -1
                size, place = self._quantity(data, place + (status == _META))
                if kind == _END_OF_TRACK:
                    return
                self._take_meta(kind, data[place : place + size])
                place += size
                continue
            running = status if status < 0xF0 else running  # other messages should end it, but some writers go on
            length = _LENGTHS.get(status & 0xF0 if status < 0xF0 else status, 0)
            values = data[place : place + length]
            if status < 0x80 or any(value >= 0x80 for value in values):
                raise BadRequest(
                    "the MIDI file is damaged: track {track} makes no sense at byte {byte}",
                    track=self.number,
                    byte=place,
                )
            if len(values) < length:
                return
            self._take(status, values)
            place += length

    def _quantity(self, data: bytes, place: int) -> tuple[int, int]:
        """A number of variable length, and the place after it."""
        value = 0
        for count in range(4):
            byte = data[place + count]
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value, place + count + 1
        raise BadRequest(
            "the MIDI file is damaged: track {track} has a number without end at byte {byte}",
            track=self.number,
            byte=place,
        )

    def _take(self, status: int, values: bytes) -> None:
        kind, channel = status & 0xF0, status & 0x0F
        if kind == _NOTE_ON and values[1]:
            self._held[channel, values[0]].append((self.end, values[1]))
        elif kind in (_NOTE_ON, _NOTE_OFF) and (strikes := self._held.get((channel, values[0]))):
            start, velocity = strikes.popleft()
            self.notes.append((start, self.end, channel, values[0], velocity))
        elif kind == _CONTROL and values[0] == SUSTAIN:
            self.pedal.append((self.end, values[1], channel))

    def _take_meta(self, kind: int, content: bytes) -> None:
        if kind == _TRACK_NAME and not self.name:
            text = content[:100].decode("utf-8", errors="replace")
            self.name = " ".join("".join(letter for letter in text if letter.isalnum() or letter in " -.'").split())[
                :30
            ]
        elif kind == _TEMPO and len(content) == 3:
            self.tempos.append((self.end, int.from_bytes(content, "big")))
