"""Frames of an MP3 of 44.1 kHz in stereo, and how two encodings of one recording, of a part of it each, become one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

SAMPLES = 1152
"""Samples of a frame."""
BITRATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
"""kbit/s of a frame, by the four bits in its header that stand for it."""
HEADER, SIDE_INFORMATION = 4, 32
"""Bytes at the beginning of a frame. What follows is called main data here as in the standard (ISO 11172-3)."""

_GRANULE_BITS = 59
"""Bits of a granule of one channel in the side information, which ends with four of them."""
_SWITCHING_BIT = 33
"""Place of the bit that tells of short windows, from the beginning of its granule."""


class Frames:
    """The frames of `mp3`, which has nothing else."""

    def __init__(self, mp3: bytes) -> None:
        self.mp3 = mp3
        self.starts = [0]
        """Where each begins, and the end of the last one."""
        while self.starts[-1] < len(mp3):
            self.starts.append(self.starts[-1] + self._size(self.starts[-1]))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def _size(self, start: int) -> int:
        bits = self.mp3[start + 2]
        return 144_000 * BITRATES[bits >> 4] // 44_100 + (bits >> 1 & 1)  # padded by a byte now and then

    def reservoir(self, number: int) -> int:
        """How many bytes before this frame its main data begins, as `main_data_begin` says: they stand in the frames
        before, which did not need them."""
        start = self.starts[number] + HEADER
        return self.mp3[start] << 1 | self.mp3[start + 1] >> 7

    def is_steady(self, number: int) -> bool:
        """Whether all windows of this frame are long, so that it follows on any frame with long ones."""
        start = self.starts[number] + HEADER
        bits = int.from_bytes(self.mp3[start : start + SIDE_INFORMATION], "big")
        return not any(bits >> (_GRANULE_BITS * (after + 1) - 1 - _SWITCHING_BIT) & 1 for after in range(4))

    def places_before(self, number: int, count: int) -> list[int]:
        """Where the last `count` bytes of main data before this frame are, the last one first."""
        places = (
            place
            for frame in range(number - 1, -1, -1)
            for place in range(self.starts[frame + 1] - 1, self.starts[frame] + HEADER + SIDE_INFORMATION - 1, -1)
        )
        return list(islice(places, count))


def joined(first: Frames, second: Frames, offset: int, candidates: Iterable[int]) -> Frames | None:
    """The frames of `first`, and from one of `candidates` on those of `second`, whose own first is frame `offset` of
    the whole. Main data of `second` that stands before the seam takes the place of what `first` has there for frames
    behind it. None where no candidate can be the seam."""
    seam = next((number for number in candidates if _fit(first, second, offset, number)), None)
    if seam is None:
        return None
    reservoir = second.reservoir(seam - offset)
    beginning = bytearray(first.mp3[: first.starts[seam]])
    for ours, theirs in zip(
        first.places_before(seam, reservoir), second.places_before(seam - offset, reservoir), strict=True
    ):
        beginning[ours] = second.mp3[theirs]
    return Frames(bytes(beginning) + second.mp3[second.starts[seam - offset] :])


def _fit(first: Frames, second: Frames, offset: int, number: int) -> bool:
    """Whether frame `number` of the whole may come from `second` where those before come from `first`."""
    if first.reservoir(number) < second.reservoir(number - offset):
        return False
    return all(
        frames.is_steady(frame)
        for frames, here in ((first, number), (second, number - offset))
        for frame in (here - 1, here)
    )
