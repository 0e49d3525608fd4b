"""The Listen and Video buttons: voice messages and videos, and the descriptions of all files."""

import base64
from functools import partial

import pytest

from core.piece import Composed, Heard
from core.request import VIDEO, VOICE
from tests.discord_standin import Discord
from tests.support.delivered import delivered
from tests.support.playing_bot import FakeQueue, clara, emptied, playing

pytestmark = pytest.mark.asyncio

HEARD = Heard(seconds=21.5, lowest=36, highest=96, loudest=17.0)
OGG = {"audio": b"OggS sound", "audio_format": "ogg", "waveform": bytes(range(200)), "heard": HEARD, "picture": b""}
MP4 = {"audio": b"....ftyp video", "audio_format": "mp4", "heard": HEARD, "picture": b""}


composed = partial(delivered, changes={"composed": b"MThd composed", "duration": 20.0, "heard": HEARD})


@pytest.mark.parametrize("private", [False, True])
async def test_a_piece_is_posted_as_a_voice_message(
    private: bool, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """As Discord's documentation has it, in the channel or, where the piece is private, by direct message; made from
    the stored notes, and the one who pressed is told where it is."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            pressed = await listener.clicks(await composed(queue, listener, private=private), "Listen")
            progress = await pressed.answered()
            assert progress.ephemeral
            assert queue.terms[-1]["composed"] == Composed("0123456789ab", b"MThd composed")
            assert queue.terms[-1]["rendering"].form == VOICE
            queue.finish(pressed.id, **OGG)
            voice = await standin.written(listener.dm if private else listener.channel)
            assert voice.flags == 8192
            [file] = voice.attachments
            assert file.bytes == OGG["audio"]
            assert (file.duration_secs, base64.b64decode(file.waveform)) == (21.5, OGG["waveform"])
            assert file.description == "Sound recording, 0:22, loudest at 0:17"
            assert voice.nonce == str(pressed.id)
            told = await progress.until(lambda message: message.content.startswith("Here it is"))
            assert told.content.endswith(f"/{voice.channel.id}/{voice.id}")
            assert await emptied(url)


async def test_where_it_may_not_be_sent_a_sentence_says_so(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Before anything is made, where the permission lacks already; afterwards, where it was taken away meanwhile."""
    async with Discord() as standin:
        guild = standin.guild()
        listener, other = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch):
            message = await composed(queue, listener)
            pressed = await listener.clicks(message, "Listen")
            listener.channel.voiceless = True
            queue.finish(pressed.id, **OGG)
            late = await pressed.shows(lambda message: "permission" in message.content)
            assert late.content.startswith("I may not send voice messages here.")
            assert {refusal.code for refusal in standin.refused()} == {50173}
            asked = len(queue.terms)
            early = await (await other.clicks(message, "Listen")).answered()
            assert early.content.startswith("I may not send voice messages here.")
            assert len(queue.terms) == asked


async def test_a_direct_message_needs_no_permission(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Where the rules of the server make every piece private, a voice message goes to its listener alone, so nobody
    asks what the channel allows."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            message = await composed(queue, listener)
            assert listener.channel.guild
            await bot.services.rules.change(listener.channel.guild.id, private=True)
            listener.channel.voiceless = True
            pressed = await listener.clicks(message, "Listen")
            queue.finish(pressed.id, **OGG)
            voice = await standin.written(listener.dm)
            assert voice.flags == 8192


@pytest.mark.parametrize("label", ["Listen", "Video"])
async def test_the_longest_piece_is_what_is_heard(
    label: str, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """A server that has come to allow only shorter pieces still lets those be heard that were made there; one from
    elsewhere is refused with the rule, and nothing is made of it."""
    async with Discord() as standin:
        home, strict = standin.guild(), standin.guild("Strict")
        listener, other = standin.person("clara", home), standin.person("robert", strict)
        async with playing(standin, queue, url, monkeypatch) as bot:
            message = await composed(queue, listener)
            [stored] = await bot.services.library.of(listener.user.id, 0, 9)
            elsewhere = await (await other.types("/piece", id=stored.id)).finished()
            for guild in (home, strict):
                await bot.services.rules.change(guild.id, length=50)
            await (await listener.clicks(message, label)).answered()
            asked = len(queue.terms)
            refused = await (await other.clicks(elsewhere, label)).answered()
            assert refused.content.startswith("In this server a piece may last up to 10 s")
            assert len(queue.terms) == asked


async def test_a_voice_message_needs_the_bot_to_be_there(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Among people who have it for themselves alone, the button says what works."""
    async with Discord() as standin:
        listener = standin.person("clara", standin.guild(installed=False), installed=True)
        async with playing(standin, queue, url, monkeypatch):
            said = await (await listener.clicks(await composed(queue, listener), "Listen")).answered()
            assert said.content.startswith("A voice message needs me as a member of this server")


async def test_a_piece_becomes_a_video(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """One file with a description, and its progress on the way; it is no piece of its own, so it has no buttons."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            pressed = await listener.clicks(await composed(queue, listener), "Video")
            await pressed.answered()
            assert queue.terms[-1]["rendering"].form == VIDEO
            queue.run(pressed.id, 0.75)
            await pressed.shows(lambda message: "Drawing the video" in message.content and "50%" in message.content)
            queue.finish(pressed.id, **MP4)
            message = await pressed.finished()
            [file] = message.attachments
            assert file.filename == "nocturne-take7.mp4"
            assert file.description == "Video of the piano roll, 0:22, C2 to C7, loudest at 0:17"
            assert not message.buttons
            assert len(await bot.services.library.of(listener.user.id, 0, 9)) == 1


async def test_every_file_is_described(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """In the listener's language, also when it is brought back."""
    async with Discord() as standin:
        listener = clara(standin)
        listener.user.locale = "de"
        async with playing(standin, queue, url, monkeypatch) as bot:
            message = await composed(queue, listener)
            described = {file.filename[-3:]: file.description for file in message.attachments}
            assert described == {
                "mp3": "Tonaufnahme, 0:22, am lautesten bei 0:17",
                "mid": "Die Noten als MIDI, 0:22, C2 bis C7",
                "png": "Pianorolle, 0:22, C2 bis C7, am lautesten bei 0:17",
            }
            [stored] = await bot.services.library.of(listener.user.id, 0, 9)
            back = await (await listener.types("/piece", id=stored.id)).finished()
            assert {file.filename[-3:]: file.description for file in back.attachments} == described
