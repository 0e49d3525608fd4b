"""core/rendering/mp3_frames.py: two halves of an MP3 are joined as if it had been encoded in one go."""

import numpy as np
import pytest

from core.rendering import audio, formats
from core.rendering.fluidsynth import RATE
from core.rendering.loudness import Samples
from core.rendering.mp3_frames import SAMPLES, Frames, joined
from tests.support.music import as_bytes, decode, scale


@pytest.fixture(scope="module")
def samples() -> Samples:
    return audio.render(as_bytes(scale(seconds=8)))


@pytest.fixture(scope="module")
def whole(samples: Samples) -> Frames:
    return formats._of_variable_bitrate(samples)


def noise(frames: Frames, samples: Samples) -> np.ndarray:
    """Power of what an MP3 has added to these samples, a value for each of its frames."""
    heard, _ = decode(formats.xing.header(frames, len(samples)) + frames.mp3)
    added = (heard * 2**15 - samples)[: len(samples) // SAMPLES * SAMPLES]
    return np.square(added).reshape(-1, SAMPLES * 2).mean(axis=1)


def test_halves_are_as_good_as_a_whole(samples: Samples, whole: Frames):
    """Frame by frame, also where they meet; and as many of them."""
    halves = formats._in_halves(samples)
    assert halves is not None
    assert len(halves) == len(whole)
    assert noise(halves, samples) == pytest.approx(noise(whole, samples), rel=0.3, abs=10)


def test_sound_whose_halves_do_not_fit_is_encoded_in_one_go(
    samples: Samples, whole: Frames, monkeypatch: pytest.MonkeyPatch
):
    """Long sound too, where no frame can be the first of the second half."""
    monkeypatch.setattr(formats, "HALVED_SECONDS", 5)
    monkeypatch.setattr(formats, "_SEAM", 0)
    assert formats._in_halves(samples) is None
    assert formats.mp3(samples).endswith(whole.mp3)


def test_no_frame_takes_what_is_not_there(whole: Frames):
    """The first frame of all needs nothing of those before it, of which there are none."""
    assert whole.reservoir(0) == 0
    assert whole.places_before(0, 511) == []


def test_frames_are_found(samples: Samples, whole: Frames):
    """All of them, to the end, each with the bits that every frame begins with."""
    assert whole.starts[-1] == len(whole.mp3)
    assert {whole.mp3[start : start + 2] for start in whole.starts[:-1]} == {b"\xff\xfb"}
    assert len(whole) * SAMPLES / RATE == pytest.approx(len(samples) / RATE, abs=0.1)


def test_a_whole_can_be_joined_with_itself(whole: Frames):
    """At any frame with long windows, and nothing changes."""
    middle = len(whole) // 2
    again = joined(whole, whole, 0, range(middle, len(whole)))
    assert again is not None
    assert again.mp3 == whole.mp3
    assert joined(whole, whole, 0, ()) is None
