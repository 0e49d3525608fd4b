"""Tasks: what is made of notes that are given. Importing this costs nothing."""

from __future__ import annotations

from typing import Final

COMPOSE: Final = "compose"
"""The piece begins with a seed or a primer, and goes on from it."""
PERFORM: Final = "perform"
"""A score is played: its notes stay, and when exactly, how hard, how long and with which pedal is the model's."""
HARMONIZE: Final = "harmonize"
"""A melody is accompanied: it stays where it stands, and the model plays below and around it."""
TASKS = (COMPOSE, PERFORM, HARMONIZE)

WORDS: Final = {COMPOSE: "continued", PERFORM: "performed", HARMONIZE: "harmonized"}
"""Words for what a task did to a file, in names of files and recipes, where a seed stands otherwise."""
