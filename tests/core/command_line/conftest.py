"""The command line in a folder of its own, with a composer that needs no network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pretty_midi import PrettyMIDI

from core import loader
from core.composer import Composer
from core.settings import Settings
from tests.support.music import Pianist


class AttentivePianist(Pianist):
    def attention(self, midi: PrettyMIDI) -> tuple[list[str], list[np.ndarray]]:
        return [str(index) for index in range(50)], [np.eye(50), np.ones((50, 50)) / 50]


@pytest.fixture(autouse=True)
def composed_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Composer], None]:
    """Says who composes, a pianist to begin with; in a folder without settings."""

    def composed_by(composer: Composer) -> None:
        monkeypatch.setattr(loader, "load_composer", lambda model, checkpoints, preset, slots, programs: composer)

    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    composed_by(AttentivePianist())
    return composed_by
