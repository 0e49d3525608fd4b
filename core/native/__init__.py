"""Machine code for processors, by Numba: how it is compiled, and how long it is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba import config, njit
from numba.core.caching import InTreeCacheLocator, UserProvidedCacheLocator

_ROOMS = ("article", "native", "performance")
"""The folders of core whose functions are compiled."""


def _sources() -> bytes:
    folders = [Path(__file__).parents[1] / room for room in _ROOMS]
    return b"".join(file.read_bytes() for folder in folders for file in sorted(folder.rglob("*.py")))


_STAMP = hashlib.sha256(_sources()).hexdigest()


class _OfTheseSources:
    """Machine code is read again while no module of those folders has changed: Numba itself would look at a function's
    own module, and not at the functions that it calls or at constants from elsewhere."""

    def get_source_stamp(self) -> str:
        return _STAMP


class InGivenFolder(_OfTheseSources, UserProvidedCacheLocator):
    """Machine code in the folder that NUMBA_CACHE_DIR names."""


class BesideModule(_OfTheseSources, InTreeCacheLocator):
    """Machine code beside the module that it is of."""


_LOCATORS = ",".join(f"{__name__}.{kind.__name__}" for kind in (InGivenFolder, BesideModule))
vars(config).update(CACHE_LOCATOR_CLASSES=_LOCATORS)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as machine code that is kept from start to start. It runs without Python's lock, so that every core
    decodes a batch of its own.

    It computes in the order in which it is written. Were LLVM free to change that (`fastmath`), its loops by vectors
    and by single elements would round differently, and which of them runs may depend on where arrays lie in memory: a
    take would not always come out the same. Long sums are those of `sums`."""
    dispatcher = njit(nogil=True, forceinline=True, error_model="numpy")(function)
    with suppress(RuntimeError):  # no folder can be written: it is compiled at every start
        dispatcher.enable_caching()
    return dispatcher


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as part of the one `compiled` function that calls it, before either is compiled: one by itself would
    be compiled twice, there and here."""
    inline: Callable[..., Any] = njit(inline="always", error_model="numpy")(function)
    return inline
