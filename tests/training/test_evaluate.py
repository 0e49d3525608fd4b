"""training/evaluate.py: each event is scored once, and generated pieces are compared with human ones."""

import json
from dataclasses import replace

import numpy as np
import pytest
from pretty_midi import Note

from core.errors import BadData
from core.performance.architecture import PerformanceConfig
from core.performance.composer import PerformanceComposer
from core.performance.events import END, PEDAL_DOWN, PEDAL_UP, PITCHES, SIZES, START, encode
from core.performance.model import built
from tests.support.music import piano
from tests.support.tiny_performance import make_performance_checkpoint
from training import evaluate, likeness
from training.evaluate import Scorer, nats_per_note, score

CONFIG = PerformanceConfig(width=16, num_blocks=1, num_query_heads=2, num_kv_heads=1, window=64)


def random_piece(notes, seed=0):
    """Moments of a piece in which some times are beyond the last bin."""
    generator = np.random.default_rng(seed)
    rows = [
        [
            generator.integers(0, 300),
            generator.integers(PITCHES),
            generator.integers(1, 128),
            generator.integers(1, 900),
        ]
        for _ in range(notes)
    ]
    return np.array([[10, PEDAL_DOWN, 0, 0], *rows, [1000, PEDAL_UP, 0, 0], [0, END, 0, 0]], dtype=np.int32)


def test_uniform_logits_give_the_closed_form():
    """Every onset shift costs ln of its choices and of the cells in its bin, and so on: nothing else is in the sum."""
    network = built(CONFIG)
    for weight in network.trainable_variables:
        weight.assign(np.zeros(weight.shape, dtype=np.float32))
    pieces = [random_piece(70), random_piece(9, seed=1)]
    figures = nats_per_note(pieces, score(Scorer(network), pieces, [0, 0], length=32, batch=64))
    moments = np.concatenate(pieces)
    struck = moments[:, 1] < PITCHES
    times, keys, velocities, _ = np.log(SIZES)

    def width(cells):
        """Cells of the bin that holds this one; the longest time of all pieces closes the last bin."""
        return 1 if cells < 128 else 4 if cells < 256 else 8 if cells < 512 else 16 if cells < 800 else None

    wide = {}
    for column in (0, 3):
        longest = moments[:, column].max()
        wide[column] = sum(np.log(width(cells) or longest - 800 + 1) for cells in moments[:, column])
    nats = len(moments) * (times + keys) + struck.sum() * (velocities + times) + wide[0] + wide[3]
    assert figures["notes"] == struck.sum() == 79
    assert figures["nats_per_note"] == pytest.approx(nats / 79, rel=1e-5)
    assert sum(figures["by_attribute"].values()) == pytest.approx(figures["nats_per_note"])


@pytest.mark.parametrize("recalls", [0, 1], ids=["a window", "and a memory"])
def test_every_event_is_scored_once_with_half_a_window_before_it(recalls):
    """In windows that overlap by half: the first half of a piece's first window begins with the piece, all other
    events are scored where 16 or more of 32 come before them. A piece that is shorter than that is read in less."""
    network = built(replace(CONFIG, window=8, num_recall_layers=recalls, recall_length=32))
    pieces = [random_piece(98), random_piece(9, seed=1)]
    seen = []

    class Counting(Scorer):
        def predict_on_batch(self, inputs):
            seen.append(inputs["following"].shape)
            return super().predict_on_batch(inputs)

    scores = score(Counting(network), pieces, [0, 0], length=32, batch=64)
    for each in scores:
        assert (each[:, :2] > 0).all()
        assert (each[1:-2, 2:] > 0).all()
    # 12 events in a window of their own; ceil((101 - 32) / 16) + 1 windows of the other piece in batches of 2
    assert seen == [(4, 16, 4), *[(2, 32, 4)] * 3]
    for first in (16, 32):
        window = encode(pieces[0][first - 1 : first + 32])[None].astype(np.int32)
        np.testing.assert_allclose(scores[0][first + 16 : first + 32], alone(network, window)[16:], rtol=1e-4)
    window = encode(np.concatenate([[[0, START, 0, 0]], pieces[1]]))[None].astype(np.int32)
    np.testing.assert_allclose(scores[1], alone(network, window), rtol=1e-4)


def alone(network, window):
    """What each event of the window costs, read by itself."""
    inputs = {"events": window[:, :-1], "following": window[:, 1:], "style": np.zeros(1, dtype=np.int32)}
    return np.asarray(Scorer(network).predict_on_batch(inputs))[0]


def data_set(folder):
    """Three pieces, one a split, in MAESTRO's layout."""
    lines = ["canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration"]
    for number, split in enumerate(("train", "validation", "test")):
        notes = [
            Note(66, 40 + (7 * step + 5 * step * step * (number + 1)) % 40, step / 4, step / 4 + 0.2)
            for step in range(120)
        ]
        piano(*notes).write(str(folder / f"{split}.mid"))
        lines.append(f"Johann Sebastian Bach,Piece {number},{split},2000,{split}.mid,,30")
    (folder / "made-up.csv").write_text("\n".join(lines) + "\n")


def test_the_command_prints_one_json_object(tmp_path, capsys):
    """For a checkpoint and a folder it has never seen, with the comparison of generated pieces."""
    data_set(tmp_path)
    checkpoint = make_performance_checkpoint(tmp_path / "checkpoint")
    (tmp_path / "generated").mkdir()
    (tmp_path / "generated/copy.mid").write_bytes((tmp_path / "train.mid").read_bytes())
    arguments = [str(checkpoint), str(tmp_path), "--split", "test", "--style", "own", "--json"]
    more = [
        "--cache",
        str(tmp_path / "cache"),
        "--picture",
        str(tmp_path / "a.png"),
        "--generated",
        str(tmp_path / "generated"),
        "--human",
        "validation",
        "--seconds",
        "20",
        "--copies",
    ]
    evaluate.main(arguments + more)
    figures = json.loads(capsys.readouterr().out)
    assert figures["notes"] == 120
    assert figures["checkpoint"] == PerformanceComposer.load(checkpoint).checkpoint
    assert set(figures["by_attribute"]) == {"onset_shift", "key", "velocity", "duration", "pedal", "end"}
    assert figures["generated"]["longest_run_in_training"]["generated"]["longest_run_of_all"] == 120
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_a_style_that_the_checkpoint_does_not_know(tmp_path):
    """Is refused with those it knows."""
    data_set(tmp_path)
    checkpoint = make_performance_checkpoint(tmp_path / "checkpoint")
    with pytest.raises(BadData, match="no style 'Satie', only any, Bach, pop"):
        evaluate.main([str(checkpoint), str(tmp_path), "--style", "Satie"])


def test_the_table_is_for_people(tmp_path, capsys):
    """Without --json the comparison is a table, generated beside human."""
    data_set(tmp_path)
    checkpoint = make_performance_checkpoint(tmp_path / "checkpoint")
    options = ["--generated", str(tmp_path), "--generated-only", "--seconds", "20", "--cache", str(tmp_path / "cache")]
    evaluate.main([str(checkpoint), str(tmp_path), *options])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines if line.startswith("pieces")] == [["pieces", "3", "2"]]
    assert any(line.startswith("last chord seconds") for line in lines)


def melody(pitches):
    return np.array([[20, pitch, 64, 10] for pitch in pitches] + [[10, END, 0, 0]], dtype=np.int32)


def test_the_longest_run_is_found_in_any_key():
    """Eight notes out of a training piece, a third higher and between others, are a run of eight."""
    generator = np.random.default_rng(0)
    known = generator.integers(20, 60, 200)
    corpus = likeness.Corpus([melody(known), melody(generator.integers(20, 60, 50))])
    piece = np.concatenate([[80, 1, 80], known[70:78] + 4, [1, 80, 1]])
    assert corpus.longest_run(melody(piece)) == 8
    assert corpus.longest_run(melody(known)) == 200
    assert corpus.longest_run(melody([])) == 0


def test_the_same_pieces_overlap_wholly():
    """And pieces in another register have no pitch in common."""
    low, high = melody(range(10, 40)), melody(range(50, 80))
    same = likeness.overlaps(likeness.histograms([low]), likeness.histograms([low]))
    assert same.pop("pitch_class_entropy") in (0, 1)  # a piece of less than an excerpt has none
    assert same.pop("notes_a_second") in (0, 1)
    assert set(same.values()) == {1.0}
    assert likeness.overlaps(likeness.histograms([low]), likeness.histograms([high]))["pitch"] == 0


def test_polyphony_counts_the_keys_that_are_held():
    """A third note struck while two are held makes three; one that begins where others end is alone."""
    moments = np.array([[0, 40, 64, 100], [10, 44, 64, 90], [10, 47, 64, 80], [80, 50, 64, 10], [10, END, 0, 0]])
    assert likeness.polyphony(likeness.Notes(moments)).tolist() == [1, 2, 3, 1]
