"""The Listen and Video buttons: a stored piece as a voice message, or as a video, both of which play on a phone where
an MP3 is a download. They are made from the stored notes when they are asked for, and are not stored."""

from __future__ import annotations

from dataclasses import replace

from bot.commands.submission import Submission
from bot.commands.submit import admit, is_member, shown_seconds, submit
from bot.delivery.messenger import NO_VOICE_MESSAGES
from bot.services import Interaction
from bot.store.pending_reply import StoredNotes
from bot.store.piece_table import Stored
from bot.store.server_rules import Rules
from core.errors import BadRequest
from core.request import VIDEO, VOICE
from core.text import Text

NOT_A_MEMBER = Text(
    "a voice message needs me as a member of this server, or a direct message with me; Video plays everywhere"
)


async def listen(interaction: Interaction, stored: Stored) -> None:
    """Ask for a voice message. Nothing else goes with it, so the progress is shown to the one who pressed alone."""
    rules = await admit(interaction)
    _check_voice_messages(interaction, stored.private or rules.private)
    await _ask(interaction, stored, VOICE, rules, aside=True)


async def show_video(interaction: Interaction, stored: Stored) -> None:
    """Ask for a video, as visible as the piece."""
    await _ask(interaction, stored, VIDEO, await admit(interaction))


async def _ask(interaction: Interaction, stored: Stored, form: str, rules: Rules, aside: bool = False) -> None:
    recipe = stored.recipe
    submission = Submission(recipe.request, replace(recipe.rendering, form=form), stored.private)
    seconds = shown_seconds(interaction, stored)
    await submit(interaction, submission, rules, StoredNotes(stored.id), stored.parent, aside=aside, seconds=seconds)


def _check_voice_messages(interaction: Interaction, private: bool) -> None:
    """An interaction cannot be answered by a voice message that takes longer than 3 s to make: it has to be an ordinary
    message, where the bot is, with a permission of its own; a private one goes by direct message. Raises BadRequest."""
    if interaction.context.dm_channel:
        return
    if not is_member(interaction):
        raise BadRequest(NOT_A_MEMBER)
    if not private and not interaction.app_permissions.send_voice_messages:
        raise BadRequest(NO_VOICE_MESSAGES)
