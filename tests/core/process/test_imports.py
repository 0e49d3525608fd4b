"""core/process/imports.py: packages that are kept out of memory."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from core.process.imports import absent, left_out


def test_an_absent_package_cannot_be_imported():
    """Whoever could use it finds it as if it were not installed."""
    with absent(["this"]), pytest.raises(ModuleNotFoundError):
        importlib.import_module("this")


def test_an_absent_package_is_back_afterwards():
    """Code that needs the package later can import it."""
    with absent(["this"]):
        pass
    assert find_spec("this") is not None


def test_a_package_in_use_is_never_taken_away():
    """It would be imported a second time."""
    with absent(["pytest"]):
        assert sys.modules["pytest"] is pytest


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a package that can be imported, with the module `errors`."""
    folder = tmp_path / "heavy_library"
    folder.mkdir()
    (folder / "__init__.py").write_text("class Session: ...\n")
    (folder / "errors.py").write_text("class Lost(Exception): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder.name
    for name in (folder.name, f"{folder.name}.errors"):
        sys.modules.pop(name, None)


def imported_without(library: str) -> tuple[ModuleType, ModuleType]:
    """The package and its module as they are found by whoever imports them while they are left out."""
    with left_out((library, f"{library}.errors")):
        return importlib.import_module(library), importlib.import_module(f"{library}.errors")


def test_a_module_that_was_left_out_is_not_imported(library: str):
    """Nothing is of its classes, which annotations can name, generic ones too; later on it can be imported."""
    package, errors = imported_without(library)
    assert library not in sys.modules
    assert package.errors is errors
    assert not isinstance(OSError(), errors.Lost)
    assert package.Session[int] is package.Session
    assert importlib.import_module(library) is not package


def test_its_classes_are_found_once_it_is_imported(library: str):
    """By those too who asked for it before."""
    _, errors = imported_without(library)
    lost = importlib.import_module(f"{library}.errors").Lost
    assert isinstance(lost(), errors.Lost)


def test_a_class_that_was_left_out_makes_nothing(library: str):
    """Whoever needs one after all is told so, and finds no empty object."""
    package, _ = imported_without(library)
    with pytest.raises(TypeError, match="left out"):
        package.Session()


def test_what_is_imported_already_stays(library: str):
    """It costs nothing any more."""
    module = importlib.import_module(library)
    with left_out([library]):
        assert importlib.import_module(library) is module
    assert sys.modules[library] is module
