"""A limit on how long a process takes to end, whatever holds it up."""

from __future__ import annotations

import logging
import os
import threading

_log = logging.getLogger(__name__)


def end_within(seconds: float) -> None:
    """Leave the process with exit code 0 when it still lives then. Its jobs are in the database, and whoever asked
    it to end waits no longer than half a minute."""

    def leave() -> None:
        _log.warning("it took longer than %g s to end; what is left is for the next start", seconds)
        logging.shutdown()
        os._exit(0)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
