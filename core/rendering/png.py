"""PNG files put one below the other."""

from __future__ import annotations

import io
from collections.abc import Sequence


def stacked(files: Sequence[bytes]) -> bytes:
    """A picture of all these pictures, one below the other. Raises ValueError when they are not equally wide, and
    OSError for what is no picture."""
    from PIL import Image  # takes 10 MB, and most messages of a bot need none

    pictures = [Image.open(io.BytesIO(file)) for file in files]
    if len({picture.width for picture in pictures}) > 1:
        raise ValueError("pictures of different widths")
    whole = Image.new("RGB", (pictures[0].width, sum(picture.height for picture in pictures)))
    top = 0
    for picture in pictures:
        whole.paste(picture, (0, top))
        top += picture.height
    written = io.BytesIO()
    whole.save(written, "png")
    return written.getvalue()
