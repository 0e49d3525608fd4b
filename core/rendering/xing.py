"""Xing header: a first, silent frame of an MP3 of variable bitrate. It tells players how long the MP3 is, where each
hundredth of it begins, and, by LAME's addition, which samples at both ends are no music. Without one they guess the
length from the first frames."""

from __future__ import annotations

SAMPLES = 1152
"""Samples of a frame at 44.1 kHz."""
ENCODER_DELAY = 576
"""Samples that LAME puts in front of the music."""

_BITRATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
"""kbit/s of a frame, by the four bits in its header that stand for it (ISO 11172-3)."""
_HEADER, _SIDE_INFORMATION = 4, 32
"""Bytes at the beginning of a frame in stereo."""
_SIZE = 208
"""Bytes of the frame, one of 64 kbit/s: the smallest with room for all of it."""
_ALL_FIELDS = 0b1111
_ENCODER = b"LAME3.100"
_METHOD = 4
"""LAME's number of the way by which the bitrate varies."""


def header(frames: bytes, samples: int) -> bytes:
    """The frame to put before an MP3 of 44.1 kHz in stereo that has nothing but `frames`, which are so many samples."""
    starts = _starts(frames)
    count, size = len(starts), _SIZE + len(frames)
    hundredths = [_SIZE + starts[count * percent // 100] for percent in range(100)]
    places = bytes(256 * start // size for start in hundredths)
    fields = b"".join(field.to_bytes(4, "big") for field in (_ALL_FIELDS, count, size))
    content = b"Xing" + fields + places + bytes(4) + _lame(count * SAMPLES - samples - ENCODER_DELAY)
    frame = _of_64_kbits(frames[:_HEADER]) + bytes(_SIDE_INFORMATION) + content
    return (frame + _crc(frame).to_bytes(2, "big")).ljust(_SIZE, b"\0")


def _starts(frames: bytes) -> list[int]:
    """Where each frame begins."""
    starts, end = [], 0
    while end < len(frames):
        starts.append(end)
        bits = frames[end + 2]
        end += 144_000 * _BITRATES[bits >> 4] // 44_100 + (bits >> 1 & 1)  # padded by a byte now and then
    return starts


def _of_64_kbits(header: bytes) -> bytes:
    """The header of a frame of 64 kbit/s without padding that is otherwise as the one of `header`."""
    return header[:2] + bytes([_BITRATES.index(64) << 4 | header[2] & 0b1101]) + header[3:]


def _lame(padding: int) -> bytes:
    """LAME's addition without its checksum: what encoded the MP3, how, and how many samples stand before and after the
    music. The fields for its loudness are 0, which means unknown."""
    ends = ENCODER_DELAY << 12 | padding
    return _ENCODER + bytes([_METHOD]) + bytes(11) + ends.to_bytes(3, "big") + bytes(10)


def _crc(content: bytes) -> int:
    """CRC-16 as ARC counts it."""
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc
