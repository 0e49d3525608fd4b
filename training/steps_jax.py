"""Steps of training on JAX: the way for GPUs. The pieces lie on the device; a call takes many steps, between which the
host does nothing, and cuts their windows there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from training.loss import losses_of, soft_targets
from training.steps import Student, Teacher
from training.windows import Draws, PackedPieces, Windows, batch_of


class StudentState(NamedTuple):
    """The values of a student's variables."""

    trainable: list[Any]
    frozen: list[Any]
    optimizer: list[Any]


class JaxSteps:
    """See `training.steps.Steps`. Where JAX has several devices, each batch is shared among all."""

    def __init__(
        self, students: Sequence[Student], teachers: Sequence[Teacher], windows: Windows, teacher_weight: float
    ) -> None:
        self.students, self.teachers, self.windows, self.teacher_weight = students, teachers, windows, teacher_weight
        mesh = Mesh(np.array(jax.devices()), ("batch",))
        self._whole, self._shared = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ((), ("batch",)))
        self._packed = self._on_device(windows.packed)
        self._teachers = self._on_device([_values_of(teacher.network) for teacher in teachers])
        self._call = jax.jit(self._many, static_argnames="length", donate_argnums=0)
        self.restore()

    def _on_device(self, arrays: Any) -> Any:
        return jax.device_put(arrays, self._whole)

    def restore(self) -> None:
        states = [
            StudentState(*_values_of(student.network), [variable.value for variable in student.optimizer.variables])
            for student in self.students
        ]
        # copied, for a call overwrites the state that it is given
        self._states = jax.tree.map(jnp.copy, self._on_device(states))

    def publish(self) -> None:
        for student, state in zip(self.students, jax.tree.map(jnp.copy, self._states), strict=True):
            network = student.network
            variables = [*network.trainable_variables, *network.non_trainable_variables, *student.optimizer.variables]
            values = [*state.trainable, *state.frozen, *state.optimizer]
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

    def run(self, position: int, rates: np.ndarray) -> np.ndarray:
        lengths, draws = zip(*(self.windows.draws(position + step) for step in range(len(rates))), strict=True)
        if len(set(lengths)) > 1:
            raise ValueError("all windows of a call are of one length")
        stacked = Draws(*(np.stack(arrays) for arrays in zip(*draws, strict=True)))
        rows = rates.astype(np.float32)
        self._states, losses = self._call(
            self._states, self._teachers, self._packed, (stacked, rows), length=lengths[0]
        )
        return np.asarray(losses)

    def _many(
        self, states: list[StudentState], teachers: Any, packed: PackedPieces, steps: tuple[Draws, Any], length: int
    ) -> tuple[list[StudentState], Any]:
        """As many steps as there are draws and learning rates, one after another."""

        def step(states: list[StudentState], chosen: tuple[Draws, Any]) -> tuple[list[StudentState], Any]:
            batch = batch_of(packed, chosen[0], length, self.windows.variation, jnp)
            return self.step(states, teachers, jax.lax.with_sharding_constraint(batch, self._shared), chosen[1])

        return jax.lax.scan(step, states, steps)

    def step(
        self, states: Sequence[StudentState], teachers: Sequence[Any], batch: dict[str, Any], rates: Any
    ) -> tuple[list[StudentState], Any]:
        """One step of all students on a batch: their new states, and their losses, (students,)."""
        targets = soft_targets(
            [
                teacher.network.stateless_call(*values, teacher.inputs(batch), training=False)[0]
                for teacher, values in zip(self.teachers, teachers, strict=True)
            ]
        )
        trained = [
            self._train(student, state, batch, targets, rates[number])
            for number, (student, state) in enumerate(zip(self.students, states, strict=True))
        ]
        new, losses = zip(*trained, strict=True)
        return list(new), jnp.stack(losses)

    def _train(
        self, student: Student, state: StudentState, batch: dict[str, Any], targets: Any, rate: Any
    ) -> tuple[StudentState, Any]:
        def loss_of(trainable: list[Any]) -> tuple[Any, Any]:
            logits, frozen = student.network.stateless_call(trainable, state.frozen, batch, training=True)
            loss, plain = losses_of(logits, batch["following"], targets, self.teacher_weight)
            return loss, (plain, frozen)

        (_, (plain, frozen)), gradients = jax.value_and_grad(loss_of, has_aux=True)(state.trainable)
        optimizer = _with_rate(student, state.optimizer, rate)
        trainable, optimizer = student.optimizer.stateless_apply(optimizer, gradients, state.trainable)
        return StudentState(list(trainable), list(frozen), list(optimizer)), plain


def _values_of(network: Any) -> tuple[list[Any], list[Any]]:
    """The values of the variables that are trained, and of those that are not."""
    trainable, frozen = network.trainable_variables, network.non_trainable_variables
    return [variable.value for variable in trainable], [variable.value for variable in frozen]


def _with_rate(student: Student, values: Sequence[Any], rate: Any) -> list[Any]:
    """The values of the optimiser's variables with another learning rate."""
    places = [variable is student.optimizer._learning_rate for variable in student.optimizer.variables]
    return [jnp.asarray(rate, value.dtype) if place else value for place, value in zip(places, values, strict=True)]
