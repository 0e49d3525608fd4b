"""Sound as a file: MP3 by LAME, WAV, FLAC and Ogg Opus by libsndfile."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Iterator

import lameenc
import numpy as np
import numpy.typing as npt
import soundfile

from core.errors import RenderError
from core.rendering import xing
from core.rendering.fluidsynth import RATE
from core.rendering.loudness import Samples

SIZE_LIMIT = 10 * 2**20
"""Bytes that a message may carry where pieces are usually sent. The longest piece fits at the highest bitrate."""
MOST_VARIABLE = 160
"""kbit/s that a moment of an MP3 takes at most; its bitrate follows the music, with 114 to 143 in the mean. With 192
as many moments have audible noise, 0.02 %; with 128, 13 %."""
VARIABLE_QUALITY, VARIABLE_EFFORT = 3, 7
"""LAME's for a variable bitrate. Its noise is less than at a constant 128 kbit/s with any effort, in half the time
(docs/measurements.md)."""
BITRATES = (128, 112, 96, 80, 64, 48, 32)
"""kbit/s of an MP3 of constant bitrate, for a piece that might not fit otherwise."""
EFFORT = 5
"""LAME's effort at a constant bitrate, 2 (best) to 7: 5 is as near to the original as 2 in two thirds of the time; with
7, noise is above the threshold of hearing in 43 % of the moments, not 1 %."""
OPUS_RATE = 48000
"""Samples a second of Opus, which knows no 44,100."""
OPUS_BITRATES = (96, 64, 48, 32)
"""kbit/s of an Opus, the usual one first; it sounds as an MP3 of half as much again does."""

_VBR_MTRH = 4
"""LAME's name for the faster of its two ways to a variable bitrate."""
_LAME_SCALE = 0.95
"""At a constant bitrate LAME makes everything softer by this factor, lest it clip; `CEILING_DBTP` sees to that here."""
_OVERLAP = RATE // 10
"""Samples on either side of a second that is brought to another rate, so that its edges are heard nowhere."""


def mp3(samples: Samples, size_limit: int = SIZE_LIMIT, tag: bytes = b"") -> bytes:
    """MP3 behind its ID3 tag: of variable bitrate where that is sure to stay within `size_limit` bytes, else at the
    highest of `BITRATES` that does. Raises RenderError when none does."""
    bitrate = fitting_bitrate((MOST_VARIABLE, *BITRATES), len(samples) / RATE, size_limit - len(tag))
    return tag + (_variable(samples) if bitrate == MOST_VARIABLE else _constant(samples, bitrate))


def _variable(samples: Samples) -> bytes:
    encoder = _encoder(VARIABLE_EFFORT)
    encoder.set_vbr(_VBR_MTRH)
    encoder.set_vbr_quality(VARIABLE_QUALITY)
    encoder.set_vbr_max_bitrate_kbps(MOST_VARIABLE)
    frames = _encoded(encoder, _blocks(samples))
    return xing.header(frames, len(samples)) + frames


def _constant(samples: Samples, bitrate: int) -> bytes:
    encoder = _encoder(EFFORT)
    encoder.set_bit_rate(bitrate)
    return _encoded(encoder, map(_louder, _blocks(samples)))


def _encoder(effort: int) -> lameenc.Encoder:
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_in_sample_rate(RATE)
    encoder.set_channels(2)
    encoder.set_quality(effort)
    return encoder


def _encoded(encoder: lameenc.Encoder, blocks: Iterable[Samples]) -> bytes:
    parts = [bytes(encoder.encode(block)) for block in blocks]
    return b"".join([*parts, bytes(encoder.flush())])


def _louder(samples: Samples) -> Samples:
    """The samples that LAME makes as loud as these are."""
    return np.clip(np.rint(samples / _LAME_SCALE), -(2**15), 2**15 - 1).astype(np.int16)


def wav(samples: Samples, size_limit: int = SIZE_LIMIT) -> bytes | None:
    """WAV of 16 bits a sample; None for more than `size_limit` bytes."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(samples.astype("<i2").data)
    return file.getvalue() if file.tell() <= size_limit else None


def flac(samples: Samples, size_limit: int = SIZE_LIMIT) -> bytes | None:
    """FLAC of 16 bits a sample; None for more than `size_limit` bytes."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", RATE, 2, "PCM_16", format="FLAC") as writer:
        for block in _blocks(samples):
            writer.write(block)
    return file.getvalue() if file.getbuffer().nbytes <= size_limit else None


def opus(samples: Samples, size_limit: int = SIZE_LIMIT) -> bytes:
    """Ogg Opus at the highest of `OPUS_BITRATES` that stays within `size_limit` bytes. Raises RenderError when none
    does."""
    bitrate = fitting_bitrate(OPUS_BITRATES, len(samples) / RATE, int(0.9 * size_limit))  # it is not constant
    file = io.BytesIO()
    level = _opus_level(bitrate)
    with soundfile.SoundFile(file, "w", OPUS_RATE, 2, "OPUS", format="OGG", compression_level=level) as writer:
        for second in _at_opus_rate(samples):
            writer.write(second)
    return file.getvalue()


def fitting_bitrate(bitrates: tuple[int, ...], seconds: float, size_limit: int) -> int:
    """The first of these, in kbit/s, at which so many seconds stay within the limit. Raises RenderError."""
    for bitrate in bitrates:
        if (seconds + 0.2) * bitrate * 125 <= size_limit:  # 0.2 s: the encoder's padding and its tag
            return bitrate
    raise RenderError(
        "{seconds:.0f} s of audio do not fit into {megabytes:.1f} MB, even at {bitrate} kbit/s",
        seconds=seconds,
        megabytes=size_limit / 1e6,
        bitrate=bitrates[-1],
    )


def _opus_level(bitrate: int) -> float:
    """libsndfile's compression level for a stereo bitrate in kbit/s: 0 stands for 256 a channel, 1 for 6."""
    return (256 - bitrate / 2) / 250


def _blocks(samples: Samples) -> Iterator[Samples]:
    """Ten seconds at a time: encoders make copies of what they are given."""
    for start in range(0, len(samples), 10 * RATE):
        yield samples[start : start + 10 * RATE]


def _at_opus_rate(samples: Samples) -> Iterator[npt.NDArray[np.float32]]:
    """The sound at `OPUS_RATE`, a second at a time, by the spectrum of each second and some of its neighbours."""
    wide, overlap = RATE + 2 * _OVERLAP, _OVERLAP * OPUS_RATE // RATE
    padded = np.pad(samples, ((_OVERLAP, wide), (0, 0)))
    length = round(len(samples) * OPUS_RATE / RATE)
    for number in range(-(-len(samples) // RATE)):
        spectrum = np.fft.rfft(padded[number * RATE :][:wide].astype(np.float32), axis=0)
        second = np.fft.irfft(spectrum, OPUS_RATE + 2 * overlap, axis=0)[overlap : overlap + OPUS_RATE]
        yield (second[: length - number * OPUS_RATE] * (OPUS_RATE / RATE / 2**15)).astype(np.float32)
