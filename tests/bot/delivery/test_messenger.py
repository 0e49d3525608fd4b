"""Replies reach their listeners, whatever Discord answers."""

import asyncio
import logging
import math
import time
from dataclasses import replace
from typing import Any

import pytest

from bot.delivery.leases import Leases
from bot.delivery.messenger import Messenger
from bot.delivery.rate_limiter import RateLimiter
from core.queue.jobs import Job, JobState
from core.text import Text
from tests.discord_standin import Discord
from tests.support.playing_bot import SHORT, FakeQueue, clara, emptied, playing, remaining, set_destination
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.asyncio

ALL = ["mp3", "mid", "png"]


@pytest.mark.parametrize("private", [False, True])
async def test_a_late_piece_comes_as_a_message(
    private: bool, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """When the token has expired, the channel gets a message that mentions the listener alone, in the place of the one
    that showed progress; a private piece comes by direct message and never into the channel."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", private=private)
            shown = await asked.answered()
            standin.advance(16 * 60)
            queue.finish(asked.id)
            message = await standin.written(listener.dm if private else listener.channel)
            assert message.content.startswith(listener.mention)
            assert len(message.attachments) == 3
            assert message.pings == [listener.user.id]
            assert message.nonce == str(asked.id)
            assert await emptied(url)
            assert shown.deleted is not private
        assert {refusal.code for refusal in standin.refused()} == {50027}
        if private:
            assert not [message for message in listener.channel.messages if not message.interaction]


async def test_no_progress_is_left_behind_by_a_restart(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Where the token expires while the bot is away, the piece takes the place of the progress that was shown before:
    which message that is stands in the row."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72")
            queue.run(asked.id, 0.25)
            shown = await asked.shows(lambda message: "25%" in message.content)
            async with asyncio.timeout(PATIENCE):
                while (await remaining(url))[0].destination.message_id != shown.id:  # noqa: ASYNC110 - only asked
                    await asyncio.sleep(0.02)
        standin.advance(16 * 60)
        queue.finish(asked.id)
        async with playing(standin, queue, url, monkeypatch):
            assert len((await standin.written(listener.channel)).attachments) == 3
            assert await emptied(url)
            assert shown.deleted
        standin.refused()


async def test_a_restarted_bot_learns_which_message_shows_progress(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """From its first edit, where the row does not say it; so it removes that message when the token has expired."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
        await set_destination(url, message_id=None)
        async with playing(standin, queue, url, monkeypatch):
            queue.run(asked.id, 0.5)
            shown = await asked.shows(lambda message: "50%" in message.content)
            standin.advance(16 * 60)
            queue.finish(asked.id)
            await standin.written(listener.channel)
            assert await emptied(url)
            assert shown.deleted
        standin.refused()


async def test_a_listener_who_waited_long_is_notified(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """By a message that mentions them alone, in the place of the one that showed progress: Discord notifies nobody of
    an edit. A private piece comes where it was awaited."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch, timing=replace(SHORT, mention=0)):
            asked = await listener.types("/compose", seed="72")
            shown = await asked.answered()
            queue.finish(asked.id)
            message = await asked.finished()
            assert message.content == f"{listener.mention} Here is what you asked me for; it took a while."
            assert message.pings == [listener.user.id]
            assert message.allowed_mentions == {"parse": [], "users": [listener.user.id]}
            assert shown.deleted
            asked = await listener.types("/compose", seed="72", private=True)
            await asked.answered()
            queue.finish(asked.id)
            private = await asked.finished()
            assert private is asked.message
            assert private.content == ""
            assert listener.channel.messages == [message, private]


async def test_what_showed_progress_goes_though_discord_is_busy(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Its rate limit may hold longer than the five times that discord.py waits: the message would stay for ever."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch, timing=replace(SHORT, mention=0)):
            asked = await listener.types("/compose", seed="72")
            shown = await asked.answered()
            standin.fails("DELETE", "/messages", answer=429, retry_after=0.01, times=7)
            queue.finish(asked.id)
            await asked.finished()
            assert shown.deleted


async def test_where_the_bot_may_not_write_a_mention_is_all(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """The message that showed progress becomes the piece, with a mention."""
    async with Discord() as standin:
        listener = clara(standin)
        listener.channel.readonly = True
        async with playing(standin, queue, url, monkeypatch, timing=replace(SHORT, mention=0)):
            asked = await listener.types("/compose", seed="72")
            await asked.answered()
            queue.finish(asked.id)
            message = await asked.finished()
            assert message is asked.message
            assert message.content == listener.mention
        assert {refusal.code for refusal in standin.refused()} == {50013}


@pytest.mark.parametrize("mention", [0, math.inf])
async def test_a_bot_that_is_killed_while_it_delivers_brings_one_message(
    mention: float, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """The next one finds the piece in the place of the progress, or beside it."""

    async def killed(*_: object) -> None:
        raise RuntimeError

    async with Discord() as standin:
        listener = clara(standin)
        with monkeypatch.context() as dying:
            dying.setattr(Leases, "remove", killed)
            dying.setattr(Messenger, "_remove_original", killed)
            async with playing(standin, queue, url, dying, timing=replace(SHORT, mention=mention)):
                asked = await listener.types("/compose", seed="72")
                await asked.answered()
                queue.finish(asked.id)
                await standin.world.until(lambda _: any(each.attachments for each in listener.channel.messages))
        async with playing(standin, queue, url, monkeypatch, timing=replace(SHORT, mention=0)):
            assert await emptied(url)
            [message] = listener.channel.messages
            assert len(message.attachments) == 3


async def test_a_job_without_a_piece_is_told_to_its_listener_alone(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """The message that all could see is removed, also when somebody did that before; a job that was taken back says
    so where it was."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            for removed in (False, True):
                asked = await listener.types("/compose", seed="72", take=7)
                shown = await asked.answered()
                if removed:
                    standin.world.messages.pop(shown.id)
                    shown.deleted = True
                queue.jobs[str(asked.id)] = Job(str(asked.id), JobState.FAILED, error=Text("no word for C9"))
                refused = await asked.finished()
                assert refused.content == "No word for C9."
                assert refused.ephemeral
                assert shown.deleted
            assert await emptied(url)
        standin.refused()


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
            standin.fails("PATCH", "/messages/", **how)
            queue.finish(asked.id, audio=b"ID3" + bytes(300_000))
            message = await asked.finished()
            assert [file.filename[-3:] for file in message.attachments] == ALL
            assert len(message.file(".mp3").bytes) == 300_003


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


@pytest.mark.parametrize("late", [False, True])
async def test_a_file_that_discord_finds_too_large_is_named(
    late: bool, queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Where Discord takes less than it has said, the rest is delivered, with a sentence on which file is missing and
    how to get it; so it is where the piece comes as a message of its own, and is brought back."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch):
            asked = await listener.types("/compose", seed="72", take=7)
            await asked.answered()
            if late:
                standin.advance(16 * 60)
            standin.fails(*(("POST", "/channels/") if late else ("PATCH", "/messages/")), answer=413)
            queue.finish(asked.id, audio=bytes(1001))
            message = await (standin.written(listener.channel) if late else asked.finished())
            assert [file.filename[-3:] for file in message.attachments] == ["mid", "png"]
            missing = "Discord finds `nocturne-c-minor-take7.mp3` too large. **Arrange** under the piece makes smaller"
            assert missing in message.content
            standin.fails("PATCH", "/messages/", answer=413)
            piece_id = message.embeds[0]["footer"]["text"][-8:]
            again = await (await listener.types("/piece", id=piece_id)).finished()
            assert missing in again.content
        standin.refused()


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
            monkeypatch.setattr(RateLimiter, "has_room", lambda *_: False)
            for interaction in asked:
                queue.finish(interaction.id)
            await asyncio.gather(*(interaction.finished() for interaction in asked))
            assert await emptied(url)
