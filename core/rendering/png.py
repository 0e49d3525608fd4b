"""PNG files put one below the other. Their rows are joined as they are, without Pillow: that would take 10 MB of the
bot's memory, and 20 MB of its packages."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NONE, _SUB, _UP, _AVERAGE, _PAETH = range(5)
"""Filters: the first byte of a row says what its bytes were predicted from, the pixel to the left or the row above."""
_PIXEL_BYTES = {b"\x08\x02\x00\x00\x00": 3, b"\x08\x06\x00\x00\x00": 4}
"""Bytes of a pixel by the kinds that are read, RGB and RGBA in 8 bits and without interlacing, as matplotlib writes."""


class _Picture(NamedTuple):
    width: int
    height: int
    kind: bytes
    """Bit depth, colour type and methods, as in the file's header."""
    data: bytes
    """The filtered rows, compressed."""


def stacked(files: Sequence[bytes]) -> bytes:
    """A picture of all these pictures, one below the other. Raises ValueError for what is no picture of a kind that is
    read, and when they are not equally wide or not all of one kind."""
    pictures = [_read(file) for file in files]
    if len({picture.width for picture in pictures}) > 1:
        raise ValueError("pictures of different widths")
    if len({picture.kind for picture in pictures}) > 1:
        raise ValueError("pictures of different kinds")
    width, _, kind, _ = pictures[0]
    header = struct.pack(">II", width, sum(picture.height for picture in pictures)) + kind
    packer = zlib.compressobj()
    rows = b"".join([*(packer.compress(part) for picture in pictures for part in _rows(picture)), packer.flush()])
    return _SIGNATURE + b"".join(_chunk(*part) for part in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")))


def _read(file: bytes) -> _Picture:
    try:
        chunks = [*_chunks(file)]
        [header] = [data for name, data in chunks if name == b"IHDR"]
        width, height, kind = struct.unpack(">II5s", header)
    except (ValueError, struct.error):
        raise ValueError("a file that is no PNG") from None
    if kind not in _PIXEL_BYTES:
        raise ValueError("a PNG file of a kind that is not read")
    return _Picture(width, height, kind, b"".join(data for name, data in chunks if name == b"IDAT"))


def _chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and data of each part of the file."""
    if not file.startswith(_SIGNATURE):
        raise ValueError
    place = len(_SIGNATURE)
    while place < len(file):
        length, name = struct.unpack_from(">I4s", file, place)
        yield name, file[place + 8 : place + 8 + length]
        place += 12 + length


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _rows(picture: _Picture) -> Iterator[bytes | memoryview]:
    """The filtered rows of a picture, to stand below any other: the first one, and those that follow."""
    pixel_bytes = _PIXEL_BYTES[picture.kind]
    row_bytes = 1 + picture.width * pixel_bytes
    try:
        rows = zlib.decompress(picture.data)
    except zlib.error:
        raise ValueError("a damaged PNG file") from None
    if len(rows) != picture.height * row_bytes:
        raise ValueError("a damaged PNG file")
    yield _beneath_anything(rows[:row_bytes], pixel_bytes)
    yield memoryview(rows)[row_bytes:]  # without a copy: a strip has 2 MB


def _beneath_anything(row: bytes, pixel_bytes: int) -> bytes:
    """The first row of a picture by a filter that leaves the row above out. It was filtered with zeros above it, where
    nothing is predicted from above, and Paeth predicts what is to the left."""
    if row[0] == _AVERAGE:
        return bytes([_NONE, *_averaged(row[1:], pixel_bytes)])
    return bytes([{_UP: _NONE, _PAETH: _SUB}.get(row[0], row[0])]) + row[1:]


def _averaged(filtered: bytes, pixel_bytes: int) -> list[int]:
    """The bytes of a row that was predicted from half of what is to the left."""
    plain = [0] * pixel_bytes
    for byte in filtered:
        plain.append((byte + plain[-pixel_bytes] // 2) % 256)
    return plain[pixel_bytes:]
