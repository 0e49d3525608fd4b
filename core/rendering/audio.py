"""MIDI -> sound by FluidSynth (midi2audio) -> MP3 by LAME, WAV or FLAC. FluidSynth can run without end or write without
end on some files, so it runs in a process group and a folder of its own, with limits on time, on memory and on the size
of what it writes."""

from __future__ import annotations

import io
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

import lameenc
import numpy as np
import numpy.typing as npt

from core.errors import RenderError
from core.rendering import fluidsynth
from core.rendering.fluidsynth import RATE
from core.text import Text

Samples = npt.NDArray[np.int16]
"""Stereo sound of shape (samples, 2), `RATE` samples a second."""

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

PEAK_DBFS = -3.0
"""Level of the loudest sample; LAME's output stays well below full scale with it."""
_PEAK = 10 ** (PEAK_DBFS / 20)
SILENCE_DBFS = -60.0
"""Level below which the end of a piece counts as silent."""
DECAY_SECONDS = 0.5
"""How much is kept after the last sample that is louder than `SILENCE_DBFS`."""

SIZE_LIMIT = 10 * 2**20
"""Bytes that a message may carry where pieces are usually sent. The longest piece fits at the highest bitrate."""
BITRATES = (128, 112, 96, 80, 64, 48, 32)
"""kbit/s, the usual one first; the others are for a piece that would not fit."""
QUALITY = 5
"""LAME's effort, 2 (best) to 7: 5 is as near to the original as 2 in two thirds of the time; 7 loses audibly more."""

GAIN, MOST_GAIN = 0.2, 10.0
"""FluidSynth's usual loudness, and its greatest."""

_LEAST_PEAK = 2**10
"""Peak of a piece that can be heard, of the 2**31 that FluidSynth's 32 bits can hold. The softest note reaches 2**13,
silence 2**6."""

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
    """Play a MIDI file with `find_soundfont(soundfont)`: the peak is at `PEAK_DBFS`, the silence at the end is cut.
    Raises RenderError when something is missing, FluidSynth fails or exceeds a limit, or nothing is to be heard."""
    with _folder(midi) as wav:
        return _level(_play(wav, find_soundfont(soundfont), wall_seconds, most_audio_seconds))


def render_flac(midi: bytes, soundfont: Path | None = None, size_limit: int = SIZE_LIMIT) -> bytes | None:
    """Play a MIDI file as a FLAC, which FluidSynth writes itself: the silence at its end stays, and the peak is at
    `PEAK_DBFS` unless the piece is too soft for FluidSynth to reach that. None for more than `size_limit` bytes.
    Raises RenderError as `render` does, and for a FluidSynth that knows no FLAC."""
    soundfont = find_soundfont(soundfont)
    with _folder(midi) as wav:
        peak = _peak(_play(wav, soundfont, WALL_SECONDS, MOST_AUDIO_SECONDS))
        gain = min(GAIN * 2**31 * _PEAK / peak, MOST_GAIN)
        flac = wav.with_suffix(".flac")
        _fluidsynth(soundfont, flac, WALL_SECONDS, _most_bytes(MOST_AUDIO_SECONDS), gain)
        content = flac.read_bytes()
    if not content.startswith(b"fLaC"):
        raise RenderError("the FluidSynth that is installed here cannot write FLAC; WAV and MP3 are there")
    return content if len(content) <= size_limit else None


def encode_wav(samples: Samples, size_limit: int = SIZE_LIMIT) -> bytes | None:
    """WAV of 16 bits a sample; None for more than `size_limit` bytes."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(2)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(samples.astype("<i2").data)
    return file.getvalue() if file.tell() <= size_limit else None


def encode(samples: Samples, size_limit: int = SIZE_LIMIT, tag: bytes = b"") -> bytes:
    """MP3 at the highest of `BITRATES` that stays within `size_limit` bytes, behind its ID3 tag.
    Raises RenderError when none does."""
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_in_sample_rate(RATE)
    encoder.set_channels(2)
    encoder.set_bit_rate(_bitrate(len(samples) / RATE, size_limit - len(tag)))
    encoder.set_quality(QUALITY)
    blocks = (samples[start : start + 10 * RATE] for start in range(0, len(samples), 10 * RATE))
    return b"".join([tag, *(bytes(encoder.encode(block)) for block in blocks), bytes(encoder.flush())])


def _bitrate(seconds: float, size_limit: int) -> int:
    """The bitrate in kbit/s: constant, so that the size is known before anything is encoded."""
    for bitrate in BITRATES:
        if (seconds + 0.2) * bitrate * 125 <= size_limit:  # 0.2 s: LAME's padding and its tag
            return bitrate
    raise RenderError(
        "{seconds:.0f} s of audio do not fit into {megabytes:.1f} MB, even at {bitrate} kbit/s",
        seconds=seconds,
        megabytes=size_limit / 1e6,
        bitrate=BITRATES[-1],
    )


@contextmanager
def _folder(midi: bytes) -> Iterator[Path]:
    """A folder for a while, with the MIDI file in it; gives the path for its WAV."""
    with tempfile.TemporaryDirectory(prefix="nocturne-") as folder:
        wav = Path(folder, "piece.wav")
        wav.with_suffix(".mid").write_bytes(midi)
        yield wav


def _play(wav: Path, soundfont: Path, wall_seconds: float, most_audio_seconds: float) -> npt.NDArray[np.int32]:
    _fluidsynth(soundfont, wav, wall_seconds, _most_bytes(most_audio_seconds))
    return _read(wav)


def _most_bytes(seconds: float) -> int:
    """Size of a WAV that FluidSynth writes, in bytes."""
    return round(seconds * RATE * 8)


def _address_space(soundfont: Path) -> int:
    """Limit of FluidSynth's address space with this SoundFont, which it holds in memory; an .sf3 is unpacked there."""
    return ADDRESS_SPACE + (16 if soundfont.suffix.lower() == ".sf3" else 2) * soundfont.stat().st_size


def _fluidsynth(soundfont: Path, sound: Path, wall_seconds: float, most_bytes: int, gain: float = GAIN) -> None:
    """Write `sound` from the .mid beside it; whatever was started is gone when this returns or raises. There is a
    second try for a FluidSynth that was killed, as a system that is short of memory does."""
    output = sound.with_suffix(".log")  # a file, which the limit on size holds for; a pipe would fill the memory
    files = [str(soundfont.absolute()), str(sound.with_suffix(".mid")), str(sound), f"{gain:.4f}"]
    # processor time: only for when nobody waits any more
    limits = [str(most_bytes), str(math.ceil(wall_seconds) + 5), str(_address_space(soundfont))]
    exit_code = _run([*files, *limits], output, wall_seconds)
    if exit_code in _KILLED:
        _log.warning("FluidSynth was killed, and is started again")
        exit_code = _run([*files, *limits], output, wall_seconds)
    if sound.is_file() and sound.stat().st_size >= most_bytes:
        raise RenderError("FluidSynth wrote more than the {most:.1f} MB that a piece may take", most=most_bytes / 1e6)
    said = output.read_bytes()
    if exit_code != 0 or not sound.is_file():
        _log.error("FluidSynth ended with exit code %s and said: %s", exit_code, said[-2000:].decode(errors="replace"))
        raise RenderError("FluidSynth could not play the piece; the worker's log says why")
    if _FOREIGN_SOUND.search(said):
        raise RenderError("the SoundFont {name} is damaged, FluidSynth cannot load it", name=soundfont.name)


def _run(arguments: Sequence[str], output: Path, wall_seconds: float) -> int:
    """Run `core.rendering.fluidsynth` in the folder of `output`; returns its exit code. Raises RenderError when that
    takes too long."""
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", fluidsynth.__file__, *arguments],
            stdin=subprocess.PIPE,  # closes with this process, and ends that one
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=output.parent,
            env={name: os.environ[name] for name in _INHERITED if name in os.environ} | _ENVIRONMENT,
        )
        try:
            return process.wait(wall_seconds)
        except subprocess.TimeoutExpired as error:
            raise RenderError(
                "FluidSynth did not finish the piece within {seconds:g} s and was stopped", seconds=wall_seconds
            ) from error
        finally:
            with suppress(ProcessLookupError, PermissionError):  # nothing of the group is left
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()  # closes its standard input


def _read(wav: Path) -> npt.NDArray[np.int32]:
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


def _level(sound: npt.NDArray[np.int32]) -> Samples:
    """Bring the peak to `PEAK_DBFS` and cut the silence at the end."""
    peak = _peak(sound)
    last = _last_above(sound, peak * 10 ** (SILENCE_DBFS / 20) / _PEAK)
    sound = sound[: last + 1 + round(DECAY_SECONDS * RATE)]
    samples = np.empty(sound.shape, np.int16)
    for start in range(0, len(sound), RATE):  # a second at a time: ten minutes as floats would take 400 MB
        second = slice(start, start + RATE)
        samples[second] = np.rint(sound[second] * (2**15 * _PEAK / peak))
    return samples


def _peak(sound: npt.NDArray[np.int32]) -> int:
    """The loudest sample. Raises RenderError when all is silence."""
    peak = max(int(sound.max(initial=0)), -int(sound.min(initial=0)))
    if peak < _LEAST_PEAK:
        raise RenderError("the piece makes no sound")
    return peak


def _last_above(sound: npt.NDArray[np.int32], threshold: float) -> int:
    """Index of the last sample louder than `threshold`, searched from the end a second at a time."""
    for start in range((len(sound) - 1) // RATE * RATE, -1, -RATE):
        loud = np.abs(sound[start : start + RATE].astype(float)).max(axis=1) > threshold
        if loud.any():
            return start + int(np.flatnonzero(loud)[-1])
    return 0
