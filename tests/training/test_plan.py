"""training/plan.py: a plan is trained stage by stage, and goes on wherever it was killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from core import checkpoint
from core.errors import BadData
from core.performance.composer import PerformanceComposer
from core.request import ComposeRequest
from core.seed import Seed
from tests.support.studies import write_studies
from training import performance
from training.plan import NetworkPlan, Stage, read_plan
from training.run import Run

PLAN = """
styles = ["Czerny"]
about = "studies"

[[data]]
folder = "{data}"

[[data]]
folder = "{data}"
share = 0.5
clips = true

[[stages]]
name = "teach"
events = 1_024
batch = 4
length = 32
warm_up = 128
steps_per_call = 4
calibrate = false

[[stages.networks]]
name = "teacher"
width = 32
num_blocks = 1
num_query_heads = 2
num_kv_heads = 1
window = 192
dropout = 0.1
rate = 0.02

[[stages]]
name = "learn"
teachers = ["teacher"]
events = 512
batch = 4
length = 32
warm_up = 128
decay = "linear"
steps_per_call = 4

[[stages.networks]]
name = "small"
width = 16
num_blocks = 1
num_query_heads = 1
num_kv_heads = 1
window = 192
rate = 0.02

[[stages.networks]]
name = "base"
width = 24
num_blocks = 1
num_query_heads = 1
num_kv_heads = 1
window = 192
rate = 0.01

[[stages]]
name = "recall"
only_recalls = true
mirrored = 0.5
events = 512
batch = 2
length = 384
warm_up = 128
steps_per_call = 4

[[stages.networks]]
name = "small-recall"
start_from = "small"
num_recall_layers = 1
recall_length = 256
"""
NETWORKS = ("teacher", "small", "base", "small-recall")


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """The file of a plan: a teacher, two students at once, and the recall of one."""
    folder = tmp_path_factory.mktemp("plan")
    (folder / "data").mkdir()
    write_studies(folder / "data", [*["train"] * 3, "validation"], notes=400)
    (folder / "plan.toml").write_text(PLAN.format(data=folder / "data"))
    return folder / "plan.toml"


def arguments(plan, run):
    return ["--plan", str(plan), "--run", str(run), "--cache", str(plan.parent / "cache"), "--save-seconds", "0"]


@pytest.fixture(scope="module")
def whole(plan, tmp_path_factory):
    """The folder of a run of the plan that was left alone."""
    run = tmp_path_factory.mktemp("whole") / "run"
    performance.main(arguments(plan, run))
    return run


def weights_of(run, network):
    with np.load(run / "checkpoints" / network / "weights.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


def test_a_plan_makes_a_teacher_its_students_and_their_recall(whole):
    """Each network has a checkpoint that composes; the students are taught at once; recall alone changes what its
    network began with."""
    for network in NETWORKS:
        composer = PerformanceComposer.load(whole / "checkpoints" / network, slots=2)
        assert composer.styles == ("any", "Czerny")
    request = ComposeRequest(Seed.parse("60"), take=1, length=50, model="performance")
    assert composer.compose(request).music.instruments[0].notes
    history = [json.loads(line) for line in (whole / "learn/history.jsonl").read_text().splitlines()]
    assert [(entry["network"], entry["events"]) for entry in history] == [("small", 512), ("base", 512)]
    before, after = weights_of(whole, "small"), weights_of(whole, "small-recall")
    changed = {name for name, array in after.items() if not np.array_equal(before.get(name), array)}
    assert any("recall_1" in name for name in changed)
    # its outputs are calibrated a second time
    assert all("recall" in name or "output" in name for name in changed)


class Killed(BaseException):
    """In place of a signal: nothing catches it."""


def dies_once(function, after):
    """The function, which once dies behind its work of the call that is numbered `after`."""
    calls = iter(range(1, 1_000))

    def dying(*arguments, **options):
        result = function(*arguments, **options)
        if next(calls) == after:
            raise Killed
        return result

    return dying


@pytest.mark.long
def test_a_plan_goes_on_from_wherever_it_was_killed(plan, whole, tmp_path, monkeypatch):
    """In the middle of a stage, behind its last step, between the checkpoints of two students, and while one is
    written: started again, it ends with the very weights of a run that was left alone."""
    students = plan.parent / "students.toml"
    students.write_text(plan.read_text().split('[[stages]]\nname = "recall"')[0])
    for done in ("teach", "checkpoints/teacher"):
        shutil.copytree(whole / done, tmp_path / done)
    monkeypatch.setattr(Run, "save", dies_once(Run.save, after=2))
    with pytest.raises(Killed):
        performance.main(arguments(students, tmp_path))
    assert not (tmp_path / "checkpoints/small").exists()
    monkeypatch.undo()
    monkeypatch.setattr(checkpoint, "save", dies_once(checkpoint.save, after=1))
    with pytest.raises(Killed):
        performance.main(arguments(students, tmp_path))
    (tmp_path / "checkpoints/small/config.json").unlink()  # the last file of a checkpoint that is written
    monkeypatch.undo()
    performance.main(arguments(students, tmp_path))
    for network in ("small", "base"):
        for name, array in weights_of(tmp_path, network).items():
            np.testing.assert_array_equal(array, weights_of(whole, network)[name], err_msg=f"{network} {name}")


def test_stages_that_are_done_are_left_alone(plan, whole, monkeypatch):
    """Started once more, a plan that is done trains nothing; a stage that is changed goes on."""
    trained = []
    monkeypatch.setattr(performance, "_train", lambda plan, stage, *rest: trained.append(stage.name))
    performance.main(arguments(plan, whole))
    assert trained == []
    longer = plan.parent / "longer.toml"
    longer.write_text(plan.read_text().replace("events = 1_024", "events = 2_048"))
    performance.main(arguments(longer, whole))
    assert trained == ["teach"]


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_plan_goes_on_from_wherever_it_was_killed_on_jax(plan, tmp_path):
    """kill -9 once in each stage, then started again, with the loop for GPUs: the very weights of a run that was left
    alone."""
    plain = plan.parent / "uncalibrated.toml"
    stages = plan.read_text().replace("calibrate = false\n", "")
    plain.write_text(stages.replace("[[stages]]\n", "[[stages]]\ncalibrate = false\n"))
    # nearly all of the time goes into compiling: so little is optimised, and each program compiled once
    environment = os.environ | {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "programs"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }

    def started(run):
        command = [sys.executable, "-m", "training.performance", *arguments(plain, run)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    for stage in ("teach", "learn", "recall"):
        with started(tmp_path / "killed") as process:
            while not (tmp_path / "killed" / stage / "state.npz").exists() and process.poll() is None:
                time.sleep(0.01)
            process.kill()
        assert process.returncode == -signal.SIGKILL
    for run in ("killed", "whole"):
        with started(tmp_path / run) as process:
            assert process.wait() == 0
    for network in NETWORKS:
        for name, array in weights_of(tmp_path / "killed", network).items():
            np.testing.assert_array_equal(array, weights_of(tmp_path / "whole", network)[name])


def stage_of(**options):
    return Stage(name="stage", networks=(NetworkPlan(name="network"),), **options)


def test_the_learning_rate_rises_and_falls():
    """Linearly to the peak, then as a cosine to nothing; a longer plan changes what is left."""
    stage = stage_of(events=1000, warm_up=100)
    assert stage.rate_share(0) == 0
    assert stage.rate_share(100) == pytest.approx(1, rel=0.03)
    assert stage.rate_share(500) == pytest.approx(0.5)
    assert stage.rate_share(1000) == pytest.approx(0)
    assert stage_of(events=2000, warm_up=100).rate_share(1000) == pytest.approx(0.5)


def test_the_learning_rate_may_stay_and_fall_as_a_line():
    """At the peak for 40 % of the events, then to nothing at the last."""
    stage = stage_of(events=1000, warm_up=100, decay="linear")
    assert [stage.rate_share(events) for events in (50, 100, 400)] == [0.5, 1, 1]
    assert stage.rate_share(700) == pytest.approx(0.5)
    assert stage.rate_share(1000) == 0


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("events = 1_024", "event = 1_024", "stages.0.event: Extra inputs are not permitted"),
        ("share = 0.5", "share = 1.5", "data.1.share: Input should be less than or equal to 1"),
        ('name = "learn"', 'name = "teach"', "two stages are named 'teach'"),
        ('name = "base"', 'name = "small"', "two networks are named 'small'"),
        ('name = "base"', 'name = "../base"', "stages.1.networks.1.name: String should match pattern"),
        ("[[data]]", "[[data", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_plan_is_said(plan, tmp_path, before, after, sentence):
    """In one sentence that names the place, before anything is trained."""
    (tmp_path / "plan.toml").write_text(plan.read_text().replace(before, after))
    with pytest.raises(BadData) as error:
        read_plan(tmp_path / "plan.toml")
    assert sentence in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_the_shipped_plan_is_one():
    """It names the networks that are shipped, with their sizes."""
    plan = read_plan(Path("training/plans/shipped.toml"))
    assert [stage.name for stage in plan.stages] == ["teach", "learn", "recall-small", "recall-base"]
    assert {network.name for stage in plan.stages for network in stage.networks} >= {"teacher", "small", "base"}
