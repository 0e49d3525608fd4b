"""training/performance.py: a run learns, goes on where it was killed, and starts from a checkpoint."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from core.checkpoint import Checkpoint
from core.errors import BadData
from core.performance.composer import MODEL, PerformanceComposer
from core.request import ComposeRequest
from core.seed import Seed
from tests.support.studies import write_studies
from tests.support.tiny_performance import STYLES, make_performance_checkpoint
from training import performance
from training.data import of_split, read_folder
from training.evaluate import evaluate

DROPOUT = ("--dropout", "0.1")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_studies(tmp_path_factory.mktemp("data"), [*["train"] * 5, "validation"])


def arguments(data, run, events, *more, network=("--preset", "tiny")):
    """Of a run that takes a second or two once it is compiled."""
    plan = [*network, "--length", "32", "--batch", "4", "--warm-up", "1000", "--rate", "0.02"]
    where = ["--data", str(data), "--run", str(run), "--cache", str(run.parent / "cache")]
    return [
        *where,
        *plan,
        "--events",
        str(events),
        "--check-events",
        "100000",
        "--check-size",
        "300",
        *more,
    ]


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """The folder of a run that was left alone. Most of its time is that of its beginning, whatever it trains."""
    run = tmp_path_factory.mktemp("whole") / "run"
    performance.main(arguments(data, run, 6_000, *DROPOUT))
    return run


def test_a_tiny_model_learns_and_composes(data, whole, tmp_path):
    """On arpeggios the figure falls far below that of a fresh network, and what it composes stays in their keys;
    started again with a longer plan it goes on; another network's folder is refused."""
    config = json.loads((whole / "checkpoint/config.json").read_text())
    assert config["figures"]["validation"]["nats_per_note"] < 6  # a fresh network: 18
    composer = PerformanceComposer.load(whole / "checkpoint", slots=2)
    assert composer.styles == ("any", "Czerny")
    request = ComposeRequest(Seed.parse("60"), take=1, length=50, model="performance", style="Czerny", temperature=0.5)
    pitches = [note.pitch for note in composer.compose(request).music.instruments[0].notes]
    assert pitches[0] == 60
    assert len(pitches) > 10
    assert np.mean([40 <= pitch <= 75 for pitch in pitches]) > 0.8
    shutil.copytree(whole, tmp_path / "run")
    performance.main(arguments(data, tmp_path / "run", 8_000, *DROPOUT))
    history = [json.loads(line) for line in (tmp_path / "run/history.jsonl").read_text().splitlines()]
    assert [entry["events"] for entry in history] == [6_016, 8_064]
    assert {entry["network"] for entry in history} == {"performance"}
    with pytest.raises(BadData, match="another network"):
        performance.main([*arguments(data, tmp_path / "run", 50_000), "--preset", "small"])


def test_the_figures_are_those_of_the_checkpoint(data, whole, tmp_path):
    """A trained network is calibrated and measured as it will be loaded: matrices in 8 bits, all else in float16."""
    checkpoint = Checkpoint(whole / "checkpoint", MODEL)
    figures = evaluate(checkpoint, of_split(read_folder(data), "validation"), "any", tmp_path / "cache")
    measured = checkpoint.config["figures"]["validation"]["by_attribute"]
    assert measured == pytest.approx(figures["by_attribute"], rel=1e-6)


def started(arguments, **environment):
    """The command of training, in a process of its own."""
    command = [sys.executable, "-m", "training.performance", *arguments, "--save-seconds", "0"]
    return subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.PIPE, text=True)


def wait_for_state(process, run):
    """Until the run has saved its first step."""
    while not (run / "state.npz").exists() and process.poll() is None:
        time.sleep(0.01)


@pytest.mark.long
def test_a_killed_run_goes_on_exactly_where_it_was(data, whole, tmp_path):
    """kill -9 in the middle, then started again: the very weights of a run that was left alone, dropout and all."""
    with started(arguments(data, tmp_path / "killed", 6_000, *DROPOUT)) as process:
        wait_for_state(process, tmp_path / "killed")
        process.kill()
    assert process.returncode == -signal.SIGKILL
    with np.load(tmp_path / "killed/state.npz") as state:
        assert 0 < int(state["position"]) * 32 < 6_000
    performance.main(arguments(data, tmp_path / "killed", 6_000, *DROPOUT))
    assert Checkpoint(tmp_path / "killed/checkpoint", MODEL).architecture["dropout"] == 0.1
    weights = []
    for run in (tmp_path / "killed", whole):
        with np.load(run / "checkpoint/weights.npz") as arrays:
            weights.append({name: arrays[name] for name in arrays.files})
    for name, array in weights[0].items():
        np.testing.assert_array_equal(array, weights[1][name])


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_two_devices_go_on_as_one(data, tmp_path):
    """With JAX, each batch shared between two devices: from a state that one device saved they go on with its losses,
    step by step, but for rounding. The devices are virtual, of one processor."""
    (tmp_path / "2").mkdir()
    losses = {}
    for devices in (1, 2):
        run = tmp_path / str(devices)
        process = started(
            [*arguments(data, run, 2_000), "--check-events", "128", "--steps-per-call", "1"],
            KERAS_BACKEND="jax",
            JAX_PLATFORMS="cpu",
            XLA_FLAGS=f"--xla_force_host_platform_device_count={devices}",
        )
        if devices == 1:
            wait_for_state(process, run)
            shutil.copy(run / "state.npz", tmp_path / "2")
        output, _ = process.communicate()
        assert process.returncode == 0
        assert f"devices: {devices}" in output
        history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
        assert [entry["events"] for entry in history] == list(range(128, 2_049, 128))
        losses[devices] = [(entry["loss"], entry["validation"]) for entry in history]
    np.testing.assert_allclose(losses[2], losses[1], rtol=1e-3)
    assert losses[2] != losses[1]  # the second run did work of its own
    assert losses[1][-1][0] < 0.7 * losses[1][0][0]


def test_devices_share_a_batch_equally_or_say_no(monkeypatch):
    """Rather than a traceback from within JAX."""
    monkeypatch.setattr(performance, "devices", lambda: 3)
    with pytest.raises(BadData, match="3 devices cannot share a batch of 8 windows equally"):
        performance.share_equally(8)


def test_it_starts_from_a_checkpoint(data, tmp_path):
    """Before the first step it is that checkpoint: the same weights, the same figure. The styles keep their places; a
    new one is added behind them and begins as `any`."""
    folder = make_performance_checkpoint(tmp_path / "trained")
    trained = Checkpoint(folder, MODEL)
    performance.main(arguments(data, tmp_path / "run", 0, "--no-calibrate", network=("--start-from", str(folder))))
    begun = Checkpoint(tmp_path / "run/checkpoint", MODEL)
    assert begun.architecture["styles"] == [*STYLES, "Czerny"]
    with np.load(folder / "weights.npz") as before, np.load(tmp_path / "run/checkpoint/weights.npz") as after:
        assert before.files == after.files
        for name in before.files:
            rows = len(before[name])
            np.testing.assert_array_equal(after[name][:rows], before[name])
            if len(after[name]) > rows:
                assert "embedding_style" in name
                assert len(after[name]) == rows + 1
                np.testing.assert_array_equal(after[name][rows], before[name][0])
    recordings = of_split(read_folder(data), "validation")
    figures = evaluate(trained, recordings, "any", tmp_path / "cache")
    assert begun.config["figures"]["validation"]["by_attribute"] == pytest.approx(figures["by_attribute"], rel=1e-4)


def test_what_recalls_is_trained_alone(data, tmp_path):
    """A block more recalls than in the checkpoint, which changes nothing at first; then what recalls is all that
    changes. Windows are longer than what the network attends to, and the keyboard is turned round in some."""
    folder, data = make_performance_checkpoint(tmp_path / "trained"), tmp_path / "long"
    data.mkdir()
    write_studies(data, ["train", "validation"], notes=400)
    begin = [
        "--length",
        "384",
        "--batch",
        "1",
        "--recalls",
        "2",
        "--only-recalls",
        "--mirrored",
        "0.5",
        "--no-calibrate",
    ]
    checkpoints = []
    for events in (0, 3_000):
        run = tmp_path / str(events)
        performance.main(arguments(data, run, events, *begin, network=("--start-from", str(folder))))
        checkpoints.append(Checkpoint(run / "checkpoint", MODEL))
    figures = [each.config["figures"]["validation"]["nats_per_note"] for each in checkpoints]
    recordings = of_split(read_folder(data), "validation")
    before = evaluate(Checkpoint(folder, MODEL), recordings, "any", tmp_path / "cache")["nats_per_note"]
    assert figures[0] == pytest.approx(before, rel=1e-4)
    assert figures[1] < before - 0.005
    with np.load(folder / "weights.npz") as old, np.load(tmp_path / "3000/checkpoint/weights.npz") as new:
        assert any("recall_1" in name for name in set(new.files) - set(old.files))
        for name in old.files:
            same = np.array_equal(new[name][: len(old[name])], old[name])
            assert same or "recall" in name
        assert not np.array_equal(*(each["performance/recall_2/value_projection/kernel"] for each in (old, new)))
    with pytest.raises(BadData, match="has no layers that recall"):
        performance.main(arguments(data, tmp_path / "none", 1_000, "--only-recalls"))
