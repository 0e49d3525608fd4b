"""Processes that play and draw pieces beside the model, so that it never waits for FluidSynth or the encoder."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from importlib import import_module
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import pipeline
from core.captions import Captions
from core.composer import Progress
from core.errors import RenderError
from core.piece import Piece
from core.pipeline import Draft
from core.process.logs import about_job, current_job, write_logs
from core.process.memory import keep_small
from core.rendering.ahead import Ahead
from core.request import AS_COMPOSED, PIECE, Rendering

if TYPE_CHECKING:
    from core.settings import Settings

FINISH_SECONDS = 330
"""Time-out of a piece, after which its process is ended as one that hangs: FluidSynth alone has 300. It counts from the
last progress, as a video of 600 s took 264 s beside a busy model."""
WANTED_SECONDS = 0.2
"""How often a thread that waits for a piece finds out whether it is still wanted."""
SCRATCH = "nocturne-scratch"
"""Name of the folder in DATA_DIR in which they write. It is cleared away as a whole, so no other has such a name."""
_REMOVALS, _REMOVAL_SECONDS = 20, 0.1

_CONTEXT = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
MOST_AT_ONCE = 1024
"""Pieces that are asked for at a time, and tell how far they are; the queue's threads are fewer."""
NICENESS = 10
"""Priority of a voice message or a video, as `nice` counts: the model gets nine tenths of a core that it shares."""

_shares: Any = [0.0] * MOST_AT_ONCE
"""How much of each piece is done, 0 to 1, in a process of the pool."""
_log = logging.getLogger(__name__)


class Renderers:
    """Renderers, a process a core, all started anew when one dies. They write into a folder of their own under
    DATA_DIR, in which those that are started later, or the next worker, clear away what the dead left."""

    def __init__(
        self, settings: Settings, processes: int | None = None, work: Callable[..., Piece] | None = None
    ) -> None:
        """`work` is what a process does for a piece, by default `_finish`, whose arguments it gets."""
        self._work: Callable[..., Piece] = work or _finish
        self.processes = processes or os.cpu_count() or 1
        self._jobs = 0
        self._soundfont = settings.soundfont
        self._log_level = settings.log_level
        self._scratch = settings.data_dir / SCRATCH
        self._starts = 0
        self._places = list(range(MOST_AT_ONCE))
        self._shares: Any = _CONTEXT.RawArray("d", MOST_AT_ONCE)
        self._lock = threading.Lock()
        self._pool = self._started()

    def finish(
        self,
        draft: Draft,
        rendering: Rendering = AS_COMPOSED,
        size_limit: int | None = None,
        progress: Progress = lambda share: None,
        captions: Captions | None = None,
        ahead: Ahead | None = None,
    ) -> Piece:
        """The piece of `pipeline.finish`, by one of the processes; `ahead` has played the draft. `progress` is called
        again and again; an error that it raises ends the waiting. Raises RenderError, also when the process dies
        twice."""
        draft, sound = _played_ahead(draft, ahead)
        for _ in range(2):
            pool = self._pool
            try:
                with self._told() as place:
                    work = (current_job(), place, draft, self._soundfont, size_limit, rendering, captions, sound)
                    return _awaited(pool.submit(self._work, *work), lambda: progress(self._shares[place]))
            except BrokenProcessPool:
                _log.warning("a process that plays pieces has died; they are started again")
                with self._lock:
                    if self._pool is pool:
                        self._pool = self._started()
        raise RenderError("The piece was composed, but playing it failed twice. Please try again, perhaps shorter.")

    @contextmanager
    def ahead(self) -> Iterator[Ahead]:
        """What plays the piece of a job while it is composed, where that takes no core from another job: there have to
        be two for each."""
        with self._lock:
            self._jobs += 1
        try:
            with Ahead(self._soundfont, self._scratch, lambda: 2 * self._jobs <= self.processes) as ahead:
                yield ahead
        finally:
            with self._lock:
                self._jobs -= 1

    @contextmanager
    def _told(self) -> Iterator[int]:
        """A place among the shares, into which a process writes how much of its piece is done."""
        with self._lock:
            place = self._places.pop()
        self._shares[place] = 0.0
        try:
            yield place
        finally:
            with self._lock:
                self._places.append(place)

    def close(self) -> None:
        """End the processes, also in the middle of a piece."""
        for process in multiprocessing.active_children():
            process.terminate()
        self._pool.shutdown(cancel_futures=True)
        _remove(self._scratch)

    def _started(self) -> ProcessPoolExecutor:
        _remove(self._scratch)
        self._starts += 1  # those of the start before may still be ending
        scratch = self._scratch / str(self._starts)
        scratch.mkdir(parents=True)
        given = (str(scratch), self._log_level, self._shares)
        pool = ProcessPoolExecutor(self.processes, _CONTEXT, _prepare, given)
        for _ in range(self.processes):
            pool.submit(os.getpid)  # so that they are there before the first piece is
        return pool


def _remove(folder: Path) -> None:
    """Remove a folder in which processes wrote that have just been ended, and perhaps still write for a moment."""
    for _ in range(_REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(_REMOVAL_SECONDS)
    _log.warning("%s could not be cleared", folder)


def _played_ahead(draft: Draft, ahead: Ahead | None) -> tuple[Draft, Path | None]:
    """The sound of a draft that was played ahead, and the draft with the seconds that were still to wait for it."""
    begun = time.perf_counter()
    sound = ahead.sound() if ahead else None
    return replace(draft, seconds=draft.seconds | {"render": time.perf_counter() - begun}), sound


def _awaited(future: Future[Piece], look: Callable[[], None]) -> Piece:
    try:
        while not wait([future], WANTED_SECONDS).done:
            look()
    except BaseException:
        future.cancel()
        raise
    return future.result()


def _finish(
    job_id: str,
    place: int,
    draft: Draft,
    soundfont: Path | None,
    limit: int | None,
    rendering: Rendering,
    captions: Captions | None,
    sound: Path | None = None,
) -> Piece:

    def tell(share: float) -> None:
        _shares[place] = share
        signal.alarm(FINISH_SECONDS)

    signal.alarm(FINISH_SECONDS)  # ends the process where no Python runs any more, and the next one takes its place
    try:
        with about_job(job_id):
            work = partial(pipeline.finish, draft, soundfont, limit, rendering, tell, captions, sound)
            return work() if rendering.form == PIECE else _in_the_background(work)
    finally:
        signal.alarm(0)
        gc.collect()  # the parts of a picture hold one another, 10 MB that would stay for some pieces more


def _in_the_background(work: Callable[[], Piece]) -> Piece:
    """Do it in a thread of a low priority, which what it starts inherits: a video takes seconds of a core, which a
    model would miss. The thread ends with it, as a priority can only be lowered."""
    with ThreadPoolExecutor(1, initializer=_step_back) as thread:
        return thread.submit(copy_context().run, work).result()


def _step_back() -> None:
    if sys.platform == "linux":  # elsewhere it is the whole process's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)


def _prepare(scratch: str, log_level: str, shares: Any) -> None:
    """Prepare a process of the pool: it writes into `scratch`, logs as the worker does, tells progress in `shares`, and
    ends when the worker does, however that ends."""
    global _shares
    _shares = shares
    keep_small()
    import_module("core.rendering.pictures")  # or the first piece would wait for matplotlib
    gc.freeze()  # so that collecting what a piece has left takes 10 ms and not 50
    tempfile.tempdir = scratch
    write_logs(log_level)
    worker = multiprocessing.parent_process()
    assert worker is not None

    def watch() -> None:
        wait_for_end([worker.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="end-with-worker", daemon=True).start()
