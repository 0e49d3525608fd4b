"""MIDI -> sound by FluidSynth (midi2audio), as loud as every other piece. FluidSynth can run without end or write
without end on some files, so it runs in a process group and a folder of its own, with limits on time, on memory and on
the size of what it writes."""

from __future__ import annotations

import logging
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from core.errors import RenderError
from core.rendering import fluidsynth
from core.rendering.fluidsynth import RATE
from core.rendering.loudness import Recording, Samples, level
from core.text import Text

INSTALL = Text(
    "install both with `apt install fluidsynth fluid-soundfont-gm`, `dnf install fluidsynth fluid-soundfont-gm`,"
    " `pacman -S fluidsynth soundfont-fluid`, or `brew install fluid-synth` and a SoundFont that SOUNDFONT names"
)

WALL_SECONDS = 300.0
"""Time-out of FluidSynth. A piece of 600 s takes 10 s of one core; on a machine with ten other things to do, two
minutes."""
MOST_AUDIO_SECONDS = 660
"""Limit of a recording: the longest piece has 600 s, and its last notes ring."""

ADDRESS_SPACE = 2**30
"""Bytes that FluidSynth may have beside its SoundFont; it takes 45 MB, with a piano."""

PLAY, FOLLOW = fluidsynth.play.__name__, fluidsynth.follow.__name__
"""The first argument of `core.rendering.fluidsynth`."""
_KILLED = (-signal.SIGKILL, fluidsynth.SIGNALLED + signal.SIGKILL)
_FOREIGN_SOUND = re.compile(rb"Failed to load (the )?SoundFont")
"""Stands in FluidSynth's log where it plays with whatever other SoundFont it finds."""

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH")
"""Variables that FluidSynth gets of this process's; others may hold secrets."""
_ENVIRONMENT = {
    "SDL_AUDIODRIVER": "dummy",  # else FluidSynth looks for a sound server, and makes it 64 MB
    "OMP_NUM_THREADS": "1",  # each thread would reserve much of the memory it is allowed, and every core has its piece
    "MALLOC_ARENA_MAX": "2",
}

_log = logging.getLogger(__name__)


def find_soundfont(chosen: Path | None = None) -> Path:
    """The SoundFont for FluidSynth to play with: `chosen`, else the one that is installed.
    Raises RenderError when that or FluidSynth itself is missing."""
    if shutil.which("fluidsynth") is None:
        raise RenderError("FluidSynth, which plays the pieces, is not installed; {install}", install=INSTALL)
    soundfont = chosen
    if soundfont is None:
        from core.settings import installed_soundfont  # takes 30 MB, and a worker has chosen already

        soundfont = installed_soundfont()
    if soundfont is None:
        raise RenderError("no SoundFont is installed for FluidSynth to play with; {install}", install=INSTALL)
    try:
        with soundfont.open("rb") as file:
            header = file.read(12)
    except OSError as error:
        raise RenderError(
            "the SoundFont {name} cannot be read: {reason}", name=soundfont.name, reason=str(error.strerror)
        ) from error
    if header[:4] + header[8:] != b"RIFFsfbk":
        raise RenderError("{name} is not a SoundFont, which is a file of the kind .sf2 or .sf3", name=soundfont.name)
    return soundfont


def render(
    midi: bytes,
    soundfont: Path | None = None,
    *,
    wall_seconds: float = WALL_SECONDS,
    most_audio_seconds: float = MOST_AUDIO_SECONDS,
) -> Samples:
    """Play a MIDI file with `find_soundfont(soundfont)`, as loud as every other; the silence at the end is cut.
    Raises RenderError when something is missing, FluidSynth fails or exceeds a limit, or nothing is to be heard."""
    with _folder(midi) as wav:
        return level(_play(wav, find_soundfont(soundfont), wall_seconds, most_audio_seconds))


def levelled(wav: Path) -> Samples:
    """What `fluidsynth.follow` wrote, as `render` has it. Raises OSError where it is gone, and RenderError when nothing
    is to be heard."""
    return level(_read(wav))


@contextmanager
def _folder(midi: bytes) -> Iterator[Path]:
    """A folder for a while, with the MIDI file in it; gives the path for its WAV."""
    with tempfile.TemporaryDirectory(prefix="nocturne-") as folder:
        wav = Path(folder, "piece.wav")
        wav.with_suffix(".mid").write_bytes(midi)
        yield wav


def _play(wav: Path, soundfont: Path, wall_seconds: float, most_audio_seconds: float) -> Recording:
    _fluidsynth(soundfont, wav, wall_seconds, _most_bytes(most_audio_seconds))
    return _read(wav)


def _most_bytes(seconds: float) -> int:
    """Size of a WAV that FluidSynth writes, in bytes."""
    return round(seconds * RATE * 8)


def _address_space(soundfont: Path) -> int:
    """Limit of FluidSynth's address space with this SoundFont, which it holds in memory; an .sf3 is unpacked there."""
    return ADDRESS_SPACE + (16 if soundfont.suffix.lower() == ".sf3" else 2) * soundfont.stat().st_size


def _fluidsynth(soundfont: Path, sound: Path, wall_seconds: float, most_bytes: int) -> None:
    """Write `sound` from the .mid beside it; whatever was started is gone when this returns or raises. There is a
    second try for a FluidSynth that was killed, as a system that is short of memory does."""
    output = sound.with_suffix(".log")  # a file, which the limit on size holds for; a pipe would fill the memory
    files = [str(soundfont.absolute()), str(sound.with_suffix(".mid")), str(sound)]
    limits = limits_of(soundfont, wall_seconds, most_bytes)
    exit_code = _run([PLAY, *files, *limits], output, wall_seconds)
    if exit_code in _KILLED:
        _log.warning("FluidSynth was killed, and is started again")
        exit_code = _run([PLAY, *files, *limits], output, wall_seconds)
    if sound.is_file() and sound.stat().st_size >= most_bytes:
        raise RenderError("FluidSynth wrote more than the {most:.1f} MB that a piece may take", most=most_bytes / 1e6)
    said = output.read_bytes()
    if exit_code != 0 or not sound.is_file():
        _log.error("FluidSynth ended with exit code %s and said: %s", exit_code, said[-2000:].decode(errors="replace"))
        raise RenderError("FluidSynth could not play the piece; the worker's log says why")
    if _FOREIGN_SOUND.search(said):
        raise RenderError("the SoundFont {name} is damaged, FluidSynth cannot load it", name=soundfont.name)


def limits_of(soundfont: Path, wall_seconds: float = WALL_SECONDS, most_bytes: int | None = None) -> list[str]:
    """The limits of `core.rendering.fluidsynth`, as its last arguments."""
    most_bytes = _most_bytes(MOST_AUDIO_SECONDS) if most_bytes is None else most_bytes
    # processor time: only for when nobody waits any more
    return [str(most_bytes), str(math.ceil(wall_seconds) + 5), str(_address_space(soundfont))]


def _run(arguments: Sequence[str], output: Path, wall_seconds: float) -> int:
    """Run `core.rendering.fluidsynth` in the folder of `output`; returns its exit code. Raises RenderError when that
    takes too long."""
    process = started(arguments, output)
    try:
        return process.wait(wall_seconds)
    except subprocess.TimeoutExpired as error:
        raise RenderError(
            "FluidSynth did not finish the piece within {seconds:g} s and was stopped", seconds=wall_seconds
        ) from error
    finally:
        end(process)


def started(arguments: Sequence[str], output: Path) -> subprocess.Popen[bytes]:
    """`core.rendering.fluidsynth` in the folder of `output`, into which it says what there is to say."""
    with output.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-P", fluidsynth.__file__, *arguments],
            stdin=subprocess.PIPE,  # closes with this process, and ends that one
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=output.parent,
            env={name: os.environ[name] for name in _INHERITED if name in os.environ} | _ENVIRONMENT,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """End what was `started`, and whatever that has started."""
    with suppress(ProcessLookupError, PermissionError):  # nothing of the group is left
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()  # closes its standard input


def _read(wav: Path) -> Recording:
    """The sound that FluidSynth wrote, (samples, 2). Raises RenderError for anything but 32-bit stereo at `RATE`."""
    try:
        with wave.open(str(wav), "rb") as file:
            shape = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            count, data = file.getnframes(), file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise RenderError("FluidSynth wrote a file that is not a WAV") from error
    if shape != (RATE, 2, 4) or len(data) != count * 8:
        raise RenderError("FluidSynth wrote a WAV that is cut off or not 32-bit stereo at 44.1 kHz")
    return np.frombuffer(data, "<i4").reshape(-1, 2)
