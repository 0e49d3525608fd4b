"""The loss of training: the negative log-likelihood of the events that follow, with the soft targets of teachers."""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from core.performance.events import DURATION, KEY, PITCHES, SIZES, VELOCITY
from core.performance.model import Tensor

TEACHER_WEIGHT = 0.85
"""How much of a student's loss is the negative log-likelihood under its teachers' probabilities; the rest is under what
the pianist played."""


def negative_log_likelihood(
    logits: Sequence[Tensor],
    following: Tensor,
    teacher_probabilities: Sequence[Tensor] | None = None,
    teacher_weight: float = 0.0,
) -> Tensor:
    """-ln p of each attribute of the true events, (batch, events, 4); 0 for the velocity and duration of the pedal and
    the end, which have none, and for events of -1, which are padding.

    With the probabilities that a teacher gives each attribute, (batch, events, size) each, the target is soft: a mean
    of the teacher's, at its weight, and of the true value, at the rest."""
    nats = []
    for attribute, scores in enumerate(logits):
        true = following[:, :, attribute]
        target = ops.one_hot(true, SIZES[attribute], dtype=scores.dtype)  # all 0 for a value that is not predicted
        if teacher_probabilities is not None:
            taught = ops.cast(teacher_probabilities[attribute], scores.dtype)
            target = (1 - teacher_weight) * target + teacher_weight * taught
        missed = ops.logsumexp(scores, axis=-1) - ops.sum(target * scores, axis=-1)
        applies = following[:, :, KEY] < PITCHES if attribute in (VELOCITY, DURATION) else true >= 0
        nats.append(ops.where(ops.logical_and(applies, true >= 0), missed, 0.0))
    return ops.stack(nats, axis=-1)


def soft_targets(logits: Sequence[Sequence[Tensor]]) -> list[Tensor] | None:
    """The mean of the teachers' probabilities for each attribute, (batch, events, values) each, from each teacher's
    logits; None without teachers."""
    if not logits:
        return None
    probabilities = [[ops.softmax(attribute) for attribute in teacher] for teacher in logits]
    return [ops.stop_gradient(sum(parts) / len(parts)) for parts in zip(*probabilities, strict=True)]


def losses_of(
    logits: Sequence[Tensor],
    following: Tensor,
    targets: Sequence[Tensor] | None = None,
    teacher_weight: float = TEACHER_WEIGHT,
) -> tuple[Tensor, Tensor]:
    """Negative log-likelihood of an event, all attributes together and padding left out: with the soft targets mixed
    in, which is what is minimised, and without them."""
    events = ops.maximum(ops.sum(ops.cast(following[:, :, KEY] >= 0, "float32")), 1.0)
    plain = ops.sum(negative_log_likelihood(logits, following)) / events
    if targets is None:
        return plain, plain
    return ops.sum(negative_log_likelihood(logits, following, targets, teacher_weight)) / events, plain
