"""Several takes of one request, side by side."""

import io
from typing import Any

import pytest
from PIL import Image

from bot.commands.deletion import NOT_YOURS_TO_DELETE
from bot.delivery.follower import TAKE_TOO_LATE
from bot.store import pending_reply
from core.piece import Heard
from core.queue.jobs import Job, JobState
from core.text import Text
from tests.discord_standin import Discord, Interaction, Message, Person
from tests.support.playing_bot import FakeQueue, clara, emptied, playing, remaining
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

HEARD = Heard(seconds=21.5, lowest=36, highest=96, loudest=17.0)


def strip(number: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", (160, 32), (number, 0, 0, 255)).save(file, "png")
    return file.getvalue()


def job_ids(asked: Interaction, takes: int = 4) -> list[str]:
    return [str(asked.id), *(f"{asked.id}+{further}" for further in range(1, takes))]


async def asked_for(queue: FakeQueue, listener: Person, **options: Any) -> Interaction:
    """Takes that are asked for, and whose jobs are in the queue."""
    asked = await listener.types("/compose", **{"seed": "72", "length": 100, "take": 7, "takes": 4} | options)
    await asked.answered()
    return asked


def finish(queue: FakeQueue, asked: Interaction, *numbers: int, **changes: Any) -> None:
    for number in numbers:
        queue.finish(job_ids(asked)[number - 1], strip=strip(number), heard=HEARD, **changes)  # type: ignore[arg-type]


async def chosen_from(queue: FakeQueue, listener: Person, **options: Any) -> Message:
    asked = await asked_for(queue, listener, **options)
    finish(queue, asked, 1, 2, 3, 4)
    return await asked.finished()


async def test_four_takes_come_side_by_side(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """One message with a picture of all, their sound in order, a line for each, and a button for each and for more."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch, most=4):
            asked = await asked_for(queue, listener)
            assert [queue.requests[job_id].take for job_id in job_ids(asked)] == [7, 8, 9, 10]
            assert [terms["captions"].number for terms in queue.terms] == [1, 2, 3, 4]
            finish(queue, asked, 1, 2, 3, 4)
            message = await asked.finished()
            picture, *sounds = message.attachments
            assert Image.open(io.BytesIO(picture.bytes)).size == (160, 4 * 32)
            assert picture.description.startswith(
                "Piano rolls, one below the other; 1, 0:22, C2 to C7, loudest at 0:17; 2, 0:22, C2"
            )
            assert [sound.filename[:2] for sound in sounds] == ["1-", "2-", "3-", "4-"]
            assert all(sound.filename.endswith(".mp3") for sound in sounds)
            assert [button["label"] for button in message.buttons] == ["1", "2", "3", "4", "Four more", "Delete all"]
            assert "**2** · 0:22 · take 8" in message.text
            assert await emptied(url)
            await until(lambda: len(queue.deleted) >= 4)
            assert sorted(queue.deleted) == sorted(job_ids(asked))


async def test_a_number_brings_the_card_of_its_take(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """In a message of its own, with files, buttons and a recipe that has nothing of the others; they stay."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch, most=4):
            message = await chosen_from(queue, listener)
            card = await (await listener.clicks(message, "3")).finished()
            assert card.id != message.id
            assert {file.filename.rpartition(".")[2] for file in card.attachments} == {"mp3", "mid", "png"}
            assert "0:22 · take 9" in card.text
            recipe = await (await listener.clicks(card, "Recipe")).answered()
            assert "/compose seed:72 length:100 take:9\n" in recipe.content
            assert "New take" in [button["label"] for button in card.buttons]
            assert message.attachments
            history = await (await listener.types("/history")).answered()
            assert [f"take {take}" in history.text for take in range(7, 11)] == [True] * 4


async def test_four_more_are_other_takes_of_the_same(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """For whoever presses; as visible as the first ones."""
    async with Discord() as standin:
        guild = standin.guild()
        listener, other = standin.person("clara", guild), standin.person("bela", guild)
        async with playing(standin, queue, url, monkeypatch, most=4):
            message = await chosen_from(queue, listener)
            more = await other.clicks(message, "Four more")
            await more.answered()
            takes = [queue.requests[job_id].take for job_id in job_ids(more)]
            assert takes == [takes[0] + further for further in range(4)]
            assert takes[0] != 7
            finish(queue, more, 1, 2, 3, 4)
            assert len((await more.finished()).attachments) == 5


async def test_all_takes_can_be_deleted(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """By who asked for them: the bot asks once, and then message and pieces are gone; to others it says why not."""
    async with Discord() as standin:
        guild = standin.guild()
        listener, other = standin.person("clara", guild), standin.person("bela", guild)
        async with playing(standin, queue, url, monkeypatch, most=4) as bot:
            message = await chosen_from(queue, listener)
            refused = await (await other.clicks(message, "Delete all")).answered()
            assert refused.content == str(NOT_YOURS_TO_DELETE)
            await listener.clicks(message, "Delete all")
            await message.until(lambda message: message.buttons[-1]["label"] == "Keep them")
            await listener.clicks(message, "Keep them")
            await message.until(lambda message: message.buttons[-1]["label"] == "Delete all")
            assert len(await bot.services.library.of(listener.user.id, 0, 9)) == 4
            await listener.clicks(message, "Delete all")
            await message.until(lambda message: message.buttons[-1]["label"] == "Keep them")
            await listener.clicks(message, "Delete all for good")
            await message.until(lambda message: message.deleted)
            assert await bot.services.library.of(listener.user.id, 0, 9) == []


async def test_takes_that_fail_do_not_hold_up_the_others(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """The reason stands in their place, and the numbers of the others stay; where all fail, it is all there is."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch, most=4):
            asked = await asked_for(queue, listener)
            failed = {"state": JobState.FAILED, "error": Text("the model has no word for it")}
            first, *_, last = job_ids(asked)
            queue.jobs[first] = Job(first, **failed)
            finish(queue, asked, 2, 3)
            assert len(await remaining(url)) == 1
            queue.jobs[last] = Job(last, **failed)
            message = await asked.finished()
            assert "**1** · not made: the model has no word for it" in message.text
            assert [button["label"] for button in message.buttons] == ["2", "3", "Four more", "Delete all"]
            assert "**3** · 0:22 · take 9" in message.text
            asked = await asked_for(queue, listener, takes=2)
            for job_id in job_ids(asked, 2):
                queue.jobs[job_id] = Job(job_id, **failed)
            assert (await asked.finished()).content == "The model has no word for it."


async def test_takes_that_would_come_too_late_do_not_cost_the_others(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Where the bot cannot write by itself, the takes that are finished at minute 14 are delivered; the others are
    cancelled, and a line each says that they are missing."""
    async with Discord() as standin:
        listener = standin.person("clara", standin.guild(installed=False), installed=True)
        async with playing(standin, queue, url, monkeypatch, most=4):
            asked = await asked_for(queue, listener)
            finish(queue, asked, 1, 3)
            queue.jobs[job_ids(asked)[1]] = Job(job_ids(asked)[1], JobState.RUNNING, progress=0.9)
            await asked.shows(lambda message: "%" in message.content)
            monkeypatch.setattr(pending_reply, "moment", lambda: asked.created_at + 14 * 60 + 1)
            message = await asked.finished()
            assert [button["label"] for button in message.buttons] == ["1", "3", "Four more", "Delete all"]
            assert [file.filename[:2] for file in message.attachments if file.filename.endswith(".mp3")] == ["1-", "3-"]
            for number in (2, 4):
                assert f"**{number}** · not made: {TAKE_TOO_LATE}" in message.text
                assert queue.jobs[job_ids(asked)[number - 1]].state is JobState.CANCELLED
            assert await emptied(url)


async def test_progress_is_that_of_all_and_cancel_cancels_all(
    queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch
):
    """The bar is at the mean of the takes, in /queue too; one press takes all of them back, finished ones included."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch, most=4):
            asked = await asked_for(queue, listener)
            finish(queue, asked, 1)
            queue.jobs[job_ids(asked)[1]] = Job(job_ids(asked)[1], JobState.RUNNING, progress=0.2)
            message = await asked.shows(lambda message: "30%" in message.content)
            assert "takes 7 to 10" in message.content
            assert "30%" in (await (await listener.types("/queue")).answered()).content
            await listener.clicks(message, "Cancel")
            message = await asked.shows(lambda message: not message.buttons)
            assert message.content.startswith("Cancelled: **C5**")
            states = [queue.jobs[job_id].state for job_id in job_ids(asked)]
            assert states[1:] == [JobState.CANCELLED] * 3
            assert await emptied(url)


async def test_a_restarted_bot_goes_on_with_all_of_them(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Whichever of the jobs the queue had got, and those that are done by now are not made again."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch, most=4):
            asked = await asked_for(queue, listener)
            await until(lambda: len(queue.jobs) == 4)
        finish(queue, asked, 1, 2)
        for lost in job_ids(asked)[2:]:
            del queue.jobs[lost]
        async with playing(standin, queue, url, monkeypatch, most=4):
            await until(lambda: len(queue.jobs) == 4)
            assert len(queue.terms) == 6
            finish(queue, asked, 3, 4)
            assert len((await asked.finished()).attachments) == 5
            assert await emptied(url)
            await until(lambda: len(queue.deleted) >= 4)
            assert sorted(queue.deleted) == sorted(job_ids(asked))


async def test_takes_count_as_pieces(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """For MAX_JOBS_PER_USER: more takes than it allows are refused, and so are those beside other pieces, with
    sentences that say so; typed into the seed they count as well."""
    async with Discord() as standin:
        listener = clara(standin)
        async with playing(standin, queue, url, monkeypatch, most=3):
            for typed in ({"seed": "72", "takes": 4}, {"seed": "72 takes:4"}):
                refused = await (await listener.types("/compose", **typed)).answered()
                assert refused.content == "I make no more than 3 pieces at once for one listener; ask for fewer takes."
            await asked_for(queue, listener, takes=2)
            refused = await (await listener.types("/compose", seed="72 takes:2")).answered()
            assert refused.content.startswith(
                "You have 2 in progress, and 2 more would exceed the 3 that I take at once"
            )
            single = await (await listener.types("/compose", seed="72")).answered()
            assert not single.ephemeral
