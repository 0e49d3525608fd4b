"""Steps of training on TensorFlow: the way for processors. Windows are cut by NumPy, the next ones meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from training.loss import losses_of, soft_targets
from training.steps import Student, Teacher
from training.windows import Windows


class TensorFlowSteps:
    """See `training.steps.Steps`. The students' variables are those that are trained."""

    def __init__(
        self,
        students: Sequence[Student],
        teachers: Sequence[Teacher],
        windows: Windows,
        teacher_weight: float,
        jit: bool = False,
    ) -> None:
        self.students, self.teachers, self.windows, self.teacher_weight = students, teachers, windows, teacher_weight
        self._step = tf.function(self._train, jit_compile=jit, autograph=False)
        self._pool = ThreadPoolExecutor(1)
        self._ahead: dict[int, Future[dict[str, np.ndarray]]] = {}

    def run(self, position: int, rates: np.ndarray) -> np.ndarray:
        losses = []
        for step, row in enumerate(rates):
            batch = self._batch(position + step)
            for student, rate in zip(self.students, row, strict=True):
                student.optimizer.learning_rate = rate
            losses.append(self._step(batch))
        return np.array(losses)

    def publish(self) -> None: ...

    def restore(self) -> None: ...

    def _batch(self, position: int) -> dict[str, np.ndarray]:
        """The batch at a position; the next one is made while this one is trained on."""
        now = self._ahead.pop(position, None)
        batch = now.result() if now else self.windows.batch(position)
        self._ahead = {position + 1: self._pool.submit(self.windows.batch, position + 1)}
        return batch

    def _train(self, batch: dict[str, Any]) -> list[Any]:
        logits = [teacher.network(teacher.inputs(batch), training=False) for teacher in self.teachers]
        targets = soft_targets(logits)
        return [self._train_student(student, batch, targets) for student in self.students]

    def _train_student(self, student: Student, batch: dict[str, Any], targets: Sequence[Any] | None) -> Any:
        variables = student.network.trainable_variables
        with tf.GradientTape() as tape:
            logits = student.network(batch, training=True)
            loss, plain = losses_of(logits, batch["following"], targets, self.teacher_weight)
        student.optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
        return plain
