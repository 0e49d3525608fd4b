"""`python -m core.precompile`: compiles the models when Nocturne is installed, so that no first piece waits for
it. The programs go to where `core.process.programs` finds those of the installation."""

from __future__ import annotations

import shutil

from core.loader import load_composer
from core.models import MODELS
from core.process.programs import INSTALLED, ProgramCache


def main() -> None:
    """Programs for one piece: on a processor those for more are the same, and on a GPU a worker compiles these behind
    its first piece."""
    shutil.rmtree(INSTALLED, ignore_errors=True)
    programs = ProgramCache(INSTALLED)
    for model in MODELS:
        load_composer(model, slots=1, programs=programs).warm_up_fully()
    programs.seal()


if __name__ == "__main__":
    main()
