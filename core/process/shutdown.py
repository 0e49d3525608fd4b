"""An end that comes in time, whatever holds a process up."""

from __future__ import annotations

import logging
import os
import threading

log = logging.getLogger(__name__)


def end_within(seconds: float) -> None:
    """Leave the process with exit code 0 when it still lives then. What it was at is in the database, and who asked it
    to end waits no longer than half a minute."""

    def leave() -> None:
        log.warning("it took longer than %g s to end; what is left is for the next start", seconds)
        logging.shutdown()
        os._exit(0)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
