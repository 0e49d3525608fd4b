"""Every word the bot says, in English: error -> sentence, progress -> text, finished piece -> embed and files."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

import discord
from discord import app_commands

from bot.language.i18n import say, say_some
from bot.store.pieces import Stored
from core.errors import NocturneError
from core.queue.jobs import COMPOSED, Job, JobState
from core.request import AS_COMPOSED, ComposeRequest, Piece, Rendering, unusual_options
from core.text import NOTHING, Text

SORRY = Text("Sorry, something went wrong on my side. I have made a note of it; please try again in a moment.")
OUTDATED = Text("This command has changed since your Discord loaded it. Reload Discord (Ctrl+R) and try again.")
OVER_ALREADY = Text("This piece is not in the making any more.")
NOT_YOURS = Text("Only the person who asked for this piece can cancel it.")
NOT_YOURS_TO_DELETE = Text("Only the person who asked for this piece, or who may manage messages here, can delete it.")
PRIVATE = Text("this piece is private, and not yours")
FORGET = Text(
    "This removes every piece of yours that is stored here, with its files and recipe, and whatever of yours is still"
    " in the making. Messages stay in their channels, but their buttons do nothing any more. It cannot be undone."
)
FORGET_YES, FORGET_NO = Text("Remove everything"), Text("Keep it")
FORGOTTEN = Text("Nothing is stored about you here any more.")
KEPT = Text("Everything is as it was.")
LONG_ENOUGH = Text("this piece is nearly as long as a piece can be, so there is no room to go on")

A_FEW_SECONDS = 10.0
"""A shorter wait is not told in numbers: it hangs on which of the pieces at work ends first."""
COLOUR = discord.Colour.from_str("#4a5d8f")
_BAR_CELLS = 12
_LONGEST_SENTENCE = 1000
_LONGEST_SEED = 120


@dataclass(frozen=True, slots=True)
class Reply:
    """A message that can be sent more than once: discord.py's own File is used up by the first attempt."""

    content: str | None = None
    embed: discord.Embed | None = None
    attachments: tuple[tuple[str, bytes], ...] = ()
    """File names and bytes."""
    buttons: discord.ui.View | None = None

    def smaller(self) -> Reply | None:
        """The same without its largest file; None when it has none."""
        if not self.attachments:
            return None
        largest = max(self.attachments, key=lambda attachment: len(attachment[1]))
        return replace(self, attachments=tuple(kept for kept in self.attachments if kept is not largest))

    def files(self) -> list[discord.File]:
        return [discord.File(io.BytesIO(data), name) for name, data in self.attachments]


def explain(error: BaseException) -> str:
    """Only errors raised on purpose speak for themselves; `SORRY` says the rest."""
    return sentence(say(reason(error)))


def reason(error: BaseException) -> Text:
    """What `explain` says, before it is said in any language."""
    cause = getattr(error, "original", error)  # discord.py wraps what a command raises
    if isinstance(cause, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
        return OUTDATED
    return cause.text if isinstance(cause, NocturneError) else SORRY


def progress(job: Job, request: ComposeRequest, wait: float | None = None, parent: str = "") -> str:
    """What the answer says while its piece waits or is made; `wait` is in how many seconds it is begun, where that can
    be told, and `parent` the id of the piece that it goes on from, where it does from one."""
    if job.state is JobState.QUEUED:
        if job.place is None:
            how = say("In the queue.")
        elif job.place == 1:
            how = say("You are next.")
        else:
            how = say_some(
                "Number {place} in the queue, {count} piece ahead of yours.",
                "Number {place} in the queue, {count} pieces ahead of yours.",
                job.place - 1,
                place=job.place,
            )
        return " ".join(filter(None, (f"{_summary(request, parent)}\n{how}", _begins(wait))))
    done = round(job.progress * _BAR_CELLS)
    bar = f"`{'▰' * done}{'▱' * (_BAR_CELLS - done)}` {job.progress:.0%}"
    doing = say("Composing") if job.progress < COMPOSED else say("Recording")
    return f"{_summary(request, parent)}\n{doing}\n{bar}"


def outcome(job: Job, request: ComposeRequest, size_limit: int, remark: Text = NOTHING, parent: str = "") -> Reply:
    """The last word on a job that is over; `remark` is for a piece that is there."""
    if job.state is JobState.CANCELLED:
        return Reply(say("Cancelled: {piece}", piece=_summary(request, parent)))
    if job.state is JobState.DONE and job.piece:
        return finished(job.piece, size_limit, remark, parent)
    return Reply(sentence(say(job.error or SORRY)))


def finished(piece: Piece, size_limit: int, remark: Text = NOTHING, parent: str = "") -> Reply:
    """The recipe, the piano roll as the embed's image, the sound and the .mid; of these no file that is larger than
    `size_limit` bytes. `remark` is what else there is to say, `parent` the id of the piece that it goes on from."""
    recipe, request, rendering = piece.recipe, piece.recipe.request, piece.recipe.rendering
    sound = f"{recipe.name}.{piece.audio_format}"
    files = {
        sound: piece.audio,
        f"{recipe.name}.mid": piece.midi,
        f"{recipe.name}.png": piece.picture,
    }
    fitting = {name: data for name, data in files.items() if 0 < len(data) <= size_limit}
    embed = discord.Embed(title=_title(request, parent), colour=COLOUR)
    if not request.primer:
        embed.add_field(name=say("Seed"), value=_brief(request.seed.names))
    embed.add_field(name=say("New") if request.primer else say("Length"), value=_lasting(request))
    embed.add_field(name=say("Take"), value=str(request.take))
    embed.add_field(name=say("Temperature"), value=f"{request.temperature:g}")
    embed.add_field(name=say("Model"), value=request.model)
    embed.add_field(name=say("Notes"), value=f"{piece.notes:,}")
    for option, value in unusual_options(request, rendering):
        if option.label:
            embed.add_field(name=say(option.label), value=option.write(value))
    if rendering.changes_notes:
        embed.add_field(name=say("Played"), value=_played(rendering))
    if parent and request.primer:
        again = say("It goes on from piece {parent}", parent=parent)
    else:
        again = say("The same again, with the same file") if request.primer else say("The same piece again")
    typed = _brief(command(request, rendering), 1000)
    checkpoint = say("Checkpoint {hash}", hash=recipe.checkpoint)
    embed.set_footer(text=f"{again}: {typed}\n{checkpoint}")
    if f"{recipe.name}.png" in fitting:
        embed.set_image(url=f"attachment://{recipe.name}.png")
    remarks = [say(remark), say(piece.remark)]
    if sound not in fitting:
        remarks[1] = say(
            "The recording is larger than the {size:.3g} MiB that Discord takes here, so this is the piece as notes:"
            " any MIDI player plays them.",
            size=size_limit / 2**20,
        )
    embed.description = "\n".join(filter(None, remarks)) or None
    return Reply(embed=embed, attachments=tuple(fitting.items()))


def attention(piece: Piece) -> Reply:
    """What the model attended to, a picture a block."""
    names = (f"{piece.recipe.name}-attention-{block}.png" for block in range(1, len(piece.attention) + 1))
    return Reply(attachments=tuple(zip(names, piece.attention, strict=True)))


def late(reply: Reply, user_id: int) -> Reply:
    """The same as an ordinary message that calls the one who asked."""
    here = say("Here is what you asked me for; it took a while.") if reply.embed else ""
    return replace(reply, content=" ".join(filter(None, (f"<@{user_id}>", here, reply.content))))


def recipe(stored: Stored) -> str:
    """The command to copy, and what else it takes for the same piece."""
    request = stored.recipe.request
    lines = [f"```\n{command(request, stored.recipe.rendering)}\n```"]
    if request.primer and stored.parent:
        lines.append(say("It goes on from piece `{parent}`, with whose buttons it was made.", parent=stored.parent))
    elif request.primer:
        lines.append(say("It goes on from a file: send the same one again."))
    made = {"piece": stored.id, "checkpoint": stored.recipe.checkpoint}
    lines.append(say("Piece `{piece}`, made by checkpoint `{checkpoint}`.", **made))
    return "\n".join(lines)


def pages(theirs: Sequence[Stored], first: int) -> str:
    """A page of somebody's pieces, which are counted from `first`."""
    if not theirs:
        if first:
            return say("There are no more.")
        return say("There is no piece of yours here. `/compose random` makes one.")
    recipes = [(stored, command(stored.recipe.request, stored.recipe.rendering)) for stored in theirs]
    lines = [f"`{stored.id}` <t:{stored.created_at:.0f}:R> {_brief(typed, 90)}" for stored, typed in recipes]
    return "\n".join([*lines, say("`/piece` with an id brings one back.")])


def in_the_making(waiting: int, theirs: Sequence[str]) -> str:
    """How busy it is, and how the pieces of the one who asks are getting on."""
    busy = (
        say_some(
            "{count} piece waits for a place at the piano.", "{count} pieces wait for a place at the piano.", waiting
        )
        if waiting
        else say("Nobody is waiting.")
    )
    return "\n\n".join([busy, *theirs]) if theirs else " ".join([busy, say("None of yours is in the making.")])


def taken_back(pieces: int, named: bool) -> str:
    """What has become of a wish to cancel one piece, or all of them."""
    if pieces:
        return say_some("Cancelled: {count} piece of yours.", "Cancelled: {count} pieces of yours.", pieces)
    return say(OVER_ALREADY) if named else say("You have no piece in the making.")


def command(request: ComposeRequest, rendering: Rendering = AS_COMPOSED) -> str:
    """The command to type for the same piece, without the file that it continues, where it does."""
    begun = ["/continue"] if request.primer else ["/compose", f"seed:{request.seed}"]
    options = (f"{option.name}:{option.write(value)}" for option, value in unusual_options(request, rendering))
    return " ".join([*begun, *options])


def _begins(wait: float | None) -> str:
    if wait is None:
        return ""
    if wait < A_FEW_SECONDS:
        return say("It begins in a few seconds.")
    seconds = rounded(wait)
    time = say("{seconds} s", seconds=seconds) if seconds < 120 else say("{minutes:g} min", minutes=seconds / 60)
    return say("It begins in about {time}.", time=time)


def rounded(seconds: float) -> int:
    """As people say it: 20, 45, 75, 150, 240."""
    unit = 5 if seconds < 60 else 15 if seconds < 120 else 30 if seconds < 300 else 60
    return round(seconds / unit) * unit


def _title(request: ComposeRequest, parent: str) -> str:
    if request.primer:
        return say("A piece that goes on from another") if parent else say("A piece that goes on from yours")
    if request.seed.is_random:
        return say("A piece begun at random")
    return _brief(say("A piece on {notes}", notes=request.seed.names))


def _summary(request: ComposeRequest, parent: str) -> str:
    if not request.primer:
        begun = _brief(request.seed.names)
    else:
        begun = say("Going on from piece {parent}", parent=parent) if parent else say("Going on from your file")
    take = say("take {take}", take=request.take)
    return f"**{begun}** · {_lasting(request)} · {take}"


def _lasting(request: ComposeRequest) -> str:
    return say("{seconds:g} s ({steps} steps)", seconds=request.seconds, steps=request.length)


def _played(rendering: Rendering) -> str:
    """`harpsichord, 80 % tempo, 3 semitones lower`."""
    played = [rendering.instrument] if rendering.instrument != AS_COMPOSED.instrument else []
    if rendering.tempo != AS_COMPOSED.tempo:
        played.append(say("{tempo} % tempo", tempo=rendering.tempo))
    return ", ".join(filter(None, [*played, shifted(rendering.transpose)]))


def shifted(semitones: int) -> str:
    """`3 semitones lower`; nothing for none."""
    if semitones > 0:
        return say_some("{count} semitone higher", "{count} semitones higher", semitones)
    return say_some("{count} semitone lower", "{count} semitones lower", -semitones) if semitones else ""


def sentence(text: str) -> str:
    """An error's text as a listener reads it: with a capital, a full stop, and an end."""
    text = textwrap.shorten(text, _LONGEST_SENTENCE, placeholder=" …") if len(text) > _LONGEST_SENTENCE else text
    return text[:1].upper() + text[1:] + ("" if re.search(r"[.!?…。！？]$", text) else say("."))


def _brief(text: str, longest: int = _LONGEST_SEED) -> str:
    return text if len(text) <= longest else text[: longest - 2] + " …"
