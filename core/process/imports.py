"""Packages that others import at their start although Nocturne makes no use of them, or not yet: kept out of memory."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


@contextmanager
def absent(packages: Iterable[str]) -> Iterator[None]:
    """Meanwhile an import of these packages fails as if they were not installed, for whoever can do without. Those that
    are imported already stay."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type] # None stops an import, as Python documents
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


class NoInstances:
    """Stands for every class and function of a module that was left out: as long as nobody has imported it, nothing is
    of such a class."""

    def __class_getitem__(cls, _: object) -> type[NoInstances]:
        return cls

    def __new__(cls, *_: object, **__: object) -> NoInstances:
        raise TypeError("this is of a module that was left out")


class _Placeholder(ModuleType):
    """Stands for a module that was left out, for good to whoever imported it meanwhile. Once the module itself is
    imported, its classes are found here too."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        module = sys.modules.get(self.__name__, self)
        return NoInstances if module is self else getattr(module, name)


@contextmanager
def left_out(names: Iterable[str]) -> Iterator[None]:
    """Meanwhile an import of these modules finds placeholders, for whoever cannot do without, but then only names their
    classes in annotations, asks for them by `isinstance`, or has other uses that never come to pass. Those that are
    imported already stay."""
    placeholders = {name: _Placeholder(name) for name in names if name not in sys.modules}
    for name, placeholder in placeholders.items():
        package, _, module = name.rpartition(".")
        if package in placeholders:
            setattr(placeholders[package], module, placeholder)
    sys.modules.update(placeholders)
    try:
        yield
    finally:
        for name in placeholders:
            del sys.modules[name]
