"""Where a server's rules forbid pieces, nothing that the bot has registered makes or shows one."""

from typing import Any

import pytest

from bot.commands.register import COMMANDS
from bot.store.piece_table import Stored
from tests.discord_standin import Discord, Interaction, Message, Person, Upload
from tests.support.delivered import MIDI, OF_20_SECONDS, delivered, labels
from tests.support.playing_bot import FakeQueue, playing

pytestmark = pytest.mark.asyncio

FILE = Upload("study.mid", MIDI)
WITHOUT_PIECES = {"history", "defaults", "forget", "queue", "cancel", "settings", "panel", "about", "help"}
"""Commands that neither make nor show a piece."""
HARMLESS_BUTTONS = {"Recipe", "Delete", "Delete all"}
"""Labels of the buttons that do neither."""


async def tried(member: Person, stored: Stored, sent: Message) -> dict[str, Interaction]:
    """What a member gets who uses every command that makes or shows a piece; `sent` has a file."""
    options: dict[str, dict[str, Any]] = {
        "compose": {"seed": "72"},
        "continue": {"piece": stored.id},
        "perform": {"file": FILE},
        "harmonize": {"melody": "C4 D4 E4"},
        "piece": {"id": stored.id},
    }
    asked = {name: await member.types(f"/{name}", **chosen) for name, chosen in options.items()}
    asked["continue by a file"] = await member.types("/continue", file=FILE)
    asked["continue by a form"] = await member.types("/continue")
    for name in ("Continue this MIDI", "Perform this MIDI", "Harmonize this melody"):
        asked[name] = await member.applies(name, sent)
    return asked


async def pressed(member: Person, *messages: Message) -> dict[str, Interaction]:
    """What they get who press every button that makes or shows a piece."""
    labelled = [(message, label) for message in messages for label in labels(message) if label not in HARMLESS_BUTTONS]
    return {label: await member.clicks(message, label) for message, label in labelled}


async def test_nothing_is_made_or_shown_there(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """By no command, button, select or form, those included that were open before; a new command has to be sorted
    here."""
    async with Discord() as standin:
        guild = standin.guild()
        stage, member = standin.world.add_channel("stage", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch, most=99) as bot:
            piece = await delivered(queue, member)
            takes = await member.types("/compose", seed="72", takes=2)
            await takes.answered()
            for job_id in list(queue.jobs):
                queue.finish(job_id, **OF_20_SECONDS)  # type: ignore[arg-type]
            choice = await takes.finished()
            edit, form = await member.clicks(piece, "Edit"), await member.types("/continue")
            question = await (await member.clicks(piece, "Arrange")).answered()
            history, start = [await (await member.types(f"/{name}")).answered() for name in ("history", "help")]
            stored = (await bot.services.library.of(member.user.id, 0, 9))[-1]
            made = {*queue.requests}
            await bot.services.rules.change(guild.id, channels=(stage.id,))
            asked = await tried(member, stored, piece)
            known = {command.name for command in COMMANDS}
            assert known - WITHOUT_PIECES == known & asked.keys()
            asked |= await pressed(member, piece, choice, start)
            asked["Play it like this"] = await member.clicks(question, "Play it like this")
            asked["history"] = await member.selects(history, stored.id)
            asked["edit"], asked["form"] = await member.submits(edit), await member.submits(form, file=FILE)
            refusal = f"In this server I play only in <#{stage.id}>."
            said = {how: (await interaction.answered()).content for how, interaction in asked.items()}
            assert said == dict.fromkeys(asked, refusal)
            assert {*queue.requests} == made
