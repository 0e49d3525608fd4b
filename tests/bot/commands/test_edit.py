"""The Edit button and its form, filled in by the stand-in's people."""

import re
from dataclasses import replace
from functools import partial

import pytest
from pretty_midi import Note

from bot.model_cards import ModelCard
from core.option_kinds import Scope
from core.options import MODEL, ONLY_NEW, options_in
from core.request import Rendering
from tests.discord_standin import Discord, Interaction
from tests.discord_standin.model import parts
from tests.discord_standin.places import Json
from tests.support.delivered import delivered
from tests.support.music import as_bytes, piano
from tests.support.playing_bot import FakeQueue, asks_for, clara, playing

pytestmark = pytest.mark.asyncio

STUDY = as_bytes(piano(*(Note(80, 40 + second, second, second + 0.9) for second in range(20))))
LOCALES = ("en-US", "de", "zh-CN")


composed = partial(delivered, changes={"midi": STUDY, "composed": STUDY}, length=None)


def shown(form: Interaction) -> dict[str, str]:
    """What each component of the form is prefilled with."""
    assert form.modal is not None
    found = {}
    for part in (part for part in parts(form.modal["components"]) if "custom_id" in part):
        chosen = [option["value"] for option in part.get("options", []) if option.get("default")]
        found[part["custom_id"]] = part.get("value", "") if "options" not in part else ", ".join(chosen)
    return found


def component(form: Interaction, custom_id: str) -> Json:
    assert form.modal is not None
    [part] = [part for part in parts(form.modal["components"]) if part.get("custom_id") == custom_id]
    return part


async def test_a_piece_is_edited(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """The form has the piece's values; what is changed in it is changed in the new piece, and the rest stays, but for
    the take."""
    options = {"length": 150, "key": "Eb", "temperature": 0.9, "instrument": "music box", "private": True}
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            bot.services = replace(bot.services, cards=(ModelCard("performance", styles=("any", "Bach", "Chopin")),))
            message = await composed(queue, listener, style="Bach", **options)
            form = await listener.clicks(message, "Edit")
            assert shown(form) == {
                "text": "C5 temperature:0.9 instrument:music_box",
                "length": "30 s",
                "key": "E♭ major",
                "pace": "any",
                "style": "Bach",
            }
            answer = await listener.submits(form, length="1:30", pace="slow", style="Chopin")
            assert (await answer.answered()).ephemeral
            before, after = next(iter(queue.requests.values())), asks_for(queue, answer)
            changed = {"length": 450, "pace": "slow", "style": "Chopin", "take": after.take}
            assert after == replace(before, **changed)
            assert after.take != 7
            assert queue.renderings[str(answer.id)] == Rendering("music box")
            queue.finish(answer.id)
            card = await answer.finished()
            assert re.match(
                "A piece starting on C5, edited from your piece `[a-z0-9]{8}`", card.embeds[0]["description"]
            )
            recipe = await (await listener.clicks(card, "Recipe")).answered()
            assert re.search("It was edited from piece `[a-z0-9]{8}`.", recipe.content)


async def test_whatever_a_piece_is_the_form_says_it(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Sent as it was shown, with the take, it asks for the same: every option comes back in its unusual value."""
    unusual = "C4,Eb4 60 length:123 style:Bach key:c-moll pace:very_fast dynamics:very_soft mood:sad temperature:0.7"
    unusual += " top_p:0.5 take:7 instrument:church_organ tempo:80 transpose:-3 audio:flac crop:1-20"
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            message = await composed(queue, listener, seed=unusual)
            form = await listener.clicks(message, "Edit")
            answer = await listener.submits(form, text=f"{shown(form)['text']} take:7")
            await answer.answered()
            first, second = queue.requests.values()
            assert second == first
            assert second.seed.spelled == "60,Eb4 60"
            one, other = queue.renderings.values()
            assert other == one
            request = [option for option in options_in(Scope.REQUEST) if "compose" in option.commands]
            rendering = options_in(Scope.RENDERING)
            assert [each for each in request if getattr(first, each.name) == each.usual_for(first.model)] == [MODEL]
            assert [each for each in rendering if getattr(one, each.name) == each.usual] == [ONLY_NEW]


async def test_an_article_s_piece_has_a_form_of_its_own(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Without the options that its model does not have; the other model is asked for in the text."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            form = await listener.clicks(await composed(queue, listener, model="article"), "Edit")
            assert shown(form) == {"text": "C5 model:article", "length": "100 s", "temperature": "1"}
            answer = await listener.submits(form, text="C5 style:Bach", temperature="0,8")
            await answer.answered()
            request = asks_for(queue, answer)
            assert (request.model, request.style, request.temperature) == ("performance", "Bach", 0.8)


async def test_a_continuation_keeps_what_it_continues(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Its form asks for no seed, and refuses one."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            message = await composed(queue, listener)
            pressed = await listener.clicks(message, "Continue")
            await pressed.answered()
            queue.finish(pressed.id, composed=STUDY)
            continued = await pressed.finished()
            form = await listener.clicks(continued, "Edit")
            assert shown(form)["text"] == ""
            refused = await (await listener.submits(form, text="C5")).answered()
            assert refused.content == ("Only options can be written here, such as temperature:0.9; I can't read 'C5'.")
            answer = await listener.submits(form, text="temperature:0.8 only_new:yes")
            await answer.answered()
            request = asks_for(queue, answer)
            assert request.primer == asks_for(queue, pressed).primer
            assert request.temperature == 0.8
            assert queue.renderings[str(answer.id)].only_new


async def test_wrong_input_is_said_and_not_lost(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """In a sentence for the one who typed it; a button opens the form again with all that was put in, also after a
    restart. So it is with what a server does not allow."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            form = await listener.clicks(await composed(queue, listener), "Edit")
            typed = {"text": "C5 temperature:0.8", "length": "banana", "key": "A minor", "pace": "fast"}
            refused = await (await listener.submits(form, **typed)).answered()
            assert refused.content.startswith("Length must be a time such as 30s")
            assert refused.ephemeral
        async with playing(standin, queue, url, monkeypatch) as bot:
            again = await listener.clicks(refused, "Edit again")
            assert shown(again) == typed | {"style": "any"}
            await bot.services.rules.change(listener.channel.guild.id, length=150)
            refused = await (await listener.submits(again, length="2 min", text="")).answered()
            assert refused.content.startswith("In this server a piece may last up to 30 s")
            again = await listener.clicks(refused, "Edit again")
            assert shown(again)["text"] == ""
            answer = await listener.submits(again, length="30 s")
            await answer.answered()
            request = asks_for(queue, answer)
            assert (request.seed.is_random, request.length, request.key) == (True, 150, "A minor")


async def test_what_was_put_in_is_shown_in_the_reader_s_words(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Under the sentence that says what is wrong: the labels of the fields and the choices, from which the form is
    filled in again."""
    async with Discord() as standin:
        listener = standin.person("clara", standin.guild(), locale="de")
        async with playing(standin, queue, url, monkeypatch):
            form = await listener.clicks(await composed(queue, listener), "Bearbeiten")
            typed = {"text": "C5", "length": "banana", "key": "C♯ minor", "pace": "very slow"}
            refused = await (await listener.submits(form, **typed)).answered()
            [embed] = refused.embeds
            said = [(field["name"], field["value"]) for field in embed["fields"]]
            assert said[:3] == [("Länge", "banana"), ("Tonart", "cis-Moll"), ("Bewegung", "sehr langsam")]
            assert shown(await listener.clicks(refused, "Noch einmal bearbeiten")) == typed | {"style": "any"}


async def test_a_form_outlives_a_restart(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A form is answered by a bot that did not open it; a piece that is gone meanwhile is said to be."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            form = await listener.clicks(await composed(queue, listener), "Edit")
        async with playing(standin, queue, url, monkeypatch) as bot:
            answer = await listener.submits(form, pace="slow")
            await answer.answered()
            assert asks_for(queue, answer).pace == "slow"
            await bot.services.library.forget(listener.user.id)
            refused = await (await listener.submits(form)).answered()
            assert refused.content == "This piece is no longer stored."


@pytest.mark.parametrize("locale", LOCALES)
async def test_the_form_speaks_every_language(locale: str, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Its labels and descriptions are as short as Discord demands, which the stand-in checks."""
    async with Discord() as standin:
        listener = standin.person("clara", standin.guild(), locale=locale)
        async with playing(standin, queue, url, monkeypatch):
            for model in ("performance", "article"):
                message = await composed(queue, listener, model=model)
                edit = {"en-US": "Edit", "de": "Bearbeiten", "zh-CN": "编辑"}[locale]
                form = await listener.clicks(message, edit)
                assert form.modal
                await listener.submits(form)
