"""Words for pieces that are made from given notes: a score that is performed, a melody that is harmonized."""

from __future__ import annotations

from typing import NamedTuple

from core.tasks import HARMONIZE, PERFORM
from core.text import Text


class Words(NamedTuple):
    """Words about the pieces of one task."""

    file_summary: Text
    """The piece while it is made, where its notes are a listener's file."""
    stage: Text
    """The work of the model, over the bar that shows how far it is."""
    kind: Text
    """The finished piece."""
    short: Text
    """The finished piece in a word."""
    recipe: Text
    """The sentence beside a command that takes a file."""


TASK_WORDS = {
    PERFORM: Words(
        Text("Performing your file"),
        Text("Performing"),
        Text("Your score, performed"),
        Text("performed score"),
        Text("It performs a file: send the same one again."),
    ),
    HARMONIZE: Words(
        Text("Harmonizing your file"),
        Text("Harmonizing"),
        Text("Your melody, harmonized"),
        Text("harmonized melody"),
        Text("It harmonizes a file: send the same one again."),
    ),
}
"""By task: of those whose notes are given."""
