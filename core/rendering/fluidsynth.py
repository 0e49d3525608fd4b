"""midi2audio under limits, in a process of its own that `core.rendering.audio` starts: the limits can be set safely
only from inside a process that does nothing else. FluidSynth inherits them. Both end when standard input does, which
closes with whoever started them, however that ends."""

import os
import resource
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import midi2audio

RATE = 44100
"""Samples a second."""

VOICES = 128
"""Most that sound at the same time; a stereo note has two. With FluidSynth's 256 a piece whose pedal stays down takes
half as long again, for what is 23 dB below the rest."""

SAMPLES_AT_ONCE = 512
"""Samples that are written at a time. FluidSynth's own 64 take a tenth more of a core, and on a busy machine 40 % more
time; the difference, voices that are given up a little later, is 90 dB below the music."""

OPTIONS = (
    *("-o", f"synth.polyphony={VOICES}"),
    *("-o", "synth.dynamic-sample-loading=1"),
    *("-o", f"audio.period-size={SAMPLES_AT_ONCE}"),
)
"""Options of FluidSynth. Of a SoundFont of 148 MB only the instrument that plays is read: 45 MB of memory in place of
170."""
SIGNALLED = 128
"""Added to a signal's number it is the exit code for a FluidSynth that was ended by it, as in a shell."""


def play(soundfont: str, midi: str, sound: str, most_bytes: int, most_seconds: int, most_memory: int) -> None:
    """Write `sound`, a stereo WAV of at most `most_bytes`, in at most `most_seconds` of processor time and
    `most_memory` bytes of address space. It has 32 bits a sample, which quiet music needs as long as it is not
    levelled. Ends the process with FluidSynth's exit code where it fails."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (most_seconds, most_seconds))
    if sys.platform != "darwin":  # macOS has no such limit, and setting it may fail
        resource.setrlimit(resource.RLIMIT_AS, (most_memory, most_memory))

    def fluidsynth(command: list[str]) -> None:
        """The command of midi2audio, whose failure is not dropped."""
        command = [*command, "-O", "s32", *OPTIONS]
        if code := subprocess.call(command, stdin=subprocess.DEVNULL):
            sys.exit(code if code > 0 else SIGNALLED - code)

    midi2audio.subprocess = SimpleNamespace(call=fluidsynth)
    midi2audio.FluidSynth(soundfont, RATE).midi_to_audio(midi, sound)


def end_with_parent() -> None:
    """Kill this process group, FluidSynth included, once standard input ends."""

    def watch() -> None:
        os.read(sys.stdin.fileno(), 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


if __name__ == "__main__":
    end_with_parent()
    soundfont, midi, sound, *limits = sys.argv[1:]
    play(soundfont, midi, sound, *map(int, limits))
