"""PNG files one below the other."""

import io

import pytest
from PIL import Image

from core.rendering.png import stacked

RED, BLUE = (200, 0, 0), (0, 0, 200)


def png(colour: tuple[int, int, int], width: int = 5, height: int = 3) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(written, "png")
    return written.getvalue()


def test_pictures_are_stacked():
    """As wide as each and as tall as all; each stands in its place."""
    both = Image.open(io.BytesIO(stacked([png(RED, height=3), png(BLUE, height=4)])))
    assert both.size == (5, 7)
    assert [both.getpixel((2, line)) for line in range(7)] == [RED] * 3 + [BLUE] * 4


def test_pictures_of_different_widths_are_refused():
    """Narrower pictures would leave a gap."""
    with pytest.raises(ValueError, match="different widths"):
        stacked([png(RED), png(BLUE, width=6)])


def test_other_files_are_refused():
    """An empty file is no picture."""
    with pytest.raises(OSError, match="cannot identify"):
        stacked([png(RED), b""])
