"""The message with several takes side by side: a card, a picture of their piano rolls, and their sound."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import discord

from bot.language.card import (
    LONGEST_DESCRIPTION,
    UNKNOWN,
    Provenance,
    described,
    kind,
    recording,
)
from bot.language.i18n import say
from bot.language.replies import COLOUR, Attachment, Reply
from bot.language.sentences import SORRY
from bot.language.words import brief, key_and_duration, manner, taken
from core.piece import Piece
from core.queue.jobs import Job
from core.rendering.png import stacked
from core.text import NOTHING, Text

MESSAGE_BYTES = 24 * 2**20
"""Size of all files of a message together; Discord takes requests of 25 MiB."""
PICTURE = "takes.png"
REMEDY = Text("The number of a take brings that one alone, with all of its files.")

_log = logging.getLogger(__name__)


def choice(
    jobs: Sequence[Job],
    size_limit: int,
    remark: Text = NOTHING,
    about: Provenance = UNKNOWN,
    message_limit: int = MESSAGE_BYTES,
) -> Reply:
    """The takes that these jobs made, at least one, numbered as their jobs from 1 on. No file is larger than
    `size_limit` bytes, nor all together than `message_limit`; `remark` is a sentence about the listener's file."""
    made = {number: job.piece for number, job in enumerate(jobs, start=1) if job.piece}
    picture = _picture(made, size_limit)
    sounds = _sounds(made, size_limit, message_limit - sum(len(file.data) for file in picture))
    first = next(iter(made.values()))
    common = " · ".join([kind(first, about), *manner(first.recipe)])
    lines = [common, *filter(None, [say(remark)]), ""]
    lines += [_line(number, job) for number, job in enumerate(jobs, start=1)]
    embed = discord.Embed(
        title=say("Which take would you like?"),
        description="\n".join([*lines, "", *_advice(made, sounds)]),
        colour=COLOUR,
    )
    if about.name:
        embed.set_author(name=about.name, icon_url=about.avatar or None)
    if picture:
        embed.set_image(url=f"attachment://{PICTURE}")
    return Reply(embed=embed, attachments=(*picture, *sounds.values()), remedy=REMEDY)


def _line(number: int, job: Job) -> str:
    """`**1** · C minor · 1:34 · take 7`, or why there is no such take."""
    if job.piece is None:
        missing = say("not made: {reason}", reason=job.error or SORRY)
        return f"**{number}** · {missing}"
    heard = key_and_duration(job.piece.heard, job.piece.duration)
    return " · ".join([f"**{number}**", *heard, taken(job.piece.recipe.request)])


def _advice(made: Mapping[int, Piece], sounds: Mapping[int, Attachment]) -> list[str]:
    advice = [say("Press a number to keep that take: it comes with its MIDI file and all buttons.")]
    if missing := [str(number) for number in made if number not in sounds]:
        advice.append(say("Too large to send beside the others: the recording of {numbers}.", numbers=tuple(missing)))
    return advice


def _sounds(made: Mapping[int, Piece], size_limit: int, room: int) -> dict[int, Attachment]:
    """The sounds that fit, together no more than `room` bytes."""
    sounds = {}
    for number, piece in made.items():
        if 0 < len(piece.audio) <= min(size_limit, room):
            name = f"{number}-{piece.name}.{piece.audio_format}"
            sounds[number] = Attachment(name, piece.audio, recording(piece))
            room -= len(piece.audio)
    return sounds


def _picture(made: Mapping[int, Piece], size_limit: int) -> list[Attachment]:
    """The piano rolls of the takes, one below the other; none where their workers were of another version."""
    try:
        data = stacked([piece.strip for piece in made.values()])
    except ValueError as error:
        _log.warning("takes are shown without a picture: %s", error)
        return []
    if len(data) > size_limit:
        return []
    rolls = [described(str(number), piece, keys=True, loudest=True) for number, piece in made.items()]
    about = "; ".join([say("Piano rolls, one below the other"), *rolls])
    return [Attachment(PICTURE, data, brief(about, LONGEST_DESCRIPTION))]
