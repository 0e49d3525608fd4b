"""PNG files put one below the other, by the standard library alone: the bot does without Pillow and NumPy."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
"""Numbers a pixel, by colour type; a palette is none of these."""
_NONE, _SUB, _UP, _AVERAGE, _PAETH = range(5)
"""Filters of a line of pixels, as its first byte names them."""
_LEVEL = 6
"""Of zlib's compression: as small as the highest one here, in a fifth of the time."""


class _Picture(NamedTuple):
    """The lines of a picture, filtered as they are in its file."""

    width: int
    channels: int
    header: bytes
    """The header's end, after width and height."""
    lines: bytes

    @classmethod
    def read(cls, file: bytes) -> Self:
        """Raises ValueError for anything but 8 bits a channel without a palette and without interlacing."""
        chunks = list(_chunks(file))
        if not chunks or chunks[0][0] != b"IHDR":
            raise ValueError("no PNG")
        width, _, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
        if depth != 8 or colour not in _CHANNELS or interlaced:
            raise ValueError(f"a PNG of depth {depth}, colour type {colour} and interlacing {interlaced}")
        lines = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
        return cls(width, _CHANNELS[colour], chunks[0][1][8:], lines)

    @property
    def bytes_a_line(self) -> int:
        return 1 + self.width * self.channels

    @property
    def movable(self) -> bytes:
        """The lines, of which the first does not refer to the one above it any more."""
        filtered = bytearray(self.lines[: self.bytes_a_line])
        if filtered[0] == _AVERAGE:
            for at in range(1 + self.channels, len(filtered)):
                filtered[at] = (filtered[at] + filtered[at - self.channels] // 2) % 256
        # with nothing above it, the line is as it was, or the differences from the left
        filtered[0] = {_UP: _NONE, _AVERAGE: _NONE, _PAETH: _SUB}.get(filtered[0], filtered[0])
        return bytes(filtered) + self.lines[self.bytes_a_line :]


def stacked(files: Sequence[bytes]) -> bytes:
    """A picture of all these pictures, one below the other. Raises ValueError when they are not equally wide, or not of
    one kind, and zlib.error or struct.error for a damaged file."""
    pictures = [_Picture.read(file) for file in files]
    first = pictures[0]
    if any((each.width, each.header) != (first.width, first.header) for each in pictures):
        raise ValueError("pictures of different widths or kinds")
    lines = b"".join(picture.movable for picture in pictures)
    header = struct.pack(">II", first.width, len(lines) // first.bytes_a_line) + first.header
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines, _LEVEL)) + _chunk(b"IEND", b"")


def _chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of each chunk."""
    at = len(_SIGNATURE)
    while file.startswith(_SIGNATURE) and at + 8 <= len(file):
        size, kind = struct.unpack_from(">I4s", file, at)
        yield kind, file[at + 8 : at + 8 + size]
        at += 12 + size


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
