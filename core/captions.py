"""Words in the pictures of a piece, in the language of whoever asked for it: they travel to the worker with the job,
which knows no languages. Importing this costs nothing."""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, dataclass
from typing import Any

from core import tonality
from core.recipe import unusual_options
from core.records import check_types, known_fields
from core.request import AS_COMPOSED, ComposeRequest, Rendering
from core.tasks import COMPOSE
from core.text import ENGLISH, NOTHING, Language, Text

LONGEST_NAMES = 30
"""Characters of the seed's notes."""
_ALPHABETS = ("LATIN", "GREEK", "CYRILLIC", "MODIFIER")
"""Scripts of DejaVu, the one font that matplotlib brings along, as far as their letters need no shaping."""
_SEED, _OPENING, _RANDOM = Text("seed"), Text("opening"), Text("random")
_TASKS = {"continued": Text("continued"), "performed": Text("performed"), "harmonized": Text("harmonized")}


@dataclass(frozen=True, slots=True)
class Captions:
    """Words of one piece. Those that cannot be drawn are empty."""

    title: str
    """`C5 · take 7 · harpsichord · 80 % · +3`."""
    beginning: str = ""
    """A name for the music that was given to the composer."""
    attention: str = ""
    number: int = 0
    """Place among several takes side by side, from 1 on, where a numbered strip is drawn too; 0 for a take alone."""

    def __post_init__(self) -> None:
        check_types(self)

    @classmethod
    def of(
        cls, request: ComposeRequest, rendering: Rendering = AS_COMPOSED, language: Language = ENGLISH, number: int = 0
    ) -> Captions:
        """For a piece that is made by this request. Words that the worker could not draw are left out, but for the
        take, which becomes a number sign."""
        edits = [option.caption(value) for option, value in unusual_options(request, rendering) if option.caption]
        said = [_said(part, language) for part in (_begun(request, language), *edits)]
        return cls(
            " · ".join(filter(None, said)),
            _said(_beginning(request), language),
            _said(Text("attention"), language),
            number,
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> Captions:
        """Raises TypeError for what `to_json` did not write."""
        return cls(**known_fields(cls, data))


def _begun(request: ComposeRequest, language: Language) -> str | Text:
    if request.file_word:
        return _TASKS[request.file_word]
    if request.seed.is_random:
        return _RANDOM
    names = request.seed.said(language, tonality.read(request.key))
    return names if len(names) <= LONGEST_NAMES else names[: LONGEST_NAMES - 1] + "…"


def _beginning(request: ComposeRequest) -> Text:
    if request.primer:
        return _OPENING
    return NOTHING if request.seed.is_random or request.task != COMPOSE else _SEED


def _said(part: str | Text, language: Language) -> str:
    """The words, or what stands in their place where they cannot be drawn."""
    said = part.said(language) if isinstance(part, Text) else part
    if is_drawable(said):
        return said
    take = part.values.get("take") if isinstance(part, Text) else None
    return "" if take is None else f"#{take}"


def is_drawable(text: str) -> bool:
    """Whether the worker has letters for it."""
    return all(unicodedata.name(letter, "").startswith(_ALPHABETS) for letter in text if letter.isalpha())
