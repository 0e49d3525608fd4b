"""The real worker around a composer that needs no TensorFlow: it writes a scale, 100 steps a second, and some takes
fail on purpose. As a program it takes the options of `python -m core.worker` and its own, which `--help` explains."""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from pretty_midi import Instrument, Note, PrettyMIDI

from core.captions import Captions
from core.composer import Composition, Progress, Settled
from core.errors import UnknownNotes
from core.models import DEFAULT_MODEL
from core.options import STEP_SECONDS
from core.piece import Piece
from core.pipeline import Draft
from core.queue.timing import USUAL_TIMING, Timing
from core.rendering.ahead import Ahead
from core.request import ComposeRequest, Rendering
from core.settings import Settings
from tests.support.waiting import PATIENCE

STEPS_A_SECOND = 100
HURRIED = Timing(beat=0.5, dead=3.0, hang=4.0)
"""The delays of a worker that is `--hurried`."""
FAILING_TAKE = 901  # an error raised on purpose
BROKEN_TAKE = 902  # an error nobody foresaw
POISONED_TAKE = 903  # kills the worker, always
KILLED_ONCE_TAKE = 904  # kills the worker that renders it first
SLOW_TAKE = 905  # is rendered for two seconds
HANGING_TAKE = 906  # never goes on
HUNG_ONCE_TAKE = 907  # hangs the worker that composes it first
BLOCKING_TAKE = 908  # lets nothing else in this process go on either, once

HANG: dict[int, Callable[[int], object]] = {
    HANGING_TAKE: time.sleep,
    HUNG_ONCE_TAKE: time.sleep,
    BLOCKING_TAKE: ctypes.PyDLL(None).sleep,
}
HANG_ONCE = (HUNG_ONCE_TAKE, BLOCKING_TAKE)

HANGING = "hanging"
"""While there is a file of this name in DATA_DIR, no silent piece comes to its end."""

UNKNOWN = "the model has no word for C9; near ones are C8, B7 and A7"


def kill_this_worker() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class FakeComposer:
    model = DEFAULT_MODEL
    checkpoint = "0123456789ab"

    def __init__(
        self, settings: Settings, places: int, speed: float = STEPS_A_SECOND, cost: float | None = None
    ) -> None:
        self.places, self._speed, self._cost = places, speed, cost
        self._history = settings.data_dir / "history"
        self._hung = settings.data_dir / "hung"

    def compose(
        self,
        request: ComposeRequest,
        progress: Progress = lambda share: None,
        settled: Settled = lambda so_far: None,
    ) -> Composition:
        _note(self._history, f"began {request.take}")
        if request.take == FAILING_TAKE:
            raise UnknownNotes(UNKNOWN)
        if request.take == BROKEN_TAKE:
            raise ZeroDivisionError("broken on purpose")
        for step in range(0, request.length, 5):
            progress(step / request.length)
            time.sleep(5 / self._speed if self._cost is None else 5 / request.length * self._cost)
            if request.take == POISONED_TAKE:
                kill_this_worker()
            if request.take == HANGING_TAKE or (request.take in HANG_ONCE and not self._hung.exists()):
                self._hung.touch()
                HANG[request.take](1000)
        _note(self._history, f"composed {request.take}")
        return Composition(scale(request))

    def attention(self, music: PrettyMIDI) -> None:
        pass

    def warm_up(self) -> None:
        pass

    def warm_up_fully(self) -> None:
        pass


def _note(history: Path, line: str) -> None:
    with history.open("a") as file:
        file.write(line + "\n")


def scale(request: ComposeRequest) -> PrettyMIDI:
    """The seed, then a note a second, as long as was asked."""
    piano = Instrument(program=0)
    for pitch in request.seed.chords[0] if request.seed.chords else ():
        piano.notes.append(Note(velocity=80, pitch=pitch, start=0.0, end=STEP_SECONDS))
    for second in range(int(request.seconds)):
        pitch = 60 + (second + request.take) % 24
        piano.notes.append(Note(velocity=80, pitch=pitch, start=second + STEP_SECONDS, end=second + 1.0))
    midi = PrettyMIDI()
    midi.instruments.append(piano)
    return midi


class SilentFinisher:
    """Makes pieces whose sound and picture are a few bytes, in the worker's own process; or, where `sound` says how
    many, noise that no .mp3 is."""

    processes = 2

    def __init__(self, settings: Settings, sound: int = 0) -> None:
        self._sound = sound
        self._died = settings.data_dir / "died"
        self._hanging = settings.data_dir / HANGING
        self._history = settings.data_dir / "history"

    def finish(
        self,
        draft: Draft,
        rendering: Rendering,
        size_limit: int | None,
        progress: Progress,
        captions: Captions | None,
        ahead: Ahead | None = None,
    ) -> Piece:
        if draft.recipe.request.take == KILLED_ONCE_TAKE and not self._died.exists():
            self._died.touch()
            kill_this_worker()
        if draft.recipe.request.take == SLOW_TAKE:
            for _ in range(20):
                progress(1.0)
                time.sleep(0.1)
        while self._hanging.exists():
            progress(1.0)
            time.sleep(0.1)
        times = draft.seconds | {"render": 0.0, "encode": 0.0}
        recipe = replace(draft.recipe, rendering=rendering)
        sound = os.urandom(self._sound) if self._sound else f"{size_limit}".encode()
        return Piece(recipe, draft.duration, draft.notes, draft.midi, sound, b"png", times)

    @contextmanager
    def ahead(self) -> Iterator[None]:
        try:
            yield
        finally:
            _note(self._history, "left 0")

    def close(self) -> None:
        pass


def surroundings(**environment: str) -> dict[str, str]:
    """The environment for a process of its own: this one's, but for what is set in it, and able to import the same."""
    names = {name.upper() for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment


class Worker:
    """A fake worker as a process, which ends with this one. Leaving the `with` kills it."""

    def __init__(self, data_dir: Path, *arguments: str, **environment: str) -> None:
        self.data_dir = data_dir
        self.url = environment.get("QUEUE_URL", f"sqlite:///{data_dir}/nocturne.sqlite")
        self._log = data_dir / f"worker-{time.monotonic_ns()}.log"
        data_dir.mkdir(parents=True, exist_ok=True)
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, __file__, "--end-with-parent", *arguments],
                stdin=subprocess.PIPE,
                stderr=log,
                cwd=data_dir,
                env=surroundings(DATA_DIR=str(data_dir), **environment),
            )

    def __enter__(self) -> Self:
        try:
            self.wait_for("ready for jobs")
        except AssertionError:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """As `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def wait_for(self, text: str) -> None:
        """Wait until the log says so."""
        patience = time.monotonic() + PATIENCE
        while text not in self.log:
            assert time.monotonic() < patience, f"no '{text}' in:\n{self.log}"
            assert self.process.poll() is None, f"the worker ended with {self.process.returncode}:\n{self.log}"
            time.sleep(0.02)

    @property
    def log(self) -> str:
        """The lines of this worker's log."""
        return self._log.read_text()

    def history(self, event: str) -> list[int]:
        """The takes that, in this folder, were `began` or `composed`, in order; a 0 for each job that was `left`."""
        path = self.data_dir / "history"
        return [int(take) for take in re.findall(rf"^{event} (\d+)$", path.read_text() if path.exists() else "", re.M)]


if __name__ == "__main__":
    from core.rendering.pool import Renderers
    from core.worker import main
    from tests.support.silent_renderers import SilentRenderers
    from tests.support.versions import VERSIONS, become

    parser = argparse.ArgumentParser()
    parser.add_argument("--silent", action="store_true", help="pieces without sound, made in this process")
    parser.add_argument("--renderers", action="store_true", help="silent pieces by processes, as sound has them")
    parser.add_argument("--sound", type=int, default=0, help="bytes of noise in place of the sound of a silent piece")
    parser.add_argument("--places", type=int, default=1, help="pieces composed at once")
    parser.add_argument("--speed", type=float, default=STEPS_A_SECOND, help="steps composed a second")
    parser.add_argument("--cost", type=float, help="seconds to compose a piece, whatever its length")
    parser.add_argument("--hurried", action="store_true", help="notice in seconds what else takes a minute")
    parser.add_argument("--hang", type=float, help="seconds without progress after which the model counts as hanging")
    parser.add_argument("--version", choices=VERSIONS, default="current", help="as tests/support/versions.py has them")
    options, arguments = parser.parse_known_args()
    timing = HURRIED if options.hurried else USUAL_TIMING
    timing = replace(timing, hang=options.hang or timing.hang)
    become(options.version)
    silent = partial(SilentFinisher, sound=options.sound)
    os._exit(
        main(
            arguments,
            lambda settings: {DEFAULT_MODEL: FakeComposer(settings, options.places, options.speed, options.cost)},
            silent if options.silent else SilentRenderers if options.renderers else Renderers,
            timing,
        )
    )
