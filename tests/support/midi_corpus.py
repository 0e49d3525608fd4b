"""MIDI files as strangers send them, made by code: bytes, and what reading them must give."""

from __future__ import annotations

import io
import struct
import zipfile

BEAT = 480
"""Ticks a beat, and a beat lasts half a second where nothing else is said."""


def quantity(value: int) -> bytes:
    """A number of variable length."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))


def chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack(">I", len(content)) + content


def meta(kind: int, content: bytes = b"") -> bytes:
    return bytes([0xFF, kind]) + quantity(len(content)) + content


def event(delta: int, message: bytes) -> bytes:
    return quantity(delta) + message


def note(pitch: int = 60, *, at: int = 0, lasts: int = BEAT, velocity: int = 80, channel: int = 0) -> bytes:
    """A note that begins `at` ticks after what came before it."""
    strike, release = bytes([0x90 | channel, pitch, velocity]), bytes([0x80 | channel, pitch, 64])
    return event(at, strike) + event(lasts, release)


def tempo(microseconds: int, *, at: int = 0) -> bytes:
    return event(at, meta(0x51, microseconds.to_bytes(3, "big")))


def control(number: int, value: int, *, at: int = 0, channel: int = 0) -> bytes:
    return event(at, bytes([0xB0 | channel, number, value]))


def pedal(value: int, *, at: int = 0, channel: int = 0) -> bytes:
    return control(64, value, at=at, channel=channel)


END = event(0, meta(0x2F))


def track(*events: bytes, end: bytes = END) -> bytes:
    return chunk(b"MTrk", b"".join(events) + end)


def smf(*chunks: bytes, kind: int = 1, division: int = BEAT, tracks: int | None = None) -> bytes:
    """A file; the header says how many tracks there are, or what is not true."""
    count = sum(part[:4] == b"MTrk" for part in chunks) if tracks is None else tracks
    return chunk(b"MThd", struct.pack(">HHH", kind, count, division)) + b"".join(chunks)


def riff(data: bytes) -> bytes:
    content = b"RMID" + b"DISP" + struct.pack("<I", 3) + b"abc\0" + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(content)) + content


def smpte(frames: int, ticks: int) -> int:
    return (256 - frames) << 8 | ticks


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def claiming(more: int, data: bytes) -> bytes:
    """A chunk whose length is wrong by so many bytes."""
    return data[:4] + struct.pack(">I", len(data) - 8 + more) + data[8:]


ONE = [(0.0, 0.5, 60, 80)]
BOTH = [*ONE, (0.0, 0.5, 64, 80)]
GS_DRUMS = b"\xf0\x0a\x41\x10\x42\x12\x40\x1a\x15\x02\x0f\xf7"
XG_ON = b"\xf0\x08\x43\x10\x4c\x00\x00\x7e\x00\xf7"
LEGAL: dict[str, tuple[bytes, list[tuple[float, float, int, int]]]] = {
    "one note": (smf(track(note()), kind=0), ONE),
    "running status": (
        smf(
            track(event(0, b"\x90\x3c\x50"), event(BEAT, b"\x3c\x00"), event(0, b"\x40\x50"), event(BEAT, b"\x40\x00"))
        ),
        [*ONE, (0.5, 1.0, 64, 80)],
    ),
    "running status across a text": (
        smf(track(event(0, b"\x90\x3c\x50"), event(0, meta(1, b"la")), event(BEAT, b"\x3c\x00"))),
        ONE,
    ),
    "chunks of other kinds": (smf(chunk(b"XFIH", b"\xff" * 9), track(note()), chunk(b"MTrx", b"abc")), ONE),
    "a longer header": (chunk(b"MThd", struct.pack(">HHH", 0, 1, BEAT) + b"more") + track(note()), ONE),
    "RMID": (riff(smf(track(note()))), ONE),
    "SMPTE, 25 frames of 40 ticks": (smf(track(note(lasts=500)), division=smpte(25, 40)), ONE),
    "SMPTE, 30 frames less the dropped": (smf(track(note(lasts=300)), division=smpte(29, 10)), [(0, 1.001, 60, 80)]),
    "tracks of format 2 follow one another": (smf(track(note()), track(note(62)), kind=2), [*ONE, (0.5, 1.0, 62, 80)]),
    "no end of track": (smf(track(note(), end=b"")), ONE),
    "what comes after the end of track": (smf(track(note(), end=END + note(62))), ONE),
    "a note that is never released": (
        smf(track(event(0, b"\x90\x40\x50"), note(60, lasts=2 * BEAT))),
        [(0.0, 1.0, 60, 80), (0.0, 1.0, 64, 80)],
    ),
    "a release without a note": (smf(track(event(0, b"\x80\x40\x00"), note())), ONE),
    "velocity 0 releases": (smf(track(event(0, b"\x90\x3c\x50"), event(BEAT, b"\x90\x3c\x00"))), ONE),
    "a tempo in the second track": (
        smf(track(note(at=BEAT)), track(tempo(1_000_000, at=BEAT))),
        [(0.5, 1.5, 60, 80)],
    ),
    "several tempos": (
        smf(track(tempo(250_000), tempo(1_000_000, at=BEAT)), track(note(lasts=2 * BEAT))),
        [(0.0, 1.25, 60, 80)],
    ),
    "a tempo of nothing": (
        smf(track(tempo(0), tempo(1_000_000, at=BEAT)), track(note(lasts=2 * BEAT))),
        [(0.0, 1.5, 60, 80)],
    ),
    "data beyond 127 is 127": (
        smf(track(control(7, 255), event(0, b"\x90\x3c\xc8"), event(BEAT, b"\x80\x3c\xff"))),
        [(0.0, 0.5, 60, 127)],
    ),
    "a track that claims to be longer": (smf(claiming(4, track(note())), track(note(64))), BOTH),
    "a track that claims to be shorter": (smf(claiming(-4, track(note())), track(note(64))), BOTH),
    "a track that claims to be longer than the file": (smf(claiming(2**28, track(note())), track(note(64))), BOTH),
    "a last track that claims to be shorter": (smf(track(note()), claiming(-4, track(note(64)))), BOTH),
    "an empty line before the header": (b"\r\n" + smf(track(note())), ONE),
    "MacBinary": (bytes([0, 8]) + b"song.mid".ljust(126, b"\0") + smf(track(note())), ONE),
    "a byte order mark": (b"\xef\xbb\xbf" + smf(track(note())), ONE),
    "a ZIP with one MIDI file": (zipped({"song/a.MID": smf(track(note())), "readme.txt": b"MThd"}), ONE),
    "all notes off": (
        smf(track(*[event(0, b"\x90\x3c\x50") + event(BEAT, b"\xb0\x7b\x00") + note(62, lasts=0)] * 2)),
        [*ONE, (0.5, 0.501, 62, 80), (0.5, 1.0, 60, 80), (1.0, 1.001, 62, 80)],
    ),
    "all notes off in another track": (
        smf(
            track(event(0, b"\x90\x3c\x50"), event(2 * BEAT, b"\x90\x40\x50"), event(BEAT, b"\x40\x00")),
            track(event(0, b"\x91\x43\x50"), control(123, 0, at=BEAT), event(BEAT, b"\x81\x43\x00")),
        ),
        [*ONE, (0.0, 1.0, 67, 80), (1.0, 1.5, 64, 80)],
    ),
    "drums on another channel by GS": (
        smf(track(event(0, GS_DRUMS), note(channel=10, lasts=0), note())),
        ONE,
    ),
    "a piano on channel 10 by GS": (
        smf(track(event(0, GS_DRUMS.replace(b"\x1a\x15\x02", b"\x10\x15\x00")), note(channel=9))),
        ONE,
    ),
    "drums on another channel by XG": (
        smf(
            track(event(0, XG_ON)),
            track(
                event(0, b"\xb3\x00\x7f"),
                event(0, b"\xc3\x00"),
                note(channel=3, lasts=0),
                note(channel=9, lasts=0),
                note(),
            ),
        ),
        ONE,
    ),
    "drums on another channel by XG's part mode": (
        smf(track(event(0, b"\xf0\x08\x43\x10\x4c\x08\x03\x07\x02\xf7"), note(channel=3, lasts=0), note())),
        ONE,
    ),
    "a bank of drums where there is no XG": (
        smf(track(event(0, b"\xb3\x00\x7f"), event(0, b"\xc3\x00"), note(channel=3))),
        ONE,
    ),
    "a part of volume 0": (smf(track(note()), track(control(7, 0, channel=1), note(64, channel=1))), ONE),
    "a part that becomes loud": (
        smf(
            track(note()),
            track(
                control(7, 0, channel=1),
                event(0, b"\x91\x40\x50"),
                control(7, 99, channel=1, at=BEAT // 2),
                event(BEAT // 2, b"\x81\x40\x00"),
            ),
        ),
        BOTH,
    ),
    "guide notes": (smf(track(note()), track(note(64, velocity=1), note(65, velocity=1))), ONE),
    "a release that is missing": (
        smf(
            track(
                event(0, b"\x90\x3c\x50"),
                event(BEAT, b"\x3c\x50"),
                event(BEAT, b"\x3c\x00"),
                *[note(at=BEAT), note(at=2 * BEAT)],
            )
        ),
        [*ONE, (0.5, 1.0, 60, 80), (1.5, 2.0, 60, 80), (3.0, 3.5, 60, 80)],
    ),
    "pairs that overlap by a tick": (
        smf(
            track(
                event(0, b"\x90\x3c\x50"),
                *[event(BEAT - 1, b"\x3c\x50"), event(1, b"\x3c\x00")] * 3,
                event(BEAT, b"\x3c\x00"),
            )
        ),
        [*ONE, (0.5, 1.0, 60, 80), (1.0, 1.5, 60, 80), (1.5, 2.0, 60, 80)],
    ),
    "two minutes of silence first": (smf(track(note(at=4 * 60 * BEAT))), ONE),
    "an upbeat after a long silence": (smf(track(note(at=43 * BEAT))), [(1.5, 2.0, 60, 80)]),
    "16 channels, the drums left out": (
        smf(track(*(note(40 + channel, channel=channel) for channel in range(16)))),
        [(channel / 2, channel / 2 + 0.5, 40 + channel, 80) for channel in range(16) if channel != 9],
    ),
    "messages of all kinds": (
        smf(
            track(
                event(0, b"\xc0\x05"),
                event(0, b"\xb0\x07\x64"),
                event(0, b"\xe0\x00\x40"),
                event(0, b"\xa0\x3c\x10"),
                event(0, b"\xd0\x10"),
                event(0, b"\xf0\x03\x7e\x01\xf7"),
                event(0, b"\xf7\x01\xf8"),
                event(0, b"\xf2\x01\x01"),
                event(0, b"\xf8"),
                note(),
            )
        ),
        ONE,
    ),
    "texts in any encoding": (
        smf(track(event(0, meta(3, "Клавир".encode("koi8-r"))), event(0, meta(1, b"\xff\xfe\x00")), note())),
        ONE,
    ),
    "an empty track": (smf(chunk(b"MTrk", b""), track(note())), ONE),
    "a wrong number of tracks": (smf(track(note()), track(note(64)), tracks=1), [*ONE, (0.0, 0.5, 64, 80)]),
    "garbage at the end": (smf(track(note())) + b"\x00garbage", ONE),
    "the last track cut off": (smf(track(note(), note(62)))[:-9], [*ONE, (0.5, 0.501, 62, 80)]),
    "the same key from two tracks": (
        smf(track(note(lasts=2 * BEAT, velocity=50)), track(note(at=BEAT, lasts=2 * BEAT))),
        [(0.0, 0.5, 60, 50), (0.5, 1.5, 60, 80)],
    ),
    "the same key twice at once": (
        smf(track(note(lasts=2 * BEAT, velocity=50)), track(note(velocity=90))),
        [(0.0, 1.0, 60, 90)],
    ),
    "notes beyond the piano": (smf(track(note(), note(120), note(5))), ONE),
    "a note without length, then its key again": (smf(track(note(lasts=0), note(velocity=60))), ONE),
    "a key struck twice in a millisecond": (
        smf(track(note(lasts=1), note(at=1, lasts=9600)), division=19200),
        [(0.0, 0.25, 60, 80)],
    ),
    "a note without length": (smf(track(note(lasts=0), note(62))), [(0.0, 0.001, 60, 80), (0.0, 0.5, 62, 80)]),
}

LONG = 2**28 - 1
DAMAGED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "this file is empty"),
    "MusicXML": (b'<?xml version="1.0"?><score-partwise version="4.0"/>', "a score in MusicXML; please export it"),
    "compressed MusicXML": (zipped({"META-INF/container.xml": b"", "score.xml": b""}), "a score in MusicXML"),
    "MP3": (b"ID3" + bytes(100), "a sound recording"),
    "WAV": (b"RIFF" + bytes(4) + b"WAVEfmt ", "a sound recording"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "not a MIDI file"),
    "a ZIP with two MIDI files": (
        zipped({"a.mid": smf(track(note())), "b.mid": smf(track(note()))}),
        "a ZIP with 2 MIDI files",
    ),
    "a ZIP without any": (zipped({"a.txt": smf(track(note()))}), "no MIDI file .* in this ZIP"),
    "a ZIP that is cut off": (zipped({"a.mid": smf(track(note()))})[:-30], "a ZIP that cannot be unpacked"),
    "a ZIP of a file that is too large": (zipped({"a.mid": bytes(2**24)}), "has 16.0 MiB, at most 1 MiB are read"),
    "a web page": (b"<!DOCTYPE html><html></html>", "not a MIDI file"),
    "a header alone": (smf(), "has no notes that a piano could play"),
    "half a header": (smf()[:11], "not a MIDI file"),
    "RIFF with nothing in it": (riff(b""), "not a MIDI file"),
    "no notes": (smf(track()), "has no notes that a piano could play"),
    "only drums": (smf(track(note(channel=9))), "no notes but drums that a piano could play: all are on channel 10"),
    "only drums by GS": (smf(track(event(0, GS_DRUMS), note(channel=10))), "no notes but drums .* play$"),
    "only notes beyond the piano": (smf(track(note(3))), "has no notes that a piano could play"),
    "44 bytes that last for years": (
        smf(track(tempo(2**24 - 1), note(lasts=LONG)), division=1),
        "lasts 4,503,599,342 s, and at most 600 s .* `from`",
    ),
    "longer than any piece": (smf(track(note(), note(at=1300 * BEAT))), r"lasts 651 s, and at most 600 s"),
    "a number without end": (smf(track(b"\xff" * 50_000)), "a number without end"),
    "a division by zero": (smf(track(note()), division=0), "says 0 ticks a beat"),
    "a division by zero frames": (smf(track(note()), division=smpte(25, 0)), "neither ticks a beat nor ticks a frame"),
    "too many notes": (
        smf(track(b"\x00\x90\x3c\x50" + b"\x00\x3c\x50" * 300_000)),
        r"has 300,001 notes, at most 20,000 .* `from`",
    ),
    "too many tracks": (smf(*[track()] * 5000), "more than 256 tracks"),
    "too large": (smf(track(note())) + bytes(2**20), "has 1.1 MiB, at most 1 MiB are read"),
    "a track that claims 4 GB": (smf() + b"MTrk" + b"\xff" * 4 + b"\x00\x90\x99", "has no notes"),
    "a text that claims 256 MB": (smf(track(b"\x00\xff\x01\xff\xff\xff\x7f")), "has no notes"),
    "a message without a status": (smf(track(b"\x00\x3c\x50")), "makes no sense at byte 1"),
    "a key beyond 127": (smf(track(b"\x00\x90\x90\x50")), "has no notes that a piano could play"),
}


def _chord(velocity: int) -> bytes:
    """A short note on each of the 16 channels."""
    strikes = b"".join(event(0, bytes([0x90 | channel, 60, velocity])) for channel in range(16))
    releases = b"".join(event(channel == 0, bytes([0x80 | channel, 60, 0])) for channel in range(16))
    return strikes + releases


def _moves(number: int, count: int) -> bytes:
    """So many moves of a controller up and down, after which it is where it was: at 0."""
    return event(9, bytes([0xB0, number, 0])) + bytes([1, number, 127, 1, number, 0]) * (count // 2)


def costly(kind: str, scale: int) -> bytes:
    """A file that is `scale` times as large as the smallest of its kind, made to cost more than that: up to 255 tracks
    with 16 channels each, whose work is to be multiplied by that of the others."""
    first = {
        "guide notes": b"",
        "pedal": _moves(64, 60 * scale),
        "volume": event(0, b"\xb0\x07\x00") + _moves(7, 60 * scale),
        "expression": event(0, b"\xb0\x0b\x00") + _moves(11, 60 * scale),
        "tempo": b"".join(tempo(400_000 + number, at=1) for number in range(40 * scale)),
        "all notes off": control(123, 0, at=1) * (60 * scale),
    }[kind]
    loud = note(velocity=90, channel=1)
    velocity = 1 if kind == "guide notes" else 64
    return smf(track(first, loud), *[track(_chord(velocity)) for _ in range(scale)])


COSTLY = ("guide notes", "pedal", "volume", "expression", "tempo", "all notes off")
"""Kinds of `costly` files."""
