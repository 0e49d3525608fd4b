"""What every composer promises, and how one is loaded. Importing this costs nothing; loading one imports Keras."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from core.errors import BadCheckpoint
from core.request import MODELS, ComposeRequest

if TYPE_CHECKING:
    from pretty_midi import PrettyMIDI

CHECKPOINTS = Path(__file__).parent / "checkpoints"
"""The trained weights that ship with Nocturne: one folder a model and preset."""
SMALL: Final = "small"
"""The preset of the performance model whose folder is called as the model is; the article's network has no other."""

Progress = Callable[[float], None]
"""Is told the share that is done, 0 to 1, every fraction of a second; may raise Cancelled to stop the composer."""


class Composer(Protocol):
    """A model that is loaded and ready. The same request gives the same notes on the same machine type."""

    model: str
    checkpoint: str
    """The first 12 hexadecimal digits of the hash of everything in the checkpoint's folder that shapes a piece."""

    @property
    def places(self) -> int:
        """How many threads may call `compose` at the same time and all get on."""
        ...

    def compose(self, request: ComposeRequest, progress: Progress = lambda share: None) -> PrettyMIDI:
        """Make the piece, `request.length` steps long. Raises BadRequest for a seed the model cannot begin with."""
        ...

    def warm_up(self) -> None:
        """Compile what a first piece would otherwise wait for."""
        ...


def folder_of(model: str, checkpoints: Path, preset: str) -> Path:
    """Where the weights of a model lie."""
    return checkpoints / (model if preset == SMALL or model == "article" else f"{model}-{preset}")


def load_composer(
    model: str,
    checkpoints: Path = CHECKPOINTS,
    preset: str = SMALL,
    slots: int | None = None,
    memory: int | None = None,
) -> Composer:
    """Load the model's folder and warm it up. It makes up to `slots` pieces at once, or as many as suits the machine,
    and no more than fit into `memory` MiB. Raises BadCheckpoint when the folder is missing or does not fit together."""
    if model not in MODELS:
        raise BadCheckpoint(f"there is no model '{model}', only {' and '.join(MODELS)}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    folder = folder_of(model, checkpoints, preset)
    with _quiet():
        composer: Composer
        if model == "article":
            from core.article.composer import ArticleComposer

            composer = ArticleComposer.load(folder)
        else:
            from core.performance.composer import PerformanceComposer

            composer = PerformanceComposer.load(folder, slots, memory)
        composer.warm_up()
    return composer


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what is written to standard error: TensorFlow greets there before it reads TF_CPP_MIN_LOG_LEVEL, and past
    Python's `sys.stderr`. Exceptions pass as ever."""
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
