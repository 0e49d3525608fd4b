"""`python -m tests.support.hurried_bot VERSION`: a bot that counts as dead in seconds where else it takes half a
minute, and writes what others read as that version does (tests/support/versions.py)."""

import sys
from functools import partial

from bot import __main__ as program
from bot.delivery.timing import Timing
from tests.support.versions import become

if __name__ == "__main__":
    program.PendingReplies = partial(program.PendingReplies, lease_seconds=4.0)  # type: ignore[assignment,misc]
    program.Deliveries = partial(program.Deliveries, timing=Timing(renew=0.7))  # type: ignore[assignment,misc]
    become(sys.argv[1])
    sys.exit(program.main())
