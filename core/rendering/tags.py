"""ID3 tags, which tell players what an MP3 is: version 2.3, the one that all of them read."""

from __future__ import annotations

ARTIST = "Nocturne"

_UTF_16 = b"\x01"
"""The encoding of a text, which any player of this version knows."""


def id3(title: str, key: str, comment: str) -> bytes:
    """The tag to put before the recording; an empty `key` is left out. `comment` is the recipe."""
    frames = _frame(b"TIT2", _text(title)) + _frame(b"TPE1", _text(ARTIST))
    if key:
        frames += _frame(b"TKEY", _text(key))
    frames += _frame(b"COMM", _UTF_16 + b"eng" + _encoded("") + b"\0\0" + _encoded(comment))
    return b"ID3\x03\x00\x00" + _seven_bits(len(frames)) + frames


def _text(text: str) -> bytes:
    return _UTF_16 + _encoded(text)


def _encoded(text: str) -> bytes:
    return b"\xff\xfe" + text.encode("utf-16-le", errors="replace")


def _frame(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "big") + b"\0\0" + content


def _seven_bits(size: int) -> bytes:
    """The size in four bytes of which the highest bit is 0, so that no player takes it for sound."""
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
