"""Texts and values in the options of every command that makes a piece, and what is suggested for them."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.commands.continue_ import read_continuation
from bot.commands.given import read_given
from bot.commands.harmonize import read_melody
from bot.commands.submission import Submission, read_submission, takes_asked
from bot.commands.suggestions import MAX_SUGGESTION, MAX_SUGGESTIONS, seed_suggestions
from bot.store.server_rules import Rules
from core.errors import BadRequest
from core.options import TAKES
from core.seed import Seed
from core.tasks import COMPOSE, HARMONIZE, PERFORM
from tests.system.fuzz.claims import EXAMPLES, can_be_shown, can_be_typed, sentence, within_bounds
from tests.system.fuzz.typed import MELODIES, TYPED, filled_in


@settings(max_examples=6 * EXAMPLES)
@given(TYPED)
@example("60\n62\nH")
@example("seed \u2028" * 5)
def test_any_text_is_a_seed_or_a_sentence(typed: str):
    """One that is read can be typed again."""
    try:
        seed = Seed.parse(typed)
    except BadRequest as refusal:
        sentence(refusal)
    else:
        within_bounds(seed)


@settings(max_examples=6 * EXAMPLES)
@given(TYPED, filled_in("compose"))
@example("72 take:" + "9" * 4000, {})
@example("72 style:x", {"style": "a\nb"})
@example("72", {"style": "[free](http://a.b)"})
@example("72 takes:0", {})
def test_any_composition_is_a_submission_or_a_sentence(typed: str, filled: dict[str, Any]):
    """A submission is one that can be made, stored, shown and repeated."""
    assert TAKES.least <= takes_asked(typed, filled.get("takes")) <= TAKES.most
    try:
        submission = read_submission(typed, **filled)
    except BadRequest as refusal:
        sentence(refusal)
    else:
        can_be_made(submission)


def can_be_made(submission: Submission) -> None:
    """It is a submission of pieces that can be stored and shown."""
    request, rendering, private, takes = submission
    assert isinstance(private, bool)
    assert TAKES.least <= takes <= TAKES.most
    within_bounds(request.seed)
    can_be_shown(request, rendering, takes)


@settings(max_examples=4 * EXAMPLES)
@given(TYPED | MELODIES, filled_in("harmonize"))
@example("C4 D4 take:7", {"take": 8})
@example("60,64 62", {})
@example("C4", {"takes": 0})
def test_any_melody_is_a_submission_or_a_sentence(typed: str, filled: dict[str, Any]):
    """One voice, which is as long as its notes."""
    try:
        submission = read_melody(typed, filled, dict)
    except BadRequest as refusal:
        sentence(refusal)
        return
    assert submission.request.task == HARMONIZE
    assert {len(chord) for chord in submission.request.seed.chords} == {1}
    can_be_made(submission)


GIVEN = st.sampled_from([PERFORM, HARMONIZE]).flatmap(lambda task: st.tuples(st.just(task), filled_in(task)))


@settings(max_examples=3 * EXAMPLES)
@given(GIVEN)
def test_any_options_beside_a_file_are_a_submission_or_a_sentence(given: tuple[str, dict[str, Any]]):
    """A submission has no notes yet, and can be named while they are read."""
    task, filled = given
    try:
        submission = read_given(task, filled, dict)
    except BadRequest as refusal:
        sentence(refusal)
    else:
        can_be_typed(submission.request, submission.rendering, submission.takes, task)


@settings(max_examples=3 * EXAMPLES)
@given(filled_in("continue"))
def test_any_continuation_is_a_submission_or_a_sentence(filled: dict[str, Any]):
    """Of a file or of a stored piece, whose notes are still to be read."""
    try:
        submission = read_continuation(filled, Rules(), dict)
    except BadRequest as refusal:
        sentence(refusal)
    else:
        can_be_typed(submission.request, submission.rendering, submission.takes, COMPOSE)


@settings(max_examples=4 * EXAMPLES)
@given(TYPED)
def test_discord_takes_what_is_suggested(typed: str):
    """Not too many, none empty, none too long; and what is suggested is understood."""
    offered = seed_suggestions(typed)
    assert len(offered) <= MAX_SUGGESTIONS
    assert len(set(offered)) == len(offered)
    for name, value in offered:
        assert len(name.strip()) >= 1
        assert len(name) <= MAX_SUGGESTION
        assert len(value.strip()) >= 1
        assert len(value) <= MAX_SUGGESTION
        read_submission(value, take=None if "take" in value.lower() else 1)
