"""core/rendering/formats.py: sound as MP3, WAV, FLAC and Opus, each within its limit."""

import io

import av
import numpy as np
import pytest

from core.errors import RenderError
from core.rendering import audio, formats
from core.rendering.fluidsynth import RATE
from core.rendering.loudness import Samples
from tests.support.music import as_bytes, decibels, decode, scale


@pytest.fixture(scope="module")
def samples() -> Samples:
    return audio.render(as_bytes(scale(seconds=6)))


def test_the_mp3_is_as_loud_as_the_sound(samples: Samples):
    """LAME would make it half a decibel softer."""
    heard, _ = decode(formats.mp3(samples))
    assert 20 * np.log10(np.std(heard) / np.std(samples / 32768)) == pytest.approx(0, abs=0.1)


def test_the_mp3_holds_the_sound(samples: Samples):
    """The MP3 is as long as the sound, to the sample, and follows it from the first one on."""
    heard, rate = decode(formats.mp3(samples))
    assert rate == RATE
    assert len(heard) == len(samples)
    assert np.corrcoef(heard[:RATE, 0], samples[:RATE, 0])[0, 1] > 0.99


@pytest.mark.parametrize("length", [1, 576, 1152, 5000])
def test_an_mp3_is_as_long_as_the_sound_whatever_its_frames(samples: Samples, length: int):
    """Players cut what the encoder adds to fill its frames."""
    assert len(decode(formats.mp3(samples[RATE : RATE + length]))[0]) == length


def test_players_know_how_long_an_mp3_is(samples: Samples):
    """The length that a player shows, which reads no more than the beginning, and the place that it goes to are right,
    though the bitrate of the end is another than that of the beginning."""
    uneven = np.concatenate([samples, np.zeros_like(samples)])
    with av.open(io.BytesIO(formats.mp3(uneven))) as player:
        assert player.duration / av.time_base == pytest.approx(len(uneven) / RATE, abs=0.01)
        player.seek(5 * av.time_base)
        frame = next(player.decode(audio=0))
    assert frame.time == pytest.approx(5, abs=0.1)


def test_a_wav_holds_the_sound_exactly(samples: Samples):
    """Sample by sample; where there is no room for it, there is none."""
    wav = formats.wav(samples)
    assert wav is not None
    heard, rate = decode(wav)
    assert rate == RATE
    assert (heard * 32768 == samples).all()
    assert formats.wav(samples, len(wav)) == wav
    assert formats.wav(samples, len(wav) - 1) is None


def test_a_flac_holds_the_sound_exactly(samples: Samples):
    """As a WAV does, in less space."""
    flac = formats.flac(samples)
    assert flac is not None
    heard, rate = decode(flac)
    assert rate == RATE
    assert (heard * 32768 == samples).all()
    assert formats.flac(samples, len(flac) - 1) is None
    assert len(flac) < len(samples) * 4 * 0.7


def test_an_opus_holds_the_sound(samples: Samples):
    """At its own rate: as long to the sample, and it follows the sound at once."""
    heard, rate = decode(formats.opus(samples))
    assert rate == formats.OPUS_RATE
    assert len(heard) == round(len(samples) * rate / RATE)
    moments = np.arange(5 * RATE) * rate / RATE
    there = np.interp(moments, np.arange(len(heard)), heard[:, 0])
    assert np.corrcoef(there, samples[: 5 * RATE, 0])[0, 1] > 0.99
    assert decibels(heard) == pytest.approx(decibels(samples), abs=0.5)


def test_a_change_of_rate_keeps_the_sound():
    """A tone that crosses from one second into the next comes out as if it had been sampled at the other rate."""
    tone = np.sin(2 * np.pi * 997 * np.arange(3 * RATE + 100) / RATE)[:, None].repeat(2, axis=1)
    changed = np.concatenate(list(formats._at_opus_rate(np.rint(tone * 2**14).astype(np.int16))))
    ideal = np.sin(2 * np.pi * 997 * np.arange(len(changed)) / formats.OPUS_RATE) / 2
    inner = slice(1000, -1000)
    assert np.abs(changed[inner, 0] - ideal[inner]).max() < 1e-3
    assert len(changed) == round((3 * RATE + 100) * formats.OPUS_RATE / RATE)


def test_what_is_larger_gets_a_lower_bitrate(samples: Samples):
    """Opus, too, stays within the limit."""
    assert len(formats.opus(samples, 60_000)) <= 60_000
    assert len(formats.opus(samples)) > 60_000


@pytest.mark.parametrize("size_limit", [90_000, 60_000, 30_000])
def test_a_lower_bitrate_makes_it_fit(samples: Samples, size_limit: int):
    """The highest bitrate that fits is taken: within the limit, and the next step up would not be."""
    mp3 = formats.mp3(samples, size_limit)
    bitrate = len(mp3) * 8 / 1000 / (len(samples) / RATE)
    above = min(step for step in formats.BITRATES if step > bitrate + 4)
    assert len(mp3) <= size_limit < len(samples) / RATE * (above + 4) * 125
    heard, rate = decode(mp3)  # LAME lowers the rate along with the bitrate
    assert len(heard) / rate == pytest.approx(len(samples) / RATE, abs=0.2)


def test_what_cannot_fit_is_refused(samples: Samples):
    """No bitrate is low enough for 10 kB."""
    with pytest.raises(RenderError, match=r"^\d s of audio do not fit into 0.0 MB, even at 32 kbit/s$"):
        formats.mp3(samples, 10_000)


def test_ten_minutes_fit_by_default():
    """The longest piece, 600 s and the last notes' ring, goes out at the highest constant bitrate."""
    assert formats.fitting_bitrate(formats.BITRATES, 610, formats.SIZE_LIMIT) == formats.BITRATES[0]
