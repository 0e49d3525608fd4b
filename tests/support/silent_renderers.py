"""The real pool of renderers, whose processes make silent pieces: for tests that kill them."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from core.captions import Captions
from core.piece import Piece
from core.pipeline import Draft
from core.rendering.pool import Renderers
from core.request import Rendering

HANGING = "hanging"
"""As in tests/support/fake_worker.py."""


def silent(
    job_id: str,
    place: int,
    draft: Draft,
    soundfont: Path | None,
    size_limit: int | None,
    rendering: Rendering,
    captions: Captions | None,
    ahead: Path | None,
) -> Piece:
    """A piece whose sound and picture are a few bytes; it takes a moment, in which its process may be killed."""
    scratch = Path(tempfile.mkdtemp())
    time.sleep(0.2)
    while (scratch.parents[2] / HANGING).exists():
        time.sleep(0.1)
    scratch.rmdir()
    times = draft.seconds | {"render": 0.0, "encode": 0.0}
    recipe = replace(draft.recipe, rendering=rendering)
    return Piece(recipe, draft.duration, draft.notes, draft.midi, b"sound", b"png", times)


SilentRenderers = partial(Renderers, processes=2, work=silent)
