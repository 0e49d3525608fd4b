"""Discord's permanent refusals, in words for the operator: another start would meet the same one, and cost one more of
the day's identifies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import discord

from core.errors import BadSetting, shown

TOKEN_REFUSED = "DISCORD_TOKEN is refused by Discord, accepted is the token that was shown last under Bot"
CLOSE_CODES = {
    4004: TOKEN_REFUSED,  # it was reset while the bot ran
    4010: "SHARDS is refused by Discord (close code 4010), accepted is FIRST-LAST/COUNT as in 0-3/8",
    4011: "this bot is in so many servers that Discord wants more shards (close code 4011): raise the count in SHARDS,"
    " or leave SHARDS out",
    4012: "DISCORD_API has a version that Discord does not speak any more (close code 4012)",
    4013: "this version of Nocturne asks for an intent that Discord does not know (close code 4013)",
    4014: "this version of Nocturne asks for an intent that Discord does not grant (close code 4014); it can be"
    " switched on under Bot at https://discord.com/developers/applications",
}
"""Sentences for the codes with which Discord closes a connection for good."""
_INTENTS_DISALLOWED = 4014
_REASON_CHARACTERS = 300


@contextmanager
def worded() -> Iterator[None]:
    """Meanwhile a permanent refusal raises BadSetting, whose sentence says what to change; other errors pass."""
    try:
        yield
    except discord.LoginFailure:
        raise BadSetting(TOKEN_REFUSED) from None
    except discord.PrivilegedIntentsRequired:  # discord.py's own error for this one code
        raise BadSetting(CLOSE_CODES[_INTENTS_DISALLOWED]) from None
    except discord.ConnectionClosed as closed:
        if closed.code in CLOSE_CODES:
            raise BadSetting(CLOSE_CODES[closed.code]) from None
        raise


@contextmanager
def commands_worded(guild_id: int | None) -> Iterator[None]:
    """The same while the list of commands is registered, everywhere or for a test guild."""
    try:
        yield
    except discord.HTTPException as error:
        if error.status == 401:
            raise BadSetting(TOKEN_REFUSED) from None
        if error.status in (403, 404) and guild_id is not None:
            raise BadSetting(
                f"TEST_GUILD is {guild_id}, accepted is the id of a server that the bot was invited to"
            ) from None
        if error.status in (400, 403, 404):
            reason = shown(str(error), _REASON_CHARACTERS)
            raise BadSetting("Discord refuses the list of commands: {reason}", reason=reason) from None
        raise
