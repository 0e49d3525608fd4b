"""/settings, and what members meet by the rules, typed and chosen in the stand-in's client."""

import asyncio
import sqlite3

import pytest

from bot.store.daily_counts import DAY
from bot.store.database import STORE_UNREACHABLE
from bot.store.server_rules import RuleBook
from core.errors import StoreError
from tests.discord_standin import ClientRefuses, Discord, Message, Person
from tests.discord_standin.model import SELECTS, Channel, parts
from tests.support.playing_bot import FakeQueue, asks_for, playing

pytestmark = pytest.mark.asyncio


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
    await manager.selects(message, *values, menu=f"rules:{menu}")
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
            await manager.selects(message, guild.channels[0])
            await manager.selects(message, "300", menu="rules:length")
            await manager.selects(message, "True")
        async with playing(standin, queue, url, monkeypatch):
            await manager.selects(message, "20", menu="rules:a_day")
            now = usual | {"channels": [str(guild.channels[0].id)], "length": ["300"], "private": ["True"]}
            assert chosen(message) == now | {"a_day": ["20"]}
            assert chosen(await (await elsewhere.types("/settings")).answered()) == usual
            await manager.selects(message, menu="rules:channels")
            assert chosen(message) == now | {"a_day": ["20"], "channels": []}


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
            assert (
                refused.content
                == "In this server a piece may have up to 300 steps (60 s), and this one would have 500."
            )


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
            monkeypatch.setattr("bot.store.daily_counts.time.time", lambda: when + 1.0)
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


async def test_nobody_waits_for_a_database_that_is_away(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """The refusal comes within the seconds that Discord gives."""

    async def away(*_: object) -> None:
        raise StoreError(STORE_UNREACHABLE)

    async with Discord() as standin:
        member = standin.person("robert", standin.guild())
        async with playing(standin, queue, url, monkeypatch):
            monkeypatch.setattr(RuleBook, "get", away)
            refused = await (await member.types("/compose", seed="72")).answered()
            assert refused.content == str(STORE_UNREACHABLE)
