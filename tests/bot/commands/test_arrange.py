"""The Arrange and Attention buttons, pressed in the stand-in's client."""

import pytest

from core.request import Composed, Rendering
from tests.discord_standin import Discord, Interaction, Message, Person
from tests.discord_standin.model import SELECTS, parts
from tests.support.playing_bot import FakeQueue, clara, playing

pytestmark = pytest.mark.asyncio


async def composed(queue: FakeQueue, listener: Person, **options: object) -> Message:
    asked = await listener.types("/compose", **{"seed": "72", "length": 100, "take": 7} | options)
    await asked.answered()
    queue.finish(asked.id, midi=b"MThd edited", composed=b"MThd composed", duration=20.0)
    return await asked.finished()


def shown(message: Message) -> list[str]:
    """What the four selects show."""
    menus = [part for part in parts(message.components) if part["type"] in SELECTS]
    return [option["label"] for menu in menus for option in menu["options"] if option.get("default")]


async def arranged(queue: FakeQueue, listener: Person, message: Message) -> Interaction:
    """Played as a harp, faster and lower, with the bot's own words checked on the way."""
    question = await (await listener.clicks(message, "Arrange")).answered()
    assert question.ephemeral
    assert question.content.startswith("How shall piece `")
    await listener.selects(question, "music box", menu="arrange:instrument")
    await listener.selects(question, "120", menu="arrange:tempo")
    await listener.selects(question, "-3", menu="arrange:transpose")
    assert shown(question) == ["music box", "120% tempo", "3 semitones lower", "mp3"]
    pressed = await listener.clicks(question, "Play it like this")
    await pressed.answered()
    return pressed


async def test_a_piece_is_played_in_another_way(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Its notes go to the worker as they were composed, and nothing is composed again; the answer is a piece itself."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            pressed = await arranged(queue, listener, await composed(queue, listener))
            terms = queue.terms[-1]
            assert terms["composed"] == Composed("0123456789ab", b"MThd composed")
            assert terms["rendering"] == Rendering("music box", 120, -3)
            queue.finish(pressed.id)
            answer = await pressed.finished()
            assert "music box, 120% tempo, 3 semitones lower" in answer.text
            question = await (await listener.clicks(answer, "Arrange")).answered()
            assert shown(question) == ["music box", "120% tempo", "3 semitones lower", "mp3"]


async def test_the_question_outlives_a_restart(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """What was chosen before it is still chosen."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            message = await composed(queue, listener, tempo=93, transpose=-24, instrument="electric grand")
            question = await (await listener.clicks(message, "Arrange")).answered()
            assert shown(question) == ["electric grand", "93% tempo", "24 semitones lower", "mp3"]
            await listener.selects(question, "flac")
        async with playing(standin, queue, url, monkeypatch):
            await listener.selects(question, "200", menu="arrange:tempo")
            assert shown(question) == ["electric grand", "200% tempo", "24 semitones lower", "flac"]
            await (await listener.clicks(question, "Play it like this")).answered()
            assert queue.terms[-1]["rendering"] == Rendering("electric grand", 200, -24, "flac")


async def test_what_cannot_be_arranged_is_said(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A piece that would be too long, and one that is gone, before the question and after it."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            asked = await listener.types("/compose", seed="72", length=2900)
            await asked.answered()
            queue.finish(asked.id, duration=580.0)
            message = await asked.finished()
            question = await (await listener.clicks(message, "Arrange")).answered()
            await listener.selects(question, "50", menu="arrange:tempo")
            said = await (await listener.clicks(question, "Play it like this")).answered()
            assert said.content == "At 50% tempo it would last 1,160 s; I play at most 600 s."
            await bot.services.library.forget(listener.user.id)
            for pressed in (listener.clicks(question, "Play it like this"), listener.clicks(message, "Arrange")):
                assert (await (await pressed).answered()).content == "This piece is no longer stored."


async def test_what_the_article_s_model_attended_to(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A picture a block, for the presser alone; pieces without have no such button."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", length=100, take=7, model="article")
            await asked.answered()
            queue.finish(asked.id, attention=(b"\x89PNG one", b"\x89PNG two"))
            message = await asked.finished()
        async with playing(standin, queue, url, monkeypatch):
            pictures = await (await listener.clicks(message, "Attention")).answered()
            assert pictures.ephemeral
            assert [file.bytes for file in pictures.attachments] == [
                b"\x89PNG one",
                b"\x89PNG two",
            ]
            assert [file.filename for file in pictures.attachments] == [
                f"nocturne-article-72-100-take7-attention-{block}.png" for block in (1, 2)
            ]
            other = await composed(queue, listener)
            assert "Attention" not in [button["label"] for button in other.buttons]
