"""Loading a composer, without a model."""

from __future__ import annotations

import pytest

from core.loader import UNUSED, _unused


def test_the_backend_of_keras_stays(monkeypatch: pytest.MonkeyPatch):
    """Keras can import the backend that the environment names, also where it is one of the unused packages."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert {*UNUSED} - {*_unused()} == {"jax"}
