"""Recipes: the commands that give a piece again, and stored pieces in a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.language.i18n import number, say
from bot.language.tasks import TASK_WORDS
from bot.language.words import brief, key_and_duration, lasting, manner, played, seed_notes, taken
from bot.store.piece_table import Stored
from core.expression import MOODS
from core.option_kinds import Option
from core.options import TAKES
from core.piece import Heard
from core.recipe import Recipe, unusual_options
from core.request import AS_COMPOSED, ComposeRequest, Rendering
from core.tasks import HARMONIZE
from core.text import Text

_LONGEST_GIST = 88
"""Characters: with an id before it a suggestion has 100 at most."""


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
        lines.append(say(TASK_WORDS[request.task].recipe))
    lines.append(
        " · ".join(say("{label}: {value}", label=label, value=value) for label, value in facts(stored.recipe, heard))
    )
    made = {"piece": stored.id, "checkpoint": stored.recipe.checkpoint}
    if heard and heard.shared_at_most is not None:
        lines.append(longest_passage(heard.shared_at_most))
    lines.append(say("Piece `{piece}`, made by checkpoint `{checkpoint}`.", **made))
    return "\n".join(lines)


def longest_passage(notes: int) -> str:
    """The sentence on how much a piece, or any piece, copies at the most."""
    return say("Longest passage shared with what it learnt from: at most {count} notes", count=notes)


def facts(recipe: Recipe, heard: Heard | None = None) -> Iterator[tuple[str, str]]:
    """Labels and values of all that was asked for."""
    request, rendering = recipe.request, recipe.rendering
    if not request.primer and not request.score:
        yield say("Melody") if request.task == HARMONIZE else say("Seed"), brief(_seed(recipe, heard))
    yield say("New") if request.primer else say("Length"), lasting(request)
    yield say("Take"), str(request.take)
    yield say("Temperature"), number(request.temperature, "g")
    yield say("Model"), request.model
    for option, value in unusual_options(request, rendering):
        if option.label:
            yield say(option.label), _written(option, value)
    if request.mood in MOODS:
        yield say("Mood"), _mood(request)
    if rendering.changes_notes:
        yield say("Played"), played(rendering)


def _written(option: Option[Any], value: Any) -> str:
    """The value of an option in the reader's language."""
    if isinstance(value, float):
        return number(value, "g")
    return say(Text(value)) if isinstance(value, str) else option.write(value)


def _mood(request: ComposeRequest) -> str:
    """The mood and what the request asks for with it: `sad (minor, slow, soft)`."""
    return say("{mood} ({meaning})", mood=Text(request.mood), meaning=request.expression.words)


def headline(stored: Stored) -> str:
    """A stored piece in a line of at most 100 characters: `abcd2345 · C5 · C minor · 1:40 · Chopin · take 7`."""
    return f"{stored.id} · {gist(stored)}"


def gist(stored: Stored) -> str:
    """A stored piece by what it begins with and what is heard, as on its card: `C5 · C minor · 1:40 · Chopin · take
    7`."""
    begun = [_beginning(stored.recipe, stored.heard), *key_and_duration(stored.heard, stored.duration)]
    end = taken(stored.recipe.request)
    room = _LONGEST_GIST - len(" · ".join([*begun, "", end]))
    style = brief(" · ".join(manner(stored.recipe)), room)
    return " · ".join(filter(None, [*begun, style, end]))


def _beginning(recipe: Recipe, heard: Heard | None) -> str:
    """`C5`, `random`, `continuation`: in a few words, what it begins with or is made of."""
    request = recipe.request
    if request.task in TASK_WORDS:
        return say(TASK_WORDS[request.task].short)
    if request.primer:
        return say("variation") if request.origin.is_opening else say("continuation")
    return brief(_seed(recipe, heard), 30)


def _seed(recipe: Recipe, heard: Heard | None) -> str:
    return say("random") if recipe.request.seed.is_random else seed_notes(recipe.request, recipe.rendering, heard)


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
    if (task := unread or request.task) in TASK_WORDS:
        return task, [f"melody:{request.seed.spelled}"] if request.seed.chords else []
    return ("continue", []) if request.primer or unread else ("compose", [f"seed:{request.seed.spelled}"])
