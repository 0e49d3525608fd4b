"""Loads a model's composer. Importing this costs nothing; loading `performance` on a GPU imports TensorFlow, or JAX."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path

from core.composer import Composer
from core.errors import BadCheckpoint
from core.models import CHECKPOINTS, MODELS, SMALL
from core.process.imports import absent
from core.process.programs import ProgramCache

ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "1"}
"""Variables that TensorFlow reads once. A step is hundreds of small operations: to share each among the cores takes a
third more of the processor and hardly less time."""
UNUSED = ("jax", "matplotlib.pyplot", "pandas", "sklearn")
"""Packages that TensorFlow and Keras import where they are installed, for uses that Nocturne makes none of: a third of
the time of `import tensorflow` and 150 MB."""


def load_composer(
    model: str,
    checkpoints: Path = CHECKPOINTS,
    preset: str = SMALL,
    slots: int | None = None,
    memory: int | None = None,
    programs: ProgramCache | None = None,
) -> Composer:
    """Load the model's folder and compile what its first piece needs, with programs that are kept where there are some.
    It makes up to `slots` pieces at once, or as many as suits the machine, and no more than fit into `memory` MiB.
    Raises BadCheckpoint when the folder is missing or does not fit together."""
    if model not in MODELS:
        raise BadCheckpoint(f"there is no model '{model}', only {' and '.join(MODELS)}")
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if programs and not {"numba", "tensorflow", "jax"} & sys.modules.keys():  # which read then where their programs are
        programs.open()
    spec = MODELS[model]
    module, _, name = spec.composer.partition(":")
    with nullcontext() if "tensorflow" in sys.modules else _quiet():
        with absent(_unused()):
            kind = getattr(import_module(module), name)
        composer: Composer = kind.load(spec.folder(checkpoints, preset), slots, memory)
        composer.warm_up()
    if programs:
        programs.seal()
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


def _unused() -> list[str]:
    """Of `UNUSED` all but Keras's backend, which the environment may name."""
    return [name for name in UNUSED if name != os.environ.get("KERAS_BACKEND")]
