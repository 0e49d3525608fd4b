"""The first piece without typing, and what is suggested while somebody types."""

import re

import pytest

from core.request import VOICE
from tests.discord_standin import Discord
from tests.support.playing_bot import FakeQueue, asks_for, clara, playing

pytestmark = pytest.mark.asyncio


async def test_a_new_server_is_greeted_in_its_language(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """In its system channel, with a button that composes; not where the bot may not write, nor where it was before. The
    piece that it brings can be heard as a voice message."""
    async with Discord() as standin:
        old = standin.guild()
        async with playing(standin, queue, url, monkeypatch) as bot:
            await bot.wait_until_ready()  # until then, servers are those that the bot was in already
            silent = standin.invites("Library", readonly=True)
            new = standin.invites("Musikschule", locale="de")
            greeting = await standin.written(new.channels[0])
            assert greeting.embeds[0]["description"].startswith("Ich komponiere Klavierstücke")
            listener = standin.person("clara", new)
            asked = await listener.clicks(greeting, "Etwas komponieren")
            await asked.answered()
            assert asks_for(queue, asked).seed.is_random
            queue.finish(asked.id)
            card = await asked.finished()
            assert card.file(".mid")
            assert len(new.channels[0].messages) == 2
            pressed = await listener.clicks(card, "Listen")
            await pressed.answered()
            assert queue.renderings[str(pressed.id)].form == VOICE
            assert [refusal.code for refusal in standin.refused()] == [50013]
    assert not old.channels[0].messages
    assert not silent.channels[0].messages


async def test_help_has_commands_that_can_be_clicked(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """With the ids that Discord gave them; the answer is for the one who asked, and the first piece a press away."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            ids = {name: command["id"] for name, command in (await standin.registered("compose", "about")).items()}
            answer = await (await listener.types("/help")).answered()
            assert answer.ephemeral
            mentions = dict(re.findall(r"</(\w+):(\d+)>", answer.embeds[0]["description"]))
            assert mentions == {name: ids[name] for name in mentions}
            named = {"compose", "continue", "perform", "harmonize", "history", "queue", "about", "forget", "defaults"}
            assert {*mentions} == named
            asked = await listener.clicks(answer, "Compose something")
            await asked.answered()
            assert asks_for(queue, asked).seed.is_random


async def test_a_panel_is_posted_by_managers_and_pressed_by_everybody(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """The button works after a restart, and the server's rules hold for it."""
    async with Discord() as standin:
        guild = standin.guild()
        manager, listener = standin.person("nadia", guild, manager=True), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch):
            panel = await (await manager.types("/panel")).answered()
            assert not panel.ephemeral
        async with playing(standin, queue, url, monkeypatch) as bot:
            await bot.services.rules.change(guild.id, style="Chopin")
            asked = await listener.clicks(panel, "Compose something")
            await asked.answered()
            assert asks_for(queue, asked).style == "Chopin"


async def test_lengths_are_suggested_as_times(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Digits may be steps or seconds; what no piece may last is not suggested."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            first, second, *_ = await listener.autocompletes("/compose", "length", "", seed="72")
            assert [first, second] == [("15 s (75)", 75), ("30 s (150)", 150)]
            meant = await listener.autocompletes("/continue", "length", "90")
            assert meant == [("18 s (90)", 90), ("1 min 30 s (450)", 450), ("3 min (900)", 900)]
            assert await listener.autocompletes("/compose", "length", "7000", seed="72") == []


async def test_pieces_are_suggested_to_who_asked_for_them(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """By what they are; nobody sees another's."""
    async with Discord() as standin:
        guild = standin.guild()
        listener, other = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", take=7)
            await asked.answered()
            queue.finish(asked.id)
            await asked.finished()
            [(name, piece_id)] = await listener.autocompletes("/piece", "id", "c5")
            assert name == f"{piece_id} · C5 · C minor · 1:40 · take 7"
            assert await other.autocompletes("/piece", "id", "") == []


async def test_words_of_the_listener_s_language_are_choices(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Typed along with the seed, and sent by a client in place of the choice's value."""
    async with Discord() as standin:
        listener = standin.person("clara", standin.guild(), locale="de")
        async with playing(standin, queue, url, monkeypatch):
            commands = await standin.registered("compose", "about")
            [instrument] = [option for option in commands["compose"]["options"] if option["name"] == "instrument"]
            [box] = [choice for choice in instrument["choices"] if choice["value"] == "music box"]
            assert box["name_localizations"] == {"de": "Spieluhr", "zh-CN": "八音盒"}
            typed = await listener.types("/compose", seed="72 instrument:Spieluhr private:ja")
            assert (await typed.answered()).ephemeral
            sent = await listener.types("/compose", seed="72", instrument="Harfe", unchecked=True)
            await sent.answered()
            assert [queue.renderings[str(each.id)].instrument for each in (typed, sent)] == ["music box", "harp"]
