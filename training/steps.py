"""Steps of training: students and teachers, and the choice of what takes steps on the backend that there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from core.performance.model import PerformanceModel
from training.loss import TEACHER_WEIGHT
from training.windows import Windows


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


def steps_for(
    students: Sequence[Student],
    teachers: Sequence[Teacher],
    windows: Windows,
    teacher_weight: float = TEACHER_WEIGHT,
    jit: bool = False,
) -> Steps:
    """The steps that train these students on the backend that there is. `jit` compiles TensorFlow's step by XLA."""
    if keras.backend.backend() == "jax":
        from training.steps_jax import JaxSteps

        return JaxSteps(students, teachers, windows, teacher_weight)
    from training.steps_tensorflow import TensorFlowSteps

    return TensorFlowSteps(students, teachers, windows, teacher_weight, jit)
