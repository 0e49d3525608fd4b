"""Names of styles, which people type in their own way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from core.errors import BadRequest, shown
from core.expression import ANY
from core.text import Text

NAMES = tuple(
    str(name)
    for name in (
        Text("Bach"),
        Text("Balakirev"),
        Text("Beethoven"),
        Text("Brahms"),
        Text("Chopin"),
        Text("Debussy"),
        Text("Glinka"),
        Text("Haydn"),
        Text("Liszt"),
        Text("Mozart"),
        Text("pop"),
        Text("Prokofiev"),
        Text("Rachmaninoff"),
        Text("Ravel"),
        Text("Schubert"),
        Text("Schumann"),
        Text("Scriabin"),
        Text("Grieg"),
        Text("Mendelssohn"),
        Text("Scarlatti"),
        Text("Strauss"),
        Text("Tchaikovsky"),
        Text("Wagner"),
    )
)
"""Styles of the shipped checkpoints, which other languages spell otherwise. Another checkpoint may know others."""
LEAST_ALIKE = 0.7
"""Similarity, of at most 1, of a name to one that is meant: Tschaikowsky has 0.78 to Tchaikovsky, Skrjabin 0.75 to
Scriabin; Satie and Bartok are unlike all others."""


def known_style(name: str, styles: Sequence[str]) -> str:
    """The style in the spelling of `styles`. Raises BadRequest, with the name that seems to be meant."""
    folded = {style.casefold(): style for style in styles}
    if style := folded.get(name.casefold()):
        return style
    named = [each for each in folded if each != ANY]
    for part in (name, *name.split()):  # Clara Schumann is not Schumann, so she is not taken for him
        for near in get_close_matches(part.casefold(), named, n=1, cutoff=LEAST_ALIKE):
            raise BadRequest(
                "I know no style '{style}'. Did you mean {near}?", style=shown(name), near=Text(folded[near])
            )
    raise BadRequest("I know no style '{style}'; there are {known}", style=shown(name), known=tuple(listed(styles)))


def listed(styles: Iterable[str]) -> list[str]:
    """Each style once, in the order in which people look for one: `any`, then by name."""
    return sorted(set(styles), key=lambda style: (style != ANY, style.casefold()))
