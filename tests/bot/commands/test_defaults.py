"""/defaults, chosen in the stand-in's client, and the pieces that follow from it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.model_cards import ModelCard
from bot.store.defaults import DefaultsBook
from core.options import STYLE
from tests.discord_standin import Discord, Message, Person, Upload
from tests.discord_standin.codes import SELECTS
from tests.discord_standin.model import parts
from tests.support.midi_corpus import note, smf, track
from tests.support.playing_bot import FakeQueue, asks_for, clara, playing

pytestmark = pytest.mark.asyncio


def chosen(message: Message) -> dict[str, str]:
    """What each select shows, but those that are not set."""
    shown = {}
    for menu in (part for part in parts(message.components) if part["type"] in SELECTS):
        [value] = [option["value"] for option in menu["options"] if option.get("default")]
        shown |= {menu["custom_id"].removeprefix("default:"): value} if value != "-" else {}
    return shown


async def choose(listener: Person, **values: str) -> Message:
    message = await (await listener.types("/defaults")).answered()
    for option, value in values.items():
        await listener.changes(message, value, menu=f"default:{option}")
    return message


async def test_defaults_are_shown_and_changed_in_one_message(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """For the listener alone; they hold in every place and after a restart, and /forget removes them."""
    async with Discord() as standin:
        listener, other = clara(standin), standin.person("robert", standin.guild())
        async with playing(standin, queue, url, monkeypatch) as bot:
            bot.services = replace(bot.services, cards=(ModelCard("performance", styles=("any", "Bach", "Chopin")),))
            message = await (await listener.types("/defaults")).answered()
            assert message.ephemeral
            assert chosen(message) == {}
            picked = {"style": "Chopin", "length": "150", "audio": "flac", "temperature": "0.9", "private": "True"}
            assert chosen(await choose(listener, **picked)) == picked
            await listener.changes(message, "-", menu="default:audio")
            await listener.changes(message, "music_box", menu="default:instrument")
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", where=listener.dm)
            assert (await asked.answered()).ephemeral
            request, rendering = asks_for(queue, asked), queue.renderings[str(asked.id)]
            assert (request.style, request.length, request.temperature) == ("Chopin", 150, 0.9)
            assert (rendering.instrument, rendering.audio) == ("music box", "mp3")
            queue.finish(asked.id)
            await asked.finished()
            assert chosen(await (await other.types("/defaults")).answered()) == {}
            question = await (await listener.types("/forget")).answered()
            await listener.clicks(question, "Remove everything")
            await question.until(lambda message: message.content.startswith("Nothing is stored about you"))
            assert chosen(await (await listener.types("/defaults")).answered()) == {}


async def test_a_choice_is_acknowledged_before_it_is_written(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """However long the database takes; the message changes when it is done."""
    written, write = asyncio.Event(), DefaultsBook.set

    async def slow(*arguments: Any) -> dict[str, Any]:
        await written.wait()
        return await write(*arguments)

    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            message = await (await listener.types("/defaults")).answered()
            monkeypatch.setattr(DefaultsBook, "set", slow)
            chosen_now = await listener.selects(message, "flac", menu="default:audio")
            assert chosen_now.acknowledged_at
            assert chosen(message) == {}
            written.set()
            await message.until(lambda message: chosen(message) == {"audio": "flac"})


async def test_what_is_typed_counts_more_and_a_recipe_alone(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Typed options replace defaults one by one. A command with a take is a recipe: nothing is added to it, but that
    its listener alone sees the piece."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            await choose(listener, length="150", model="article", private="True")
            typed = await listener.types("/compose", seed="72", style="Bach", private=False)
            assert not (await typed.answered()).ephemeral
            request = asks_for(queue, typed)
            assert (request.length, request.style, request.model) == (150, "Bach", "performance")
            recipe = await listener.types("/compose", seed="72 take:7")
            assert (await recipe.answered()).ephemeral
            request = asks_for(queue, recipe)
            assert (request.length, request.model) == (500, "performance")
            button = await listener.clicks(await (await listener.types("/help")).answered(), "Compose something")
            await button.answered()
            assert asks_for(queue, button).model == "article"


async def test_a_file_is_continued_by_one_s_own_defaults(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """But for the model, as only one can; a server's longest piece leaves half of it to the file."""
    file = Upload("mine.mid", smf(track(note(60), note(62))))
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            await choose(listener, length="300", model="article", audio="wav")
            for longest, length in ((3000, 300), (400, 200), (2000, 300)):
                await bot.services.rules.change(listener.channel.guild.id, length=longest)
                asked = await listener.types("/continue", file=file)
                await asked.answered()
                await asked.shows(lambda message: "next" in message.content or "queue" in message.content)
                assert (asks_for(queue, asked).length, asks_for(queue, asked).model) == (length, "performance")
                assert queue.renderings[str(asked.id)].audio == "wav"


async def test_a_choice_that_is_gone_is_refused(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """The checkpoints of the next start may know fewer styles; one that was chosen before counts for nothing then."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            bot.services = replace(bot.services, cards=(ModelCard("performance", styles=("any", "Bach")),))
            message = await (await listener.types("/defaults")).answered()
        async with playing(standin, queue, url, monkeypatch) as bot:
            said = await (await listener.selects(message, "Bach", menu="default:style")).answered()
            assert said.content == "There is no such choice any more; please use `/defaults` again."
            await bot.services.defaults.set(listener.user.id, STYLE, "Bach")
            bot.services = replace(bot.services, cards=(ModelCard("performance", styles=("any", "Chopin")),))
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
            assert asks_for(queue, asked).style == "any"


@pytest.mark.parametrize("locale", ["de", "zh-CN"])
async def test_the_message_speaks_every_language(
    locale: str, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Its labels are as short as Discord demands, which the stand-in checks."""
    async with Discord() as standin:
        listener = standin.person("clara", standin.guild(), locale=locale)
        async with playing(standin, queue, url, monkeypatch):
            message = await (await listener.types("/defaults")).answered()
            labels = [option["label"] for part in parts(message.components) for option in part.get("options", [])]
            assert {"de": "nicht gesetzt (meist 1 min 40 s)", "zh-CN": "未设置（通常为 1 分钟 40 秒）"}[
                locale
            ] in labels


async def test_styles_are_read_as_people_type_them(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """In any case; a near miss is asked about, at once and alone, in a command as in a form."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            bot.services = replace(bot.services, cards=(ModelCard("performance", styles=("any", "Bach", "Chopin")),))
            asked = await listener.types("/compose", seed="72", style="chopin")
            await asked.answered()
            assert asks_for(queue, asked).style == "Chopin"
            refused = await (await listener.types("/compose", seed="72 style:Shopin")).answered()
            assert refused.content == "I know no style 'Shopin'. Did you mean Chopin?"
            assert refused.ephemeral
            sent = await listener.types("/compose", seed="72", instrument="Harp", unchecked=True)
            await sent.answered()
            assert queue.renderings[str(sent.id)].instrument == "harp"
