"""FluidSynth under limits, in a process of its own that `core.rendering` starts: the limits can be set safely only from
inside a process that does nothing else. It ends when standard input does, which closes with whoever started it, however
that ends.

`play` plays a whole file, by midi2audio. `follow` plays what it is fed, by FluidSynth's library, to the same samples.
Nothing of this project is imported here."""

import ctypes
import os
import resource
import signal
import struct
import subprocess
import sys
import threading
from ctypes.util import find_library
from types import SimpleNamespace
from typing import Any

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

BLOCK = 64
"""Samples from one moment in which FluidSynth heeds events to the next."""
AFTERMATH = 2 * RATE
"""Samples that FluidSynth plays after the last voice, for the reverb."""
FED = struct.Struct("<IBBB")
"""An event that `follow` is fed: its millisecond, and the rest of a `core.key_events.KeyEvent`."""
PEDAL, RELEASE, STRIKE, END = range(4)
"""Its kinds, as there; the last one, of any millisecond, says that the piece is whole."""
_SUSTAIN, _SOSTENUTO = 64, 66


def limit(most_bytes: int, most_seconds: int, most_memory: int) -> None:
    """Let this process and those that it starts write files of at most `most_bytes`, in at most `most_seconds` of
    processor time and `most_memory` bytes of address space."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (most_seconds, most_seconds))
    if sys.platform != "darwin":  # macOS has no such limit, and setting it may fail
        resource.setrlimit(resource.RLIMIT_AS, (most_memory, most_memory))


def play(soundfont: str, midi: str, sound: str) -> None:
    """Write `sound`, a stereo WAV. It has 32 bits a sample, which quiet music needs as long as it is not levelled. Ends
    the process with FluidSynth's exit code where it fails."""
    import midi2audio

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


def follow(soundfont: str, sound: str) -> None:
    """Play the events that come through standard input, each as soon as it is there, into `sound`, a WAV like that of
    `play`. Where the input ends before the piece, so does this."""
    synthesizer = Synthesizer(soundfont, sound)
    while True:
        event = sys.stdin.buffer.read(FED.size)
        if len(event) < FED.size:
            os._exit(1)  # nobody waits any more
        millisecond, kind, number, value = FED.unpack(event)
        if kind == END:
            break
        synthesizer.play(millisecond, kind, number, value)
    synthesizer.ring_out()


class Synthesizer:
    """FluidSynth by its library, in channel 0 alone. It does what FluidSynth does with a file (`fluid_player_callback`
    in its source), so that the samples are the same, but for voices that are given up a little earlier."""

    def __init__(self, soundfont: str, sound: str) -> None:
        self._library = library = _library()
        self._blocks = 0
        """Blocks that were played."""
        settings = ctypes.c_void_p(library.new_fluid_settings())
        library.fluid_settings_setnum(settings, b"synth.sample-rate", ctypes.c_double(RATE))
        library.fluid_settings_setint(settings, b"synth.polyphony", VOICES)
        library.fluid_settings_setint(settings, b"synth.dynamic-sample-loading", 1)
        library.fluid_settings_setint(settings, b"audio.period-size", BLOCK)
        library.fluid_settings_setstr(settings, b"audio.file.name", os.fsencode(sound))
        library.fluid_settings_setstr(settings, b"audio.file.format", b"s32")
        self._synth = ctypes.c_void_p(library.new_fluid_synth(settings))
        if library.fluid_synth_sfload(self._synth, os.fsencode(soundfont), 1) < 0:
            sys.exit(f"{soundfont} cannot be loaded")
        self._file = ctypes.c_void_p(library.new_fluid_file_renderer(self._synth))

    def play(self, millisecond: int, kind: int, number: int, value: int) -> None:
        """Play until an event, and heed that."""
        self._play_until(_block_of(millisecond))
        if kind == STRIKE:
            self._library.fluid_synth_noteon(self._synth, 0, number, value)
        elif kind == RELEASE:
            self._library.fluid_synth_noteoff(self._synth, 0, number)
        else:
            self._library.fluid_synth_cc(self._synth, 0, number, value)

    def ring_out(self) -> None:
        """Release the pedals, play until all is silent, and end the file."""
        for pedal in (_SUSTAIN, _SOSTENUTO):
            self._library.fluid_synth_cc(self._synth, 0, pedal, 0)
        while self._library.fluid_synth_get_active_voice_count(self._synth) > 0:
            self._play_until(self._blocks + 1)
        self._play_until(self._blocks + AFTERMATH // BLOCK)
        self._library.delete_fluid_file_renderer(self._file)

    def _play_until(self, block: int) -> None:
        for _ in range(block - self._blocks):
            if self._library.fluid_file_renderer_process_block(self._file) != 0:
                sys.exit("the file cannot be written")
            self._blocks += 1


def _library() -> Any:
    name = find_library("fluidsynth")
    if name is None:
        sys.exit("FluidSynth's library is not found")
    library = ctypes.CDLL(name)
    for constructor in (library.new_fluid_settings, library.new_fluid_synth, library.new_fluid_file_renderer):
        constructor.restype = ctypes.c_void_p
    return library


def _block_of(millisecond: int) -> int:
    """The block before which an event is heeded: FluidSynth looks at the clock before each, in whole milliseconds, and
    what it finds due sounds from the next one on."""
    block = millisecond * RATE // (1000 * BLOCK)
    while 1000 * BLOCK * block // RATE < millisecond:
        block += 1
    return block + 1


if __name__ == "__main__":
    way, *names, most_bytes, most_seconds, most_memory = sys.argv[1:]
    limit(int(most_bytes), int(most_seconds), int(most_memory))
    if way == follow.__name__:
        follow(*names)
    else:
        end_with_parent()
        play(*names)
