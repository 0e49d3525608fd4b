"""Loudness and true peak of a recording, as ITU-R BS.1770 and EBU R 128 define them, and the limiter between them: all
pieces are equally loud, and none is clipped."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from core.errors import RenderError
from core.rendering.fluidsynth import RATE

Recording = npt.NDArray[np.int32]
"""Stereo sound as FluidSynth writes it, of shape (samples, 2), with full scale at 2**31."""
Samples = npt.NDArray[np.int16]
"""Stereo sound of shape (samples, 2), `RATE` samples a second."""
Floats = npt.NDArray[np.floating]

LUFS = -18.0
"""Integrated loudness of every recording."""
CEILING_DBTP = -2.0
"""True peak that the limiter lets through; what MP3, Opus and AAC add to it stays below -1 dBTP."""
ATTACK, RELEASE = 0.5, 0.02
"""Slopes of the limiter's gain in dB a millisecond: it is down before a peak comes, and slowly up again."""
MOST_LIMITED = 12.0
"""Decibels by which the limiter lowers a peak at most. A xylophone, whose notes are over at once, is left softer than
`LUFS`: more would take its strokes away."""
SILENCE_DBFS = -60.0
"""Level below which the end of a piece counts as silent."""
DECAY_SECONDS = 0.7
"""How much is kept after the last sample that is louder than `SILENCE_DBFS`."""

WAVEFORM_POINTS = 256

_CEILING = 10 ** (CEILING_DBTP / 20)
_LEAST_PEAK = 2**10
"""Peak of a piece that can be heard. The softest note reaches 2**13, silence 2**6."""
_STEP = RATE // 10
"""Samples from one gating block to the next; a block has four of these."""
_BLOCK = RATE // 4
"""Samples that are worked on at a time. Arrays that are needed for a moment only stay below the size of those that
`core.process.memory` has the system give and take each time."""
_FRAME = 63
"""Samples of which the limiter knows one peak, 1.4 ms. A step has 70 of these frames."""
_OVERSAMPLING, _TAPS = 4, 12
"""Oversampling for the true peak: points a sample, and samples on either side that the interpolator looks at."""
_HEAD = np.array([[1.53512485958697, -2.69169618940638, 1.19839281085285], [1, -1.69065929318241, 0.73248077421585]])
_HIGH_PASS = np.array([[1, -2, 1], [1, -1.99004745483398, 0.99007225036621]])
"""Coefficients of BS.1770's two filters at 48 kHz: of each the numerator, and the denominator."""
_NEAR_DB = 3.0
"""Frames whose samples stay so far below the ceiling do not exceed it between two samples either: these are not
interpolated."""


def level(recording: Recording) -> Samples:
    """The recording at `LUFS`, limited to `CEILING_DBTP`, without the silence at its end. Raises RenderError when all
    is silence."""
    full = max(int(recording.max(initial=0)), -int(recording.min(initial=0)))  # or all of a soft piece would be gated
    if full < _LEAST_PEAK:
        raise RenderError("the piece makes no sound")
    powers = step_powers(recording, full)
    gain = factor_of(LUFS - integrated_loudness(powers))
    peaks = true_peaks(recording, full, gain)
    gain, reduction = _limited(powers, peaks, gain)
    last = _last_above(recording, factor_of(SILENCE_DBFS) / gain * full)
    return _apply(recording[: last + 1 + round(DECAY_SECONDS * RATE)], gain / full, reduction)


def loudest_second(samples: Samples) -> float:
    """When the loudest second begins, in seconds."""
    seconds = [samples[start : start + RATE] for start in range(0, len(samples), RATE)]
    return float(np.argmax([np.einsum("ij,ij", second, second, dtype=np.float32) for second in seconds]))


def waveform(samples: Samples) -> bytes:
    """The shape of the sound as Discord draws it: its peaks, 255 for the highest, at most ten a second and 256 in
    all."""
    points = min(WAVEFORM_POINTS, max(10 * len(samples) // RATE, 1))
    peaks = [np.abs(part.astype(np.int32)).max(initial=0) for part in np.array_split(samples, points)]
    return bytes(np.rint(255 * np.array(peaks) / max(*peaks, 1)).astype(np.uint8))


def factor_of(decibels: float) -> float:
    """-6 dB -> 0.5"""
    return 10 ** (decibels / 20)


def step_powers(recording: Recording, full: float) -> Floats:
    """Mean square of the K-weighted sound in each step of 0.1 s, both channels together, where `full` counts as 1.

    The weighting is done in the spectrum of each step. Taken as one complex signal, the two channels need one Fourier
    transform: their powers add up, and what is between them cancels out over positive and negative frequencies."""
    powers = []
    for start in range(0, len(recording), 2 * _STEP):
        block = recording[start : start + 2 * _STEP]
        steps = np.zeros((-(-len(block) // _STEP), _STEP), np.complex64)
        steps.view(np.float32).reshape(-1, 2)[: len(block)] = block
        spectrum = np.fft.fft(steps)
        powers.append((spectrum.real**2 + spectrum.imag**2) @ _k_weighting())
    return np.concatenate(powers) / (_STEP * full) ** 2


@cache
def _k_weighting() -> Floats:
    """Squared gain of BS.1770's two filters at the frequencies of a step's spectrum; their response is meant for every
    rate."""
    turn = np.exp(-2j * np.pi * np.fft.fftfreq(_STEP, 1 / RATE) / 48000)
    powers_of_turn = np.stack([turn**0, turn, turn**2])
    head = _HEAD @ powers_of_turn
    high_pass = _HIGH_PASS @ powers_of_turn
    return (np.abs(head[0] / head[1] * high_pass[0] / high_pass[1]) ** 2).astype(np.float32)


def integrated_loudness(powers: Floats) -> float:
    """LUFS of a recording from the powers of its steps: the mean of blocks of 0.4 s that are louder than -70 LUFS, and
    than 10 LU below the mean of these."""
    blocks = np.convolve(powers, np.full(4, 0.25), "valid" if len(powers) >= 4 else "full")
    kept = blocks[blocks > 10 ** ((-70 + 0.691) / 10)]
    if not len(kept):
        return -70.0
    return float(10 * np.log10(kept[kept > kept.mean() / 10].mean()) - 0.691)


def true_peaks(recording: Recording, full: float, gain: float) -> Floats:
    """Largest absolute value in each frame, where `full` counts as 1. Those that may come near the ceiling after `gain`
    are interpolated; the others are as sampled."""
    near = _CEILING / gain * factor_of(-_NEAR_DB)
    peaks = []
    for start in range(0, len(recording), _BLOCK):
        block = _padded(recording, start, full)
        windows = np.lib.stride_tricks.sliding_window_view(block, _FRAME + 2 * _TAPS, axis=0)[::_FRAME]
        found = np.abs(windows[..., _TAPS:-_TAPS]).max(axis=(1, 2))
        high = found > near
        if high.any():
            found[high] = np.maximum(found[high], np.abs(windows[high] @ _interpolator()).max(axis=(1, 2)))
        peaks.append(found)
    return np.concatenate(peaks)


def _padded(recording: Recording, start: int, full: float) -> Floats:
    """A block of the recording, and the samples on either side that the interpolator needs; zeros beyond its ends."""
    block = np.zeros((_BLOCK + 2 * _TAPS, 2), np.float32)
    first = max(start - _TAPS, 0)
    part = recording[first : start + _BLOCK + _TAPS]
    at = first - start + _TAPS
    block[at : at + len(part)] = part
    return block / np.float32(full)


@cache
def _interpolator() -> Floats:
    """(window, points between samples) of a frame: a sinc under a raised cosine."""
    between = np.arange(1, _OVERSAMPLING) / _OVERSAMPLING
    points = (_TAPS + np.arange(_FRAME)[:, None] + between).ravel()
    away = points - np.arange(_FRAME + 2 * _TAPS)[:, None]
    window = np.where(np.abs(away) < _TAPS, np.cos(np.pi * away / 2 / _TAPS) ** 2, 0)
    return (np.sinc(away) * window).astype(np.float32)


def _limited(powers: Floats, peaks: Floats, gain: float) -> tuple[float, Floats]:
    """The gain that brings the recording to `LUFS` behind the limiter, and the limiter's reduction of each frame in
    decibels."""
    most = _CEILING * factor_of(MOST_LIMITED) / float(peaks.max())
    gain = min(gain, most)
    reduction = _reduction(peaks * gain)
    for _ in range(3):  # the limiter takes some loudness away, which more gain gives back: 0.1 LU is left at most
        if gain == most or not reduction.any():
            break
        kept = _by_steps(10 ** (-reduction / 10), len(powers))
        gain = min(gain * factor_of(LUFS - integrated_loudness(powers * kept * gain**2)), most)
        reduction = _reduction(peaks * gain)
    return gain, reduction


def _by_steps(frames: Floats, steps: int) -> Floats:
    """Mean of the frames in each step."""
    each = _STEP // _FRAME
    whole = np.ones(steps * each)
    whole[: len(frames)] = frames[: steps * each]
    return whole.reshape(steps, each).mean(axis=1)


def _reduction(peaks: Floats) -> Floats:
    """Decibels by which each frame is lowered: enough for its own peak and its neighbours', and between peaks no
    steeper than `ATTACK` and `RELEASE`."""
    needed = np.maximum(20 * np.log10(np.maximum(peaks, 1e-9) / _CEILING), 0)
    needed[1:-1] = np.maximum(needed[1:-1], np.maximum(needed[2:], needed[:-2]))  # the gain is interpolated
    milliseconds = np.arange(len(needed)) * (1000 * _FRAME / RATE)
    down, up = ATTACK * milliseconds, RELEASE * milliseconds
    before = np.maximum.accumulate((needed - down)[::-1])[::-1] + down
    after = np.maximum.accumulate(needed + up) - up
    return np.maximum(np.maximum(before, after), 0)


def _apply(recording: Recording, gain: float, reduction: Floats) -> Samples:
    """The recording as 16-bit samples, a block at a time: ten minutes as floats would take 400 MB."""
    samples = np.empty(recording.shape, np.int16)
    middles = np.arange(len(reduction)) * _FRAME + (_FRAME - 1) / 2
    factors = 10 ** (-reduction / 20)
    for start in range(0, len(recording), _BLOCK):
        block = slice(start, min(start + _BLOCK, len(recording)))
        louder = recording[block] * (gain * 2**15)
        if reduction[max(start // _FRAME - 1, 0) : block.stop // _FRAME + 2].any():
            louder *= np.interp(np.arange(start, block.stop), middles, factors)[:, None]
        samples[block] = np.rint(louder, out=louder)
    return samples


def _last_above(recording: Recording, threshold: float) -> int:
    """Index of the last sample louder than `threshold`, searched from the end a second at a time."""
    for start in range((len(recording) - 1) // RATE * RATE, -1, -RATE):
        loud = np.abs(recording[start : start + RATE].astype(float)).max(axis=1) > threshold
        if loud.any():
            return start + int(np.flatnonzero(loud)[-1])
    return 0
