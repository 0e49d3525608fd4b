"""Standard MIDI Files as anybody may send them: every loop here ends with the file's bytes, and nothing is sized by
what a file claims. Follows the MIDI Manufacturers Association's specification of 1996, and forgives common mistakes."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from core.errors import BadRequest
from core.midi import names
from core.midi.beats import PLAIN, Beats, Clock, KeySignature, Metre, Tempo, ticks_a_second
from core.midi.container import chunks_of
from core.midi.controllers import ALL_NOTES_OFF, ALL_SOUND_OFF, BANK, EXPRESSION, RESET, SUSTAIN, VOLUME
from core.midi.pairing import RELEASE, SILENCE, Move, paired, silenced

DRUMS = 9
"""The channel of the drums, counted from 0, where the file does not say otherwise."""

_NOTE_OFF, _NOTE_ON, _CONTROL, _PROGRAM, _PRESSURE, _SYSTEM = 0x80, 0x90, 0xB0, 0xC0, 0xD0, 0xF0
_SYSTEM_LENGTHS = {0xF1: 1, 0xF2: 2, 0xF3: 1}
"""Bytes that follow such a status; none follow the others."""
_SYSEX, _SYSEX_END, _META = 0xF0, 0xF7, 0xFF
_TRACK_NAME, _PORT, _END_OF_TRACK, _TEMPO, _METRE, _KEY = 0x03, 0x21, 0x2F, 0x51, 0x58, 0x59
_NAME_BYTES = 100
_XG_DRUM_BANKS = (126, 127)
_OVERLAP = 16
"""A key that is released within this part of a beat after it was struck again was so for the note before."""


class TimedNote(NamedTuple):
    """A note, in seconds."""

    start: float
    end: float
    pitch: int
    velocity: int


class Position(NamedTuple):
    """The value of a controller, 0 to 127, from `time` (seconds) on."""

    time: float
    value: int


@dataclass(slots=True)
class Part:
    """A part: the notes of one track for one channel. Files of format 2, and several ports, have more than 16
    channels."""

    track: int
    channel: int
    name: str
    notes: list[TimedNote] = field(default_factory=list)
    drums: bool = False
    silent: bool = False


@dataclass(slots=True)
class Score:
    """The content of a file: its parts with notes in its order, how the sustain pedal of each channel moves, and the
    beats on which it is written."""

    parts: list[Part]
    pedals: dict[int, list[Position]] = field(default_factory=dict)
    beats: Beats = PLAIN

    @property
    def seconds(self) -> float:
        """When its last note ends."""
        return max((note.end for part in self.parts for note in part.notes), default=0.0)


def parse(data: bytes) -> Score:
    """Raises BadRequest for what is no MIDI file, or is damaged beyond what players forgive."""
    format_, division, chunks = chunks_of(data)
    pace = ticks_a_second(division)
    overlap = max(1, round(pace / 2 if pace else division) // _OVERLAP)
    tracks = [_Track(number, chunk) for number, chunk in enumerate(chunks, start=1)]
    named = names.decoded([track.name for track in tracks])
    if format_ == 2:
        return _successive(tracks, named, division, pace, overlap)
    beats = Beats(
        division, *(_merged(getattr(track, kind) for track in tracks) for kind in ("tempos", "metres", "keys"))
    )
    clock = Clock(pace / 2, []) if pace else beats.clock  # a beat of half a second
    _silence_each_other(tracks)
    parts = [part for track, name in zip(tracks, named, strict=True) for part in track.parts(clock, name, overlap)]
    return Score(parts, _controlled(parts, tracks, clock), PLAIN if pace else beats)


def _silence_each_other(tracks: Sequence[_Track]) -> None:
    """Let the end of all notes of a channel, which stands in one track, end those of the other tracks too."""
    ends: defaultdict[int, set[int]] = defaultdict(set)
    for track in tracks:
        for tick, channel in track.silences:
            ends[channel].add(tick)
    silences = {channel: sorted(ticks) for channel, ticks in ends.items()}
    for track in tracks:
        track.silence(silences)


def _successive(tracks: list[_Track], named: list[str], division: int, pace: float | None, overlap: int) -> Score:
    """A file of format 2: each track is a piece of its own, and they follow one another."""
    score, begins = Score([]), 0.0
    for track, name in zip(tracks, named, strict=True):
        clock = Clock(pace / 2, [], begins) if pace else Clock(division, track.tempos, begins)
        track.group = track.number
        parts = track.parts(clock, name, overlap)
        score.pedals |= _controlled(parts, [track], clock)
        score.parts += parts
        begins = clock.seconds(track.end)
    return score


def _merged(changes: Iterable[list]) -> tuple:
    """The changes of all tracks in the order of their ticks."""
    return tuple(sorted((change for track in changes for change in track), key=lambda change: change[0]))


def _controlled(parts: list[Part], tracks: list[_Track], clock: Clock) -> dict[int, list[Position]]:
    """How the pedals of the channels move; marks the parts that are drums, and those whose channel's volume is 0 for
    as long as they play."""
    positions: dict[tuple[int, int], list[Position]] = defaultdict(list)
    for tick, channel, number, value in _merged(track.controls for track in tracks):
        known = positions[channel, number]
        if not known or known[-1].value != value:
            known.append(Position(clock.seconds(tick), value))
    kinds = (_IS_DRUMS, _HAS_DRUM_BANK) if any(track.is_xg for track in tracks) else (_IS_DRUMS,)
    for part in parts:
        begin, usual = part.notes[0].start, part.channel & 15 == DRUMS
        part.drums = any(_at(positions[part.channel, kind], begin, usual) for kind in kinds)
        part.silent = any(_is_off(positions[part.channel, number], part) for number in (VOLUME, EXPRESSION))
    return {channel: moves for (channel, number), moves in positions.items() if number == SUSTAIN}


def _at(positions: list[Position], time: float, otherwise: int) -> int:
    """The last position until `time`."""
    place = bisect_right(positions, (time, 127))
    return positions[place - 1].value if place else otherwise


def _is_off(positions: list[Position], part: Part) -> bool:
    """Whether the controller is 0 for as long as the part plays."""
    begin, end = part.notes[0].start, max(note.end for note in part.notes)
    following = bisect_right(positions, (begin, 127))  # no two that follow one another are equal
    off = following > 0 and not positions[following - 1].value
    return off and (following == len(positions) or positions[following].time >= end)


_Control = tuple[int, int, int, int]
"""A tick, a channel, the number of a controller or one of the next two, and its value."""
_IS_DRUMS, _HAS_DRUM_BANK = -1, -2


class _Track:
    """One track, read, in ticks."""

    def __init__(self, number: int, data: bytes) -> None:
        self.number, self.name, self.end = number, b"", 0
        self.group = self.port = 0
        self.tempos: list[Tempo] = []
        self.metres: list[Metre] = []
        self.keys: list[KeySignature] = []
        self._controls: list[_Control] = []
        self._moves: defaultdict[int, list[Move]] = defaultdict(list)
        """The moves of each key, by `channel << 7 | pitch`."""
        self._struck: list[set[int]] = [set() for _ in range(16)]
        """Keys of each channel that were struck since all its notes ended."""
        self._silences: list[tuple[int, int]] = []
        self._banks, self.is_xg = [0] * 16, False
        with suppress(IndexError):  # cut off: what was read before is good
            self._read(data)

    @property
    def controls(self) -> list[_Control]:
        return [(tick, self._global(channel), number, value) for tick, channel, number, value in self._controls]

    @property
    def silences(self) -> list[tuple[int, int]]:
        """Ticks at which all notes of a channel end, each with the channel."""
        return [(tick, self._global(channel)) for tick, channel in self._silences]

    def silence(self, silences: Mapping[int, list[int]]) -> None:
        """End the notes of channels at the ticks that are said for each."""
        for key, moves in self._moves.items():
            if ticks := silences.get(self._global(key >> 7)):
                self._moves[key] = silenced(moves, ticks)

    def parts(self, clock: Clock, name: str, overlap: int) -> list[Part]:
        """The parts of the track, one a channel, in the order in which they begin."""
        notes: defaultdict[int, list[tuple[int, int, int, int]]] = defaultdict(list)
        for key, moves in self._moves.items():
            pitch = key & 0x7F
            notes[key >> 7] += [(start, end, pitch, hard) for start, end, hard in paired(moves, self.end, overlap)]
        parts = []
        for channel, played in sorted(((c, sorted(p)) for c, p in notes.items() if p), key=lambda part: part[1][0]):
            heard = [TimedNote(clock.seconds(start), clock.seconds(end), *rest) for start, end, *rest in played]
            parts.append(Part(self.number, self._global(channel), name, heard))
        return parts

    def _global(self, channel: int) -> int:
        return self.group << 8 | self.port << 4 | channel

    def _read(self, data: bytes) -> None:
        """One loop over the messages, which takes most of the reading's time."""
        place = tick = running = 0
        size, moves, struck = len(data), self._moves, self._struck
        try:
            while place < size:
                delta = data[place]
                place += 1
                if delta >= 0x80:
                    delta, place = self._quantity(data, place - 1)
                tick += delta
                status = data[place]
                if status >= 0x80:
                    place += 1
                else:
                    status = running
                kind = status & 0xF0
                if kind == _SYSTEM:
                    place = self._take_system(status, data, place, tick)
                    continue  # it should end the running status, but some writers go on
                if status < 0x80:
                    raise self._damaged(place)
                running = status
                first = min(data[place], 0x7F)
                if kind in (_PROGRAM, _PRESSURE):
                    place += 1
                    if kind == _PROGRAM:
                        self._take_program(tick, status & 0x0F)
                    continue
                value = min(data[place + 1], 0x7F)
                place += 2
                if kind == _NOTE_ON and value:
                    key = (status & 0x0F) << 7 | first
                    moves[key].append((tick, value))
                    struck[status & 0x0F].add(key)
                elif kind in (_NOTE_ON, _NOTE_OFF):
                    moves[(status & 0x0F) << 7 | first].append((tick, RELEASE))
                elif kind == _CONTROL:
                    self._take_control(tick, status & 0x0F, first, value)
        finally:
            self.end = tick

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

    def _damaged(self, place: int) -> BadRequest:
        return BadRequest(
            "the MIDI file is damaged: track {track} makes no sense at byte {byte}", track=self.number, byte=place
        )

    def _take_system(self, status: int, data: bytes, place: int, tick: int) -> int:
        """Returns the place after the message, which is the end of the data after the end of the track."""
        if status not in (_META, _SYSEX, _SYSEX_END):
            return place + _SYSTEM_LENGTHS.get(status, 0)
        kind = data[place] if status == _META else -1
        size, place = self._quantity(data, place + (status == _META))
        content = data[place : place + size]
        if kind == _END_OF_TRACK:
            return len(data)
        if status == _META:
            self._take_meta(tick, kind, content)
        else:
            self._take_sysex(tick, content)
        return place + size

    def _take_control(self, tick: int, channel: int, number: int, value: int) -> None:
        if number in (SUSTAIN, VOLUME, EXPRESSION):
            self._controls.append((tick, channel, number, value))
        elif number == RESET:
            self._controls += [(tick, channel, SUSTAIN, 0), (tick, channel, EXPRESSION, 127)]
        elif number == ALL_SOUND_OFF or number >= ALL_NOTES_OFF:
            for key in self._struck[channel]:
                self._moves[key].append((tick, SILENCE))
            self._struck[channel].clear()
            self._silences.append((tick, channel))
        elif number == BANK:
            self._banks[channel] = value

    def _take_program(self, tick: int, channel: int) -> None:
        if channel != DRUMS:
            self._controls.append((tick, channel, _HAS_DRUM_BANK, self._banks[channel] in _XG_DRUM_BANKS))

    def _take_sysex(self, tick: int, content: bytes) -> None:
        """Roland's GS and Yamaha's XG: messages that make drums of other channels, or none of the usual one."""
        match [*content[:8]]:
            case [0x41, _, 0x42, 0x12, 0x40, block, 0x15, drums] if block & 0xF0 == 0x10:
                part = block & 0x0F
                channel = DRUMS if part == 0 else part - (part <= DRUMS)  # parts 1 to 9 are channels 0 to 8
                self._controls.append((tick, channel, _IS_DRUMS, drums > 0))
            case [0x43, _, 0x4C, 0x00, 0x00, 0x7E, 0x00, *_]:
                self.is_xg = True
            case [0x43, _, 0x4C, 0x08, channel, 0x07, drums, *_] if channel < 16:
                self._controls.append((tick, channel, _IS_DRUMS, drums > 0))

    def _take_meta(self, tick: int, kind: int, content: bytes) -> None:
        if kind == _TRACK_NAME and not self.name:
            self.name = content[:_NAME_BYTES]
        elif kind == _PORT and content:
            self.port = content[0] & 0x0F
        elif kind == _TEMPO and len(content) == 3 and any(content):  # with a tempo of 0 time would stand still
            self.tempos.append((tick, int.from_bytes(content, "big")))
        elif kind == _METRE and len(content) >= 2 and content[0] and content[1] < 7:
            self.metres.append((tick, content[0], 2 ** content[1]))
        elif kind == _KEY and len(content) == 2 and content[1] < 2:
            sharps = int.from_bytes(content[:1], "big", signed=True)
            if -7 <= sharps <= 7:
                self.keys.append((tick, sharps, content[1] == 1))
