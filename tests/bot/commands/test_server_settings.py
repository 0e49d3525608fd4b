"""/settings, and what members meet by the rules, typed and chosen in the stand-in's client."""

import asyncio
import sqlite3
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from pretty_midi import Note

from bot.delivery.deliveries import Deliveries
from bot.store import database as database_module
from bot.store.daily_counts import DAY
from bot.store.database import STORE_UNREACHABLE
from bot.store.pieces import Library
from bot.store.server_rules import RuleBook, Rules
from core.errors import StoreError
from tests.discord_standin import ClientRefuses, Discord, Interaction, Message, Person, Upload
from tests.discord_standin.codes import SELECTS
from tests.discord_standin.model import parts
from tests.discord_standin.places import Channel
from tests.support.music import as_bytes, piano
from tests.support.playing_bot import SHORT, FakeQueue, asks_for, playing

pytestmark = pytest.mark.asyncio

STUDY = as_bytes(piano(*(Note(80, 40 + second, second, second + 0.9) for second in range(20))))
"""A piece of 19.9 s."""


def chosen(message: Message) -> dict[str, list[str]]:
    """What each select of the settings shows."""
    shown = {}
    for menu in (part for part in parts(message.components) if part["type"] in SELECTS):
        options = [option["value"] for option in menu.get("options", []) if option.get("default")]
        channels = [str(value["id"]) for value in menu.get("default_values", [])]
        shown[menu["custom_id"].removeprefix("rules:")] = options + channels
    return shown


async def rule(manager: Person, menu: str, *values: str | Channel) -> Message:
    """Open the settings and choose. The message that shows them all."""
    message = await (await manager.types("/settings")).answered()
    await manager.changes(message, *values, menu=f"rules:{menu}")
    return message


async def test_settings_are_shown_and_changed_in_one_message(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """With a select each, for the manager alone; what was chosen is shown, also after a restart, and in no other
    server."""
    async with Discord() as standin:
        guild, other = standin.guild(), standin.guild("Elsewhere")
        manager, elsewhere = standin.person("clara", guild, manager=True), standin.person("fanny", other, manager=True)
        usual = {"channels": [], "length": ["3000"], "at_once": ["0"], "a_day": ["0"]}
        usual |= {"style": ["any"], "model": ["performance"], "private": ["False"]}
        async with playing(standin, queue, url, monkeypatch):
            message = await (await manager.types("/settings")).answered()
            assert message.ephemeral
            assert message.text.startswith("Settings of this server.")
            assert chosen(message) == usual
            await manager.changes(message, guild.channels[0])
            await manager.changes(message, "300", menu="rules:length")
            await manager.changes(message, "True")
        async with playing(standin, queue, url, monkeypatch):
            await manager.changes(message, "20", menu="rules:a_day")
            now = usual | {"channels": [str(guild.channels[0].id)], "length": ["300"], "private": ["True"]}
            assert chosen(message) == now | {"a_day": ["20"]}
            assert chosen(await (await elsewhere.types("/settings")).answered()) == usual
            await manager.changes(message, menu="rules:channels")
            assert chosen(message) == now | {"a_day": ["20"], "channels": []}


async def test_a_choice_is_acknowledged_before_it_is_written(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """However long the database takes; the message changes when it is done."""
    written, write = asyncio.Event(), RuleBook.change

    async def slow(book: RuleBook, guild_id: int, **changes: Any) -> Rules:
        await written.wait()
        return await write(book, guild_id, **changes)

    async with Discord() as standin:
        manager = standin.person("clara", standin.guild(), manager=True)
        async with playing(standin, queue, url, monkeypatch):
            message = await (await manager.types("/settings")).answered()
            monkeypatch.setattr(RuleBook, "change", slow)
            chosen_now = await manager.selects(message, "300", menu="rules:length")
            assert chosen_now.acknowledged_at
            assert chosen(message)["length"] == ["3000"]
            written.set()
            await message.until(lambda message: chosen(message)["length"] == ["300"])


async def test_only_managers_change_them(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Members do not see the command, and whoever stops being a manager is refused."""
    async with Discord() as standin:
        guild = standin.guild()
        manager, member = standin.person("clara", guild, manager=True), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch):
            with pytest.raises(ClientRefuses):
                await member.types("/settings")
            message = await (await manager.types("/settings")).answered()
            guild.managers.clear()
            said = await (await manager.selects(message, "300", menu="rules:length")).answered()
            assert said.content == "Only those who may manage this server can change its settings."
            assert chosen(message)["length"] == ["3000"]


async def test_pieces_are_made_in_the_allowed_channels(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Elsewhere the sentence names them; a direct message has no rules."""
    async with Discord() as standin:
        guild = standin.guild()
        stage = standin.world.add_channel("stage", guild)
        manager, member = standin.person("clara", guild, manager=True), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch):
            await rule(manager, "channels", stage)
            refused = await (await member.types("/compose", seed="72")).answered()
            assert refused.content == f"In this server I play only in <#{stage.id}>."
            assert refused.ephemeral
            for where in (stage, member.dm):
                asked = await member.types("/compose", seed="72", where=where)
                await asked.answered()
                queue.finish(asked.id)
                await asked.finished()


async def test_what_is_left_out_follows_the_rules(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Length, model, and privacy; what is typed still counts, but for what is not allowed."""
    async with Discord() as standin:
        guild = standin.guild()
        manager, member = standin.person("clara", guild, manager=True), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch):
            await rule(manager, "length", "300")
            await rule(manager, "model", "article")
            await rule(manager, "private", "True")
            asked = await member.types("/compose", seed="72")
            assert (await asked.answered()).ephemeral
            assert (asks_for(queue, asked).length, asks_for(queue, asked).model) == (300, "article")
            named = await member.types("/compose", seed="72 length:200", model="performance")
            await named.answered()
            assert (asks_for(queue, named).length, asks_for(queue, named).model) == (200, "performance")
            refused = await (await member.types("/compose", seed="72", length=500)).answered()
            assert refused.content == "In this server a piece may last up to 60 s, and this one would last 100 s."


async def test_a_member_has_so_many_at_once(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Of this server's; those of a direct message count only for the bot's own limit."""
    async with Discord() as standin:
        guild = standin.guild()
        manager, member = standin.person("clara", guild, manager=True), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch):
            await rule(manager, "at_once", "1")
            await (await member.types("/compose", seed="72", where=member.dm)).answered()
            await (await member.types("/compose", seed="72")).answered()
            refused = await (await member.types("/compose", seed="72")).answered()
            assert refused.content.startswith("You already have as many pieces in progress as I take at once (1)")
            await (await member.types("/compose", seed="72", where=member.dm)).answered()


async def test_a_member_has_so_many_a_day(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """The sentence says when the next one is possible; a day later it is, and so it is for others."""
    async with Discord() as standin:
        guild = standin.guild()
        manager, member = standin.person("clara", guild, manager=True), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch, most=10) as bot:
            await rule(manager, "a_day", "5")
            for _ in range(5):
                await (await member.types("/compose", seed="72")).answered()
            refused = await (await member.types("/compose", seed="72")).answered()
            when = int(refused.content.split("<t:")[1].split(":")[0])
            assert refused.content == (
                f"In this server a member may have 5 pieces a day; the next one is possible <t:{when}:R>."
            )
            await (await manager.types("/compose", seed="72")).answered()
            monkeypatch.setattr(database_module, "now", lambda _: sa.text(f"{when + 1}"))
            assert (
                await bot.services.rules.allow_today(await bot.services.rules.get(guild.id), guild.id, member.user.id)
                is None
            )
            assert when == pytest.approx(standin.world.clock.now() + DAY, abs=30)


async def test_a_day_s_last_piece_is_had_once(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """However many are asked for in the same moment, and though several may be in the making at once; /forget does not
    begin the day anew."""
    async with Discord() as standin:
        member = standin.person("robert", standin.guild())
        async with playing(standin, queue, url, monkeypatch) as bot:
            await bot.services.rules.change(member.channel.guild.id, a_day=1, at_once=2)
            asked = await asyncio.gather(*(member.types("/compose", seed="72") for _ in range(3)))
            answers = [await interaction.answered() for interaction in asked]
            assert sum("You are next" in answer.content for answer in answers) == 1
            assert len(queue.jobs) == 1
            question = await (await member.types("/forget")).answered()
            await member.clicks(question, "Remove everything")
            await question.until(lambda message: message.content.startswith("Nothing is stored about you"))
            refused = await (await member.types("/compose", seed="72")).answered()
            assert refused.content.startswith("In this server a member may have 1 pieces a day")


async def made(queue: FakeQueue, asked: Interaction, seconds: float) -> Message:
    """The answer to an interaction whose piece lasts so long."""
    await asked.answered()
    queue.finish(asked.id, midi=STUDY, composed=STUDY, duration=seconds)
    return await asked.finished()


async def test_the_longest_piece_is_what_is_heard(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A slow tempo lengthens a piece, as a command's option and in Arrange; a fast one makes no longer piece possible.
    A file to be continued counts with what is added."""
    async with Discord() as standin:
        member = standin.person("robert", standin.guild())
        async with playing(standin, queue, url, monkeypatch, most=99) as bot:
            await bot.services.rules.change(member.channel.guild.id, length=150)
            refused = await (await member.types("/compose", seed="72", tempo=25)).answered()
            assert refused.content == "In this server a piece may last up to 30 s, and this one would last 120 s."
            refused = await (await member.types("/compose", seed="72", length=500, tempo=400)).answered()
            assert refused.content.endswith("this one would last 100 s.")
            message = await made(queue, await member.types("/compose", seed="72"), 31.0)
            question = await (await member.clicks(message, "Arrange")).answered()
            await member.selects(question, "25", menu="arrange:tempo")
            refused = await (await member.clicks(question, "Play it like this")).answered()
            assert refused.content.endswith("this one would last 120 s.")
            await member.selects(question, "100", menu="arrange:tempo")
            await made(queue, await member.clicks(question, "Play it like this"), 31.0)
            asked = await member.types("/continue", file=Upload("study.mid", STUDY), length=100)
            refused = await asked.finished()
            assert refused.content == "In this server a piece may last up to 30 s, and this one would last 39.9 s."
            assert str(asked.id) not in queue.jobs


async def test_a_piece_is_not_continued_beyond_the_longest(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Continue adds as much as there is room for, then it is refused, and a variation is no longer than is allowed. A
    new take of a continuation counts what that continues."""
    async with Discord() as standin:
        member = standin.person("robert", standin.guild())
        async with playing(standin, queue, url, monkeypatch, most=99) as bot:
            guild_id = member.channel.guild.id
            await bot.services.rules.change(guild_id, length=150)
            message = await made(queue, await member.types("/compose", seed="72", length=100), 20.0)
            pressed = await member.clicks(message, "Continue")
            continuation = await made(queue, pressed, 31.2)
            assert asks_for(queue, pressed).length == 49
            refused = await (await member.clicks(continuation, "Continue")).answered()
            assert refused.content == "In this server a piece may last up to 30 s, and this one would last 36.2 s."
            pressed = await member.clicks(continuation, "Variation")
            await pressed.answered()
            assert asks_for(queue, pressed).length == 150 - 31
            await bot.services.rules.change(guild_id, length=100)
            refused = await (await member.clicks(continuation, "New take")).answered()
            assert refused.content == "In this server a piece may last up to 20 s, and this one would last 29.7 s."


async def test_a_piece_is_shown_by_the_rules_of_the_place(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """/piece, like all that makes one, heeds channels, privacy and length there; of what was made there the length is
    no matter. Buttons are not pressed where no piece may be asked for."""
    async with Discord() as standin:
        guild = standin.guild()
        stage = standin.world.add_channel("stage", guild)
        member = standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch, most=99) as bot:
            message = await made(queue, await member.types("/compose", seed="72"), 100.0)
            await made(queue, await member.types("/compose", seed="72", where=member.dm), 100.0)
            here, elsewhere = reversed(await bot.services.library.of(member.user.id, 0, 2))
            await bot.services.rules.change(guild.id, channels=(stage.id,), private=True, length=300)
            refusal = f"In this server I play only in <#{stage.id}>."
            for piece in here, elsewhere:
                assert (await (await member.types("/piece", id=piece.id)).answered()).content == refusal
            for label in "New take", "Edit", "Variation", "Continue", "Arrange":
                assert (await (await member.clicks(message, label)).answered()).content == refusal
            shown = await (await member.types("/piece", id=here.id, where=stage)).finished()
            assert shown.ephemeral
            assert shown.attachments
            refused = await (await member.types("/piece", id=elsewhere.id, where=stage)).answered()
            assert refused.content == "In this server a piece may last up to 60 s, and this one would last 100 s."
            assert not (await (await member.types("/piece", id=elsewhere.id, where=member.dm)).finished()).ephemeral


async def test_rules_that_cannot_be_read_lock_nobody_out(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Damaged, or of a newer version: pieces are made, and /settings shows and mends what there is."""
    async with Discord() as standin:
        guild = standin.guild()
        manager, member = standin.person("clara", guild, manager=True), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch):
            for row in ('{"length": 300, "private"', '{"voice": true}'):
                await rule(manager, "a_day", "50")
                with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
                    connection.execute("UPDATE nocturne_rules SET rules = ?", [row])
                connection.close()
                asked = await member.types("/compose", seed="72")
                await asked.answered()
                assert asks_for(queue, asked).length == 500
                message = await rule(manager, "length", "300")
                assert chosen(message)["length"] == ["300"]


@pytest.mark.parametrize("slow", [False, True])
async def test_nobody_waits_for_a_database_that_is_away(
    slow: bool, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """The refusal comes within the seconds that Discord gives, also where the database would answer at last."""

    async def away(*_: object) -> None:
        if slow:
            await asyncio.Event().wait()
        raise StoreError(STORE_UNREACHABLE)

    async with Discord() as standin:
        member = standin.person("robert", standin.guild())
        async with playing(standin, queue, url, monkeypatch):
            waiting = await (await member.types("/compose", seed="72")).answered()
        async with playing(standin, queue, url, monkeypatch, timing=replace(SHORT, admit=0.1)):
            monkeypatch.setattr(RuleBook, "get", away)
            refused = await (await member.types("/compose", seed="72")).answered()
            assert refused.content == str(STORE_UNREACHABLE)
            monkeypatch.setattr(Deliveries, "requester", away)
            refused = await (await member.clicks(waiting, "Cancel")).answered()
            assert refused.content == str(STORE_UNREACHABLE)
            monkeypatch.setattr(Library, "find", away)
            refused = await (await member.types("/piece", id="abcdefgh")).answered()
            assert refused.content == str(STORE_UNREACHABLE)
