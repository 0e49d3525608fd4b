"""core/rendering/loudness.py: loudness and true peak as the standards measure them, and a limiter that is not heard."""

import numpy as np
import pytest

from core.errors import RenderError
from core.rendering import loudness
from core.rendering.fluidsynth import RATE
from core.rendering.loudness import CEILING_DBTP, LUFS, Recording


def tone(hertz: float, dbfs: float, seconds: float, phase: float = 0.0) -> Recording:
    """A sine in both channels, as FluidSynth would write it."""
    wave = 10 ** (dbfs / 20) * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE + phase)
    return np.rint(wave * (2**31 - 1)).astype(np.int32)[:, None].repeat(2, axis=1)


def lufs(sound: np.ndarray, full: float = 2**31) -> float:
    return loudness.integrated_loudness(loudness.step_powers(sound, full))


def dbtp(sound: np.ndarray, full: float = 2**31) -> float:
    return 20 * np.log10(loudness.true_peaks(sound, full, 100.0).max())


def struck(seconds: float, *strokes: float) -> Recording:
    """A soft tone with strokes, each of 20 ms and 20 dB louder, at these seconds."""
    sound = tone(440, -30, seconds)
    for stroke in strokes:
        place = slice(round(stroke * RATE), round((stroke + 0.02) * RATE))
        sound[place] *= 10
    return sound


def test_the_standard_s_tone_has_the_standard_s_loudness():
    """BS.1770: 997 Hz at full scale in one channel is -3.01 LKFS."""
    sound = tone(997, 0, 3)
    sound[:, 1] = 0
    assert lufs(sound) == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize(
    "parts",
    [[(-23, 20)], [(-33, 20)], [(-36, 10), (-23, 60), (-36, 10)], [(-72, 10), (-36, 10), (-23, 60), (-36, 10)]],
    ids=["case 1", "case 2", "case 3", "case 4"],
)
def test_gating_is_that_of_the_standard(parts: list[tuple[int, int]]):
    """The first four cases of EBU Tech 3341, which allows 0.1 LU."""
    sound = np.concatenate([tone(1000, dbfs, seconds) for dbfs, seconds in parts])
    assert lufs(sound) == pytest.approx(-33 if parts == [(-33, 20)] else -23, abs=0.1)


def test_low_and_high_sounds_are_weighted():
    """The two filters at 48 kHz, each worked out by hand from its coefficients: 50 Hz and 8 kHz."""
    assert lufs(tone(50, -20, 3)) - lufs(tone(997, -20, 3)) == pytest.approx(-4.6, abs=0.15)
    assert lufs(tone(8000, -20, 3)) - lufs(tone(997, -20, 3)) == pytest.approx(3.3, abs=0.15)


def test_a_peak_between_two_samples_is_seen():
    """EBU Tech 3341, case 15: a tone of a quarter of the rate whose samples all miss its peak by 3 dB."""
    sound = tone(RATE / 4, -6, 1, phase=np.pi / 4)
    assert 20 * np.log10(np.abs(sound / 2**31).max()) == pytest.approx(-9.01, abs=0.01)
    middle = loudness.true_peaks(sound, 2**31, 100.0)[100:-100]
    assert 20 * np.log10(middle.max()) == pytest.approx(-6, abs=0.2)


@pytest.mark.parametrize("dbfs", [-80, -30, -1])
def test_everything_becomes_as_loud(dbfs: int):
    """Also what is so soft that the standard takes it for silence."""
    assert lufs(loudness.level(tone(440, dbfs, 2)), 2**15) == pytest.approx(LUFS, abs=0.05)


def test_strokes_are_limited():
    """The true peak keeps to the ceiling, and the piece is as loud as any."""
    samples = loudness.level(struck(10, 2, 5.5, 8))
    assert dbtp(samples, 2**15) == pytest.approx(CEILING_DBTP, abs=0.1)
    assert lufs(samples, 2**15) == pytest.approx(LUFS, abs=0.15)


def test_the_limiter_leaves_the_rest_alone():
    """A second before a stroke and a second after it, each sample is the recording times one gain."""
    sound = struck(10, 5)
    ratios = loudness.level(sound)[:: RATE // 100, 0] / np.where(sound[:: RATE // 100, 0], sound[:: RATE // 100, 0], 1)
    loud = np.abs(sound[:: RATE // 100, 0]) > 2**25
    far = loud & (np.abs(np.arange(len(loud)) / 100 - 5) > 1)
    near = np.flatnonzero(loud & (np.abs(np.arange(len(loud)) / 100 - 5.01) < 0.005))
    assert np.ptp(ratios[far]) / ratios[far].mean() < 0.002
    assert ratios[near].max() < 0.9 * ratios[far].mean()


def test_the_gain_never_jumps():
    """Between one frame and the next it falls by less than a decibel, and rises far more slowly."""
    needed = np.ones(3000)
    needed[[1000, 1200, 2990]] = 3.0
    reduction = loudness._reduction(needed * 10 ** (CEILING_DBTP / 20))
    steps = np.diff(reduction)
    assert (reduction[[1000, 1200, 2990]] >= 9.5).all()
    assert 0.5 < steps.max() < 1
    assert -0.05 < steps.min() < 0


def test_silence_is_refused():
    """Nothing can be made louder there."""
    with pytest.raises(RenderError, match="the piece makes no sound"):
        loudness.level(np.zeros((RATE, 2), np.int32))
