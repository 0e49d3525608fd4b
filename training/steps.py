"""Steps of training: one definition of the loss and of a student, and of the door to what takes steps on a backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from core.performance.events import KEY
from core.performance.model import PerformanceModel, Tensor, negative_log_likelihood
from training.windows import Windows

TEACHER_WEIGHT = 0.85
"""How much of a student's loss is the negative log-likelihood under its teachers' probabilities; the rest is under what
the pianist played."""


@dataclass(frozen=True, slots=True)
class Student:
    """A network that is trained, with its optimiser."""

    network: PerformanceModel
    optimizer: keras.optimizers.Optimizer

    def __post_init__(self) -> None:
        self.optimizer.build(self.network.trainable_variables)

    @property
    def variables(self) -> list[Any]:
        """All that a step changes, and all that it does not."""
        return [*self.network.variables, *self.optimizer.variables]


@dataclass(frozen=True, slots=True)
class Teacher:
    """A trained network, whose `styles` has for each style of the students the index of its own, 0 where it knows it
    not."""

    network: PerformanceModel
    styles: tuple[int, ...]

    @classmethod
    def of(cls, network: PerformanceModel, styles: Sequence[str]) -> Teacher:
        known = network.config.styles
        return cls(network, tuple(known.index(style) if style in known else 0 for style in styles))

    def inputs(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The batch as the teacher reads it."""
        return batch | {"style": ops.take(ops.convert_to_tensor(self.styles, "int32"), batch["style"])}


class Steps(Protocol):
    """Takes steps of training, all students on the same windows."""

    def run(self, position: int, rates: np.ndarray) -> np.ndarray:
        """Train on the batches from `position` on, one for each row of learning rates, (steps, students). Returns the
        losses, of the same shape."""

    def publish(self) -> None:
        """Make the students' variables hold what was trained."""

    def restore(self) -> None:
        """Go on from the students' variables."""


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


def steps_for(
    students: Sequence[Student],
    teachers: Sequence[Teacher],
    windows: Windows,
    teacher_weight: float = TEACHER_WEIGHT,
    jit: bool = False,
) -> Steps:
    """What trains these students on the backend that there is. `jit` compiles TensorFlow's step by XLA."""
    if keras.backend.backend() == "jax":
        from training.steps_jax import JaxSteps

        return JaxSteps(students, teachers, windows, teacher_weight)
    from training.steps_tensorflow import TensorFlowSteps

    return TensorFlowSteps(students, teachers, windows, teacher_weight, jit)
