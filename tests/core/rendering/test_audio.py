"""MIDI becomes an MP3 of the right length and level, and FluidSynth never gets out of hand."""

import fcntl
import os
import re
import shutil
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from pretty_midi import Note

from core import settings
from core.errors import RenderError
from core.options import INSTRUMENTS
from core.rendering import audio, formats, loudness
from core.rendering.arrange import edit
from core.rendering.fluidsynth import RATE
from core.request import Rendering
from tests.support.music import as_bytes, decibels, decode, piano, scale
from tests.support.waiting import PATIENCE


@pytest.fixture(scope="module")
def samples() -> loudness.Samples:
    return audio.render(as_bytes(scale(seconds=6)))


@pytest.fixture
def fluidsynth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a Python program in FluidSynth's place; it knows `wav`, the file that it should write."""

    def pretend(program: str) -> Path:
        file = tmp_path / "bin" / "fluidsynth"
        file.parent.mkdir(exist_ok=True)
        head = f"#!{sys.executable}\nimport fcntl, sys, time, wave\nwav = sys.argv[sys.argv.index('-F') + 1]\n"
        file.write_text(head + textwrap.dedent(program))
        file.chmod(0o755)
        if str(file.parent) not in os.environ["PATH"]:
            monkeypatch.setenv("PATH", str(file.parent), prepend=os.pathsep)
        return file

    return pretend


def test_the_sound_is_as_long_as_the_music(samples: loudness.Samples):
    """Six seconds of notes sound for six seconds and what the last one takes to die away."""
    assert 6.0 < len(samples) / RATE < 8.0


def test_sound_and_music_keep_time():
    """Silence before the first note stays, so a note at 1.5 s is heard at 1.5 s."""
    samples = audio.render(as_bytes(piano(Note(90, 60, 1.5, 2.0))))
    first = np.flatnonzero(np.abs(samples).max(axis=1) > 1000)[0]
    assert first / RATE == pytest.approx(1.5, abs=0.05)


@pytest.mark.parametrize(
    "notes",
    [[Note(5, 30, 0.0, 1.0)], [Note(127, pitch, 0.0, 2.0) for pitch in range(30, 90, 3)]],
    ids=["one soft note", "twenty loud ones at once"],
)
def test_every_piece_is_equally_loud(notes: list[Note]):
    """Soft or loud, the sound has the loudness of all, and the peak of the MP3 is below -1 dBFS."""
    samples = audio.render(as_bytes(piano(*notes)))
    powers = loudness.step_powers(samples, 2**15)
    assert loudness.integrated_loudness(powers) == pytest.approx(loudness.LUFS, abs=0.1)
    assert decibels(decode(formats.mp3(samples))[0]) < -1


def test_the_silence_at_the_end_is_cut():
    """A pedal that moves long after the last note leaves the decay after the last sound, not twenty seconds."""
    samples = audio.render(as_bytes(piano(Note(90, 72, 0.0, 0.5), pedal=[(20.0, 0)])))
    loud = np.flatnonzero(np.abs(samples).max(axis=1) > 32768 * 10 ** (loudness.SILENCE_DBFS / 20))
    assert len(samples) / RATE < 4
    assert (len(samples) - loud[-1]) / RATE == pytest.approx(loudness.DECAY_SECONDS, abs=0.01)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_every_instrument_is_heard(instrument: str):
    """From the first note on, loud enough beside the others, as long as the music and its decay, and never clipped."""
    music = scale(seconds=3)
    edit(music, Rendering(instrument))
    samples = audio.render(as_bytes(music))
    heard, _ = decode(formats.mp3(samples))
    loud = np.flatnonzero(np.abs(samples).max(axis=1) > 1000)
    assert loud[0] < 0.1 * RATE
    assert 3.0 < len(samples) / RATE < 9.0
    powers = loudness.step_powers(samples, 2**15)
    assert loudness.integrated_loudness(powers) == pytest.approx(loudness.LUFS, abs=0.5)
    assert decibels(heard) < -1


def test_the_same_music_gives_the_same_bytes():
    """A job that runs twice makes the same file twice."""
    once, again = (formats.mp3(audio.render(as_bytes(scale(seconds=2)))) for _ in range(2))
    assert once == again


def test_a_fluidsynth_that_hangs_is_ended(fluidsynth, tmp_path: Path):
    """FluidSynth is stopped at its time-out with a sentence, and no process is left: its lock is free again."""
    lock = tmp_path / "lock"
    fluidsynth(f"file = open({str(lock)!r}, 'w')\nfcntl.flock(file, fcntl.LOCK_EX)\ntime.sleep(1000)")
    with pytest.raises(RenderError, match=r"^FluidSynth did not finish the piece within 5 s and was stopped$"):
        audio.render(as_bytes(scale(seconds=1)), wall_seconds=5)
    with lock.open() as file:  # there, so the program had begun
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                assert time.monotonic() < deadline
                time.sleep(0.05)


def test_an_endless_file_is_stopped(fluidsynth):
    """A program that ignores the limit on the size of a file is stopped with a sentence as well."""
    fluidsynth("file = open(wav, 'wb')\nwhile True: file.write(bytes(100_000))")
    with pytest.raises(RenderError, match=r"^FluidSynth wrote more than the 0.7 MB that a piece may take$"):
        audio.render(as_bytes(scale(seconds=1)), most_audio_seconds=2)


def test_fluidsynth_has_no_more_than_its_limits(fluidsynth, caplog: pytest.LogCaptureFixture):
    """As the kernel has them: processor time, memory, the size of a file; and it runs where its files are, in a folder
    that is gone afterwards."""
    fluidsynth(
        """
        import os, resource as r
        limits = [r.getrlimit(limit)[0] for limit in (r.RLIMIT_CPU, r.RLIMIT_AS, r.RLIMIT_FSIZE, r.RLIMIT_CORE)]
        sys.exit(f"limits {limits} in {os.getcwd()} for {os.path.dirname(wav)}")
        """
    )
    with pytest.raises(RenderError):
        audio.render(as_bytes(scale(seconds=1)), wall_seconds=20, most_audio_seconds=2)
    limits, folder, files = re.search(r"limits \[(.+)\] in (\S+) for (\S+)", caplog.text).groups()
    assert limits == f"25, {audio._address_space(audio.find_soundfont())}, {2 * RATE * 8}, 0"
    assert folder == files
    assert not Path(folder).exists()


def test_a_fluidsynth_that_grows_is_ended(fluidsynth, caplog: pytest.LogCaptureFixture):
    """By the kernel, which gives it no more memory."""
    fluidsynth(f"everything = bytearray({audio._address_space(audio.find_soundfont())})")
    with pytest.raises(RenderError, match="FluidSynth could not play the piece"):
        audio.render(as_bytes(scale(seconds=1)))
    assert "MemoryError" in caplog.text


def test_a_fluidsynth_that_is_killed_has_a_second_try(fluidsynth, tmp_path: Path):
    """Killed once, as a system short of memory does, it plays the piece all the same; killed again there is a
    sentence."""
    killed, real = tmp_path / "killed", shutil.which("fluidsynth")
    fluidsynth(
        f"""
        import os, pathlib
        killed = pathlib.Path({str(killed)!r})
        if killed.exists():
            os.execv({real!r}, sys.argv)
        killed.touch()
        os.kill(os.getpid(), 9)
        """
    )
    assert len(audio.render(as_bytes(scale(seconds=1))))
    killed.unlink()
    fluidsynth("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(RenderError, match="FluidSynth could not play the piece"):
        audio.render(as_bytes(scale(seconds=1)))


def test_fluidsynth_gets_no_secrets(fluidsynth, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    """FluidSynth has neither the database's address nor a key for the place of the files."""
    for name in ("QUEUE_URL", "DISCORD_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "hunter2")
    fluidsynth("import os; sys.exit(f'variables {dict(os.environ)}')")
    with pytest.raises(RenderError):
        audio.render(as_bytes(scale(seconds=1)))
    assert "'PATH'" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_damaged_soundfont_is_a_sentence(tmp_path: Path):
    """FluidSynth says so only in its log, and plays with another one."""
    with audio.find_soundfont().open("rb") as file:
        (tmp_path / "cut.sf2").write_bytes(file.read(100_000))
    with pytest.raises(RenderError, match=r"^the SoundFont cut.sf2 is damaged"):
        audio.render(as_bytes(scale(seconds=1)), tmp_path / "cut.sf2")


def test_an_unpacked_soundfont_has_room(tmp_path: Path):
    """An .sf3 takes many times its size in memory."""
    for name, memory in (("a.sf2", audio.ADDRESS_SPACE + 2000), ("a.sf3", audio.ADDRESS_SPACE + 16_000)):
        (tmp_path / name).write_bytes(bytes(1000))
        assert audio._address_space(tmp_path / name) == memory


def test_the_real_fluidsynth_is_stopped_too():
    """A piece that is longer than what may be written."""
    with pytest.raises(RenderError, match="FluidSynth wrote more than"):
        audio.render(as_bytes(scale(seconds=6)), most_audio_seconds=2)


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("sys.exit('out of memory')", "FluidSynth could not play the piece; the worker's log says why"),
        ("pass", "FluidSynth could not play the piece; the worker's log says why"),
        ("open(wav, 'wb').write(b'no sound')", "FluidSynth wrote a file that is not a WAV"),
        (
            "file = wave.open(wav, 'wb'); file.setparams((1, 2, 8000, 0, 'NONE', '')); file.writeframes(bytes(2000))",
            "FluidSynth wrote a WAV that is cut off or not 32-bit stereo at 44.1 kHz",
        ),
        (
            """
            with wave.open(wav, 'wb') as file:
                file.setparams((2, 4, 44100, 0, 'NONE', ''))
                file.writeframes(bytes(4000))
            with open(wav, 'r+b') as file:
                file.truncate(1000)
            """,
            "FluidSynth wrote a WAV that is cut off or not 32-bit stereo at 44.1 kHz",
        ),
    ],
    ids=["fails", "writes nothing", "writes no WAV", "writes mono", "is cut off"],
)
def test_what_fluidsynth_leaves_is_checked(fluidsynth, program: str, sentence: str):
    """midi2audio looks neither at the exit code nor at the file."""
    fluidsynth(program)
    with pytest.raises(RenderError) as refusal:
        audio.render(as_bytes(scale(seconds=1)))
    assert str(refusal.value) == sentence


def test_what_fluidsynth_said_is_in_the_log(fluidsynth, caplog: pytest.LogCaptureFixture):
    """The listener gets a sentence, the log gets the words."""
    fluidsynth("sys.exit('out of memory')")
    with pytest.raises(RenderError):
        audio.render(as_bytes(scale(seconds=1)))
    assert "out of memory" in caplog.text


def test_a_silent_piece_is_refused():
    """Nothing to normalise: a file without notes."""
    with pytest.raises(RenderError, match="the piece makes no sound"):
        audio.render(as_bytes(piano(pedal=[(0.0, 127), (1.0, 0)])))


def test_a_missing_soundfont_is_a_sentence(monkeypatch: pytest.MonkeyPatch):
    """The sentence names the missing program and how to install it with apt, dnf, pacman and brew."""
    monkeypatch.setattr(settings, "SOUNDFONTS", (Path("/nowhere/FluidR3_GM.sf2"),))
    with pytest.raises(RenderError, match=r"^no SoundFont .*apt install .*dnf install .*pacman -S .*brew install "):
        audio.find_soundfont()


def test_a_missing_fluidsynth_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The sentence names what is missing and how to install it, here too."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RenderError, match=r"^FluidSynth, .*apt install .*dnf install .*pacman -S .*brew install "):
        audio.render(as_bytes(scale(seconds=1)))


def test_a_soundfont_that_is_none_is_refused(tmp_path: Path):
    """FluidSynth would play silence with it."""
    (tmp_path / "piano.sf2").write_text("not a piano at all")
    with pytest.raises(RenderError, match=r"^piano.sf2 is not a SoundFont"):
        audio.find_soundfont(tmp_path / "piano.sf2")
    with pytest.raises(RenderError, match=r"^the SoundFont organ.sf2 cannot be read: No such file or directory$"):
        audio.find_soundfont(tmp_path / "organ.sf2")
