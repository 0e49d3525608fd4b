"""Every word the bot says about a piece: error -> sentence, progress -> text, finished piece -> embed and files."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

import discord
from discord import app_commands

from bot.library import Stored
from core.errors import NocturneError
from core.queue import COMPOSED, Job, State
from core.request import (
    ANY_STYLE,
    AS_COMPOSED,
    DEFAULT_LENGTH,
    DEFAULT_MODEL,
    DEFAULT_TEMPERATURE,
    USUAL_TOP_P,
    ComposeRequest,
    Piece,
    Rendering,
)

SORRY = "Sorry, something went wrong on my side. I have made a note of it; please try again in a moment."
OUTDATED = "This command has changed since your Discord loaded it. Reload Discord (Ctrl+R) and try again."
TOO_LATE = (
    "Sorry, so many pieces were ahead of yours that Discord would not have let me deliver it any more."
    " Please ask again in a while, or for a shorter piece."
)
OVER_ALREADY = "This piece is finished already."
NOT_YOURS = "Only the person who asked for this piece can cancel it."
NOT_YOURS_TO_DELETE = "Only the person who asked for this piece, or who may manage messages here, can delete it."
PRIVATE = "this piece is private, and not yours"
FORGET = (
    "This removes every piece of yours that is stored here, with its files and recipe, and whatever of yours is still"
    " in the making. Messages stay in their channels, but their buttons do nothing any more. It cannot be undone."
)
FORGET_YES, FORGET_NO = "Remove everything", "Keep it"
FORGOTTEN = "Nothing is stored about you here any more."
STILL_BUSY = "a piece of yours is just being delivered; please try again in a moment"
KEPT = "Everything is as it was."
LONG_ENOUGH = "this piece is nearly as long as a piece can be, so there is no room to go on"

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
    cause = getattr(error, "original", error)  # discord.py wraps what a command raises
    if isinstance(cause, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
        return OUTDATED
    return _sentence(str(cause)) if isinstance(cause, NocturneError) else SORRY


def progress(job: Job, request: ComposeRequest) -> str:
    """What the answer says while its piece waits or is made."""
    if job.state is State.QUEUED:
        if job.place is None:
            return f"{_summary(request)}\nIn the queue."
        if job.place == 1:
            return f"{_summary(request)}\nYou are next."
        ahead = job.place - 1
        return (
            f"{_summary(request)}\nNumber {job.place} in the queue, {ahead} {_plural('piece', ahead)} ahead of yours."
        )
    done = round(job.progress * _BAR_CELLS)
    bar = f"`{'▰' * done}{'▱' * (_BAR_CELLS - done)}` {job.progress:.0%}"
    return f"{_summary(request)}\n{'Composing' if job.progress < COMPOSED else 'Recording'}\n{bar}"


def outcome(job: Job, request: ComposeRequest, size_limit: int, remark: str = "") -> Reply:
    """The last word on a job that is over; `remark` is for a piece that is there."""
    if job.state is State.CANCELLED:
        return Reply(f"Cancelled: {_summary(request)}")
    if job.state is State.DONE and job.piece:
        return finished(job.piece, size_limit, remark)
    return Reply(_sentence(job.error) if job.error else SORRY)


def finished(piece: Piece, size_limit: int, remark: str = "") -> Reply:
    """The recipe, the piano roll as the embed's image, the sound and the .mid; of these no file that is larger than
    `size_limit` bytes. `remark` is what else there is to say."""
    recipe, request, rendering = piece.recipe, piece.recipe.request, piece.recipe.rendering
    sound = f"{recipe.name}.{piece.audio_format}"
    files = {
        sound: piece.audio,
        f"{recipe.name}.mid": piece.midi,
        f"{recipe.name}.png": piece.picture,
    }
    fitting = {name: data for name, data in files.items() if 0 < len(data) <= size_limit}
    embed = discord.Embed(title=_title(request), colour=COLOUR)
    if not request.primer:
        embed.add_field(name="Seed", value=_brief(request.seed.names))
    embed.add_field(name="New" if request.primer else "Length", value=_lasting(request))
    embed.add_field(name="Take", value=str(request.take))
    embed.add_field(name="Temperature", value=f"{request.temperature:g}")
    embed.add_field(name="Model", value=request.model)
    embed.add_field(name="Notes", value=f"{piece.notes:,}")
    if request.style != ANY_STYLE:
        embed.add_field(name="Style", value=request.style)
    if request.top_p != USUAL_TOP_P[request.model]:
        embed.add_field(name="Top p", value=f"{request.top_p:g}")
    if rendering.edits:
        embed.add_field(name="Played", value=_played(rendering))
    again = "The same again, with the same file" if request.primer else "The same piece again"
    typed = _brief(command(request, rendering), 1000)
    embed.set_footer(text=f"{again}: {typed}\nCheckpoint {recipe.checkpoint}")
    if f"{recipe.name}.png" in fitting:
        embed.set_image(url=f"attachment://{recipe.name}.png")
    remarks = [remark, piece.remark]
    if sound not in fitting:
        remarks = [
            remark,
            f"The recording is larger than the {size_limit / 2**20:.3g} MiB that Discord takes here, so this is the"
            " piece as notes: any MIDI player plays them.",
        ]
    embed.description = "\n".join(filter(None, remarks)) or None
    return Reply(embed=embed, attachments=tuple(fitting.items()))


def late(reply: Reply, user_id: int) -> Reply:
    """The same as an ordinary message that calls the one who asked."""
    content = f"<@{user_id}> Here is what you asked me for; it took a while." if reply.embed else f"<@{user_id}>"
    return replace(reply, content=" ".join(filter(None, (content, reply.content))))


def enough(unfinished: int) -> str:
    """Why a listener with so many unfinished pieces gets no further one."""
    pieces = f"{unfinished} {_plural('piece', unfinished)}"
    return f"you have {pieces} in the making, which is the most at a time; let one finish or cancel one"


def recipe(stored: Stored) -> str:
    """The command to copy, and what else it takes for the same piece."""
    request = stored.recipe.request
    lines = [f"```\n{command(request, stored.recipe.rendering)}\n```"]
    if request.primer:
        lines.append(
            f"It goes on from piece `{stored.parent}`, with whose buttons it was made."
            if stored.parent
            else "It goes on from a file: send the same one again."
        )
    lines.append(f"Piece `{stored.id}`, made by checkpoint `{stored.recipe.checkpoint}`.")
    return "\n".join(lines)


def pages(theirs: Sequence[Stored], first: int) -> str:
    """A page of somebody's pieces, which are counted from `first`."""
    if not theirs:
        return "There is no piece of yours here. `/compose random` makes one." if not first else "There are no more."
    recipes = [(stored, command(stored.recipe.request, stored.recipe.rendering)) for stored in theirs]
    lines = [f"`{stored.id}` <t:{stored.created_at:.0f}:R> {_brief(typed, 90)}" for stored, typed in recipes]
    return "\n".join([*lines, "`/piece` with an id brings one back."])


def in_the_making(waiting: int, theirs: Sequence[str]) -> str:
    """How busy it is, and how the pieces of the one who asks are getting on."""
    if not waiting:
        busy = "Nobody is waiting."
    else:
        busy = f"{waiting} {_plural('piece', waiting)} {'waits' if waiting == 1 else 'wait'} for a place at the piano."
    return "\n\n".join([busy, *theirs]) if theirs else f"{busy} None of yours is in the making."


def taken_back(pieces: int, named: bool) -> str:
    """What has become of a wish to cancel one piece, or all of them."""
    if not pieces:
        return OVER_ALREADY if named else "You have no piece in the making."
    return f"Cancelled: {pieces} {_plural('piece', pieces)} of yours."


def command(request: ComposeRequest, rendering: Rendering = AS_COMPOSED) -> str:
    """What has to be typed for the same piece, beside the file that it goes on from where it does."""
    usual = AS_COMPOSED.to_json()
    options = {
        "seed": None if request.primer else str(request.seed),
        "length": None if request.length == DEFAULT_LENGTH else str(request.length),
        "style": None if request.style == ANY_STYLE else request.style,
        "temperature": None if request.temperature == DEFAULT_TEMPERATURE else f"{request.temperature:g}",
        "top_p": None if request.top_p == USUAL_TOP_P[request.model] else f"{request.top_p:g}",
        "take": str(request.take),
        "model": None if request.model == DEFAULT_MODEL else request.model,
    }
    options |= {
        name: str(value).replace(" ", "_") for name, value in rendering.to_json().items() if value != usual[name]
    }
    return ("/continue " if request.primer else "/compose ") + " ".join(
        f"{name}:{value}" for name, value in options.items() if value
    )


def _title(request: ComposeRequest) -> str:
    if request.primer:
        return "A piece that goes on from yours"
    return _brief(f"A piece {'begun at random' if request.seed.is_random else f'on {request.seed.names}'}")


def _summary(request: ComposeRequest) -> str:
    begun = "Going on from your file" if request.primer else _brief(request.seed.names)
    return f"**{begun}** · {_lasting(request)} · take {request.take}"


def _lasting(request: ComposeRequest) -> str:
    return f"{request.seconds:g} s ({request.length} steps)"


def _played(rendering: Rendering) -> str:
    """`harpsichord, 80 % tempo, 3 semitones lower`."""
    shift = f"{abs(rendering.transpose)} {_plural('semitone', abs(rendering.transpose))}"
    return ", ".join(
        part
        for part in (
            rendering.instrument if rendering.instrument != AS_COMPOSED.instrument else "",
            f"{rendering.tempo} % tempo" if rendering.tempo != AS_COMPOSED.tempo else "",
            f"{shift} {'higher' if rendering.transpose > 0 else 'lower'}" if rendering.transpose else "",
        )
        if part
    )


def _sentence(text: str) -> str:
    """An error's text as a listener reads it: with a capital, a full stop, and an end."""
    text = textwrap.shorten(text, _LONGEST_SENTENCE, placeholder=" …") if len(text) > _LONGEST_SENTENCE else text
    return text[:1].upper() + text[1:] + ("" if re.search(r"[.!?…]$", text) else ".")


def _brief(text: str, longest: int = _LONGEST_SEED) -> str:
    return text if len(text) <= longest else text[: longest - 2] + " …"


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"
