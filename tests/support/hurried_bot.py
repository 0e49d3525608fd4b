"""`python -m tests.support.hurried_bot VERSION`: a bot that counts as dead in seconds where else it takes half a
minute, and writes what others read as that version does (tests/support/versions.py)."""

import sys

from bot.store import pending_replies
from tests.support.versions import become

pending_replies.RENEW_SECONDS, pending_replies.LEASE_SECONDS = 0.7, 4.0
become(sys.argv[1])

from bot.__main__ import main  # noqa: E402 - what it imports takes these as they are then

if __name__ == "__main__":
    sys.exit(main())
