"""training/article.py: windows, a run that survives a kill, and a tiny model that learns and composes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from core.article.composer import ArticleComposer
from core.article.frames import midi_of, piano_roll, roll_of, words_of
from core.article.model import ArticleConfig
from core.article.tokenizer import Vocabulary
from core.request import ComposeRequest
from core.seed import Seed
from training import article
from training.article import Plan, Run, Windows, measure, windows_of

HARMONIES = [["60,64,67", "72"], ["57,60,64", "69"], ["55,59,62", "67"], ["53,57,60", "65"]]
"""Four harmonies, each of a chord and a note that belong together."""
WORDS = [word for harmony in HARMONIES for word in harmony]


def test_the_first_window_is_49_silences_and_the_first_word():
    """And its target is the second word; the last window's target is the last word; no window spans two pieces."""
    pieces = [np.array([1, 2, 3], dtype=np.int32), np.array([4, 5], dtype=np.int32)]
    words, starts = windows_of(pieces, silence=9)
    windows = [words[start : start + 51].tolist() for start in starts]
    assert windows == [[9] * 49 + [1, 2], [9] * 48 + [1, 2, 3], [9] * 49 + [4, 5]]


def test_a_smaller_last_batch_is_dropped():
    """25 windows in batches of 10 are two batches; each window comes at most once, beside its own next word."""
    windows = Windows([np.arange(26, dtype=np.int32)], silence=99, batch=10, generator=np.random.default_rng(0))
    batches = [windows[number] for number in range(len(windows))]
    assert [(inputs.shape, targets.shape) for inputs, targets in batches] == [((10, 50), (10,))] * 2
    for inputs, targets in batches:
        assert (inputs[:, -1] + 1 == targets).all()
    assert len(set(np.concatenate([targets for _, targets in batches]))) == 20


def pieces() -> list[np.ndarray]:
    """One piece of 60 frames in each harmony: chord and note take turns. Indices of `WORDS`, silence is 8."""
    return [np.tile(np.array([2 * number, 2 * number + 1], dtype=np.int32), 30) for number in range(4)]


def run_in(folder, epochs: int) -> Run:
    plan = Plan(files=4, epochs=epochs, group=2, batch=16)
    return Run(folder, plan, ArticleConfig(vocabulary=9, embedding=8, units=8, dense=8), 8, pieces())


def test_a_run_goes_on_exactly_where_it_was_left(tmp_path):
    """After one epoch its state goes on as another process's Run: the same weights as when it goes on itself, dropout
    included."""
    whole = run_in(tmp_path / "whole", epochs=1)
    whole.train()
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    whole.plan = replace(whole.plan, epochs=2)
    whole.train()
    resumed = run_in(tmp_path / "parts", epochs=2)
    assert len(resumed.history) == 2
    resumed.train()
    assert [entry["step"] for entry in resumed.history] == [entry["step"] for entry in whole.history]
    for one, other in zip(resumed.model.weights, whole.model.weights, strict=True):
        assert one.numpy() == pytest.approx(other.numpy(), abs=1e-5)


def test_unknown_words_count_in_the_share_and_not_in_the_loss(tmp_path):
    """A network that knows nothing gives every known word about 1/9; two of eight frames are unknown."""
    run = run_in(tmp_path, epochs=0)
    for weight in run.model.trainable_variables:
        weight.assign(np.zeros(weight.shape))
    figures = measure(run.model, Vocabulary([*WORDS, "e"]), [["72", "69", "61", "e", "e", "63", "67", "65"]])
    assert figures == {"known": 0.75, "nats": pytest.approx(np.log(9), abs=1e-4)}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder in MAESTRO's layout: a piece in each harmony to train on, one more to validate with."""
    folder = tmp_path_factory.mktemp("data")
    rows = ["canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration"]
    for number, piece in enumerate([*pieces(), pieces()[0]]):
        midi_of(roll_of([WORDS[index] for index in piece])).write(str(folder / f"{number}.mid"))
        rows.append(f"Nobody,Harmony {number},{'train' if number < 4 else 'validation'},2026,{number}.mid,,12")
    (folder / "harmonies.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_a_tiny_model_learns_harmonies_and_plays_them(data, tmp_path, monkeypatch):
    """From MIDI files to a checkpoint to a piece: the loss falls to less than half, and a piece that begins in a
    harmony stays in it."""
    small = {"embedding": 64, "units": 64, "dense": 64}  # learns in fewer steps, each of which takes its time
    monkeypatch.setattr(article, "ArticleConfig", lambda vocabulary: ArticleConfig(vocabulary, **small))
    folders = ["--data", str(data), "--run", str(tmp_path / "run"), "--cache", str(tmp_path / "cache")]
    article.main([*folders, "--epochs", "10", "--batch", "16", "--output", str(tmp_path / "article")])
    figures = json.loads((tmp_path / "article/config.json").read_text())["figures"]
    assert figures["training"][-1]["nats"] < figures["training"][0]["nats"] / 2
    assert figures["validation"]["known"] == 1
    assert figures["validation"]["nats"] < 1
    composer = ArticleComposer.load(tmp_path / "article")
    midi = composer.compose(ComposeRequest(Seed.parse("60,64,67 72"), take=1, length=60, temperature=0.5)).music
    composed = words_of(piano_roll(midi))
    assert sum(word in HARMONIES[0] for word in composed) > 0.8 * len(composed) > 20


@pytest.mark.long
def test_a_killed_run_goes_on(data, tmp_path):
    """kill -9 in the middle, started again: no group of files is trained twice, and the plan is finished."""
    command = [sys.executable, "-m", "training.article", "--data", data, "--run", tmp_path / "run"]
    command += ["--cache", tmp_path / "cache", "--group", "2", "--batch", "64", "--epochs", "3"]
    history = tmp_path / "run/history.jsonl"
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while not history.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    survived = history.read_text().splitlines()
    subprocess.run(command, check=True, capture_output=True, timeout=200)
    finished = history.read_text().splitlines()
    assert len(finished) == 6
    # the very last line may have been written just before the weights of its group
    assert finished[: len(survived) - 1] == survived[:-1]
    steps = [json.loads(line)["step"] for line in finished]
    assert np.diff([0, *steps]).tolist() == [steps[0], steps[1] - steps[0]] * 3
    assert (tmp_path / "run/checkpoint/config.json").exists()
