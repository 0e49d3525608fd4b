"""A piece as the .mid that a listener takes away: with a title, its recipe, its beats and key, and a track for each
hand."""

from __future__ import annotations

from collections.abc import Sequence

from pretty_midi import Instrument, KeySignature, PrettyMIDI

from core.midi.beats import Beats
from core.midi.controllers import SUSTAIN
from core.midi.hands import hands
from core.midi.keys import is_heard, key_of
from core.midi.writer import PedalMove, Strike, Track, playable, written
from core.tonality import Key

RIGHT, LEFT = "Right hand", "Left hand"


def title(music: PrettyMIDI, take: int) -> str:
    """`Nocturne in E♭ minor, take 7`; without a key where none is clear."""
    key = key_at_start(music)
    return f"Nocturne in {key}, take {take}" if key else f"Nocturne, take {take}"


def key_at_start(music: PrettyMIDI) -> Key | None:
    """As the music's signature says, or else as its notes do where they are clear."""
    if music.key_signature_changes:
        number = music.key_signature_changes[0].key_number
        return Key(number % 12, number >= 12)
    return heard_key(music)


def heard_key(music: PrettyMIDI) -> Key | None:
    """As the music's notes say, whatever its signature; None where it is not clear."""
    return key_of(_durations(music))


def _durations(music: PrettyMIDI) -> list[tuple[int, float]]:
    """The pitch of each note and how long it lasts."""
    return [(note.pitch, note.end - note.start) for part in _pianos(music) for note in part.notes]


def sign(music: PrettyMIDI, asked: Key | None = None) -> None:
    """Give the music the signature of its key, where it has none and its key is clear; a key that was asked for is its
    key where it is heard."""
    if music.key_signature_changes:
        return
    key = asked if asked and is_heard(asked, _durations(music)) else key_at_start(music)
    if key:
        music.key_signature_changes.append(KeySignature(key.tonic + 12 * key.minor, 0.0))


def midi_file(music: PrettyMIDI, title: str, texts: Sequence[str] = ()) -> bytes:
    """The file. Notes that fall on each other are merged, as one piano can play them."""
    pianos = _pianos(music)
    strikes, pedal = played(music)
    program = pianos[0].program if pianos else 0
    staves = [(name, hand) for name, hand in zip((RIGHT, LEFT), hands(strikes), strict=True) if hand]
    tracks = [
        Track(name, hand, () if number else pedal, program)  # on one channel the pedal is for both
        for number, (name, hand) in enumerate(staves)
    ]
    return written(tracks, _beats(music), title, texts)


def in_one_track(music: PrettyMIDI) -> bytes:
    """The file for FluidSynth, which takes what happens within 1.5 ms track by track: a pedal that goes down with the
    right hand would hold what the left hand has released a millisecond before."""
    program = next((part.program for part in _pianos(music)), 0)
    return written([Track("", *played(music), program)], _beats(music))


def played(music: PrettyMIDI) -> tuple[list[Strike], list[PedalMove]]:
    """The notes and the moves of the pedal that the file has."""
    pianos = _pianos(music)
    notes = [note for part in pianos for note in part.notes]
    strikes = playable(sorted(_strike(music, note.start, note.end, note.pitch, note.velocity) for note in notes))
    changes = (change for part in pianos for change in part.control_changes if change.number == SUSTAIN)
    return strikes, [
        (music.time_to_tick(change.time), change.value) for change in sorted(changes, key=lambda one: one.time)
    ]


def _pianos(music: PrettyMIDI) -> list[Instrument]:
    return [part for part in music.instruments if not part.is_drum]


def _strike(music: PrettyMIDI, start: float, end: float, pitch: int, velocity: int) -> Strike:
    begin = music.time_to_tick(start)
    return Strike(begin, max(music.time_to_tick(end), begin + 1), pitch, velocity)


def _beats(music: PrettyMIDI) -> Beats:
    times, tempos = music.get_tempo_changes()
    signed = ((music.time_to_tick(change.time), change.key_number) for change in music.key_signature_changes)
    return Beats(
        music.resolution,
        tempos=tuple(
            (music.time_to_tick(time), round(60e6 / tempo)) for time, tempo in zip(times, tempos, strict=True)
        ),
        metres=tuple(
            (music.time_to_tick(change.time), change.numerator, change.denominator)
            for change in music.time_signature_changes
        ),
        keys=tuple((tick, Key(number % 12, number >= 12).sharps, number >= 12) for tick, number in signed),
    )
