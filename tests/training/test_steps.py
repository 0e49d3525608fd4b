"""training/steps.py: both backends take the same steps, and a student comes near its teacher."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from core.performance.architecture import PerformanceConfig
from core.performance.model import built
from tests.support import training_steps
from tests.support.training_steps import STEPS, random_piece
from training.loss import losses_of, soft_targets
from training.optimizer import BatchedMuon, optimizer_of
from training.steps import Student, Teacher, steps_for
from training.windows import TrainingPiece, Variation, Windows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weights before and after the same steps of training, on TensorFlow and, in a process of its own, on JAX."""
    folder = tmp_path_factory.mktemp("steps")
    training_steps.begin(folder / "begin.npz")
    command = [sys.executable, "-m", "tests.support.training_steps", folder / "begin.npz", folder / "jax.npz"]
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    with subprocess.Popen(command, env=environment) as process:
        training_steps.train(folder / "begin.npz", folder / "tensorflow.npz")
    assert process.returncode == 0
    return folder


def test_jax_and_tensorflow_train_alike(folder):
    """From the same weights, the same steps end in the same losses and weights, but for a fiftieth of how far those
    moved: two students at once, one of which recalls, taught by a teacher, on windows that each backend cuts for
    itself."""
    with (
        np.load(folder / "begin.npz") as begin,
        np.load(folder / "tensorflow.npz") as one,
        np.load(folder / "jax.npz") as other,
    ):
        assert one["losses"].shape == (STEPS, 2)
        np.testing.assert_allclose(one["losses"], other["losses"], rtol=1e-4)
        for name in begin.files[1:]:
            moved, apart = np.abs(one[name] - begin[name]).mean(), np.abs(one[name] - other[name]).mean()
            is_student = name[0] in "01"
            assert (moved > 0) == is_student, name
            assert apart <= 0.02 * moved, name


def test_a_student_comes_near_its_teacher():
    """Taught by it alone, on music without any order, its probabilities become more like those of the teacher."""
    student, _, network = training_steps.networks()
    for weight in network.trainable_variables:
        weight.assign(np.asarray(weight) + 0.1)
    teacher = Teacher.of(network, training_steps.STYLES)
    windows = Windows([TrainingPiece(random_piece(200, seed=1), 0)], 16, 8, Variation(), 0.0, seed=1)
    batch = windows.batch(0)
    targets = soft_targets([network(teacher.inputs(batch))])

    def distance():
        return float(losses_of(student(batch), batch["following"], targets, teacher_weight=1.0)[0])

    before = distance()
    trained = Student(student, optimizer_of(0.02, adam_ratio=0.5, weight_decay=0.0))
    steps_for([trained], [teacher], windows, teacher_weight=1.0).run(0, np.full((20, 1), 0.02))
    assert distance() < before - 1


def test_a_teacher_reads_a_style_by_its_own_number():
    """And without one that it does not know: `pop` is its third style, the students' second."""
    network = built(PerformanceConfig(styles=("any", "Bach", "pop"), **training_steps.SIZES[0]))
    teacher = Teacher.of(network, ("any", "pop", "Czerny"))
    batch = {"style": np.array([0, 1, 2], dtype=np.int32), "events": "as they are"}
    inputs = teacher.inputs(batch)
    assert np.asarray(inputs["style"]).tolist() == [0, 2, 0]
    assert inputs["events"] == "as they are"


def test_muon_by_shapes_is_keras_muon():
    """Matrices of one shape are orthogonalised at once, with the same result; vectors and embeddings go to AdamW."""
    shapes = {"query": (4, 6), "key": (4, 6), "up": (6, 4), "embedding": (5, 4), "norm": (4,)}
    options = {"weight_decay": 0.05, "adam_weight_decay": 0.05, "adam_lr_ratio": 0.5, "global_clipnorm": 1.0}
    results = []
    for kind in (keras.optimizers.Muon, BatchedMuon):
        generator = np.random.default_rng(1)
        begin = {name: generator.normal(size=shape) for name, shape in shapes.items()}
        variables = [keras.Variable(array, dtype="float32", name=name) for name, array in begin.items()]
        optimizer = kind(0.02, **options)
        for _ in range(3):
            gradients = [generator.normal(size=shape).astype(np.float32) for shape in shapes.values()]
            optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients], variables)
        results.append([np.asarray(variable) for variable in variables])
    for batched, one_by_one in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(batched, one_by_one, rtol=1e-5, atol=1e-6)
