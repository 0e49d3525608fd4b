"""training/fingerprint.py: the command that writes it."""

import json

import numpy as np

from core.performance.events import END, write
from core.performance.fingerprint import Fingerprint
from training import fingerprint
from training.fingerprint import pitches_of


def melody(seed, notes=300):
    keys = np.random.default_rng(seed).integers(20, 60, notes)
    return np.array([[20, key, 64, 10] for key in keys] + [[10, END, 0, 0]], dtype=np.int32)


def data_set(folder):
    """Two pieces to learn from, the second of which is validation's music too."""
    lines = ["canonical_composer,canonical_title,split,midi_filename"]
    for name, split, seed in (("a", "train", 1), ("b", "train", 2), ("c", "validation", 2), ("d", "test", 3)):
        write(melody(seed)).write(str(folder / f"{name}.mid"))
        lines.append(f"Bach,{name},{split},{name}.mid")
    (folder / "set.csv").write_text("\n".join(lines))


def test_what_may_be_learnt_is_in_it(tmp_path, capsys):
    """A training piece is found in it, one that is held out is not; `--measure` compares it with the true figures."""
    data_set(tmp_path)
    output = tmp_path / "made" / "fingerprint.npz"
    fingerprint.main([str(tmp_path), "--output", str(output), "--cache", str(tmp_path / "cache"), "--measure"])
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[1]) | {"filled": 0} == {"pieces": 1, "notes": 300, "filled": 0}
    assert lines[2].split() == ["shared", "said"]
    assert len(lines) == 5
    made = Fingerprint.load(output)
    assert made.longest_run(pitches_of(melody(1))) == 300
    assert made.longest_run(pitches_of(melody(2))) < 20
