"""The worker: it loads the models once, and takes jobs, composes, renders and finishes until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from functools import partial
from types import FrameType
from typing import Any, Protocol, TextIO

from core import pipeline
from core.captions import Captions
from core.composer import Composer, Progress
from core.errors import NocturneError, QueueError
from core.piece import Composed, Piece
from core.process.command import Parser, called_as
from core.process.lock import WORKER_LOCK, fresh_name, lines, lock, write
from core.process.logs import write_logs
from core.process.memory import keep_small
from core.process.metrics import WORKER, Page
from core.process.private import mend
from core.process.shutdown import end_within
from core.queue.server import JobServer
from core.queue.timing import USUAL_TIMING, Timing
from core.recipe import Recipe
from core.rendering.ahead import Ahead
from core.rendering.pool import Renderers
from core.request import ComposeRequest, Rendering
from core.settings import QUEUE_AWAY, Settings
from core.worker.composers import Composers

_log = logging.getLogger(__name__)

ALREADY_RUNNING = 3
"""The exit code when another worker is at work in the same DATA_DIR."""
MOST_NAMES = 20
"""Failed starts that are remembered by name, since each may have begun a job."""
STOPPING_SECONDS = 20
"""How long to wait for running jobs after SIGTERM or Ctrl-C."""
LEAVE_SECONDS = 27
"""Within which a worker leaves after either, also when the database holds it up."""
SIGNAL_SECONDS = 0.5
"""Between two looks whether a signal has come. While another is pending, as when a frozen worker goes on, Linux hands
it to some other thread, which wakes nobody; and its handler runs only in the main one."""


class Finisher(Protocol):
    """Renders drafts into pieces, as `core.rendering.pool.Renderers` does."""

    processes: int

    def finish(
        self,
        draft: pipeline.Draft,
        rendering: Rendering,
        size_limit: int | None,
        progress: Progress,
        captions: Captions | None,
        ahead: Ahead | None,
    ) -> Piece: ...

    def ahead(self) -> AbstractContextManager[Ahead | None]: ...

    def close(self) -> None: ...


def serve(
    settings: Settings,
    composers: Mapping[str, Composer],
    finisher: Finisher,
    page: Page,
    held: TextIO,
    timing: Timing = USUAL_TIMING,
) -> None:
    """Take jobs until SIGTERM, SIGINT or SIGHUP. Raises QueueError when the queue cannot be opened. `held` is the file
    of this folder's lock, which says under which names jobs may have been left unfinished here."""
    predecessors, executor = take_name(settings, held)
    jobs = job_server(settings, composers, finisher, executor, predecessors, timing)
    stopping = threading.Event()
    jobs.start()
    mend(settings.data_dir, settings.queue_url)
    write(held, executor)
    page.missing = jobs.missing
    heed_signals(jobs, stopping)
    _log.info("ready for jobs: %s, %d at once", ", ".join(composers), places_of(composers))
    while not stopping.wait(SIGNAL_SECONDS):
        pass
    _log.info("stopping")
    jobs.stop(STOPPING_SECONDS)
    _log.info("stopped")


def job_server(
    settings: Settings,
    composers: Mapping[str, Composer],
    finisher: Finisher,
    executor: str,
    predecessors: Sequence[str],
    timing: Timing,
) -> JobServer:
    """The server of the queue, under the name `executor`, with as many jobs at once as composers and finisher have
    room for. Raises QueueError."""
    return JobServer(
        settings.queue_url,
        executor=executor,
        predecessors=predecessors,
        compose=partial(compose, composers),
        finish=partial(finish, finisher),
        ahead=finisher.ahead,
        places=places_of(composers),
        finishers=finisher.processes,
        timing=timing,
    )


def places_of(composers: Mapping[str, Composer]) -> int:
    """How many pieces are composed at once: the places of the first model, the default, which has the most."""
    return next(iter(composers.values())).places


def heed_signals(jobs: JobServer, stopping: threading.Event) -> None:
    """Set `stopping` at SIGTERM, SIGINT or SIGHUP. A second one abandons the running jobs."""

    def stop(number: int, frame: FrameType | None) -> None:
        if stopping.is_set() or number == signal.SIGHUP:  # asked twice, or nobody is left who would wait
            jobs.abandon()
        if not stopping.is_set():
            end_within(LEAVE_SECONDS)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)


def compose(
    composers: Mapping[str, Composer],
    request: ComposeRequest,
    composed: Composed | None,
    progress: Progress,
    ahead: Ahead | None,
) -> dict[str, Any]:
    """The draft of a job, as JSON: composed now, or before."""
    if composed:
        recipe = Recipe(request, composed.checkpoint)
        return pipeline.Draft.of(recipe, composed.midi, composed.shared_at_most).to_json()
    return pipeline.compose(composers[request.model], request, progress, ahead).to_json()


def finish(
    finisher: Finisher,
    draft: dict[str, Any],
    rendering: Rendering,
    size_limit: int | None,
    progress: Progress,
    captions: Captions | None,
    ahead: Ahead | None,
) -> Piece:
    """The piece of a job."""
    return finisher.finish(pipeline.Draft.from_json(draft), rendering, size_limit, progress, captions, ahead)


def take_name(settings: Settings, held: TextIO) -> tuple[list[str], str]:
    """The names of workers that may have left jobs unfinished in this folder, and a name for this one, which joins them
    in the file of the lock until it has taken over."""
    predecessors = lines(held)[-MOST_NAMES:] or [home(settings)]  # older workers wrote none
    executor = f"{home(settings)}:{fresh_name()}"
    write(held, *predecessors, executor)
    return predecessors, executor


def home(settings: Settings) -> str:
    """The part of a worker's name that says where it runs. The embedded queue's file is on one machine, whatever that
    is called today."""
    if settings.queue_url.startswith("sqlite"):
        return "embedded"
    return f"{socket.gethostname()}:{settings.data_dir}"


def end_with_parent() -> None:
    """Raise SIGHUP when stdin ends: the bot holds the other end, and it closes even when the bot is killed."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGHUP)

    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a bot under nohup has it ignored, and so would its worker
    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def main(
    arguments: Sequence[str] | None = None,
    load: Callable[[Settings], Mapping[str, Composer]] = Composers,
    finishing: Callable[[Settings], Finisher] = Renderers,
    timing: Timing = USUAL_TIMING,
) -> int:
    """Returns the exit code: 0 after a stop, 1 when the queue cannot be reached, 2 for a wrong setting or checkpoint,
    3 (ALREADY_RUNNING) for a worker too many.
    One whose model hangs ends with 4 (core.queue.server.HUNG)."""
    keep_small()
    options = read_arguments(arguments)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while the models load there is nothing to finish
    try:
        settings = prepare()
        if options.end_with_parent:
            end_with_parent()
        if (held := lock(settings.data_dir / WORKER_LOCK)) is None:
            print(f"Another worker is already at work in {settings.data_dir}.", file=sys.stderr)
            return ALREADY_RUNNING
        with held:
            load_and_serve(settings, load, finishing, held, timing)
    except QueueError:
        print(QUEUE_AWAY, file=sys.stderr)
        return 1
    except NocturneError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of the command line."""
    parser = Parser(prog=called_as("core.worker", "worker"), description=__doc__)
    parser.add_argument("--end-with-parent", action="store_true", help="stop when standard input ends")
    return parser.parse_args(arguments)


def prepare() -> Settings:
    """Read the environment's settings, hide the database's address and begin the log. Raises BadSetting."""
    settings = Settings.load()
    for name in [name for name in os.environ if name.upper() == "QUEUE_URL"]:
        del os.environ[name]  # it may hold a password, and the processes that play need none
    write_logs(settings.log_level)
    return settings


def load_and_serve(
    settings: Settings,
    load: Callable[[Settings], Mapping[str, Composer]],
    finishing: Callable[[Settings], Finisher],
    held: TextIO,
    timing: Timing,
) -> None:
    """Serve with the models and the processes that finish pieces, which are closed at the end, and with the page of
    metrics from before the models load."""
    with (
        Page(WORKER, settings.metrics_host, settings.worker_metrics_port, "WORKER_METRICS_PORT") as page,
        closing(finishing(settings)) as finisher,  # its processes start while the models load
    ):
        serve(settings, load(settings), finisher, page, held, timing)
