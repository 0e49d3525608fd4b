"""Processes that play and draw pieces beside the model, so that it never waits for FluidSynth or the encoder."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import pipeline
from core.composer import Progress
from core.errors import RenderError
from core.pipeline import Draft
from core.process.logs import about_job, current_job, write_logs
from core.process.memory import keep_small
from core.request import AS_COMPOSED, Piece, Rendering

if TYPE_CHECKING:
    from core.settings import Settings

FINISH_SECONDS = 330
"""Time-out of a piece, after which its process is ended as one that hangs: FluidSynth alone has 300."""
WANTED_SECONDS = 0.2
"""How often a thread that waits for a piece finds out whether it is still wanted."""
_REMOVALS, _REMOVAL_SECONDS = 20, 0.1

_log = logging.getLogger(__name__)


class Renderers:
    """Renderers, a process a core, all started anew when one dies. They write into a folder of their own under
    DATA_DIR, in which those that are started later, or the next worker, clear away what the dead left."""

    def __init__(
        self, settings: Settings, processes: int | None = None, work: Callable[..., Piece] | None = None
    ) -> None:
        """`work` is what a process does for a piece, by default `pipeline.finish`; it gets the job's id first."""
        self._work: Callable[..., Piece] = work or _finish
        self.processes = processes or os.cpu_count() or 1
        self._soundfont = settings.soundfont
        self._log_level = settings.log_level
        self._scratch = settings.data_dir / "scratch"
        self._starts = 0
        self._lock = threading.Lock()
        self._pool = self._started()

    def finish(
        self,
        draft: Draft,
        rendering: Rendering = AS_COMPOSED,
        size_limit: int | None = None,
        progress: Progress = lambda share: None,
    ) -> Piece:
        """The piece of `pipeline.finish`, by one of the processes. `progress` is called again and again; an error that
        it raises ends the waiting. Raises RenderError, also when the process dies twice."""
        for _ in range(2):
            pool = self._pool
            try:
                work = (current_job(), draft, self._soundfont, size_limit, rendering)
                return _awaited(pool.submit(self._work, *work), progress)
            except BrokenProcessPool:
                _log.warning("a process that plays pieces has died; they are started again")
                with self._lock:
                    if self._pool is pool:
                        self._pool = self._started()
        raise RenderError("The piece was composed, but playing it failed twice. Please try again, perhaps shorter.")

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
        context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
        pool = ProcessPoolExecutor(self.processes, context, _prepare, (str(scratch), self._log_level))
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


def _awaited(future: Future[Piece], progress: Progress) -> Piece:
    try:
        while not wait([future], WANTED_SECONDS).done:
            progress(1.0)
    except BaseException:
        future.cancel()
        raise
    return future.result()


def _finish(job_id: str, *work: Any) -> Piece:
    signal.alarm(FINISH_SECONDS)  # ends the process where no Python runs any more, and the next one takes its place
    try:
        with about_job(job_id):
            return pipeline.finish(*work)
    finally:
        signal.alarm(0)
        gc.collect()  # the parts of a picture hold one another, 10 MB that would stay for some pieces more


def _prepare(scratch: str, log_level: str) -> None:
    """In each process, first: write into `scratch`, log as the worker does, and end when it does, however it ends."""
    keep_small()
    gc.freeze()  # so that collecting what a piece has left takes 10 ms and not 50
    tempfile.tempdir = scratch
    write_logs(log_level)
    worker = multiprocessing.parent_process()
    assert worker is not None

    def watch() -> None:
        wait_for_end([worker.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="end-with-worker", daemon=True).start()
