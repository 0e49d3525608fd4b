"""/compose and /continue from the interaction to its answer: the real client, a stand-in for Discord, a queue that does
as told."""

import io
from typing import Any

import pytest
from pretty_midi import PrettyMIDI
from sqlalchemy import text

from bot.commands.queue import NOT_YOURS_TO_CANCEL
from bot.store.database import Database
from core.captions import Captions
from core.queue.jobs import JobState
from core.request import AS_COMPOSED, Rendering
from tests.discord_standin import Discord, Upload
from tests.support.midi_corpus import note, smf, track
from tests.support.playing_bot import FakeQueue, asks_for, clara, emptied, playing, remaining
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

ALL = ["mp3", "mid", "png"]


async def test_a_piece_from_command_to_files(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Deferred at once; then the place, the progress, and one embed with three files and no button. Nothing is left."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="C5 (72)", length=100, take=7)
            place = await asked.answered()
            assert place.content.endswith("You are next.")
            assert place.buttons[0]["label"] == "Cancel"
            queue.run(asked.id, 0.5)
            await asked.shows(lambda message: "50%" in message.content)
            queue.finish(asked.id)
            message = await asked.finished()
            assert [file.filename for file in message.attachments] == [
                f"nocturne-c-minor-take7.{suffix}" for suffix in ALL
            ]
            assert message.content == ""
            assert len(message.embeds) == 1
            assert not message.ephemeral
            assert message.embeds[0]["image"]["url"] == message.file(".png").url
            assert await emptied(url)
            await until(lambda: queue.deleted == [str(asked.id)])
        terms = {"user_id": listener.user.id, "seconds_left": None, "size_limit": 10 * 2**20}
        terms |= {"rendering": AS_COMPOSED, "composed": None, "captions": Captions.of(asks_for(queue, asked))}
        assert queue.terms == [terms]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"seed": "hello"}, "I don't understand the seed 'hello'."),
        ({"seed": "72", "length": 5}, "Length 5 is outside"),
        ({"seed": "72", "temperature": 9.5}, "Temperature 9.5 is outside"),
        ({"seed": "72", "take": -1}, "Take -1 is outside"),
        ({"seed": "72", "model": "mozart"}, "There is no model 'mozart'"),
        ({"seed": "72", "instrument": "tuba"}, "There is no instrument 'tuba'"),
    ],
)
async def test_bad_input_is_answered_at_once(
    options: dict[str, Any], says: str, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Input that a client lets through by mistake is refused in a sentence for the listener alone; no job is made."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            message = await (await listener.types("/compose", unchecked=True, **options)).answered()
            assert message.content.startswith(says)
            assert message.ephemeral
        assert not queue.jobs
        assert not await remaining(url)


async def test_a_piece_is_played_as_wished(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Instrument, tempo, pitch and format travel to the queue; the answer says them, and how to get it again."""
    wished = {"instrument": "music box", "tempo": 80, "transpose": -3, "audio": "flac"}
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", take=7, **wished)
            await asked.answered()
            rendering = queue.terms[0]["rendering"]
            assert rendering == Rendering(**wished)
            queue.finish(asked.id, audio_format="flac")
            message = await asked.finished()
            assert message.file(".flac")
            line = "C minor · 1:40 · music box, 80% tempo, 3 semitones lower · take 7"
            assert message.embeds[0]["title"] == line
            again = "/compose seed:72 take:7 instrument:music_box tempo:80 transpose:-3 audio:flac"
            assert again in (await (await listener.clicks(message, "Recipe")).answered()).content


async def test_a_file_is_gone_on_from(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """/continue reads what it is sent as one piano and makes a job of it; the answer says what was used."""
    file = Upload("mine.mid", smf(track(note(60), note(62)), track(note(40, channel=9))))
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/continue", file=file, length=100, take=7, **{"from": 0.5})
            assert (await asked.answered()).content.startswith("**Continuing your file** · 20 s · take 7")
            request = asks_for(queue, asked)
            assert (request.length, request.take, request.seed.is_random) == (100, 7, True)
            [piano] = PrettyMIDI(io.BytesIO(request.primer)).instruments
            assert [(note.pitch, note.start) for note in piano.notes] == [(60, 0.0)]
            queue.finish(asked.id)
            message = await asked.finished()
            [embed] = message.embeds
            assert embed["description"] == (
                "Your piece, continued · 312 notes\n"
                "Read as one piano: track 1; left out: the drums and all from 0.5 s on."
            )
            recipe = (await (await listener.clicks(message, "Recipe")).answered()).content
            assert recipe.startswith("```\n/continue from:0.5 length:100 take:7\n```\nIt continues a file: send")
            assert message.file(".mid").filename == "nocturne-c-minor-continued-take7.mid"
            assert await emptied(url)


async def test_the_new_part_alone_is_asked_for(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """The recipe and the file's name say so, and the recipe typed again asks for the same."""
    file = Upload("mine.mid", smf(track(note(60), note(62))))
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/continue", file=file, length=100, take=7, only_new=True)
            await asked.answered()
            assert asks_for(queue, asked).primer
            assert queue.terms[-1]["rendering"] == Rendering(only_new=True)
            queue.finish(asked.id)
            message = await asked.finished()
            assert message.embeds[0]["title"] == "C minor · 0:20 · only the new part · take 7"
            assert message.file(".mid").filename == "nocturne-c-minor-continued-take7-new.mid"


async def test_a_passage_of_a_long_file_is_gone_on_from(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """2 s out of the middle of 41 minutes; and without `keep`, as much before `from` as there is room for, in whole
    bars."""
    file = Upload("long.mid", smf(track(*[note(60 + number % 12) for number in range(5_000)])))
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            for keep, seconds in (({"keep": 2}, 2), ({}, 576)):
                asked = await listener.types("/continue", file=file, length=100, **{"from": 1202} | keep)
                await asked.answered()
                assert PrettyMIDI(io.BytesIO(asks_for(queue, asked).primer)).get_end_time() == seconds


async def test_a_file_in_a_message_is_gone_on_from(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """The command in a message's menu takes its MIDI file; a message without one is answered by a sentence."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            first = await listener.types("/compose", seed="72")
            await first.answered()
            queue.finish(first.id, midi=smf(track(note(67))))
            piece = await first.finished()
            asked = await listener.applies("Continue this MIDI", piece)
            await asked.answered()
            [piano] = PrettyMIDI(io.BytesIO(asks_for(queue, asked).primer)).instruments
            assert [note.pitch for note in piano.notes] == [67]
            progress = await asked.answered()
            refused = await (await listener.applies("Continue this MIDI", progress)).answered()
            assert refused.content == "This message carries no MIDI file (.mid)."
            assert refused.ephemeral


@pytest.mark.parametrize(
    ("data", "options", "says"),
    [
        (b"hello", {}, "This is not a MIDI file (.mid)."),
        (bytes(2**20 + 1), {}, "The MIDI file has 1.1 MiB, at most 1 MiB are read."),
        (
            smf(track(note(channel=9))),
            {},
            "The MIDI file has no notes but drums that a piano could play: all are on channel 10",
        ),
        (
            smf(track(note())),
            {"length": 3000},
            "The file's 0 s and 600 s more are together longer than 600 s; `from` goes on",
        ),
        (smf(track(note())), {"length": 2900, "tempo": 90}, "At 90% tempo it would last"),
    ],
)
async def test_a_file_that_cannot_be_read_is_answered_by_a_sentence(
    data: bytes, options: dict[str, Any], says: str, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """No job is made of it, and nobody else sees it: the public acknowledgement is gone."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/continue", file=Upload("mine.mid", data), **options)
            refused = await asked.finished()
            assert refused.content.startswith(says)
            assert refused.ephemeral
            assert listener.channel.messages == [refused]
            assert await emptied(url)
        assert not queue.jobs
        assert await asked_for(url) == 0


async def asked_for(url: str) -> int:
    """How many pieces count for the rules of servers."""
    database = await Database.open(url)
    select = text("SELECT count(*) FROM nocturne_asked")
    count: int = await database.run(lambda connection: connection.execute(select).scalar())
    await database.close()
    return count


async def test_a_wrong_option_is_seen_by_its_listener_alone(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Of /continue too, before its file is read."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            file = Upload("mine.mid", smf(track(note())))
            refused = await (await listener.types("/continue", file=file, style="[a](http://b.example)")).answered()
            assert refused.content.startswith("'[a](http://b.example)' is not the name of a style")
            assert refused.ephemeral


async def test_who_waits_can_look_and_take_back(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """/queue says how many wait and how one's own pieces are; /cancel takes back the one that is chosen, or all; of
    anybody else's nothing is said."""
    async with Discord() as standin:
        guild = standin.guild()
        clara, robert = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch):
            assert (await (await clara.types("/queue")).answered()).content == (
                "Nobody is waiting. None of yours is in progress."
            )
            first, second, third = [await clara.types("/compose", seed=seed, take=7) for seed in ("72", "73", "74")]
            other = await robert.types("/compose", seed="75", take=7)
            for asked in (first, second, third, other):
                await asked.answered()
            queue.run(first.id, 0.25)
            looked = await (await clara.types("/queue")).answered()
            assert looked.ephemeral
            assert looked.content.startswith("3 pieces wait for a place at the piano.\n\n**C5**")
            assert "25%" in looked.content
            assert "Number 3 in the queue" in looked.content
            assert "D♯5" not in looked.content
            [chosen] = await clara.autocompletes("/cancel", "piece", "73")
            assert chosen == ("C♯5 · 1 min 40 s · take 7", str(second.id))
            assert [chosen] == await clara.autocompletes("/cancel", "piece", "c#5")
            said = await (await clara.types("/cancel", piece=chosen.value)).answered()
            assert said.content == "Cancelled: 1 piece of yours."
            assert said.ephemeral
            assert (await second.finished()).content.startswith("Cancelled: **C♯5**")
            assert (await (await clara.types("/cancel")).answered()).content == "Cancelled: 2 pieces of yours."
            for asked in (first, third):
                assert (await asked.finished()).content.startswith("Cancelled")
            assert (await (await clara.types("/cancel")).answered()).content == "You have no piece in progress."
            said = await (await clara.types("/cancel", piece=str(other.id))).answered()
            assert said.content == "This piece is already finished or cancelled."
            assert queue.jobs[str(other.id)].state is JobState.QUEUED


async def test_suggestions_reach_the_client(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Autocomplete offers `random` first, and notes as names with pitches."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            assert (await listener.autocompletes("/compose", "seed", ""))[0] == ("random", "random")
            assert await listener.autocompletes("/compose", "seed", "f#3") == [("F#3 (54)", "54")]


async def test_a_private_piece_is_seen_by_its_listener_alone(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """`private` makes progress and piece ephemeral."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="random", private=True)
            assert (await asked.answered()).ephemeral
            queue.finish(asked.id)
            assert (await asked.finished()).ephemeral


async def test_only_the_requester_cancels(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Somebody else is told so; the requester's press ends the job, and later presses are answered too."""
    async with Discord() as standin:
        guild = standin.guild()
        clara, robert = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch):
            asked = await clara.types("/compose", seed="72", take=7)
            shown = await asked.answered()
            refused = await (await robert.clicks(shown, "Cancel")).answered()
            assert refused.content == str(NOT_YOURS_TO_CANCEL)
            assert refused.ephemeral
            await clara.clicks(shown, "Cancel")
            message = await asked.shows(lambda message: not message.buttons)
            assert message.content == "Cancelled: **C5** · 1 min 40 s · take 7"
            assert await emptied(url)


async def test_about(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """/about names the model, its licence and the queue, even without a model card."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            await (await listener.types("/compose", seed="72")).answered()
            text = (await (await listener.types("/about")).answered()).text
    assert "article" in text
    assert "non-commercial" in text
    assert "1 waiting" in text
