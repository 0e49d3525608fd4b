"""The message with several takes."""

from dataclasses import replace

from bot.language import takes
from bot.language.replies import Attachment
from core.queue.jobs import Job, JobState
from tests.support.pieces import REQUEST, piece


def jobs(*sounds: bytes) -> list[Job]:
    return [
        Job(str(number), JobState.DONE, piece=piece(replace(REQUEST, take=number), audio=sound))
        for number, sound in enumerate(sounds, start=1)
    ]


def test_together_the_recordings_fit_into_a_message():
    """Those for which there is no room beside the ones before, or that are larger than a file may be, are named."""
    reply = takes.choice(jobs(b"4" * 40, b"5" * 51, b"5" * 50, b"3" * 30), size_limit=50, message_limit=100)
    assert [(file.name[:2], len(file.data)) for file in reply.attachments] == [("1-", 40), ("3-", 50)]
    assert reply.embed is not None
    assert reply.embed.description is not None
    assert reply.embed.description.endswith("Too large to send beside the others: the recording of 2 and 4.")


def test_takes_of_an_older_worker_have_no_picture():
    """Nothing else lacks."""
    reply = takes.choice(jobs(b"ID3 one", b"ID3 two"), size_limit=50)
    assert [file.data for file in reply.attachments] == [b"ID3 one", b"ID3 two"]
    assert reply.embed is not None
    assert reply.embed.image.url is None


def test_a_message_that_discord_finds_too_large_says_what_is_missing():
    """Each time its largest file, and where to get it. The picture goes from the embed too, as Discord takes no address
    of a file that is not there."""
    reply = takes.choice(jobs(b"ID3 one", b"ID3 two!"), size_limit=50)
    assert reply.embed is not None
    pictured = replace(
        reply,
        attachments=(Attachment(takes.PICTURE, bytes(40)), *reply.attachments),
        embed=reply.embed.copy().set_image(url=f"attachment://{takes.PICTURE}"),
    )
    smaller = pictured.smaller()
    assert smaller is not None
    assert smaller.attachments == reply.attachments
    assert smaller.embed == reply.embed
    smallest = smaller.smaller()
    assert smallest is not None
    assert [file.name[:2] for file in smallest.attachments] == ["1-"]
    assert smallest.content == (
        "Discord finds `takes.png` too large. The number of a take brings that one alone, with all of its files."
        " Discord finds `2-nocturne-c-minor-take2.mp3` too large."
        " The number of a take brings that one alone, with all of its files."
    )
