"""What is stored is read back; what is damaged is refused."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.store.pending_reply import PendingReply
from core.errors import BadRequest
from core.recipe import Recipe
from core.request import ComposeRequest, Rendering
from core.tasks import TASKS
from tests.system.fuzz.claims import EXAMPLES, can_be_shown, can_be_typed, sentence
from tests.system.fuzz.records import RENDERINGS, REQUESTS, STORED, changed


@settings(max_examples=4 * EXAMPLES)
@given(STORED)
def test_what_is_stored_is_read_back(stored: Any):
    """A record is read as it was written."""
    assert type(stored).from_json(json.loads(json.dumps(stored.to_json()))) == stored


@settings(max_examples=10 * EXAMPLES)
@given(st.data())
def test_what_is_damaged_is_refused(data: st.DataObject):
    """The error is one that whoever reads it expects; what is read all the same is what it says to be."""
    stored = data.draw(STORED)
    damaged = json.loads(json.dumps(stored.to_json()))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged = data.draw(changed(damaged))
    try:
        read = type(stored).from_json(damaged)
    except BadRequest as refusal:
        sentence(refusal)
    except (TypeError, KeyError):
        pass
    else:
        assert type(read).from_json(json.loads(json.dumps(read.to_json()))) == read
        if isinstance(read, Recipe):
            can_be_shown(read.request, read.rendering)
        if isinstance(read, PendingReply):
            can_be_followed(read)


def can_be_followed(pending: PendingReply) -> None:
    """A bot can make its takes, name it meanwhile, and deliver it."""
    destination = pending.destination
    assert isinstance(destination.seconds_left, float | None)
    assert isinstance(destination.editable, bool)
    assert destination.audio_limit <= destination.size_limit
    assert isinstance(str(pending.remark), str)
    assert pending.unread_task in ("", *TASKS)
    assert [single.job_id for single in pending.singles] == pending.job_ids
    assert len(set(pending.job_ids)) == pending.takes
    can_be_typed(pending.request, pending.rendering, pending.takes, pending.unread_task)


@settings(max_examples=4 * EXAMPLES)
@given(REQUESTS, RENDERINGS)
def test_any_piece_can_be_shown(request: ComposeRequest, rendering: Rendering):
    """A card has files whose names are ours, whatever was asked for."""
    can_be_shown(request, rendering)
