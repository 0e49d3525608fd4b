"""The table of SECURITY.md, each cell tried in the stand-in's client."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pretty_midi import Note

from bot.client import Nocturne
from bot.store.pending_reply import Destination, PendingReply
from bot.store.piece_table import Stored
from core.errors import BadRequest
from core.piece import Piece
from core.seed import Seed
from tests.discord_standin import Discord, Message, Person
from tests.support.music import as_bytes, piano
from tests.support.pieces import REQUEST, piece
from tests.support.playing_bot import FakeQueue, playing

MIDI = as_bytes(piano(*(Note(80, 60, second, second + 0.9) for second in range(20))))
PIECE = replace(piece(), midi=MIDI, composed=MIDI, duration=19.9)
CONTINUED = replace(PIECE, recipe=replace(PIECE.recipe, request=replace(REQUEST, seed=Seed(), primer=MIDI)))
"""A piece that continues a file."""
REFUSALS = ("This piece is private", "Only the person who asked")
Table = dict[str, dict[tuple[str, str], str]]
"""By who does it, then by the piece and the action."""


def told() -> Table:
    """The table of SECURITY.md."""
    text = (Path(__file__).parents[3] / "SECURITY.md").read_text()
    _, section = text.split("## Who may do what with a piece")
    lines = itertools.takewhile(lambda line: line.startswith("|"), section[section.index("|") :].splitlines())
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {who: {(row[0], row[1]): row[column] for row in rows} for column, who in enumerate(head) if column > 1}


class Trial:
    """A person who tries everything with the pieces of `owner`."""

    numbers = itertools.count(1)

    def __init__(self, bot: Nocturne, queue: FakeQueue, person: Person, owner: Person) -> None:
        self.bot, self.queue, self.person, self.owner = bot, queue, person, owner
        self.message: Message | None = None

    async def tried(self, cells: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        return {(kind, action): await self.outcome(kind, action) for kind, action in cells}

    async def outcome(self, kind: str, action: str) -> str:
        if action == "Cancel":
            return await self.cancelled()
        stored = await self.stored(self.owner, kind, CONTINUED if action == "Perform" else PIECE)
        if action == "/piece":
            return self.seen(await (await self.person.types("/piece", id=stored.id)).finished())
        return await self.pressed(action, stored)

    async def stored(self, owner: Person, kind: str, piece: Piece = PIECE) -> Stored:
        """A piece as if it had been made where its owner is, or in a direct message."""
        guild = None if kind == "of a direct message" else owner.channel.guild
        destination = Destination(
            user_id=owner.user.id,
            channel_id=1,
            application_id=2,
            token="",
            private=kind == "private",
            size_limit=10**7,
            reachable=True,
            accepted_at=time.time(),
            guild_id=guild.id if guild else None,
        )
        pending = PendingReply(str(next(self.numbers)), piece.recipe.request, destination)
        return await self.bot.services.library.add(pending, piece)

    async def forged(self, label: str, custom_id: str) -> Message:
        """A message of this person's, whose button does something else: nobody has to see what they try."""
        if self.message is None or self.message.deleted:
            own = await self.stored(self.person, "public")
            self.message = await (await self.person.types("/piece", id=own.id)).finished()
        [button] = [button for button in self.message.buttons if button["label"] == label]
        button["custom_id"] = custom_id
        return self.message

    async def pressed(self, action: str, stored: Stored) -> str:
        words = {"New take": "take", "Variation": "vary"}
        label = "New take" if action == "Perform" else action  # this person's own piece continues no file
        message = await self.forged(label, f"piece:{words.get(action, action.lower())}:{stored.id}")
        asked = await self.person.clicks(message, label)
        if asked.modal:
            asked = await self.person.submits(asked)
        if action != "Delete":
            self.queue.finish(asked.id)
            return self.seen(await (asked.answered() if action in ("Arrange", "Recipe") else asked.finished()))
        if asked.message is not message:
            return self.seen(await asked.answered())
        asked = await self.person.clicks(message, "Delete for good")
        await message.until(lambda message: message.deleted)
        try:
            await self.bot.services.library.get(stored.id)
        except BadRequest:
            return "everything"
        await asked.until(lambda asked: asked.followups)
        return "message"

    async def cancelled(self) -> str:
        asked = await self.owner.types("/compose", seed="72")
        await asked.answered()
        message = await self.forged("Recipe", f"cancel:{asked.id}")
        refused = (await self.person.clicks(message, "Recipe")).message is not message
        if refused:
            self.queue.finish(asked.id)
        outcome = await asked.finished()
        return "yes" if outcome.content.startswith("Cancelled") else "no"

    def seen(self, message: Message) -> str:
        if message.content.startswith(REFUSALS):
            return "no"
        return "alone" if message.ephemeral else "yes"


@pytest.mark.asyncio
async def test_who_may_do_what_with_a_piece(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """SECURITY.md says what happens: each cell is tried by somebody of its column, with a piece of its row."""
    async with Discord() as standin:
        home, other = standin.guild(), standin.guild("Elsewhere")
        without = standin.guild("Without the bot", installed=False)
        owner, writes = standin.person("clara", home), standin.person("emilie", home)
        writes.channel = writes.dm
        people = {
            "its owner": owner,
            "a manager there": standin.person("fanny", home, manager=True),
            "a manager elsewhere": standin.person("felix", other, manager=True),
            "another member": standin.person("robert", home),
            "in a direct message": writes,
            "by a user install": standin.person("johannes", without, installed=True, manager=True),
        }
        async with playing(standin, queue, url, monkeypatch, most=1000) as bot:
            table = told()
            trials = [Trial(bot, queue, people[who], owner).tried([*table[who]]) for who in table]
            assert dict(zip(table, await asyncio.gather(*trials), strict=True)) == table
