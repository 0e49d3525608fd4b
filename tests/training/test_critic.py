"""training/critic.py and training/generate.py: the commands that make a critic, and pieces for it."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from core.errors import BadData
from core.performance.critic import Critic
from core.performance.events import END, write
from tests.support.music import Pianist
from training import critic, generate


def melody(seed, keys, notes=240):
    """A note every 0.2 s, 48 s in all."""
    pitches = np.random.default_rng(seed).integers(*keys, notes)
    return write(np.array([[20, key, 64, 10] for key in pitches] + [[10, END, 0, 0]], dtype=np.int32))


@pytest.fixture
def pieces(tmp_path):
    """Folders of human pieces, high ones of two composers, and of generated ones, which are low."""
    for name in ("human", "generated"):
        (tmp_path / name).mkdir()
    lines = ["canonical_composer,canonical_title,split,midi_filename"]
    for number in range(6):
        melody(number, (45, 70)).write(str(tmp_path / "human" / f"{number}.mid"))
        melody(number, (15, 40)).write(str(tmp_path / "generated" / f"{number}.mid"))
        lines.append(f"{'Bach' if number < 4 else 'Ravel'},{number},train,{number}.mid")
    (tmp_path / "human" / "set.csv").write_text("\n".join(lines))
    return tmp_path


def train(pieces, generated="generated"):
    output = pieces / "critic.npz"
    folders = [str(pieces / "human"), "--generated", str(pieces / generated)]
    critic.main([*folders, "--output", str(output), "--cache", str(pieces / "cache")])
    return Critic.load(output)


def test_a_critic_learns_what_tells_pieces_apart(pieces, capsys):
    """The one that is written prefers what is like the human pieces, and says how sure it is of pieces not seen."""
    made = train(pieces)
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["stretches"] == {"human": 36, "generated": 36}
    assert figures["auc"]["regression"]["auc"] > 0.9
    onsets = np.arange(100) * 20
    high, low = (np.random.default_rng(9).integers(*keys, 100) for keys in ((45, 70), (15, 40)))
    assert made.score(onsets, high) > made.score(onsets, low)


def test_nothing_is_learnt_from_nothing(pieces):
    """A folder without pieces is refused with a sentence."""
    with pytest.raises(BadData, match="too few pieces of over 20 s"):
        train(pieces, "nowhere")


def test_pieces_have_the_styles_of_a_data_set(pieces, monkeypatch, capsys):
    """As often as there, each in the folder of its style; those that the network does not know are in none."""
    pianist = Pianist()
    pianist.styles = ("any", "Bach")
    monkeypatch.setattr(generate, "Checkpoint", lambda folder, model: SimpleNamespace(hash="0123456789ab"))
    monkeypatch.setattr(generate, "PerformanceComposer", lambda *_, **__: pianist)
    output = pieces / "made"
    generate.main(["checkpoint", str(output), "--like", str(pieces / "human"), "--pieces", "3", "--length", "25"])
    written = sorted(str(path.relative_to(output)) for path in output.glob("**/*.mid"))
    assert written == ["002.mid", "Bach/000.mid", "Bach/001.mid"]
    assert "3 pieces in" in capsys.readouterr().out
