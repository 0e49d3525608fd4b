"""The optimiser of the performance networks: Muon for the matrices inside, AdamW for all else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

GRADIENT_CLIP_NORM = 1.0
"""The greatest norm of all gradients of a step together."""


class BatchedMuon(keras.optimizers.Muon):
    """Keras's Muon, which orthogonalises all momenta of one shape at once: a GPU takes one large product in less time
    than many small ones, and those in `orthogonalise_in`, `bfloat16`, in less still."""

    def __init__(self, *arguments: Any, orthogonalise_in: str = "float32", **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.orthogonalise_in = orthogonalise_in

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Sequence[Any], learning_rate: Any
    ) -> None:
        momenta: dict[tuple[int, ...], list[tuple[Any, Any]]] = {}
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            if self._should_use_adamw(variable):
                self.update_step(gradient, variable, learning_rate)
            else:
                momenta.setdefault(tuple(variable.shape), []).append((variable, self._momentum_of(gradient, variable)))
        for alike in momenta.values():
            self._orthogonal_step(alike, learning_rate)

    def _momentum_of(self, gradient: Any, variable: Any) -> Any:
        """Nesterov's momentum, once the gradient is added to what the optimiser keeps."""
        kept = self.momentums[self._get_variable_index(variable)]
        self.assign(kept, kept * self.momentum + gradient)
        return gradient + kept * self.momentum

    def _orthogonal_step(self, alike: Sequence[tuple[Any, Any]], learning_rate: Any) -> None:
        """Move variables of one shape along their momenta, made orthogonal."""
        stacked = ops.cast(ops.stack([momentum for _, momentum in alike]), self.orthogonalise_in)
        updates = ops.cast(self.zeropower_via_newtonschulz5(stacked, self.ns_steps), "float32")
        for number, (variable, _) in enumerate(alike):
            self.assign_sub(variable, self.lr_adjust(learning_rate * updates[number]))


def optimizer_of(peak_rate: float, adam_ratio: float, weight_decay: float, on_gpu: bool = False) -> BatchedMuon:
    """`adam_ratio` is how much lower AdamW's learning rate is."""
    return BatchedMuon(
        peak_rate,
        adam_lr_ratio=adam_ratio,
        weight_decay=weight_decay,
        adam_weight_decay=weight_decay,
        exclude_layers=["output"],
        global_clipnorm=GRADIENT_CLIP_NORM,
        orthogonalise_in="bfloat16" if on_gpu else "float32",
    )
