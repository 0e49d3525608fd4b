"""/settings, and what members meet by the rules, typed and chosen in the stand-in's client."""

from typing import Any

import pytest

from bot.commands import submit
from bot.store.database import STORE_UNREACHABLE
from bot.store.server_rules import DAY, RuleBook
from core.errors import BadRequest, StoreError
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
            monkeypatch.setattr("bot.store.server_rules.time.time", lambda: when + 1.0)
            assert (
                await bot.services.rules.allow_today(await bot.services.rules.get(guild.id), guild.id, member.user.id)
                is None
            )
            assert when == pytest.approx(standin.world.clock.now() + DAY, abs=30)


async def test_a_piece_counts_before_its_listener_is_told(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """So nobody is quick enough for one more than they may have."""
    counted: list[int] = []
    acknowledge = submit.acknowledge

    async with Discord() as standin:
        guild = standin.guild()
        member = standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch) as bot:
            rules = await bot.services.rules.change(guild.id, a_day=1)

            async def look_first(*arguments: Any) -> None:
                with pytest.raises(BadRequest, match="a member may have 1"):
                    await bot.services.rules.allow_today(rules, guild.id, member.user.id)
                counted.append(1)
                await acknowledge(*arguments)

            monkeypatch.setattr(submit, "acknowledge", look_first)
            await (await member.types("/compose", seed="72")).answered()
            assert counted == [1]


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
