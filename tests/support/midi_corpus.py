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


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("piece.mid", data)
    return file.getvalue()


ONE = [(0.0, 0.5, 60, 80)]
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
    "a tempo of nothing": (smf(track(tempo(0), tempo(500_000, at=BEAT)), track(note(lasts=2 * BEAT))), ONE),
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
    "nothing": (b"", "not a MIDI file"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "not a MIDI file"),
    "an archive": (zipped(smf(track(note()))), "not a MIDI file"),
    "a web page": (b"<!DOCTYPE html><html></html>", "not a MIDI file"),
    "a header alone": (smf(), "has no notes that a piano could play"),
    "half a header": (smf()[:11], "not a MIDI file"),
    "RIFF with nothing in it": (riff(b""), "not a MIDI file"),
    "no notes": (smf(track()), "has no notes that a piano could play"),
    "only drums": (smf(track(note(channel=9))), "has no notes but drums that a piano could play"),
    "only notes beyond the piano": (smf(track(note(3))), "has no notes that a piano could play"),
    "44 bytes that last for years": (
        smf(track(tempo(2**24 - 1), note(lasts=LONG)), division=1),
        "lasts 4,503,599,342 s, and at most 600 s",
    ),
    "longer than any piece": (smf(track(note(), note(at=1300 * BEAT))), r"lasts 651 s, and at most 600 s"),
    "a number without end": (smf(track(b"\xff" * 50_000)), "a number without end"),
    "a division by zero": (smf(track(note()), division=0), "says 0 ticks a beat"),
    "a division by zero frames": (smf(track(note()), division=smpte(25, 0)), "neither ticks a beat nor ticks a frame"),
    "too many notes": (
        smf(track(b"\x00\x90\x3c\x50" + b"\x00\x3c\x50" * 300_000)),
        r"has 300,001 notes, at most 20,000",
    ),
    "too many tracks": (smf(*[track()] * 5000), "more than 256 tracks"),
    "too large": (smf(track(note())) + bytes(2**20), "at most 1 MiB are read"),
    "a track that claims 4 GB": (
        smf() + b"MTrk" + b"\xff" * 4 + b"\x00\x90\x99",
        r"damaged: track 1 makes no sense at byte 2",
    ),
    "a text that claims 256 MB": (smf(track(b"\x00\xff\x01\xff\xff\xff\x7f")), "has no notes"),
    "a message without a status": (smf(track(b"\x00\x3c\x50")), "makes no sense at byte 1"),
    "a status among the data": (smf(track(b"\x00\x90\x90\x50")), "makes no sense at byte 2"),
}
