"""`python -m core.precompile`: compiles the default model when Nocturne is installed, so that no first piece waits for
it. The programs go to where `core.process.programs` finds those of the installation."""

from __future__ import annotations

import shutil

from pretty_midi import Instrument, Note, PrettyMIDI

from core.loader import load_composer
from core.midi.manuscript import midi_file
from core.models import DEFAULT_MODEL
from core.options import LENGTH
from core.process.programs import INSTALLED, ProgramCache
from core.request import ComposeRequest
from core.seed import Seed
from core.tasks import PERFORM


def main() -> None:
    """Programs for one piece: on a processor those for more are the same, and on a GPU a worker compiles these behind
    its first piece."""
    shutil.rmtree(INSTALLED, ignore_errors=True)
    programs = ProgramCache(INSTALLED)
    composer = load_composer(DEFAULT_MODEL, slots=1, programs=programs)
    composer.compose(performance_of_a_note())  # a score has programs of its own
    programs.seal()


def performance_of_a_note() -> ComposeRequest:
    """The request to perform the shortest score."""
    music, piano = PrettyMIDI(), Instrument(program=0)
    piano.notes.append(Note(velocity=64, pitch=60, start=0.0, end=1.0))
    music.instruments.append(piano)
    return ComposeRequest(Seed(), take=0, length=LENGTH.least, task=PERFORM, score=midi_file(music, ""))


if __name__ == "__main__":
    main()
