"""/compose and /continue from the interaction to its answer: the real client, a stand-in for Discord, a queue that does
as told."""

import asyncio
import io
import logging
import re
import threading
import time
from typing import Any

import pytest
from pretty_midi import PrettyMIDI
from sqlalchemy import text

from bot.commands import submit
from bot.delivery import follower, messenger
from bot.language import replies
from bot.store.database import Database
from bot.store.pending_replies import Answer, Answers
from core.queue.jobs import Job, JobState
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
            assert place.content.endswith("You are next.") and place.buttons[0]["label"] == "Cancel"
            queue.run(asked.id, 0.5)
            await asked.shows(lambda message: "50%" in message.content)
            queue.finish(asked.id)
            message = await asked.finished()
            assert [file.filename for file in message.attachments] == [
                f"nocturne-performance-72-100-take7.{suffix}" for suffix in ALL
            ]
            assert message.content == "" and len(message.embeds) == 1 and not message.ephemeral
            assert message.embeds[0]["image"]["url"] == message.file(".png").url
            assert await emptied(url)
            await until(lambda: queue.deleted == [str(asked.id)])
        terms = {"user_id": listener.user.id, "deadline": None, "size_limit": 10 * 2**20}
        terms |= {"rendering": AS_COMPOSED, "composed": None}
        assert queue.terms == [terms]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"seed": "hello"}, "The seed 'hello' is not understood"),
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
    """What a client lets through by mistake is refused in a sentence that only the listener sees; no job is made."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            message = await (await listener.types("/compose", unchecked=True, **options)).answered()
            assert message.content.startswith(says) and message.ephemeral
        assert not queue.jobs and not await remaining(url)


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
            [played] = [field["value"] for field in message.embeds[0]["fields"] if field["name"] == "Played"]
            assert played == "music box, 80 % tempo, 3 semitones lower"
            again = "/compose seed:72 take:7 instrument:music_box tempo:80 transpose:-3 audio:flac"
            assert again in message.embeds[0]["footer"]["text"]


async def test_a_file_is_gone_on_from(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """/continue reads what it is sent as one piano and makes a job of it; the answer says what was used."""
    file = Upload("mine.mid", smf(track(note(60), note(62)), track(note(40, channel=9))))
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/continue", file=file, length=100, take=7, **{"from": 0.5})
            assert (await asked.answered()).content.startswith(
                "**Going on from your file** · 20 s (100 steps) · take 7"
            )
            request = asks_for(queue, asked)
            assert (request.length, request.take, request.seed.is_random) == (100, 7, True)
            [piano] = PrettyMIDI(io.BytesIO(request.primer)).instruments
            assert [(note.pitch, note.start) for note in piano.notes] == [(60, 0.0)]
            queue.finish(asked.id)
            message = await asked.finished()
            [embed] = message.embeds
            assert embed["title"] == "A piece that goes on from yours"
            assert embed["description"] == "Read as one piano: track 1; left out: the drums."
            assert "with the same file: /continue length:100 take:7" in embed["footer"]["text"]
            assert message.file(".mid").filename == "nocturne-performance-continued-100-take7.mid"
            assert await emptied(url)


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
            assert refused.content == "This message carries no MIDI file (.mid)." and refused.ephemeral


@pytest.mark.parametrize(
    ("data", "options", "says"),
    [
        (b"hello", {}, "This is not a MIDI file (.mid)."),
        (bytes(2**20 + 1), {}, "The MIDI file has 1.0 MiB, at most 1 MiB are read."),
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
        (smf(track(note())), {"length": 2900, "tempo": 90}, "At 90 % the piece would last"),
    ],
)
async def test_a_file_that_cannot_be_read_is_answered_by_a_sentence(
    data: bytes, options: dict[str, Any], says: str, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """No job is made of it."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/continue", file=Upload("mine.mid", data), **options)
            assert (await asked.finished()).content.startswith(says)
            assert await emptied(url)
        assert not queue.jobs and await asked_for(url) == 0


async def asked_for(url: str) -> int:
    """How many pieces count for the rules of servers."""
    database = await Database.open(url)
    select = text("SELECT count(*) FROM nocturne_asked")
    count: int = await database.run(lambda connection: connection.execute(select).scalar())
    await database.close()
    return count


async def test_a_bot_that_ends_while_it_reads_reads_again(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Whoever was told that an answer follows gets the piece that goes on from their file, as they wished."""
    reading = asyncio.Event()

    async def read(*_: object) -> None:
        reading.set()
        await asyncio.Event().wait()

    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            monkeypatch.setattr(bot.services.reader, "read", read)
            file = Upload("mine.mid", smf(track(note(60), note(62))))
            asked = await listener.types("/continue", file=file, take=7, instrument="celesta", **{"from": 0.5})
            await reading.wait()
        assert asked.acknowledged_at and len(await remaining(url)) == 1 and not queue.jobs
        async with playing(standin, queue, url, monkeypatch):
            await asked.answered()
            request = asks_for(queue, asked)
            [piano] = PrettyMIDI(io.BytesIO(request.primer)).instruments
            assert [note.pitch for note in piano.notes] == [60] and request.take == 7
            assert queue.terms[0]["rendering"] == Rendering(instrument="celesta")
            [row] = await remaining(url)
            assert (row.upload, row.until, row.request) == ("", None, request) and row.remark
            queue.finish(asked.id)
            assert (await asked.finished()).attachments
            assert await emptied(url)


async def test_a_wrong_option_is_seen_by_its_listener_alone(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Of /continue too, whose later refusals are seen by all."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            file = Upload("mine.mid", smf(track(note())))
            refused = await (await listener.types("/continue", file=file, style="[a](http://b.example)")).answered()
            assert refused.content.startswith("The style '[a](http://b.example)' is not a name") and refused.ephemeral


async def test_files_that_are_slow_to_read_hold_up_nothing_else(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """However many wait to be read, one after another, the database is reached meanwhile."""
    slow, release = threading.Event(), threading.Event()

    def read(data: bytes, until: float | None) -> None:
        slow.set()
        release.wait(60)

    async with Discord() as standin, playing(standin, queue, url, monkeypatch) as bot:
        monkeypatch.setattr(bot.services.reader.blocking, "read", read)
        reading = [asyncio.create_task(bot.services.reader.read(b"", None)) for _ in range(100)]
        await asyncio.to_thread(slow.wait, 10)
        try:
            assert await asyncio.wait_for(bot.services.library.of(1, 0, 1), 10) == []
        finally:
            release.set()
        await asyncio.gather(*reading)


async def test_who_waits_can_look_and_take_back(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """/queue says how many wait and how one's own pieces are; /cancel takes back the one that is chosen, or all; of
    anybody else's nothing is said."""
    async with Discord() as standin:
        guild = standin.guild()
        clara, robert = standin.person("clara", guild), standin.person("robert", guild)
        async with playing(standin, queue, url, monkeypatch):
            assert (await (await clara.types("/queue")).answered()).content == (
                "Nobody is waiting. None of yours is in the making."
            )
            first, second, third = [await clara.types("/compose", seed=seed, take=7) for seed in ("72", "73", "74")]
            other = await robert.types("/compose", seed="75", take=7)
            for asked in (first, second, third, other):
                await asked.answered()
            queue.run(first.id, 0.25)
            looked = await (await clara.types("/queue")).answered()
            assert looked.ephemeral and looked.content.startswith("3 pieces wait for a place at the piano.\n\n**C5**")
            assert "25%" in looked.content and "Number 3 in the queue" in looked.content and "D#5" not in looked.content
            [chosen] = await clara.autocompletes("/cancel", "piece", "73")
            assert chosen == ("compose seed:73 take:7", str(second.id))
            said = await (await clara.types("/cancel", piece=chosen.value)).answered()
            assert said.content == "Cancelled: 1 piece of yours." and said.ephemeral
            assert (await second.finished()).content.startswith("Cancelled: **C#5**")
            assert (await (await clara.types("/cancel")).answered()).content == "Cancelled: 2 pieces of yours."
            for asked in (first, third):
                assert (await asked.finished()).content.startswith("Cancelled")
            assert (await (await clara.types("/cancel")).answered()).content == "You have no piece in the making."
            said = await (await clara.types("/cancel", piece=str(other.id))).answered()
            assert said.content == "This piece is not in the making any more."
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
            assert refused.content == str(replies.NOT_YOURS) and refused.ephemeral
            await clara.clicks(shown, "Cancel")
            message = await asked.shows(lambda message: not message.buttons)
            assert message.content == "Cancelled: **C5** · 100 s (500 steps) · take 7"
            assert await emptied(url)


async def test_a_listener_cannot_fill_the_queue(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """One piece more than MAX_JOBS_PER_USER is refused, however fast they come; an answered one makes room."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch, most=2):
            asked = await asyncio.gather(*(listener.types("/compose", seed="72") for _ in range(3)))
            messages = [await interaction.answered() for interaction in asked]
            [refused] = [message for message in messages if message.ephemeral]
            assert (
                refused.content
                == "You have as many pieces in the making as are taken at a time (2); let one finish, or cancel one."
            )
            for job_id in list(queue.jobs):
                queue.finish(int(job_id))
            assert await emptied(url)
            assert "next" in (await (await listener.types("/compose", seed="72")).answered()).content


async def test_a_restarted_bot_answers_what_was_left(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A bot that ends in the middle leaves a row; the next one edits the original answer, and buttons go on working."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            first, second = [await listener.types("/compose", seed=seed) for seed in ("72", "60")]
            await first.answered()
            await second.answered()
        assert len(await remaining(url)) == 2
        queue.finish(first.id)
        async with playing(standin, queue, url, monkeypatch):
            assert len((await first.finished()).attachments) == 3
            assert len(queue.terms) == 2  # neither was put again
            await listener.clicks(second.message, "Cancel")
            assert (await second.shows(lambda message: not message.buttons)).content.startswith("Cancelled")
            assert await emptied(url)


@pytest.mark.parametrize("renew", [0.05, 1000.0])
async def test_an_answer_that_another_bot_has_is_left_to_it(
    renew: float, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """A bot that seemed dead says nothing more to the listener, whether it learns of it before the piece is there or
    then; but the listener's job is counted, and can be cancelled, wherever it is asked for."""
    monkeypatch.setattr(follower, "RENEW_SECONDS", renew)
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            asked = await listener.types("/compose", seed="72", take=7)
            await asked.answered()
            database = await Database.open(url)
            await database.run(lambda connection: connection.execute(text("UPDATE nocturne_answers SET owner = 'b'")))
            await asyncio.sleep(4 * renew if renew < 1 else 0)
            queue.finish(asked.id)
            await asyncio.sleep(0.5)
            assert not asked.message.attachments and len(await remaining(url)) == 1 and not queue.deleted
            if renew < 1:
                await until(
                    lambda: [job.job_id for job in bot.services.deliveries.of(listener.user.id)] == [str(asked.id)]
                )
            await listener.clicks(asked.message, "Cancel")
            await until(lambda: queue.jobs[str(asked.id)].state is JobState.CANCELLED)
            await database.close()


async def test_a_token_is_not_kept_when_it_has_expired(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Also of a piece that still waits, which comes as a message of its own."""
    monkeypatch.setattr(follower, "RENEW_SECONDS", 0.05)
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", take=7)
            await asked.answered()
            assert [row.token for row in await remaining(url)] == [asked.token]
            monkeypatch.setattr("bot.store.pending_replies.TOKEN_SECONDS", 0.0)
            async with asyncio.timeout(10):
                while (await remaining(url))[0].token:  # noqa: ASYNC110 - it can only be asked
                    await asyncio.sleep(0.05)
            written = asyncio.create_task(standin.written(listener.channel))
            await asyncio.sleep(0)
            queue.finish(asked.id)
            assert len((await written).attachments) == 3
            assert await emptied(url)


async def test_an_answer_whose_bot_died_is_taken_over(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """As soon as its lease has run out, by a bot that was there all the time."""
    monkeypatch.setattr(follower, "RENEW_SECONDS", 0.05)
    monkeypatch.setattr(follower, "LEASE_SECONDS", 0.2)
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", take=7)
            await asked.answered()
        database = await Database.open(url)
        dead = text("UPDATE nocturne_answers SET owner = 'b', lease = lease + 1000")
        await database.run(lambda connection: connection.execute(dead))
        queue.finish(asked.id)
        async with playing(standin, queue, url, monkeypatch):
            await asyncio.sleep(0.5)
            assert not asked.message.attachments
            over = text("UPDATE nocturne_answers SET lease = 0")
            await database.run(lambda connection: connection.execute(over))
            assert len((await asked.finished()).attachments) == 3
            assert await emptied(url)
        await database.close()


async def test_what_another_bot_accepted_is_not_answered_twice(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Discord tells every bot of an interaction; the later one makes no job of it, and leaves it to the other."""

    async def late(self: Answers, answer: Answer) -> bool:
        return False

    monkeypatch.setattr(Answers, "add", late)
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch) as bot:
            asked = await listener.types("/compose", seed="72", take=7)
            await asyncio.sleep(0.5)
            assert asked.acknowledged_after is None
            assert not queue.jobs and not bot.services.deliveries.of(listener.user.id)


async def test_a_job_that_the_queue_never_got_is_put_again(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A bot killed between its row and the queue loses nothing."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", take=7)
            await asked.answered()
        queue.jobs.clear()
        async with playing(standin, queue, url, monkeypatch):
            await until(lambda: str(asked.id) in queue.jobs)
            assert queue.requests[str(asked.id)].take == 7
            queue.finish(asked.id)
            assert (await asked.finished()).attachments


@pytest.mark.parametrize("private", [False, True])
async def test_a_late_piece_comes_as_a_message(
    private: bool, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """When the token has expired, the channel gets a message that mentions the listener alone; a private piece comes
    by direct message and never into the channel."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", private=private)
            await asked.answered()
            standin.advance(16 * 60)
            queue.finish(asked.id)
            message = await standin.written(listener.dm if private else listener.channel)
            assert message.content.startswith(listener.mention) and len(message.attachments) == 3
            assert message.pings == [listener.user.id] and message.nonce == str(asked.id)
            assert await emptied(url)
        assert {refusal.code for refusal in standin.refused()} == {50027}
        if private:
            assert not [message for message in listener.channel.messages if not message.interaction]


async def test_a_piece_that_could_not_arrive_is_given_up_in_time(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Where the bot cannot write by itself, a job that is not done by minute 14 is cancelled, with a sentence."""
    async with Discord() as standin:
        listener = standin.person("clara", standin.guild(installed=False), installed=True)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
            [terms] = queue.terms
            [answer] = await remaining(url)
            assert terms["deadline"] == answer.accepted_at + 14 * 60
            monkeypatch.setattr(follower.time, "time", lambda: terms["deadline"] + 1)
            message = await asked.shows(lambda message: not message.buttons)
            assert message.content == str(replies.TOO_LATE)
            assert queue.jobs[str(asked.id)].state is JobState.CANCELLED


async def test_a_message_that_was_deleted_is_not_written_again(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Somebody removed the answer: the piece is dropped, and a log line says so."""
    caplog.set_level(logging.INFO)
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72")
            (await asked.answered()).deleted = True
            queue.finish(asked.id)
            assert await emptied(url)
        standin.refused()
    assert "dropped, its message was deleted" in caplog.text


@pytest.mark.parametrize("how", [{"answer": 500}, {"broken": True}, {"answer": 429, "retry_after": 0.05}])
async def test_discord_may_stumble(how: dict[str, Any], queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A server error, a broken connection or a rate limit delays an answer and loses none of its files."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
            await asyncio.sleep(0.1)
            standin.fails("PATCH", "/messages/", **how)
            queue.finish(asked.id, audio=b"ID3" + bytes(300_000))
            message = await asked.finished()
            assert [file.filename[-3:] for file in message.attachments] == ALL
            assert len(message.file(".mp3").bytes) == 300_003


@pytest.mark.parametrize("how", [{"broken": True, "processed": True}, {"broken": True}])
async def test_a_lost_receipt_loses_no_piece(
    how: dict[str, Any], queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """The acknowledgement's connection breaks, after it arrived or before: it is said again, and the piece comes."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            standin.fails("POST", "/callback", **how)
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
            queue.finish(asked.id)
            assert (await asked.finished()).attachments
        assert all(refusal.code == 40060 for refusal in standin.refused())


async def test_a_recording_that_is_too_large_is_left_out(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """The interaction's own limit goes to the worker; what still does not fit is left out with a sentence."""
    async with Discord(size_limit=1000) as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
            queue.finish(asked.id, audio=bytes(1001))
            message = await asked.finished()
            assert [file.filename[-3:] for file in message.attachments] == ["mid", "png"]
            assert "larger than" in message.text
        assert queue.terms[0]["size_limit"] == 1000


async def test_the_queue_may_stumble(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A queue that cannot be reached for a moment costs no answer; for longer, the listener is told."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            queue.broken = 2
            asked = await listener.types("/compose", seed="72")
            assert "next" in (await asked.answered()).content
            queue.finish(asked.id)
            assert (await asked.finished()).attachments
            queue.broken = 100
            asked = await listener.types("/compose", seed="72")
            assert (await asked.answered()).content == "The queue cannot be reached at the moment."


async def test_about(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """/about names the model, its licence and the queue, even without a model card."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            await (await listener.types("/compose", seed="72")).answered()
            text = (await (await listener.types("/about")).answered()).text
    assert "article" in text and "non-commercial" in text and "1 waiting" in text


async def test_one_line_a_job_and_no_token(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """The log has id, user, recipe and times of a job in one line, without the interaction's token."""
    caplog.set_level(logging.INFO)
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", take=7)
            await asked.answered()
            queue.finish(asked.id)
            assert await emptied(url)
    [line] = [record.getMessage() for record in caplog.records if str(asked.id) in record.getMessage()]
    assert f"job {asked.id} of user {listener.user.id}, /compose seed:72 take:7: done, answered; wait 0.10 s" in line
    assert "compose 3.00 s, render 1.00 s, encode 0.50 s, draw 0.20 s, deliver " in line
    assert asked.token not in caplog.text


async def test_a_full_queue_takes_nothing_more(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Beyond QUEUE_LIMIT there is a sentence that the listener alone sees, however fast they come and whoever filled
    the queue; nothing of it is kept. It says when to try again as soon as that can be told."""
    async with Discord() as standin:
        guild = standin.guild()
        people = [standin.person(f"listener{number}", guild) for number in range(6)]
        async with playing(standin, queue, url, monkeypatch, limit=4) as bot:
            queue.jobs["1"] = Job("1", JobState.QUEUED)  # another bot's
            asked = await asyncio.gather(*(person.types("/compose", seed="72") for person in people))
            messages = [await interaction.answered() for interaction in asked]
            refused = [message for message in messages if message.ephemeral]
            assert len(refused) == 3
            assert "try again in a few minutes" in refused[0].content
            assert len(await remaining(url)) == len(queue.jobs) - 1 == 3
            monkeypatch.setattr(bot.services.deliveries.estimates, "eased", lambda most: 60.0)
            [later] = re.findall(
                r"try again <t:(\d+):R>", (await (await people[5].types("/compose", seed="72")).answered()).content
            )
            assert 50 < int(later) - time.time() < 70
            for job_id in [job_id for job_id in queue.jobs if job_id != "1"]:
                queue.finish(int(job_id))
            assert await emptied(url)
            assert "place" not in (await (await people[5].types("/compose", seed="72")).answered()).content
            assert len(await remaining(url)) == 1


async def test_progress_leaves_room_for_answers(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Of a hundred pieces that all move, no more than 20 edits a second tell of it; a finished one comes at once."""
    async with Discord() as standin:
        guild = standin.guild()
        people = [standin.person(f"listener{number}", guild) for number in range(100)]
        async with playing(standin, queue, url, monkeypatch):
            asked = [await person.types("/compose", seed="72", private=True) for person in people]

            def move() -> list[float]:
                """All of them; when there was an edit."""
                for interaction in asked:
                    queue.run(interaction.id, time.monotonic() % 1)
                return sorted(revision.at for one in asked for revision in one.message.revisions[1:])

            await until(lambda: len(queue.requests) == len(asked))
            await until(lambda: len(move()) > 40)
            edits = move()
            begin = edits[0]
            assert max(sum(at <= other < at + 1 for other in edits) for at in edits if at > begin) < 20
            monkeypatch.setattr(messenger.Pace, "room", lambda *_: False)
            for interaction in asked:
                queue.finish(interaction.id)
            await asyncio.gather(*(interaction.finished() for interaction in asked))
            assert await emptied(url)


async def test_what_is_acknowledged_is_noted(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """When Discord hears of it, the row is there; without a row there is a sentence instead, in time, and no row stays
    that is written too late."""
    noted: list[int] = []
    add = Answers.add

    async def slow(answers: Answers, answer: Answer) -> bool:
        await asyncio.sleep(0.5)
        return await add(answers, answer)

    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            real = submit.acknowledge

            async def acknowledge(*arguments: Any) -> None:
                noted.append(len(await remaining(url)))
                await real(*arguments)

            monkeypatch.setattr(submit, "acknowledge", acknowledge)
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
            assert noted == [1]
            queue.finish(asked.id)
            assert await emptied(url)
            monkeypatch.setattr(follower, "NOTE_SECONDS", 0.2)
            monkeypatch.setattr(Answers, "add", slow)
            refused = await (await listener.types("/compose", seed="72")).answered()
            assert refused.ephemeral and "try again" in refused.content
            await asyncio.sleep(0.6)
            assert await emptied(url) and noted == [1]


async def test_whether_it_was_heard_is_not_known(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """When each receipt of the acknowledgement is lost, the piece is delivered all the same."""
    monkeypatch.setattr(submit, "ACKNOWLEDGE_PATIENCE", ())
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            standin.fails("POST", "callback", broken=True, processed=True)
            asked = await listener.types("/compose", seed="72")
            await until(lambda: str(asked.id) in queue.jobs)
            queue.finish(asked.id)
            assert (await asked.finished()).attachments
            assert await emptied(url)


async def test_jobs_that_nobody_is_owed_are_removed(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """A bot killed just after an answer leaves a job without a row; the next start removes it, and no other."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
        queue.jobs["1"] = Job("1", JobState.DONE)
        async with playing(standin, queue, url, monkeypatch):
            await until(lambda: queue.deleted == ["1"])
            queue.finish(asked.id)
            assert (await asked.finished()).attachments
            assert await emptied(url)
