"""PNG files one below the other."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from core.rendering.png import stacked

WIDTH, HEIGHT = 5, 3


def png(pixels: np.ndarray, filter_: int) -> bytes:
    """RGBA pixels as a file, each line with the same filter."""
    above = np.zeros(4 * (1 + WIDTH), int)
    lines = b""
    for row in pixels.reshape(HEIGHT, -1):
        line = np.concatenate([np.zeros(4, int), row.astype(int)])
        left, corner = line[:-4], above[:-4]
        paeth = [
            min((a, b, c), key=lambda each, p=a + b - c: abs(p - each))  # type: ignore[misc]
            for a, b, c in zip(left, above[4:], corner, strict=True)
        ]
        guesses = [0, left, above[4:], (left + above[4:]) // 2, np.array(paeth)]
        lines += bytes([filter_]) + ((line[4:] - guesses[filter_]) % 256).astype(np.uint8).tobytes()
        above = line
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 6, 0, 0, 0)),
        (b"tEXt", b"Software\0a test"),
        (b"IDAT", zlib.compress(lines)),
        (b"IEND", b""),
    ]
    framed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def pixels_of(file: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(file)))


@pytest.mark.parametrize("filter_", range(5))
def test_pictures_are_stacked_whatever_their_filter(filter_: int):
    """Each pixel of two pictures stands where it should, though the first line of the lower one was written for nothing
    above it."""
    random = np.random.default_rng(filter_)
    upper, lower = random.integers(0, 256, (2, HEIGHT, WIDTH, 4), np.uint8)
    both = stacked([png(upper, filter_), png(lower, filter_)])
    assert np.array_equal(pixels_of(both), np.concatenate([upper, lower]))


def test_pictures_of_different_widths_are_refused():
    """So are files that are no PNG."""
    wide = io.BytesIO()
    Image.new("RGBA", (WIDTH + 1, HEIGHT)).save(wide, "png")
    small = png(np.zeros((HEIGHT, WIDTH, 4), np.uint8), 0)
    with pytest.raises(ValueError, match="different widths"):
        stacked([small, wide.getvalue()])
    with pytest.raises(ValueError, match="no PNG"):
        stacked([small, b""])
