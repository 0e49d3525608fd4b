"""training/loss.py: what is learnt from an event, and from teachers."""

import numpy as np
from keras import ops

from core.performance.events import END, NO_DURATION, NO_VELOCITY, PITCHES, SIZES
from training.loss import negative_log_likelihood, soft_targets


def test_nats_leave_out_what_an_event_has_not():
    """The pedal and the end have neither velocity nor duration, and padding has nothing at all."""
    events = np.array(
        [[[3, 40, 5, 6], [3, PITCHES, NO_VELOCITY, NO_DURATION], [3, END, NO_VELOCITY, NO_DURATION], [-1] * 4]]
    )
    uniform = [np.zeros((1, 4, size), dtype=np.float32) for size in SIZES]
    nats = np.asarray(negative_log_likelihood(uniform, events.astype(np.int32)))
    times, keys, velocities, _ = np.log(SIZES)
    wanted = [[times, keys, velocities, times], [times, keys, 0, 0], [times, keys, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(nats[0], wanted, rtol=1e-6)


def test_a_teacher_spreads_what_is_to_be_learnt():
    """A quarter of it what is true, the rest what the teacher holds likely; nothing for an attribute that the event has
    not."""
    generator = np.random.default_rng(0)
    events = np.stack([generator.integers(1, size - 4, (1, 6)) for size in SIZES], axis=-1).astype(np.int32)
    events[0, 0] = [3, PITCHES, NO_VELOCITY, NO_DURATION]
    logits = [generator.normal(size=(1, 6, size)).astype(np.float32) for size in SIZES]
    taught = [generator.dirichlet(np.ones(size), (1, 6)).astype(np.float32) for size in SIZES]
    nats = np.asarray(negative_log_likelihood(logits, events, taught, teacher_weight=0.75))
    true = np.asarray(negative_log_likelihood(logits, events))
    for attribute, (scores, said) in enumerate(zip(logits, taught, strict=True)):
        expected = 0.25 * true[..., attribute] - 0.75 * (said * np.asarray(ops.log_softmax(scores))).sum(axis=-1)
        applies = np.array([[attribute < 2, *[True] * 5]])
        np.testing.assert_allclose(nats[..., attribute], np.where(applies, expected, 0), rtol=1e-4)


def test_soft_targets_are_the_mean_of_the_teachers():
    """Of their probabilities, not of their logits, for each attribute; without teachers there are none."""
    sure, unsure = np.log(np.float32([[0.9, 0.1]])), np.log(np.float32([[0.5, 0.5]]))
    keys, velocities = soft_targets([[sure, unsure], [unsure, unsure]])
    np.testing.assert_allclose(keys, [[0.7, 0.3]], rtol=1e-6)
    np.testing.assert_allclose(velocities, [[0.5, 0.5]], rtol=1e-6)
    assert soft_targets([]) is None
