"""Loading a composer, without a model."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec

import pytest

from core.loader import _absent


def test_an_unused_package_cannot_be_imported_meanwhile():
    """Keras and TensorFlow find a package that they could use as if it were not installed."""
    with _absent(["this"]), pytest.raises(ModuleNotFoundError):
        import_module("this")


def test_an_unused_package_is_back_afterwards():
    """Code that needs the package later can import it."""
    with _absent(["this"]):
        pass
    assert find_spec("this") is not None


def test_what_is_imported_already_stays():
    """A package in use is never taken away."""
    with _absent(["pytest"]):
        assert sys.modules["pytest"] is pytest


def test_the_backend_of_keras_stays(monkeypatch):
    """Keras can import the backend that the environment names, also where it is one of the unused packages."""
    monkeypatch.setenv("KERAS_BACKEND", "this")
    with _absent(["this"]):
        assert find_spec("this") is not None
