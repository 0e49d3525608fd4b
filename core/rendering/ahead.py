"""Sound of a piece that is still composed. FluidSynth plays what is settled so far in a process beside, so that in the
end only the last seconds are left to play.

Nothing depends on it. What was played counts only where the whole piece begins with just that; where it does not, where
the process fails, or where there is none, the piece is played in one go."""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from pretty_midi import PrettyMIDI

from core.errors import RenderError
from core.key_events import KeyEvent
from core.midi import manuscript
from core.midi.writer import key_events
from core.rendering import audio
from core.rendering.fluidsynth import END, FED

LAST_SECONDS = 10.0
"""Time-out of what is left to play when the piece is whole; that takes 0.1 s of a core."""
MOST_STARTS = 3
"""Processes that are started for a piece: one that goes back is played anew from its beginning."""

_log = logging.getLogger(__name__)


class Ahead:
    """The sound of one piece. Left as a context, it leaves no process and no file behind."""

    def __init__(self, soundfont: Path | None, scratch: Path | None, has_room: Callable[[], bool]) -> None:
        """To play with `find_soundfont(soundfont)`, in a folder in `scratch` (default: where temporary files go), once
        `has_room` says that there is a core for it."""
        self._soundfont, self._scratch, self._has_room = soundfont, scratch, has_room
        self._playing: _Playing | None = None
        self._starts = 0
        self._whole = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def settled(self, so_far: Callable[[], Sequence[KeyEvent]]) -> None:
        """Play what `so_far` gives, the piece from its beginning to where it is settled, in ticks of a millisecond."""
        if self._playing or self._start():
            self._take(so_far())

    def end(self, music: PrettyMIDI) -> None:
        """Play the rest: the piece is composed, and this is it."""
        if self._playing:
            events = key_events(*manuscript.played(music))
            if _in_milliseconds(music, events):
                self._take(events, whole=True)
            else:
                self._stop()

    def sound(self) -> Path | None:
        """The sound of the piece that was ended, for `audio.levelled`, once it is there; None where there is none."""
        if not (self._playing and self._whole):
            return None
        return self._playing.sound if self._playing.ended(LAST_SECONDS) else None

    def _start(self) -> bool:
        """Whether there is a process now."""
        if self._starts >= MOST_STARTS or not self._has_room():
            return False
        self._starts += 1
        try:
            self._playing = _Playing(audio.find_soundfont(self._soundfont), self._scratch)
        except (RenderError, OSError) as error:
            _log.info("not played ahead: %s", error)
            self._starts = MOST_STARTS
        return self._playing is not None

    def _take(self, events: Sequence[KeyEvent], whole: bool = False) -> None:
        assert self._playing
        if not self._playing.is_beginning_of(events):
            _log.info("the piece has gone back, and what was played of it is dropped")
            self._stop()
        elif self._playing.take(events, whole):
            self._whole = whole
        else:
            self._stop()
            self._starts = MOST_STARTS

    def _stop(self) -> None:
        if self._playing:
            self._playing.close()
            self._playing = None


def _in_milliseconds(music: PrettyMIDI, events: Sequence[KeyEvent]) -> bool:
    """Whether that is what the ticks of the music are; else it is none of what was settled."""
    last = int(max((event.tick for event in events), default=0))
    return round(1000 * music.tick_to_time(last)) == last


class _Playing:
    """A process that plays a piece as it is fed."""

    def __init__(self, soundfont: Path, scratch: Path | None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="nocturne-", dir=scratch, ignore_cleanup_errors=True)
        self.sound, self._log = Path(self._folder.name, "piece.wav"), Path(self._folder.name, "piece.log")
        arguments = [audio.FOLLOW, str(soundfont.absolute()), str(self.sound), *audio.limits_of(soundfont)]
        self._process = audio.started(arguments, self._log)
        assert self._process.stdin
        self._pipe = self._process.stdin.fileno()
        os.set_blocking(self._pipe, False)  # whoever composes never waits for it
        self._fed: list[KeyEvent] = []

    def is_beginning_of(self, events: Sequence[KeyEvent]) -> bool:
        """Whether a piece of these events begins with what was fed."""
        return list(events[: len(self._fed)]) == self._fed

    def take(self, events: Sequence[KeyEvent], whole: bool) -> bool:
        """Feed what is missing of a piece that is so far, or as a `whole`, these events. False where that fails."""
        new = events[len(self._fed) :]
        more = b"".join(FED.pack(*event) for event in new) + (FED.pack(0, END, 0, 0) if whole else b"")
        self._fed += new
        try:
            return not more or os.write(self._pipe, more) == len(more)
        except OSError as error:  # it has ended, or is far behind
            _log.warning("FluidSynth, which played ahead, takes no more (%s) and said: %s", error, self._said())
            return False

    def ended(self, seconds: float) -> bool:
        """Whether it has played all, within so many seconds. It is ended then."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        code = self._process.returncode
        audio.end(self._process)
        if code != 0:
            _log.warning("FluidSynth, which played ahead, ended with exit code %s and said: %s", code, self._said())
        return code == 0

    def close(self) -> None:
        if self._process.returncode is None:
            audio.end(self._process)
        self._folder.cleanup()

    def _said(self) -> str:
        with suppress(OSError):  # the folder goes where renderers that died are started anew
            return self._log.read_bytes()[-2000:].decode(errors="replace")
        return ""
