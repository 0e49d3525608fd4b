"""The Edit button: a form with the values of a stored piece, from which another is composed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

from bot.commands.forms import EVERY_OTHER_OPTION, TEXT, Answers, Form, field_text, labels_of, option_label, text_label
from bot.commands.submission import Submission, read_only_options, read_options, submission_of
from bot.commands.submit import admit, find_piece, primed_seconds, rules_here, submit
from bot.language.i18n import say
from bot.services import Interaction
from bot.store.pending_reply import FRESH
from bot.store.piece_table import Stored
from core.models import MODELS
from core.option_kinds import Option, Scope
from core.options import (
    DYNAMICS,
    FREEDOM,
    KEY,
    LENGTH,
    MODEL,
    PACE,
    PRIVATE,
    STYLE,
    TAKE,
    TEMPERATURE,
    options_in,
    options_of,
)
from core.recipe import unusual_options
from core.request import ComposeRequest
from core.seed import Seed
from core.tasks import HARMONIZE, PERFORM

_FIELDS: dict[str, tuple[Option[Any], ...]] = {PERFORM: (FREEDOM, DYNAMICS, STYLE), HARMONIZE: (DYNAMICS, STYLE)}
"""The options in the form of a piece whose notes are given."""


async def open_edit_form(interaction: Interaction, stored: Stored) -> None:
    """The answer to a press of Edit."""
    await rules_here(interaction)
    await EditForm.show(interaction, stored, present_answers(stored))


class EditForm(Form):
    """Discord gives a form five fields. Four are for what a listener names first and would else have to spell, length,
    key, pace and style; the fifth is the seed, behind which all other options are written as `/compose` takes them.
    The unusual ones, the temperature too, stand there already: so the form says all of a piece but its take, which is
    drawn anew unless one is written."""

    name = "edit"
    labels = labels_of(LENGTH, KEY, PACE, STYLE, TEMPERATURE, FREEDOM, DYNAMICS)

    @classmethod
    async def show(cls, interaction: Interaction, stored: Stored, answers: Answers) -> None:
        styles = interaction.client.services.styles
        labels = [option_label(each, answers.texts.get(each.name, ""), styles) for each in fields(stored)]
        along = text_label(*_question(stored.recipe.request), answers.texts.get(TEXT, ""))
        await interaction.response.send_modal(
            cls(say("Edit piece {piece}", piece=stored.id), stored.id, along, *labels)
        )

    @classmethod
    async def open(cls, interaction: Interaction, about: str, answers: Answers) -> None:
        await cls.show(interaction, await find_piece(interaction, about), answers)

    @classmethod
    async def respond(cls, interaction: Interaction, about: str, answers: Answers) -> None:
        stored = await find_piece(interaction, about)
        submission = edited(stored, answers)
        rules = await admit(interaction, submission.takes)
        seconds = await asyncio.to_thread(_whole_seconds, submission)
        parent = stored.parent if _has_file(submission.request) else stored.id
        await submit(interaction, submission, rules, FRESH, parent, seconds=seconds)


def _has_file(request: ComposeRequest) -> bool:
    """Whether the notes that it is made from are those of a file, or a stored piece, and not typed."""
    return bool(request.primer or request.score)


def _question(request: ComposeRequest) -> tuple[str, str]:
    """The label of the text, and what is said about it."""
    if _has_file(request):
        return say("Other options"), say(EVERY_OTHER_OPTION)
    if request.task == HARMONIZE:
        return say("Melody"), say("its notes; any option may follow, such as temperature:0.9 or take:7")
    return say("Seed"), say("random, notes or chords; any option may follow, such as temperature:0.9 or take:7")


def fields(stored: Stored) -> tuple[Option[Any], ...]:
    """Options with a field of their own. A form has five at most, and one is the text."""
    if (task := stored.recipe.request.task) in _FIELDS:
        return _FIELDS[task]
    return (LENGTH, KEY, PACE, STYLE) if MODELS[stored.recipe.request.model].knows_styles else (LENGTH, TEMPERATURE)


def written_options(stored: Stored) -> dict[str, Option[Any]]:
    """Options that may be written in the text, by name. A continuation keeps what it continues, and its model."""
    request = stored.recipe.request
    options = options_of("continue" if request.primer else request.task)
    return {option.name: option for option in options if option.scope is not Scope.SOURCE}


def present_answers(stored: Stored) -> Answers:
    """A form's contents that stand for the same piece, but for its take."""
    request, own = stored.recipe.request, fields(stored)
    along = [] if _has_file(request) else [request.seed.names]
    for option, value in unusual_options(request, stored.recipe.rendering):
        if option.name in written_options(stored) and option not in (*own, TAKE):
            along.append(f"{option.name}:{option.write(value)}")
    return Answers({TEXT: " ".join(along)} | {each.name: field_text(each, getattr(request, each.name)) for each in own})


def edited(stored: Stored, answers: Answers) -> Submission:
    """The submission that the answers to the form about a piece stand for. Raises BadRequest."""
    request, text = stored.recipe.request, answers.texts.get(TEXT, "")
    filled, written = answers.values(fields(stored)), written_options(stored)
    if _has_file(request):
        seed, options = "", read_only_options(text, filled, written)
    else:
        seed, options = read_options(text, filled, written)
    return submission_of({PRIVATE.name: stored.private} | options, partial(_request, request, seed))


def _request(request: ComposeRequest, seed: str, fields: dict[str, Any]) -> ComposeRequest:
    """The request with this seed, random for none, and these options and no others; what it continues, performs or
    harmonizes stays."""
    if request.task == HARMONIZE and not request.score:
        return ComposeRequest.harmonized(Seed.melody(seed), **fields)
    model = fields.get(MODEL.name, request.model)
    usual = {option.name: option.usual_for(model) for option in options_in(Scope.REQUEST)}
    lasting = {LENGTH.name: request.length} if request.score else {}
    return replace(request, seed=Seed.parse(seed) if seed.strip() else Seed(), **usual | lasting | fields)


def _whole_seconds(submission: Submission) -> float:
    """Seconds that the piece lasts with what it continues, as it is composed or as it is heard, whichever is longer.
    Raises BadRequest for more than is ever played. To be called in a thread, as music is parsed."""
    request, rendering = submission.request, submission.rendering
    whole = primed_seconds(request)
    rendering.rendered_seconds(whole, whole - request.seconds)
    return whole * max(1.0, rendering.stretch)
