"""Claims about whatever is accepted or refused, and how many examples a test of them tries."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from hypothesis import settings

from bot.language import card, recipes, takes
from bot.language.replies import Reply
from core.errors import BadRequest
from core.queue.jobs import Job, JobState
from core.recipe import Recipe
from core.request import ComposeRequest, Rendering
from core.seed import HIGHEST_PITCH, LOWEST_PITCH, MAX_CHORD_NOTES, MAX_CHORDS, Seed
from tests.support.pieces import piece

EXAMPLES = settings.default.max_examples
"""Of the profile; what takes moments tries several times as many."""
LONGEST_SENTENCE = 500
LONGEST_COMMAND = 1500
SIZE_LIMIT = 10 * 2**20
FILE_NAME = re.compile(r"(\d-)?nocturne-[a-z0-9-]{1,180}\.(mp3|mid|png)|takes\.png")


def sentence(refusal: BadRequest) -> str:
    """What a refusal says, which is one line that anybody may read."""
    said = str(refusal)
    assert 0 < len(said) <= LONGEST_SENTENCE, said
    assert len(said.splitlines()) == 1, said
    assert said.isprintable(), repr(said)
    return said


def within_bounds(seed: Seed) -> None:
    """A seed has no more notes than are taken, all on the keyboard, and is read as it is written."""
    assert Seed.parse(str(seed)) == seed
    assert len(seed.chords) <= MAX_CHORDS
    for chord in seed.chords:
        assert 1 <= len(chord) <= MAX_CHORD_NOTES
        assert list(chord) == sorted(set(chord))
        assert chord[0] >= LOWEST_PITCH
        assert chord[-1] <= HIGHEST_PITCH


def can_be_shown(request: ComposeRequest, rendering: Rendering, count: int = 1) -> None:
    """Discord takes every message about the piece, or about so many takes of it; its files have names that are safe
    anywhere, and it can be stored."""
    recipe = Recipe(request, "0123456789ab", rendering)
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    can_be_typed(request, rendering, count)
    done = replace(piece(request), recipe=recipe)
    can_be_sent(card.finished(done, SIZE_LIMIT))
    if count > 1:
        can_be_sent(takes.choice([Job(f"1+{each}", JobState.DONE, piece=done) for each in range(count)], SIZE_LIMIT))


def can_be_typed(request: ComposeRequest, rendering: Rendering, count: int = 1, unread: str = "") -> None:
    """The command for a piece fits into a line."""
    typed = recipes.command(request, rendering, count, unread)
    assert typed.isprintable()
    assert len(typed) < LONGEST_COMMAND


def can_be_sent(reply: Reply) -> None:
    """An embed within Discord's limits, and files."""
    assert reply.embed is not None
    assert len(reply.embed) <= 6000
    assert len(reply.embed.title or "") <= 256
    assert 1 <= len(reply.embed.description or "") <= 4096
    names = [attachment.name for attachment in reply.attachments]
    assert names
    assert all(FILE_NAME.fullmatch(name) for name in names), names
