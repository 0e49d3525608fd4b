"""Messages about a piece: its progress, its outcome, and the piece itself with embed and files.

Sentences that one command alone says stand in its file (bot/commands), and those that refuse something where it is
refused; each is in English there, inside `Text`, `say` or an error, and translated in bot/language/locales."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import discord

from bot.language.i18n import number, say, say_some
from bot.language.sentences import SORRY, sentence
from bot.language.tasks import GIVEN
from bot.store.pieces import Stored
from core.expression import ANY, MOODS
from core.option_kinds import Option
from core.options import TAKES
from core.queue.jobs import COMPOSED, Job, JobState
from core.request import (
    AS_COMPOSED,
    PIECE,
    VIDEO,
    ComposeRequest,
    Heard,
    Piece,
    Recipe,
    Rendering,
    unusual_options,
)
from core.seed import note_name
from core.tasks import COMPOSE, HARMONIZE
from core.text import NOTHING, Text

A_FEW_SECONDS = 10.0
"""A shorter wait is not told in numbers: it depends on which of the running jobs ends first."""
COLOUR = discord.Colour.from_str("#4a5d8f")
LONGEST_DESCRIPTION = 1024
"""Characters that Discord takes about a file."""
_CLIPS = ("ogg", "mp4")
"""Suffixes of voice messages and videos. A worker of an older version makes a whole piece in their place."""
_BAR_CELLS = 12
"""Cells of a progress bar."""
_LONGEST_SEED = 120
"""Characters."""


class Attachment(NamedTuple):
    """A file of a message, and what to read out to somebody who cannot see or play it."""

    name: str
    data: bytes
    description: str = ""


class _Upload(io.BytesIO):
    """A file on its way. discord.py replaces its `close`, and puts it back as the bound method that it was: as an
    attribute that would be a reference cycle, and each file stay in memory until the garbage collector's next full
    round."""

    def __setattr__(self, name: str, value: Any) -> None:
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


class Provenance(NamedTuple):
    """Facts about a piece that its card tells, and the piece itself does not know."""

    piece_id: str = ""
    """Empty where it is not stored."""
    parent: str = ""
    """Id of the piece that it continues, or was edited from."""
    parent_owner: int | None = None
    """Id of the listener who asked for that one; None where it is not stored any more."""
    user_id: int | None = None
    """Id of the listener who asked for this one."""
    name: str = ""
    """That listener's name, where it is known."""
    avatar: str = ""
    """The address of that listener's picture."""


UNKNOWN = Provenance()


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

    def smaller(self) -> Reply | None:
        """The reply without its largest file; None when it has none."""
        if not self.attachments:
            return None
        largest = max(self.attachments, key=lambda attachment: len(attachment.data))
        return replace(self, attachments=tuple(kept for kept in self.attachments if kept is not largest))

    def files(self) -> list[discord.File]:
        return [
            discord.File(_Upload(data), name, description=description or None)
            for name, data, description in self.attachments
        ]


def progress(
    job: Job,
    request: ComposeRequest,
    wait: float | None = None,
    parent: str = "",
    form: str = PIECE,
    takes: int = TAKES.usual,
    reached: float = 0.0,
) -> str:
    """The message while a job waits or runs. `wait` is in seconds until it begins, where that can be estimated;
    `parent` is the id of the piece that it continues, `form` that of its rendering. `reached` is the most of its
    progress that was shown before: a job that begins anew moves no bar backwards."""
    lines = _waiting(job, wait) if job.state is JobState.QUEUED else _running(job, form, request.task, reached)
    return f"{_summary(request, parent, takes)}\n{lines}"


def unread(request: ComposeRequest, parent: str = "", takes: int = TAKES.usual, task: str = COMPOSE) -> str:
    """The message about a piece that is made from music which is still being read."""
    doing = say("Reading that piece.") if parent else say("Reading your file.")
    return f"{_summary(request, parent, takes, unread=task)}\n{doing}"


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
    return " ".join(filter(None, (place, _begins(wait))))


def _running(job: Job, form: str, task: str, reached: float) -> str:
    """A voice message or a video is not composed, so its bar is that of the other half alone."""
    share = max(job.progress, reached)
    if form != PIECE:
        share = max(share - COMPOSED, 0) / (1 - COMPOSED)
    done = round(share * _BAR_CELLS)
    bar = f"`{'▰' * done}{'▱' * (_BAR_CELLS - done)}` {number(share, '.0%')}"
    if form == VIDEO:
        stage = say("Drawing the video")
    else:
        composing = GIVEN[task].stage if task in GIVEN else Text("Composing")
        stage = say(composing) if form == PIECE and job.progress < COMPOSED else say("Recording")
    return f"{stage}\n{bar}"


def is_clip(piece: Piece) -> bool:
    """Whether it is a voice message or a video of a piece, not a piece itself."""
    return piece.audio_format in _CLIPS


def outcome(job: Job, request: ComposeRequest, size_limit: int, parent: str = "", takes: int = TAKES.usual) -> Reply:
    """The last message about a job of which no piece came: a clip of one that is stored, or why there is none."""
    if job.state is JobState.CANCELLED:
        return Reply(say("Cancelled: {piece}", piece=_summary(request, parent, takes)))
    if job.state is JobState.DONE and job.piece:
        return clip(job.piece, size_limit)
    return Reply(sentence(say(job.error or SORRY)), aside=True)


def withdrawn(request: ComposeRequest, parent: str = "", takes: int = TAKES.usual, task: str = COMPOSE) -> Reply:
    """The last message about a job that was taken back while what it is made from was being read."""
    return Reply(say("Cancelled: {piece}", piece=_summary(request, parent, takes, unread=task)))


def finished(piece: Piece, size_limit: int, remark: Text = NOTHING, about: Provenance = UNKNOWN) -> Reply:
    """A piece: an embed with its picture, the sound and the .mid; of these no file that is larger than `size_limit`
    bytes. `remark` is a sentence about the listener's file."""
    sound, picture = f"{piece.name}.{piece.audio_format}", f"{piece.name}.png"
    files = [
        Attachment(sound, piece.audio, recording(piece)),
        Attachment(f"{piece.name}.mid", piece.midi, described(say("The notes as MIDI"), piece, keys=True)),
        Attachment(picture, piece.picture, described(say("Piano roll"), piece, keys=True, loudest=True)),
    ]
    fitting = {file.name: file for file in files if 0 < len(file.data) <= size_limit}
    about_sound = say(piece.remark) if sound in fitting else _too_large(size_limit)
    notes = say_some("{count:,} note", "{count:,} notes", piece.notes)
    lines = (f"{kind(piece.recipe.request, about)} · {notes}", say(remark), say(piece.end_remark), about_sound)
    embed = discord.Embed(title=line(piece), description="\n".join(filter(None, lines)), colour=COLOUR)
    if about.name:
        embed.set_author(name=about.name, icon_url=about.avatar or None)
    if about.piece_id:
        embed.set_footer(text=say("Piece {piece}", piece=about.piece_id))
    if picture in fitting:
        embed.set_image(url=f"attachment://{picture}")
    return Reply(embed=embed, attachments=tuple(fitting.values()))


def line(piece: Piece) -> str:
    """What is heard, in a line: `C minor · 1:34 · Chopin · harp · take 5`."""
    return " · ".join([*key_and_duration(piece), *manner(piece.recipe), taken(piece.recipe.request)])


def key_and_duration(piece: Piece) -> list[str]:
    """The key, where it is known, and how long it lasts."""
    return [*filter(None, [_key(piece)]), _duration(piece)]


def manner(recipe: Recipe) -> list[str]:
    """The style in which a piece is composed and the way in which it is played, where these are not the usual ones."""
    request, rendering = recipe.request, recipe.rendering
    style = [] if request.style == ANY else [request.style]
    return [*style, _played(rendering)] if rendering.changes_notes else style


def _key(piece: Piece) -> str:
    """Its name, or that none is clear; nothing where an older version did not say."""
    if piece.heard is None or piece.heard.key is None:
        return ""
    return say(Text(piece.heard.key)) if piece.heard.key else say("No clear key")


def _duration(piece: Piece) -> str:
    """`1:34`, and of a continuation how much of it is new: `3:08 (1:34 new)`."""
    whole = clock(piece.seconds_heard)
    if piece.heard is None or piece.heard.new_from is None:
        return whole
    new = clock(max(0.0, piece.heard.seconds - piece.heard.new_from))
    return say("{whole} ({new} new)", whole=whole, new=new)


def kind(request: ComposeRequest, about: Provenance = UNKNOWN) -> str:
    """What a piece is made from: what it begins with, or continues, and whose that was."""
    if not request.primer:
        begun = _begun(request)
        return say("{piece}, edited from {other}", piece=begun, other=_whose(about)) if about.parent else begun
    if not about.parent:
        return say("Your piece, continued")
    whose = _whose(about)
    return say("A variation of {piece}", piece=whose) if request.origin.is_opening else _continued(whose)


def _begun(request: ComposeRequest) -> str:
    if request.task in GIVEN:
        return say(GIVEN[request.task].kind)
    if request.seed.is_random:
        return say("A piece out of nothing")
    return brief(say("A piece starting on {notes}", notes=request.seed.names))


def _continued(whose: str) -> str:
    said = say("{piece}, continued", piece=whose)
    return said[:1].upper() + said[1:]


def _whose(about: Provenance) -> str:
    """The piece that another came from, as a part of a sentence."""
    if about.parent_owner is None:
        return say("piece `{piece}`", piece=about.parent)
    if about.parent_owner == about.user_id:
        return say("your piece `{piece}`", piece=about.parent)
    return say("piece `{piece}` by {listener}", piece=about.parent, listener=f"<@{about.parent_owner}>")


def clip(piece: Piece, size_limit: int) -> Reply:
    """The one file of a voice message or a video, which only its description tells of."""
    if len(piece.audio) > size_limit:
        return Reply(
            say("This file is larger than the {size:.3g} MiB that Discord takes here.", size=size_limit / 2**20)
        )
    name = f"{piece.name}.{piece.audio_format}"
    if piece.audio_format == "ogg":
        file = Attachment(name, piece.audio, recording(piece))
        return Reply(voice=VoiceMessage(file, piece.seconds_heard, piece.waveform))
    description = described(say("Video of the piano roll"), piece, keys=True, loudest=True)
    return Reply(attachments=(Attachment(name, piece.audio, description),))


def recording(piece: Piece) -> str:
    return described(say("Sound recording"), piece, loudest=True)


def described(what: str, piece: Piece, *, keys: bool = False, loudest: bool = False) -> str:
    """`Piano roll, 1:40, C2 to C7, loudest at 0:17`."""
    parts = [what, clock(piece.seconds_heard)]
    if (heard := piece.heard) and keys:
        parts.append(say("{lowest} to {highest}", lowest=note_name(heard.lowest), highest=note_name(heard.highest)))
    if heard and loudest:
        parts.append(say("loudest at {time}", time=clock(heard.loudest)))
    return brief(say(", ").join(parts), LONGEST_DESCRIPTION)


def clock(seconds: float) -> str:
    """`1:05`."""
    return f"{round(seconds) // 60}:{round(seconds) % 60:02}"


def facts(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Labels and values of all that was asked for."""
    request, rendering = recipe.request, recipe.rendering
    if not request.primer and not request.score:
        yield say("Melody") if request.task == HARMONIZE else say("Seed"), brief(request.seed.names)
    yield say("New") if request.primer else say("Length"), _lasting(request)
    yield say("Take"), str(request.take)
    yield say("Temperature"), number(request.temperature, "g")
    yield say("Model"), request.model
    for option, value in unusual_options(request, rendering):
        if option.label:
            yield say(option.label), _written(option, value)
    if request.mood in MOODS:
        yield say("Mood"), _mood(request)
    if rendering.changes_notes:
        yield say("Played"), _played(rendering)


def _written(option: Option[Any], value: Any) -> str:
    """The value of an option in the reader's language."""
    if isinstance(value, float):
        return number(value, "g")
    return say(Text(value)) if isinstance(value, str) else option.write(value)


def _mood(request: ComposeRequest) -> str:
    """The mood and what the request asks for with it: `sad (minor, slow, soft)`."""
    return say("{mood} ({meaning})", mood=Text(request.mood), meaning=request.expression.words)


def _too_large(size_limit: int) -> str:
    return say(
        "The recording is larger than the {size:.3g} MiB that Discord takes here, so this is the piece as notes:"
        " any MIDI player plays them.",
        size=size_limit / 2**20,
    )


def attention(piece: Piece) -> Reply:
    """Pictures of the model's attention, one a block, and how to read them."""
    return Reply(
        say(
            "What the network looked at in the middle of this piece, one picture for each block of it. A row is a word,"
            " which is all that sounds in 0.2 s, and a column a word that it looked at: the brighter, the more. A word"
            " is named by its lowest note; +2 stands for two notes more, – for silence."
        ),
        attachments=tuple(
            Attachment(
                f"{piece.name}-attention-{block}.png",
                picture,
                say("What each word attended to in block {block} of the network", block=block),
            )
            for block, picture in enumerate(piece.attention, start=1)
        ),
    )


def mentioning(reply: Reply, user_id: int) -> Reply:
    """A reply that mentions its listener."""
    return replace(reply, content=" ".join(filter(None, (f"<@{user_id}>", reply.content))))


def late(reply: Reply, user_id: int) -> Reply:
    """A reply as an ordinary message that mentions its listener."""
    here = say("Here is what you asked me for; it took a while.") if reply.embed else ""
    return mentioning(replace(reply, content=" ".join(filter(None, (here, reply.content)))), user_id)


def recipe(stored: Stored, heard: Heard | None = None) -> str:
    """The command to copy, what else is needed for the same piece, and whether it copies."""
    request = stored.recipe.request
    lines = [f"```\n{command(request, stored.recipe.rendering)}\n```"]
    if request.origin.piece:
        lines.append(say("It continues piece `{parent}`.", parent=request.origin.piece))
    elif stored.parent and not request.primer:
        lines.append(say("It was edited from piece `{parent}`.", parent=stored.parent))
    elif stored.parent:
        lines = [
            say(
                "An older version of me made this from piece `{parent}` and noted no command for it. **Variation** and"
                " **Continue** under that piece make others like it.",
                parent=stored.parent,
            )
        ]
    elif request.primer:
        lines.append(say("It continues a file: send the same one again."))
    elif request.score:
        lines.append(say(GIVEN[request.task].recipe))
    lines.append(" · ".join(say("{label}: {value}", label=label, value=value) for label, value in facts(stored.recipe)))
    made = {"piece": stored.id, "checkpoint": stored.recipe.checkpoint}
    if heard and heard.shared_at_most is not None:
        lines.append(longest_passage(heard.shared_at_most))
    lines.append(say("Piece `{piece}`, made by checkpoint `{checkpoint}`.", **made))
    return "\n".join(lines)


def longest_passage(notes: int) -> str:
    """How much a piece, or any piece, copies at the most."""
    return say("Longest passage shared with what it learnt from: at most {count} notes", count=notes)


def headline(stored: Stored) -> str:
    """A stored piece in a line of at most 100 characters: `abcd2345 · C5 · 1 min 40 s · Chopin · take 7`."""
    return brief(f"{stored.id} · {gist(stored)}", 100)


def gist(stored: Stored) -> str:
    """A stored piece by what it begins with and how it differs from others: `C5 · 1 min 40 s · Chopin · take 7`."""
    request = stored.recipe.request
    if request.task in GIVEN:
        begun = say(GIVEN[request.task].short)
    else:
        begun = say("continuation") if request.primer else brief(request.seed.names, 30)
    style = [] if request.style == ANY else [request.style]
    parts = [begun, spoken_time(round(stored.duration)), *style, say("take {take}", take=request.take)]
    return brief(" · ".join(parts), 80)


def command(
    request: ComposeRequest, rendering: Rendering = AS_COMPOSED, takes: int = TAKES.usual, unread: str = ""
) -> str:
    """The command to type for the same piece, but for the file that it may be made from: it has no name. `unread` is
    the task, where the request still lacks the notes that it is made from."""
    name, notes = _command(request, unread)
    options = [
        f"{option.name}:{option.write(value)}"
        for option, value in unusual_options(request, rendering)
        if name in option.commands
    ]
    several = [] if takes == TAKES.usual else [f"{TAKES.name}:{takes}"]
    return " ".join([f"/{name}", *notes, *options, *several])


def _command(request: ComposeRequest, unread: str) -> tuple[str, list[str]]:
    """The command's name, and the notes that are typed with it."""
    if (task := unread or request.task) in GIVEN:
        return task, [f"melody:{request.seed.spelled}"] if request.seed.chords else []
    return ("continue", []) if request.primer or unread else ("compose", [f"seed:{request.seed.spelled}"])


def _begins(wait: float | None) -> str:
    if wait is None:
        return ""
    if wait < A_FEW_SECONDS:
        return say("It begins in a few seconds.")
    seconds = rounded(wait)
    time = say("{seconds:g} s", seconds=seconds) if seconds < 120 else say("{minutes:g} min", minutes=seconds / 60)
    return say("It begins in about {time}.", time=time)


def spoken_time(seconds: float) -> str:
    """`30 s`, `1 min 30 s`, `2 min`."""
    minutes, rest = divmod(round(seconds, 1), 60)
    parts = [say("{minutes:g} min", minutes=int(minutes))] if minutes else []
    if rest or not minutes:
        parts.append(say("{seconds:g} s", seconds=rest))
    return " ".join(parts)


def rounded(seconds: float) -> int:
    """Seconds as people say them: 20, 45, 75, 150, 240."""
    unit = 5 if seconds < 60 else 15 if seconds < 120 else 30 if seconds < 300 else 60
    return round(seconds / unit) * unit


def _summary(request: ComposeRequest, parent: str, takes: int, unread: str = "") -> str:
    """`unread` is the task, where the request still lacks the notes that it is made from: how long a performance will
    be is not known then."""
    lasting = [] if unread in GIVEN else [_lasting(request)]
    return " · ".join([f"**{_source(request, parent, unread)}**", *lasting, taken(request, takes)])


def _source(request: ComposeRequest, parent: str, unread: str) -> str:
    """What a piece is made from, while it is."""
    if (task := unread or request.task) in GIVEN and not request.seed.chords:
        return say(GIVEN[task].file_summary)
    if request.task == HARMONIZE:
        return say("Harmonizing {melody}", melody=brief(request.seed.names))
    if not request.primer and not unread:
        return brief(request.seed.names)
    return say("Continuing piece {parent}", parent=parent) if parent else say("Continuing your file")


def taken(request: ComposeRequest, takes: int = TAKES.usual) -> str:
    """`take 7`, or `takes 7 to 10`."""
    if takes == TAKES.usual:
        return say("take {take}", take=request.take)
    return say("takes {first} to {last}", first=request.take, last=request.take + takes - 1)


def _lasting(request: ComposeRequest) -> str:
    return say("{seconds:g} s ({steps} steps)", seconds=request.seconds, steps=request.length)


def _played(rendering: Rendering) -> str:
    """`harpsichord, 80 % tempo, 3 semitones lower`."""
    played = [say(rendering.instrument)] if rendering.instrument != AS_COMPOSED.instrument else []
    if rendering.tempo != AS_COMPOSED.tempo:
        played.append(say("{tempo}% tempo", tempo=rendering.tempo))
    new = say("only the new part") if rendering.only_new else ""
    return say(", ").join(filter(None, [*played, shifted(rendering.transpose), new, passage(rendering)]))


def passage(rendering: Rendering) -> str:
    """`30 to 60 s`; nothing for all of a piece."""
    since, until = rendering.bounds
    if not rendering.crop:
        return ""
    if until == math.inf:
        return say("from {since:g} s on", since=since)
    return say("{since:g} to {until:g} s", since=since, until=until)


def shifted(semitones: int) -> str:
    """`3 semitones lower`; nothing for none."""
    if semitones > 0:
        return say_some("{count} semitone higher", "{count} semitones higher", semitones)
    return say_some("{count} semitone lower", "{count} semitones lower", -semitones) if semitones else ""


def brief(text: str, longest: int = _LONGEST_SEED) -> str:
    """A text of no more than so many characters."""
    return text if len(text) <= longest else text[: longest - 2] + " …"
