"""core/rendering/tags: what players show of an MP3."""

from core.rendering.tags import id3


def frames_of(tag: bytes) -> dict[str, bytes]:
    """The frames of an ID3 tag of version 2.3, each by its name."""
    assert tag[:6] == b"ID3\x03\x00\x00"
    size = sum(byte << shift for byte, shift in zip(tag[6:10], (21, 14, 7, 0), strict=True))
    assert size == len(tag) - 10
    frames, place = {}, 10
    while place < len(tag):
        end = place + 10 + int.from_bytes(tag[place + 4 : place + 8], "big")
        frames[tag[place : place + 4].decode()] = tag[place + 10 : end]
        place = end
    return frames


def test_a_tag_has_title_artist_key_and_recipe():
    """In an encoding in which flats can be written."""
    frames = frames_of(id3("Nocturne in E♭ minor, take 7", "Ebm", "seed:72 take:7"))
    texts = {name: content[1:].decode("utf-16") for name, content in frames.items() if name != "COMM"}
    assert texts == {"TIT2": "Nocturne in E♭ minor, take 7", "TPE1": "Nocturne", "TKEY": "Ebm"}
    language, description = frames["COMM"][1:4], frames["COMM"][4:8]
    assert (language, description) == (b"eng", b"\xff\xfe\0\0")
    assert frames["COMM"][8:].decode("utf-16") == "seed:72 take:7"


def test_no_key_is_no_frame():
    """A piece may be in none."""
    assert "TKEY" not in frames_of(id3("Nocturne, take 7", "", "x"))


def test_the_size_has_seven_bits_a_byte():
    """A long comment does not look like the beginning of sound."""
    tag = id3("t", "", "x" * 20_000)
    assert max(tag[6:10]) < 0x80
    assert frames_of(tag)["COMM"].endswith(b"x\0")
