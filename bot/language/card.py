"""The card of a finished piece: what is heard, what it is made from, and its files."""

from __future__ import annotations

from typing import NamedTuple

import discord

from bot.language.i18n import say, say_some, spoken
from bot.language.replies import COLOUR, Attachment, Reply, VoiceMessage
from bot.language.tasks import TASK_WORDS
from bot.language.words import brief, clock, heard_key, key_and_duration, manner, seed_notes, taken
from core.piece import Piece
from core.seed import said_note
from core.text import NOTHING, Text

LONGEST_DESCRIPTION = 1024
"""Characters that Discord takes about a file."""
_CLIPS = ("ogg", "mp4")
"""Suffixes of voice messages and videos. A worker of an older version makes a whole piece in their place."""

REMEDY = Text("**Arrange** under the piece makes smaller files: as MP3, or of a part of it.")


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


def is_clip(piece: Piece) -> bool:
    """Whether it is a voice message or a video of a piece, not a piece itself."""
    return piece.audio_format in _CLIPS


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
    lines = (f"{kind(piece, about)} · {notes}", say(remark), say(piece.end_remark), about_sound)
    embed = discord.Embed(title=line(piece), description="\n".join(filter(None, lines)), colour=COLOUR)
    if about.name:
        embed.set_author(name=about.name, icon_url=about.avatar or None)
    if about.piece_id:
        embed.set_footer(text=say("Piece {piece}", piece=about.piece_id))
    if picture in fitting:
        embed.set_image(url=f"attachment://{picture}")
    return Reply(embed=embed, attachments=tuple(fitting.values()), remedy=REMEDY)


def line(piece: Piece) -> str:
    """A piece in a line, as it is heard: `C minor · 1:34 · Chopin · harp · take 5`."""
    heard = key_and_duration(piece.heard, piece.duration)
    return " · ".join([*heard, *manner(piece.recipe), taken(piece.recipe.request)])


def kind(piece: Piece, about: Provenance = UNKNOWN) -> str:
    """The origin of a piece: what it begins with, or continues, and whose that was."""
    request = piece.recipe.request
    if not request.primer:
        begun = _begun(piece)
        return say("{piece}, edited from {other}", piece=begun, other=_whose(about)) if about.parent else begun
    if not about.parent:
        return say("Your piece, continued")
    whose = _whose(about)
    return say("A variation of {piece}", piece=whose) if request.origin.is_opening else _continued(whose)


def _begun(piece: Piece) -> str:
    request = piece.recipe.request
    if request.task in TASK_WORDS:
        return say(TASK_WORDS[request.task].kind)
    if request.seed.is_random:
        return say("A piece out of nothing")
    notes = seed_notes(request, piece.recipe.rendering, piece.heard)
    return brief(say("A piece starting on {notes}", notes=notes))


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
    return Reply(attachments=(Attachment(name, piece.audio, description),), remedy=REMEDY)


def recording(piece: Piece) -> str:
    return described(say("Sound recording"), piece, loudest=True)


def described(what: str, piece: Piece, *, keys: bool = False, loudest: bool = False) -> str:
    """`Piano roll, 1:40, C2 to C7, loudest at 0:17`."""
    parts = [what, clock(piece.seconds_heard)]
    if (heard := piece.heard) and keys:
        lowest, highest = (said_note(pitch, spoken(), heard_key(heard)) for pitch in (heard.lowest, heard.highest))
        parts.append(say("{lowest} to {highest}", lowest=lowest, highest=highest))
    if heard and loudest:
        parts.append(say("loudest at {time}", time=clock(heard.loudest)))
    return brief(say(", ").join(parts), LONGEST_DESCRIPTION)


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
