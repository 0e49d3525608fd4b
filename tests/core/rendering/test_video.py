"""core/rendering/video.py: an MP4 that plays everywhere, and whose frames show what sounds."""

import io

import av
import numpy as np
import pytest
from pretty_midi import Note, PrettyMIDI

from core.errors import RenderError
from core.rendering import audio, video
from core.rendering.fluidsynth import RATE
from tests.support.music import as_bytes, piano

MUSIC = piano(Note(100, 60, 0.5, 1.0), Note(60, 72, 2.0, 3.0), Note(90, 48, 21.0, 21.5), pedal=[(0.4, 127), (1.5, 0)])


@pytest.fixture(scope="module")
def samples() -> audio.Samples:
    return audio.render(as_bytes(MUSIC))


@pytest.fixture(scope="module")
def mp4(samples: audio.Samples) -> bytes:
    return video.mp4(MUSIC, samples, "C4 · take 7")


@pytest.fixture(scope="module")
def frames(mp4: bytes) -> list[np.ndarray]:
    """The luma of every frame."""
    with av.open(io.BytesIO(mp4)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def playhead(frame: np.ndarray) -> float:
    """Its column, between the edges of the roll."""
    columns = np.flatnonzero(np.median(frame[100:600, video._LEFT : video._RIGHT + video.PLAYHEAD], axis=0) > 150)
    return float(columns.mean()) - video.PLAYHEAD / 2


def brightness(music: PrettyMIDI, frames: list[np.ndarray], note: Note, second: float) -> int:
    pages = video.Pages(music, 22.0, "")
    number = next(number for number, row in enumerate(pages._sounds) if row[0] == pytest.approx(note.start))
    rows = pages._rows(number)
    column = pages._column((note.start + note.end) / 2 % video.PAGE_SECONDS * 1.0)
    return int(frames[round(second * video.FPS)][rows.start + 4, column])


def test_it_is_what_every_client_plays(mp4: bytes, samples: audio.Samples):
    """H.264 and AAC of 1280 by 720, as long as the sound, with the tables in front."""
    with av.open(io.BytesIO(mp4)) as container:
        [picture], [sound] = container.streams.video, container.streams.audio
        assert (picture.codec_context.name, picture.width, picture.height) == ("h264", 1280, 720)
        assert picture.codec_context.pix_fmt == "yuv420p"
        assert (sound.codec_context.name, sound.rate) == ("aac", RATE)
        assert float(picture.duration * picture.time_base) == pytest.approx(len(samples) / RATE, abs=0.1)
        assert float(sound.duration * sound.time_base) == pytest.approx(len(samples) / RATE, abs=0.1)
    assert mp4.index(b"moov") < mp4.index(b"mdat")


def test_the_playhead_moves_with_the_music(frames: list[np.ndarray]):
    """From the left edge of a page to its right one, and back to the left on the next."""
    width = video._RIGHT - video._LEFT
    for second in (0.0, 5.0, 15.0, 21.0):
        assert playhead(frames[round(second * video.FPS)]) == pytest.approx(second % 20 / 20 * width, abs=3)


def test_notes_light_up_as_they_sound(frames: list[np.ndarray]):
    """Dim before, brightest meanwhile, and in their colour afterwards; also on the second page."""
    for note in MUSIC.instruments[0].notes:
        before, meanwhile, after = (
            brightness(MUSIC, frames, note, second)
            for second in (note.start - 0.3, note.start + 0.1, min(note.end + 0.4, 21.9))
        )
        assert before + 15 < after
        assert after + 15 < meanwhile


def test_sound_and_picture_keep_time(mp4: bytes):
    """A note at 2 s is heard at 2 s."""
    with av.open(io.BytesIO(mp4)) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    quiet, loud = (
        np.abs(heard[int(1.9 * RATE) : int(1.98 * RATE)]).max(),
        np.abs(heard[int(2.03 * RATE) :][:RATE]).max(),
    )
    assert loud > 4 * quiet


def test_progress_is_told(samples: audio.Samples):
    """Once a second, and never backwards."""
    told: list[float] = []
    video.mp4(MUSIC, samples[: 3 * RATE], progress=told.append)
    assert told == pytest.approx([0, 1 / 3, 2 / 3])


def test_ten_minutes_fit():
    """There is room for sound and picture in a message; where there is none, a sentence says so."""
    assert video._bitrates(610, video.SIZE_LIMIT) == (64, 66)
    with pytest.raises(RenderError, match=r"a video of 610 s does not fit into 1\.0 MB"):
        video._bitrates(610, 1_000_000)


def test_the_same_piece_gives_the_same_video(samples: audio.Samples):
    """Byte by byte, as a job may run twice."""
    once, again = (video.mp4(MUSIC, samples[:RATE]) for _ in range(2))
    assert once == again
