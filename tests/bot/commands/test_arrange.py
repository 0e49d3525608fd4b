"""The Arrange and Attention buttons, pressed in the stand-in's client."""

from functools import partial

import pytest

from core.piece import Composed, Heard
from core.request import Rendering
from tests.discord_standin import Discord, Interaction, Message, Person
from tests.discord_standin.codes import SELECTS
from tests.discord_standin.model import parts
from tests.support.delivered import delivered, labels
from tests.support.playing_bot import FakeQueue, clara, playing

pytestmark = pytest.mark.asyncio

HEARD = Heard(seconds=21.5, lowest=36, highest=96, loudest=17.0, key="C minor", shared_at_most=18)


EDITED = {"midi": b"MThd edited", "composed": b"MThd composed", "duration": 20.0, "heard": HEARD}
composed = partial(delivered, changes=EDITED)


def shown(message: Message) -> list[str]:
    """What the four selects show."""
    menus = [part for part in parts(message.components) if part["type"] in SELECTS]
    return [option["label"] for menu in menus for option in menu["options"] if option.get("default")]


async def arranged(queue: FakeQueue, listener: Person, message: Message) -> Interaction:
    """Played as a harp, faster and lower, with the bot's own words checked on the way."""
    question = await (await listener.clicks(message, "Arrange")).answered()
    assert question.ephemeral
    assert question.content.startswith("How should piece `")
    await listener.selects(question, "music box", menu="arrange:instrument")
    await listener.selects(question, "120", menu="arrange:tempo")
    await listener.selects(question, "-3", menu="arrange:transpose")
    assert shown(question) == ["music box", "120% tempo", "3 semitones lower", "mp3"]
    pressed = await listener.clicks(question, "Play it like this")
    await pressed.answered()
    return pressed


async def test_a_piece_is_played_in_another_way(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Its notes go to the worker as they were composed, with how much they share with other music, and nothing is
    composed again; the answer is a piece itself."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            pressed = await arranged(queue, listener, await composed(queue, listener))
            terms = queue.terms[-1]
            assert terms["composed"] == Composed("0123456789ab", b"MThd composed", HEARD.shared_at_most)
            assert terms["rendering"] == Rendering("music box", 120, -3)
            queue.finish(pressed.id)
            answer = await pressed.finished()
            assert "music box, 120% tempo, 3 semitones lower" in answer.text
            question = await (await listener.clicks(answer, "Arrange")).answered()
            assert shown(question) == ["music box", "120% tempo", "3 semitones lower", "mp3"]


async def test_the_question_outlives_a_restart(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A choice that was made before it is still made."""
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


async def test_a_piece_is_cropped(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """By a form, from one second until another; the question, the answer and its recipe say so. A restart between the
    form and the press changes nothing, and empty fields take the crop back."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            message = await composed(queue, listener)
            question = await (await listener.clicks(message, "Arrange")).answered()
            form = await listener.clicks(question, "Crop")
            refused = await (await listener.submits(form, **{"from": "soon", "until": ""})).answered()
            assert refused.content.startswith("Crop must be two times in seconds, such as 30-60")
            assert refused.content.endswith("I can't read 'soon'.")
            form = await listener.clicks(question, "Crop")
        async with playing(standin, queue, url, monkeypatch):
            await listener.submits(form, **{"from": "0:05", "until": "12.5"})
            assert "Crop: 5 to 12.5 s" in labels(question)
            await listener.selects(question, "120", menu="arrange:tempo")
            pressed = await listener.clicks(question, "Play it like this")
            await pressed.answered()
            assert queue.terms[-1]["rendering"] == Rendering(tempo=120, crop="5-12.5")
            queue.finish(pressed.id, composed=b"MThd composed")
            answer = await pressed.finished()
            assert "120% tempo, 5 to 12.5 s" in answer.text
            recipe = (await (await listener.clicks(answer, "Recipe")).answered()).content
            assert "/compose seed:72 length:100 take:7 tempo:120 crop:5-12.5" in recipe
            assert answer.file(".mid").filename == "nocturne-c-minor-take7-120pct-from-5-until-12-5.mid"
            question = await (await listener.clicks(answer, "Arrange")).answered()
            form = await listener.clicks(question, "Crop: 5 to 12.5 s")
            assert [box["value"] for box in parts(form.modal["components"]) if "value" in box] == ["5", "12.5"]
            await listener.submits(form, **{"from": "", "until": ""})
            assert "Crop" in labels(question)


async def test_the_new_part_of_a_continuation_stands_alone(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """By a button under the question about a continuation, which no other piece has."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            message = await composed(queue, listener)
            question = await (await listener.clicks(message, "Arrange")).answered()
            assert labels(question) == ["Play it like this", "Crop"]
            pressed = await listener.clicks(message, "Continue")
            await pressed.answered()
            queue.finish(pressed.id, composed=b"MThd continued")
            question = await (await listener.clicks(await pressed.finished(), "Arrange")).answered()
            await listener.clicks(question, "Only the new part")
            assert labels(question) == ["Play it like this", "Crop", "With the beginning"]
            await (await listener.clicks(question, "Play it like this")).answered()
            assert queue.terms[-1]["rendering"] == Rendering(only_new=True)


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
    """A picture a block, for the presser alone, who is answered before there is room for the files in memory; pieces
    without have no such button."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", length=100, take=7, model="article")
            await asked.answered()
            queue.finish(asked.id, attention=(b"\x89PNG one", b"\x89PNG two"))
            message = await asked.finished()
        async with playing(standin, queue, url, monkeypatch) as bot:
            memory = bot.services.library.memory
            async with memory.held(memory.most):
                pressed = await listener.clicks(message, "Attention")
                assert pressed.acknowledged_at
            pictures = await pressed.answered()
            assert pictures.ephemeral
            assert pictures.content.startswith("What the network looked at in the middle of this piece")
            assert [file.bytes for file in pictures.attachments] == [
                b"\x89PNG one",
                b"\x89PNG two",
            ]
            assert [file.filename for file in pictures.attachments] == [
                f"nocturne-c-minor-take7-attention-{block}.png" for block in (1, 2)
            ]
            other = await composed(queue, listener)
            assert "Attention" not in [button["label"] for button in other.buttons]
