"""PNG files one below the other."""

import io
import random
import struct
import zlib

import pytest
from PIL import Image

from core.rendering.png import stacked

RED, BLUE = (200, 0, 0), (0, 0, 200)


def png(colour: tuple[int, ...], width: int = 5, height: int = 3) -> bytes:
    written = io.BytesIO()
    Image.new("RGBA" if len(colour) == 4 else "RGB", (width, height), colour).save(written, "png")
    return written.getvalue()


def noise(filter_type: int, width: int = 5, height: int = 3) -> bytes:
    """An RGBA picture of random pixels whose rows are all filtered in the same way."""
    chance = random.Random(filter_type)
    rows = b"".join(bytes([filter_type]) + chance.randbytes(4 * width) for _ in range(height))
    header = struct.pack(">II5B", width, height, 8, 6, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    ]
    return b"".join([b"\x89PNG\r\n\x1a\n", *chunks])


def pixels(file: bytes) -> bytes:
    return Image.open(io.BytesIO(file)).tobytes()


def test_pictures_are_stacked():
    """As wide as each and as tall as all; each stands in its place."""
    both = Image.open(io.BytesIO(stacked([png(RED, height=3), png(BLUE, height=4)])))
    assert both.size == (5, 7)
    assert [both.getpixel((2, line)) for line in range(7)] == [RED] * 3 + [BLUE] * 4


@pytest.mark.parametrize("filter_type", range(5))
def test_a_picture_shows_the_same_below_any_other(filter_type: int):
    """However its first row is filtered, which may lean on the row above."""
    above, below = noise(4), noise(filter_type)
    assert pixels(stacked([above, below])) == pixels(above) + pixels(below)


def test_pictures_of_different_widths_are_refused():
    """Narrower pictures would leave a gap."""
    with pytest.raises(ValueError, match="different widths"):
        stacked([png(RED), png(BLUE, width=6)])


def test_pictures_of_different_kinds_are_refused():
    """One with and one without transparency."""
    with pytest.raises(ValueError, match="different kinds"):
        stacked([png(RED), png((*BLUE, 255))])


def test_palettes_are_refused():
    """Each picture has its own."""
    written = io.BytesIO()
    Image.new("P", (5, 3)).save(written, "png")
    with pytest.raises(ValueError, match="a kind that is not read"):
        stacked([written.getvalue()])


@pytest.mark.parametrize("file", [b"", b"GIF89a", png(RED)[:20]])
def test_other_files_are_refused(file: bytes):
    """An empty file, another format and one that was cut off are no pictures."""
    with pytest.raises(ValueError, match="no PNG"):
        stacked([png(RED), file])


def test_a_damaged_file_is_refused():
    """Its rows do not decompress."""
    whole = png(RED)
    damaged = whole[: whole.index(b"IDAT") + 4] + bytes(8) + whole[whole.index(b"IDAT") + 12 :]
    with pytest.raises(ValueError, match="damaged"):
        stacked([damaged])
