"""Files of named arrays that ship beside the networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from core.errors import BadCheckpoint


@contextmanager
def arrays_in(path: Path, otherwise: str) -> Iterator[Mapping[str, np.ndarray]]:
    """The arrays of an .npz file, by name. Raises BadCheckpoint for a file that is missing, damaged or without an array
    that is asked for: `otherwise` says what is the matter with it, such as "is no critic"."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise BadCheckpoint(f"{path} {otherwise}: {error}") from error
