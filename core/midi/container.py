"""Where the MIDI file is in what was sent, and where its tracks are, also when its lengths are wrong."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from typing import NamedTuple

from core.errors import BadRequest
from core.text import Text

MAX_BYTES = 2**20
"""To be looked at before a download. 20,000 notes are 160 kB in a file that is written without any thrift."""
MOST_TRACKS = 256
MIDI_NAMES = (".mid", ".midi", ".rmi", ".kar")

MUSICXML = Text("this is a score in MusicXML; please export it from your score editor as a MIDI file (.mid)")

_HEADER, _TRACK = b"MThd", b"MTrk"
_END_OF_TRACK = b"\xff\x2f\x00"
_MUSICXML, _MUSICXML_NAMES = (b"<score-partwise", b"<score-timewise"), (".musicxml", ".xml")
_BEGINNING = 4096
"""Bytes in which the root of an XML file stands."""
_SOUND = (b"ID3", b"\xff\xfb", b"OggS", b"fLaC")
"""First bytes of recordings: MP3, Ogg, FLAC."""


class Chunks(NamedTuple):
    """A file in parts: the header's format and division, and what is in its tracks."""

    format: int
    division: int
    tracks: list[bytes]


def too_large(size: int) -> BadRequest:
    """The refusal of a file of so many bytes."""
    tenths = math.ceil(10 * size / 2**20)
    return BadRequest(
        "the MIDI file has {size:.1f} MiB, at most {most:g} MiB are read", size=tenths / 10, most=MAX_BYTES / 2**20
    )


def _no_midi(data: bytes) -> BadRequest:
    """The refusal of a file that is something else, which it names where that is common."""
    if not data:
        return BadRequest("this file is empty")
    if any(root in data[:_BEGINNING] for root in _MUSICXML):
        return BadRequest(MUSICXML)
    if data.startswith(_SOUND) or data[8:12] == b"WAVE" or data[4:8] == b"ftyp":
        return BadRequest("this is a sound recording; I read notes, from a MIDI file (.mid)")
    return BadRequest("this is not a MIDI file (.mid)")


def chunks_of(data: bytes) -> Chunks:
    """The header and the tracks. Whatever stands before the header is skipped: a RIFF container, MacBinary, an empty
    line; so are chunks of other kinds. Raises BadRequest where there is no MIDI file."""
    if data.startswith(b"PK\x03\x04"):
        data = _unzipped(data)
    begin = data.find(_HEADER)
    if begin < 0:
        raise _no_midi(data)
    data = data[begin:]
    header = int.from_bytes(data[4:8], "big")
    if header < 6 or len(data) < 14:
        raise _no_midi(data)
    format_, division = int.from_bytes(data[8:10], "big"), int.from_bytes(data[12:14], "big")
    return Chunks(format_, division, _tracks(data, 8 + header))


def _tracks(data: bytes, place: int) -> list[bytes]:
    """The tracks from `place` on."""
    tracks = []
    while place + 8 <= len(data):
        kind, begin = data[place : place + 4], place + 8
        claimed = begin + int.from_bytes(data[place + 4 : begin], "big")
        if kind == _TRACK:
            place = _end_of_track(data, begin, claimed)
            tracks.append(data[begin:place])
        else:
            place = claimed if _begins_chunk(data, claimed) else _next_track(data, place)
        if len(tracks) > MOST_TRACKS:
            raise BadRequest("the MIDI file has more than {most} tracks", most=MOST_TRACKS)
    return tracks


def _end_of_track(data: bytes, begin: int, claimed: int) -> int:
    """As its length claims, where that fits what follows; else the track goes on to the next."""
    ends = claimed == len(data) or data[claimed : claimed + 4] == _TRACK
    if ends or (claimed < len(data) and data[begin:claimed].endswith(_END_OF_TRACK)):
        return claimed
    return _next_track(data, begin)


def _next_track(data: bytes, place: int) -> int:
    found = data.find(_TRACK, place)
    return found if found >= 0 else len(data)


def _begins_chunk(data: bytes, place: int) -> bool:
    kind = data[place : place + 4]
    return place == len(data) or (len(kind) == 4 and kind.isascii() and kind.decode().isprintable())


def _unzipped(data: bytes) -> bytes:
    """The only MIDI file of a ZIP. Raises BadRequest where there is none, or one among several."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = [entry for entry in archive.infolist() if _is_midi(entry)]
            if not found and any(name.lower().endswith(_MUSICXML_NAMES) for name in archive.namelist()):
                raise BadRequest(MUSICXML)
            if not found:
                raise BadRequest("there is no MIDI file (.mid) in this ZIP")
            if len(found) != 1:
                raise BadRequest(
                    "this is a ZIP with {files} MIDI files in it; please send one, unpacked (.mid)", files=len(found)
                )
            with archive.open(found[0]) as file:
                content = file.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise BadRequest("this is a ZIP that cannot be unpacked; please send the MIDI file in it (.mid)") from error
    if len(content) > MAX_BYTES:
        raise too_large(max(len(content), found[0].file_size))
    return content


def _is_midi(entry: zipfile.ZipInfo) -> bool:
    name = entry.filename.lower()
    if name.startswith("__macosx/") or not name.endswith(MIDI_NAMES):
        return False
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others may need any amount of memory
        raise zipfile.BadZipFile
    return True
