"""Names of styles as people type them."""

import pytest

from core.checkpoint import Checkpoint
from core.errors import BadRequest
from core.models import CHECKPOINTS
from core.styles import NAMES, known_style

STYLES = ("any", "Bach", "Chopin", "pop", "Rachmaninoff", "Schumann", "Scriabin", "Tchaikovsky")


@pytest.mark.parametrize(
    ("typed", "style"), [("Chopin", "Chopin"), ("CHOPIN", "Chopin"), ("Pop", "pop"), ("any", "any")]
)
def test_the_case_of_a_style_does_not_matter(typed: str, style: str):
    """The checkpoint's own spelling is what a piece says."""
    assert known_style(typed, STYLES) == style


@pytest.mark.parametrize("folder", ["performance", "performance-base"])
def test_the_styles_of_the_shipped_checkpoints_are_named_in_every_language(folder: str):
    """All but `any`, which is a word of all options."""
    known = Checkpoint(CHECKPOINTS / folder, "performance").architecture["styles"]
    assert {*known} - {"any"} == {*NAMES}


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("Shopin", "Chopin"),
        ("Tschaikowsky", "Tchaikovsky"),
        ("Rachmaninov", "Rachmaninoff"),
        ("Skrjabin", "Scriabin"),
        ("Johann Sebastian Bach", "Bach"),
        ("Clara Schumann", "Schumann"),
    ],
)
def test_a_near_miss_is_asked_about(typed: str, near: str):
    """Nobody is taken for somebody else."""
    with pytest.raises(BadRequest, match=rf"I know no style '{typed}'\. Did you mean {near}\?"):
        known_style(typed, STYLES)


@pytest.mark.parametrize("typed", ["Satie", "Bartok", "jazz", "and"])
def test_all_styles_are_named_where_none_is_near(typed: str):
    """By name, after `any`, which is no name that could be meant."""
    known = ("Wagner", "any", "pop", "Bach")
    with pytest.raises(BadRequest, match=f"I know no style '{typed}'; there are any, Bach, pop, Wagner"):
        known_style(typed, known)
