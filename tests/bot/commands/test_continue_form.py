"""/continue without a file: a form, filled in by the stand-in's people."""

import io

import pytest
from pretty_midi import PrettyMIDI

from core.midi.container import MAX_BYTES
from core.request import Rendering
from tests.bot.commands.test_edit import component, shown
from tests.discord_standin import ClientRefuses, Discord, Interaction, Upload
from tests.support.midi_corpus import note, smf, track
from tests.support.playing_bot import FakeQueue, asks_for, clara, playing, remaining

pytestmark = pytest.mark.asyncio

FILE = Upload("mine (2).mid", smf(track(note(60), note(62))))


async def read(queue: FakeQueue, asked: Interaction) -> list[int]:
    """The pitches that are continued, once the file is read."""
    await asked.shows(lambda message: "Reading" not in message.content and message.content)
    [piano] = PrettyMIDI(io.BytesIO(asks_for(queue, asked).primer)).instruments
    return [note.pitch for note in piano.notes]


async def test_a_file_is_asked_for_where_there_is_none(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """By a form in which stands what the command said; the file is read as the option's is."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            form = await listener.types("/continue", length=100, take=7, only_new=True, **{"from": 0.5})
            assert shown(form) == {"file": "", "length": "20 s", "style": "", "text": "from:0.5 take:7 only_new:True"}
            with pytest.raises(ClientRefuses):
                await listener.submits(form)
            asked = await listener.submits(form, file=FILE, style="Chopin")
            assert await read(queue, asked) == [60]
            request = asks_for(queue, asked)
            assert (request.length, request.take, request.style) == (100, 7, "Chopin")
            assert queue.renderings[str(asked.id)] == Rendering(only_new=True)


async def test_an_empty_field_is_as_the_defaults_say(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """As an option is that is left out of a command."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            await bot.services.rules.change(listener.channel.guild.id, length=300, style="Bach")
            asked = await listener.submits(await listener.types("/continue"), file=FILE)
            await read(queue, asked)
            assert (asks_for(queue, asked).length, asks_for(queue, asked).style) == (150, "Bach")


async def test_wrong_input_keeps_the_file(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """After a sentence for the one who typed it, the form comes again with all that was put in; the file need not be
    sent again, also after a restart, and may be replaced by another."""
    other = Upload("other.mid", smf(track(note(70))))
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            form = await listener.types("/continue")
            refused = await (await listener.submits(form, file=FILE, length="banana", text="C5 take:7")).answered()
            assert refused.content.startswith("Length must be a time")
            assert refused.ephemeral
        async with playing(standin, queue, url, monkeypatch):
            again = await listener.clicks(refused, "Edit again")
            assert shown(again) == {"file": "", "length": "banana", "style": "", "text": "C5 take:7"}
            refused = await (await listener.submits(again, length="15s")).answered()
            assert refused.content.startswith("Only options can be written here, such as temperature:0.9")
            again = await listener.clicks(refused, "Edit again")
            asked = await listener.submits(again, text="take:7")
            assert await read(queue, asked) == [60, 62]
            assert (asks_for(queue, asked).length, asks_for(queue, asked).take) == (75, 7)
            assert await read(queue, await listener.submits(again, text="", file=other)) == [70]


async def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """By the size that Discord tells, as with the option, and as often as it is sent; nothing is accepted."""
    large = Upload("large.mid", bytes(MAX_BYTES + 1))
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            by_option = await (await listener.types("/continue", file=large)).answered()
            form = await listener.types("/continue")
            for _ in range(2):
                refused = await (await listener.submits(form, **({} if form.source else {"file": large}))).answered()
                assert refused.content == by_option.content
                form = await listener.clicks(refused, "Edit again")
    assert not await remaining(url)


@pytest.mark.parametrize("locale", ["de", "zh-CN"])
async def test_the_form_speaks_every_language(locale: str, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Its labels and descriptions are as short as Discord demands, which the stand-in checks."""
    async with Discord() as standin:
        listener = standin.person("clara", standin.guild(), locale=locale)
        async with playing(standin, queue, url, monkeypatch):
            form = await listener.types("/continue")
            assert component(form, "file")["required"]
            again = {"de": "Noch einmal bearbeiten", "zh-CN": "重新编辑"}[locale]
            name = Upload("a" * 200 + ".mid", FILE.bytes)
            refused = await (await listener.submits(form, file=name, length="?")).answered()
            assert not component(await listener.clicks(refused, again), "file")["required"]
