"""`python -m tests.hurried_bot`: the bot, which counts as dead in seconds where else it takes half a minute."""

import sys

from bot import answers

answers.RENEW_SECONDS, answers.LEASE_SECONDS = 0.7, 4.0

from bot.__main__ import main  # noqa: E402 - what it imports takes these as they are then

if __name__ == "__main__":
    sys.exit(main())
