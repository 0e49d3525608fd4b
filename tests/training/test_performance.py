import json
import os
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from pretty_midi import Note

from core.checkpoint import Checkpoint
from core.errors import BadData
from core.performance.composer import MODEL, PerformanceComposer, network_of
from core.performance.events import END, KEY, PEDAL_DOWN, START, encode
from core.request import ComposeRequest
from core.seed import Seed
from tests.support.music import piano
from tests.support.tiny_performance import STYLES, make_performance_checkpoint
from training import performance
from training.calibration import TEMPERATURES, calibrate
from training.data import of_split, read_folder
from training.evaluate import Scorer, evaluate, nats_per_note, score
from training.performance import Plan
from training.windows import FILLER, TrainingPiece, Variation, Windows, next_event_pairs, stretched, varied

SAME = Variation(down=0, up=0, stretch=0.0, loudness=0)
DROPOUT = ("--dropout", "0.1")


def piece_of(count, first_key=20):
    """`count` events: rising keys 0.1 s apart, and the end."""
    rows = [[10, first_key + step % 40, 64, 10] for step in range(count - 1)]
    return np.array([*rows, [10, END, 0, 0]], dtype=np.int32)


def test_the_window_at_a_position_is_always_the_same():
    """Whoever asks, in whatever order: so a run goes on as if it had never stopped."""
    pieces = [TrainingPiece(piece_of(count), style=1) for count in (50, 7, 130)]
    one, other = (Windows(pieces, 16, 2, Variation(), 0.5, seed=3) for _ in range(2))
    forwards = [one.batch(position) for position in range(20)]
    backwards = [other.batch(position) for position in reversed(range(20))][::-1]
    for (inputs, following), (again, same) in zip(forwards, backwards, strict=True):
        np.testing.assert_array_equal(following, same)
        np.testing.assert_array_equal(inputs["style"], again["style"])
    assert len({following.tobytes() for _, following in forwards}) == 20


def test_a_pass_reaches_all_pieces_and_their_ends():
    """Every piece has as many windows as it takes to hold it, and in a few passes each event was in one."""
    piece = piece_of(100)
    piece[:, 2] = 1 + np.arange(100)
    windows = Windows([TrainingPiece(piece, style=0)], 16, 1, SAME, 0.0, seed=1)
    assert len(windows) == 7
    velocities = {int(row[2]) for position in range(70) for row in windows.batch(position)[1][0] if row[KEY] != END}
    assert velocities == {velocity // 4 for velocity in range(1, 100)}


def test_a_share_of_a_folder_is_in_each_pass():
    """Of 10 windows at a share of 0.3 three are drawn, others in another pass."""
    pieces = [TrainingPiece(piece_of(16), 0), TrainingPiece(piece_of(160), 1, share=0.3)]
    windows = Windows(pieces, 16, 1, SAME, 0.0, seed=1)
    assert len(windows) == 4
    styles = [windows.batch(position)[0]["style"].tolist() for position in range(4)]
    assert sorted(styles) == [[0], [1], [1], [1]]


def test_short_pieces_share_the_room_of_long_ones():
    """In batches of their own, of shorter windows, so that there is little filler; what is missing in the last one is
    taken from the first."""
    pieces = [TrainingPiece(piece_of(count), style=0) for count in (64, 64, 20, 30, 17, 9, 5)]
    windows = Windows(pieces, 64, 1, SAME, 1.0, seed=1, shortest=16)
    shapes = sorted(windows.batch(position)[1].shape[:2] for position in range(len(windows)))
    assert shapes == [(1, 64), (1, 64), (2, 32), (2, 32), (4, 16)]
    filler = [(windows.batch(position)[1][:, :, KEY] == FILLER).mean() for position in range(len(windows))]
    assert max(filler) < 0.6
    few = [TrainingPiece(piece_of(64), style=0), TrainingPiece(piece_of(9), style=0, share=0.2)]
    assert len(Windows(few, 64, 1, SAME, 1.0, seed=1, shortest=16)) == 1  # none of the short one's windows is drawn


def test_teacher_forcing_sets_each_event_beside_the_next():
    """A piece shorter than its window begins with the start and is filled up with events that count for nothing."""
    windows = Windows([TrainingPiece(piece_of(5), style=2)], 8, 1, SAME, 0.0, seed=1)
    inputs, following = windows.batch(0)
    wanted = encode(piece_of(5))
    assert inputs["events"][0, 0, KEY] == START
    np.testing.assert_array_equal(inputs["events"][0, 1:5], wanted[:4])
    np.testing.assert_array_equal(following[0, :5], wanted)
    assert (following[0, 5:] == FILLER).all() and (inputs["events"] >= 0).all()
    assert inputs["style"].tolist() == [2]


def test_next_event_pairs():
    """(batch, length + 1, 4) -> inputs and targets, moved by one event."""
    windows = np.arange(24).reshape(1, 6, 4)
    events, following = next_event_pairs(windows)
    np.testing.assert_array_equal(events, windows[:, :-1])
    np.testing.assert_array_equal(following, windows[:, 1:])


def test_a_variation_stays_on_the_piano():
    """Transposed by no more than the keys reach; the pedal and the end stay what they are."""
    window = np.array([[10, 86, 64, 10], [10, 3, 64, 10], [10, END, 0, 0]])
    keys = {tuple(varied(window, Variation(), np.random.default_rng(seed))[:, KEY]) for seed in range(60)}
    assert keys == {(86 + step, 3 + step, END) for step in range(-3, 2)}


def test_a_variation_may_turn_the_keyboard_round():
    """What was low is high, at the same distances; the pedal and the end stay what they are."""
    window = np.array([[0, 30, 64, 10], [10, 34, 64, 10], [10, PEDAL_DOWN, 0, 0], [10, END, 0, 0]])
    variation = Variation(mirrored=0.5)
    keys = [varied(window, variation, np.random.default_rng(seed))[:, KEY] for seed in range(60)]
    assert all(each[2:].tolist() == [PEDAL_DOWN, END] for each in keys)
    turned = [each for each in keys if each[1] - each[0] == -4]
    assert {int(each[0]) for each in turned} <= set(range(52, 64))  # about 87 - 30
    assert 15 < len(turned) < 45 and len(turned) + sum(each[1] - each[0] == 4 for each in keys) == 60


def test_a_variation_moves_all_velocities_alike():
    """By a few steps up or down, within what MIDI holds; the pedal has none."""
    window = np.array([[0, 30, 64, 10], [10, 40, 2, 10], [10, PEDAL_DOWN, 0, 0], [10, 50, 126, 10]])
    moved = [varied(window, Variation(), np.random.default_rng(seed))[:, 2] for seed in range(200)]
    assert {int(velocities[0]) for velocities in moved} == set(range(56, 73))
    for velocities in moved:
        step = velocities[0] - 64
        assert velocities[1:].tolist() == [max(2 + step, 1), 0, min(126 + step, 127)]


def test_stretching_rounds_absolute_times():
    """100 shifts of 1 cell at 1.04 come to 104 cells; keys that come to share a cell are put in order."""
    window = np.array([[0, START, 0, 0]] + [[1, 40, 64, 1]] * 100)
    assert stretched(window, 1.04)[:, 0].sum() == 104
    together = stretched(np.array([[0, START, 0, 0], [3, 50, 64, 9], [1, 20, 64, 9]]), 0.5)
    assert together[1:, KEY].tolist() == [20, 50]
    assert together[1:, 0].tolist() == [2, 0]


def test_the_learning_rate_rises_and_falls():
    """Linearly to the peak, then as a cosine to nothing; a longer plan changes what is left."""
    plan = Plan(events=1000, warm_up=100, rate=0.01)
    assert plan.rate_at(0) == 0
    assert plan.rate_at(100) == pytest.approx(0.01, rel=0.03)
    assert plan.rate_at(500) == pytest.approx(0.005)
    assert plan.rate_at(1000) == pytest.approx(0)
    assert Plan(events=2000, warm_up=100, rate=0.01).rate_at(1000) == pytest.approx(0.005)


def write_studies(folder, splits, composer="Czerny", lowest=48):
    """Arpeggios up and down a chord, 0.2 s a note, in MAESTRO's layout: one file a split that is named, each a semitone
    above the one before."""
    lines = ["canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration"]
    for number, split in enumerate(splits):
        chord = [lowest + number + step for step in (0, 4, 7, 12, 7, 4)]
        notes = [Note(66, chord[step % 6], step / 5, step / 5 + 0.18) for step in range(150)]
        piano(*notes).write(str(folder / f"{number}.mid"))
        lines.append(f"{composer},Study {number},{split},1830,{number}.mid,,30")
    (folder / "made-up.csv").write_text("\n".join(lines) + "\n")
    return folder


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
    pitches = [note.pitch for note in composer.compose(request).instruments[0].notes]
    assert pitches[0] == 60 and len(pitches) > 10
    assert np.mean([40 <= pitch <= 75 for pitch in pitches]) > 0.8
    shutil.copytree(whole, tmp_path / "run")
    performance.main(arguments(data, tmp_path / "run", 8_000, *DROPOUT))
    history = [json.loads(line) for line in (tmp_path / "run/history.jsonl").read_text().splitlines()]
    assert [entry["events"] for entry in history] == [6_016, 8_064]
    with pytest.raises(BadData, match="another network"):
        performance.main([*arguments(data, tmp_path / "run", 50_000), "--preset", "small"])


def started(arguments, **environment):
    """The command of training, in a process of its own."""
    command = [sys.executable, "-m", "training.performance", *arguments, "--save-seconds", "0"]
    return subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.PIPE, text=True)


def wait_for_state(process, run):
    """Until the run has saved its first step."""
    while not (run / "state.npz").exists() and process.poll() is None:
        time.sleep(0.01)


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


def test_it_learns_from_teachers(data, whole, tmp_path):
    """From nothing it comes near its teachers sooner than without them; they are no part of it."""
    figures = {}
    for name, more in (("alone", ()), ("taught", ("--teachers", *[str(whole / "checkpoint")] * 2))):
        performance.main(arguments(data, tmp_path / name, 2_000, *more))
        config = json.loads((tmp_path / name / "checkpoint/config.json").read_text())
        figures[name] = config["figures"]["validation"]["nats_per_note"]
        assert config["parameters"] == json.loads((whole / "checkpoint/config.json").read_text())["parameters"]
    assert figures["taught"] < figures["alone"]


def test_a_teacher_reads_a_style_by_its_own_number(tmp_path):
    """And without one that it does not know: `pop` is its third style, the pupil's second."""
    teacher = network_of(Checkpoint(make_performance_checkpoint(tmp_path / "tiny"), MODEL))
    taught = performance.taught_by([teacher, teacher], ("any", "pop", "Czerny"))
    events = encode(piece_of(8)).astype(np.int32)[None]
    inputs = {"events": events, "following": events}
    for pupils, teachers in [(0, 0), (1, STYLES.index("pop")), (2, 0)]:
        said = taught(inputs | {"style": np.array([pupils], dtype=np.int32)})
        logits = teacher(inputs | {"style": np.array([teachers], dtype=np.int32)})
        for probabilities, scores in zip(said, logits, strict=True):
            np.testing.assert_allclose(np.asarray(probabilities), np.asarray(keras.ops.softmax(scores)), rtol=1e-5)


def test_calibration_finds_how_sure_the_network_may_be(tmp_path):
    """A network that is four times as sure as it was is made as unsure as is tried, and predicts better for it."""
    pieces = [piece_of(200)]
    network = network_of(Checkpoint(make_performance_checkpoint(tmp_path / "tiny"), MODEL))
    for head in network.output_heads:
        head.output_dense.set_weights([4 * array for array in head.output_dense.get_weights()])
    before = [head.output_dense.get_weights()[0] for head in network.output_heads]
    figure = nats_per_note(pieces, score(Scorer(network), pieces, [0], 64))["nats_per_note"]
    temperatures = calibrate(network, pieces)
    assert nats_per_note(pieces, score(Scorer(network), pieces, [0], 64))["nats_per_note"] < figure
    assert max(temperatures) == max(TEMPERATURES)
    for head, array, temperature in zip(network.output_heads, before, temperatures, strict=True):
        np.testing.assert_allclose(head.output_dense.get_weights()[0], array / temperature, rtol=1e-3, atol=1e-6)


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
            [*arguments(data, run, 2_000), "--check-events", "128"],
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
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0", "cpu:1", "cpu:2"])
    with pytest.raises(BadData, match="3 devices cannot share a batch of 8 windows equally"):
        performance.spread(8)


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
                assert "embedding_style" in name and len(after[name]) == rows + 1
                np.testing.assert_array_equal(after[name][rows], before[name][0])
    recordings = of_split(read_folder(data), "validation")
    figures = evaluate(trained, recordings, "any", tmp_path / "cache")
    assert begun.config["figures"]["validation"]["by_attribute"] == pytest.approx(figures["by_attribute"], rel=1e-4)


def test_what_recalls_is_trained_alone(data, tmp_path):
    """A block more recalls than in the checkpoint, which changes nothing at first; then what recalls is all that
    changes. Windows are longer than what the network attends to, and the keyboard is turned round in some."""
    folder = make_performance_checkpoint(tmp_path / "trained")
    begin = [
        "--length",
        "128",
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
    for events in (0, 1_000):
        run = tmp_path / str(events)
        performance.main(arguments(data, run, events, *begin, network=("--start-from", str(folder))))
        checkpoints.append(Checkpoint(run / "checkpoint", MODEL))
    figures = [each.config["figures"]["validation"]["nats_per_note"] for each in checkpoints]
    recordings = of_split(read_folder(data), "validation")
    before = evaluate(Checkpoint(folder, MODEL), recordings, "any", tmp_path / "cache")["nats_per_note"]
    assert figures[0] == pytest.approx(before, rel=1e-4)
    assert figures[1] < before - 0.01
    with np.load(folder / "weights.npz") as old, np.load(tmp_path / "1000/checkpoint/weights.npz") as new:
        assert any("recall_1" in name for name in set(new.files) - set(old.files))
        for name in old.files:
            same = np.array_equal(new[name][: len(old[name])], old[name])
            assert same or "recall" in name
        assert not np.array_equal(*(each["performance/recall_2/value_projection/kernel"] for each in (old, new)))
    with pytest.raises(BadData, match="has no layers that recall"):
        performance.main(arguments(data, tmp_path / "none", 1_000, "--only-recalls"))


def test_held_out_music_is_left_out(data, tmp_path, capsys):
    """Wherever it comes from: another folder's training pieces are the first one's validation piece, and one more."""
    more = tmp_path / "more"
    more.mkdir()
    write_studies(more, ["train", "train"], composer="Hanon", lowest=53)
    pieces, styles = performance.read_training([data, more], [1.0, 0.5], tmp_path / "cache")
    assert "1 training pieces left out" in capsys.readouterr().out
    assert styles == ("any", "Czerny", "Hanon")
    assert [(piece.style, piece.share) for piece in pieces] == [(1, 1.0)] * 5 + [(2, 0.5)]
    only = tmp_path / "only"
    only.mkdir()
    write_studies(only, ["train"], lowest=53)
    (only / "1.mid").write_bytes((only / "0.mid").read_bytes())
    with (only / "made-up.csv").open("a") as rows:
        rows.write("Czerny,Study 0,test,1830,1.mid,,30\n")
    with pytest.raises(BadData, match="no training piece is left"):
        performance.read_training([only], [1.0], tmp_path / "cache")
