"""Successors of a stored piece: the pieces that New take, Variation, Continue and Perform make from one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from bot.commands.submit import heard_seconds, primed_seconds
from bot.store.pending_reply import FRESH, Source, StoredPrimer
from bot.store.piece_table import Stored
from bot.store.server_rules import Rules
from core.errors import BadRequest
from core.midi.piano import performed
from core.midi.smf import parse
from core.options import FREEDOM, LENGTH, STEP_SECONDS
from core.request import WHOLE_FILE, ComposeRequest, Origin, Rendering, fresh_take
from core.seed import Seed
from core.tasks import COMPOSE

OPENING_SECONDS, OPENING_SHARE = 8.0, 0.2
"""Length of the opening that a variation keeps, in seconds and as a share of the piece: whichever is less."""


class Successor(NamedTuple):
    """A new piece that is made from one that is stored."""

    request: ComposeRequest
    rendering: Rendering
    source: Source
    """Says what is still to be read for it."""
    seconds: float
    """Composed seconds of the whole: what it continues, and the new music."""
    parent: str = ""
    """Id of the stored piece that it comes from; empty where it comes from none."""


Maker: TypeAlias = Callable[[Stored, Rules], Successor]
"""Makes a successor as the rules allow. It is called in a thread, as some music is parsed. Raises BadRequest."""


def new_take(stored: Stored, _: Rules) -> Successor:
    """The same request with another draw."""
    request = replace(stored.recipe.request, take=fresh_take())
    return Successor(request, stored.recipe.rendering, FRESH, primed_seconds(request), stored.parent)


def variation(stored: Stored, rules: Rules) -> Successor:
    """A request for the same opening and a new rest, as long as the piece was or as the rules allow. What was left out
    of it stays so, and nothing is left out of the new one."""
    rendering = stored.recipe.rendering
    duration = stored.duration / rendering.stretch
    seconds = round(min(OPENING_SECONDS, OPENING_SHARE * duration), 2)  # its recipe says it
    length = max(LENGTH.least, min(_steps(duration), _longest(rendering, rules)) - _steps(seconds))
    request = _unprimed(stored, length, Origin(stored.id, seconds))
    whole = replace(rendering, only_new=False, crop="")
    return Successor(request, whole, StoredPrimer(stored.id, seconds), seconds + request.seconds, stored.id)


def continuation(stored: Stored, rules: Rules) -> Successor:
    """A request for the whole piece, or the part to which it was cropped, and as much again as was asked for, where
    there is room. Raises BadRequest."""
    rendering = stored.recipe.rendering
    seconds = heard_seconds(stored)
    room = _longest(rendering, rules) - _steps(seconds) - 1
    if room < LENGTH.least:
        rules.allow_seconds((seconds + LENGTH.least * STEP_SECONDS) * max(1.0, rendering.stretch))
        raise BadRequest("this piece is nearly as long as a piece can be, so there is no room to go on")
    request = _unprimed(stored, min(stored.recipe.request.length, room), Origin(stored.id))
    whole = replace(rendering, crop="")
    return Successor(request, whole, StoredPrimer(stored.id), seconds + request.seconds, stored.id)


def performance(stored: Stored, _: Rules) -> Successor:
    """A request to perform the file that a piece continues, without the options of new music. Raises BadRequest."""
    request, rendering = stored.recipe.request, stored.recipe.rendering
    if not continues_file(stored):
        raise BadRequest("this piece does not continue a whole file, so there is no score to perform")
    options = {name: getattr(request, name) for name in ("style", "dynamics", "temperature", "top_p")}
    asked = ComposeRequest(Seed(), take=fresh_take(), **options)
    made = performed(asked, request.primer, round(parse(request.primer).seconds, 3))
    whole = replace(rendering, only_new=False, crop="")
    whole.rendered_seconds(made.seconds)
    return Successor(made, whole, FRESH, made.seconds)


def continues_file(stored: Stored) -> bool:
    """Whether it continues all of a listener's file: a recipe can ask to perform that, and no part of it."""
    request = stored.recipe.request
    return bool(request.primer) and not stored.parent and request.origin == WHOLE_FILE


def _longest(rendering: Rendering, rules: Rules) -> int:
    """Steps of the longest piece that may be composed under these rules for such a rendering."""
    return LENGTH.most if rules.longest is None else int(rules.length / max(1.0, rendering.stretch))


def _unprimed(stored: Stored, length: int, origin: Origin) -> ComposeRequest:
    """The request to continue a piece, which still lacks that: its files are read once the press is acknowledged. New
    music follows a performance too."""
    request = replace(stored.recipe.request, task=COMPOSE, seed=Seed(), score=b"", freedom=FREEDOM.usual)
    return replace(request, primer=b"", origin=origin, length=length, take=fresh_take())


def _steps(seconds: float) -> int:
    return round(seconds / STEP_SECONDS)
