"""Messages about a piece while it is made, and in place of one; the card of a finished piece is in `card`.

Sentences that one command alone says stand in its file (bot/commands), and those that refuse something where it is
refused; each is in English there, inside `Text`, `say` or an error, and translated in bot/language/locales."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import discord

from bot.language.i18n import number, say, say_some
from bot.language.sentences import SORRY, in_a_row, sentence
from bot.language.tasks import TASK_WORDS
from bot.language.words import brief, played, rounded, seed_notes, spoken_time, taken
from bot.store.pending_reply import PendingReply
from core.queue.jobs import COMPOSED_SHARE, Job, JobState
from core.request import PIECE, VIDEO, VOICE
from core.tasks import COMPOSE, HARMONIZE
from core.text import NOTHING, Text

A_FEW_SECONDS = 10.0
"""A shorter wait is not told in numbers: it depends on which of the running jobs ends first."""
COLOUR = discord.Colour.from_str("#4a5d8f")
_BAR_CELLS = 12
"""Cells of a progress bar."""
_CLIPS = {VOICE: Text("Voice message"), VIDEO: Text("Video")}
"""Names of what is made of a stored piece."""


class Attachment(NamedTuple):
    """A file of a message, and what to read out to somebody who cannot see or play it."""

    name: str
    data: bytes
    description: str = ""


class _Upload(io.BytesIO):
    """A file on its way, of which neither discord.py nor aiohttp keeps another copy in memory."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._data = data

    def getbuffer(self) -> memoryview:
        """For aiohttp, which asks for the buffer to learn the size: a BytesIO would copy the bytes first, to have some
        that can be changed."""
        return memoryview(self._data)

    def __setattr__(self, name: str, value: Any) -> None:
        """For discord.py, which replaces `close` and puts it back as the bound method that it was: as an attribute that
        would be a reference cycle, and each file stay in memory until the garbage collector's next full round."""
        if name == "close" and getattr(value, "__self__", None) is self:
            self.__dict__.pop(name, None)
        else:
            super().__setattr__(name, value)


class VoiceMessage(NamedTuple):
    """A recording that every client plays where it stands, also on a phone."""

    file: Attachment
    seconds: float
    waveform: bytes
    """A byte a point, at most 256."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A message that can be sent more than once: discord.py's own File is used up by the first attempt."""

    content: str | None = None
    embed: discord.Embed | None = None
    attachments: tuple[Attachment, ...] = ()
    buttons: discord.ui.View | None = None
    voice: VoiceMessage | None = None
    """Takes nothing else beside it, so it is a message of its own."""
    aside: bool = False
    """Whether its listener alone is to see it: a sentence in place of what was asked for concerns nobody else."""
    remedy: Text = NOTHING
    """Where to get a file that Discord finds too large beside the others, or at all: a sentence."""

    def smaller(self) -> Reply | None:
        """The reply without its largest file, and with a sentence that says so; None when it has none."""
        if not self.attachments:
            return None
        largest = max(self.attachments, key=lambda attachment: len(attachment.data))
        missing = say("Discord finds {file} too large. {remedy}", file=f"`{largest.name}`", remedy=self.remedy)
        return replace(
            self,
            content=in_a_row(self.content or "", missing),
            embed=_without_image(self.embed, largest.name),
            attachments=tuple(kept for kept in self.attachments if kept is not largest),
        )

    def files(self) -> list[discord.File]:
        return [
            discord.File(_Upload(data), name, description=description or None)
            for name, data, description in self.attachments
        ]


def _without_image(embed: discord.Embed | None, name: str) -> discord.Embed | None:
    """The embed without its picture, where that is the file of this name: Discord takes no address of one that is not
    there."""
    if embed is None or embed.image.url != f"attachment://{name}":
        return embed
    return embed.copy().set_image(url=None)


def progress(job: Job, pending: PendingReply, wait: float | None = None, reached: float = 0.0) -> str:
    """The message while a job waits or runs. `wait` is in seconds until it begins, where that can be estimated;
    `reached` is the most of its progress that was shown before: a job that begins anew moves no bar backwards."""
    lines = _waiting(job, wait) if job.state is JobState.QUEUED else _running(job, pending, reached)
    return f"{_bold_summary(pending)}\n{lines}"


def unread(pending: PendingReply) -> str:
    """The message about a piece that is made from music which is still being read."""
    doing = say("Reading that piece.") if pending.parent else say("Reading your file.")
    return f"{_bold_summary(pending)}\n{doing}"


def _waiting(job: Job, wait: float | None) -> str:
    if job.place is None:
        place = say("In the queue.")
    elif job.place == 1:
        place = say("You are next.")
    else:
        place = say_some(
            "Number {place} in the queue, {count} piece ahead of yours.",
            "Number {place} in the queue, {count} pieces ahead of yours.",
            job.place - 1,
            place=job.place,
        )
    return in_a_row(place, _begins(wait))


def _running(job: Job, pending: PendingReply, reached: float) -> str:
    """A voice message or a video is not composed, so its bar is that of the other half alone."""
    form, task = pending.rendering.form, pending.request.task
    share = max(job.progress, reached)
    if form != PIECE:
        share = max(share - COMPOSED_SHARE, 0) / (1 - COMPOSED_SHARE)
    done = round(share * _BAR_CELLS)
    bar = f"`{'▰' * done}{'▱' * (_BAR_CELLS - done)}` {number(share, '.0%')}"
    if form == VIDEO:
        stage = say("Drawing the video")
    else:
        composing = TASK_WORDS[task].stage if task in TASK_WORDS else Text("Composing")
        stage = say(composing) if form == PIECE and job.progress < COMPOSED_SHARE else say("Recording")
    return f"{stage}\n{bar}"


def outcome(job: Job, pending: PendingReply) -> Reply:
    """The last message about a job of which no piece came."""
    if job.state is JobState.CANCELLED:
        return cancelled(pending)
    return Reply(sentence(say(job.error or SORRY)), aside=True)


def cancelled(pending: PendingReply) -> Reply:
    """The last message about a piece that was taken back."""
    return Reply(say("Cancelled: {piece}", piece=_bold_summary(pending)))


def mentioning(reply: Reply, user_id: int) -> Reply:
    """A reply that mentions its listener."""
    return replace(reply, content=" ".join(filter(None, (f"<@{user_id}>", reply.content))))


def late(reply: Reply, user_id: int) -> Reply:
    """A reply as an ordinary message that mentions its listener."""
    here = say("Here is what you asked me for; it took a while.") if reply.embed else ""
    return mentioning(replace(reply, content=" ".join(filter(None, (here, reply.content)))), user_id)


def _begins(wait: float | None) -> str:
    if wait is None:
        return ""
    if wait < A_FEW_SECONDS:
        return say("It begins in a few seconds.")
    seconds = rounded(wait)
    time = say("{seconds:g} s", seconds=seconds) if seconds < 120 else say("{minutes:g} min", minutes=seconds / 60)
    return say("It begins in about {time}.", time=time)


def summary(pending: PendingReply) -> str:
    """A piece that is being made, in a line: `C5 · 1 min 40 s · harp · take 7`."""
    return " · ".join(_summarized(pending))


def _bold_summary(pending: PendingReply) -> str:
    """As `summary`, with what it begins with in bold letters."""
    source, *others = _summarized(pending)
    return " · ".join([f"**{source}**", *others])


def _summarized(pending: PendingReply) -> list[str]:
    request, rendering = pending.request, pending.rendering
    if rendering.form in _CLIPS:
        return [say(_CLIPS[rendering.form]), taken(request)]
    manner = [played(rendering)] if rendering.changes_notes else []
    return [_source(pending), *_duration(pending), *manner, taken(request, pending.takes)]


def _duration(pending: PendingReply) -> list[str]:
    """The time for which the new music is heard. It is not told where it depends on what is still to be read, or on how
    long that is which a continuation begins with."""
    request, rendering = pending.request, pending.rendering
    continues = bool(request.primer) or pending.unread_task == COMPOSE
    if pending.unread_task in TASK_WORDS or (continues and rendering.crop and not rendering.only_new):
        return []
    since, until = rendering.bounds
    return [spoken_time(max(0.0, min(request.seconds, until) - since) * rendering.stretch)]


def _source(pending: PendingReply) -> str:
    """The origin of a piece that is being made."""
    request, parent, unread = pending.request, pending.parent, pending.unread_task
    if (task := unread or request.task) in TASK_WORDS and not request.seed.chords:
        return say(TASK_WORDS[task].file_summary)
    if request.task == HARMONIZE:
        return say("Harmonizing {melody}", melody=brief(seed_notes(request)))
    if not request.primer and not unread:
        return say("A piece out of nothing") if request.seed.is_random else brief(seed_notes(request))
    if not parent:
        return say("Continuing your file")
    varied = request.origin.is_opening
    return say("Varying piece {parent}", parent=parent) if varied else say("Continuing piece {parent}", parent=parent)
