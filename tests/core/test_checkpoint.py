"""core/checkpoint.py and ArticleComposer.load: a folder fits together or is refused."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from core.article.composer import ArticleComposer
from core.checkpoint import Checkpoint, Weight, save
from core.errors import BadCheckpoint
from core.loader import load_composer
from core.models import CHECKPOINTS, MODELS
from core.performance.model import network_of
from tests.support.tiny_checkpoint import make_article_checkpoint
from tests.support.tiny_performance import make_performance_checkpoint


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_article_checkpoint(tmp_path_factory.mktemp("tiny") / "article")


@pytest.fixture(scope="module")
def performance(tmp_path_factory):
    return make_performance_checkpoint(tmp_path_factory.mktemp("tiny") / "performance")


@pytest.fixture
def folder(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "article")


def test_a_folder_is_loaded_again_the_same(tiny):
    """Two composers of one folder have the same hash, and their networks compute the same."""
    first, second = ArticleComposer.load(tiny), ArticleComposer.load(tiny)
    assert first.checkpoint == second.checkpoint
    words = np.arange(50, dtype=np.int32)
    assert np.array_equal(first.network.read(words)[0], second.network.read(words)[0])


def test_a_table_in_8_bits_is_nearly_the_same(tmp_path):
    """A scale for each of its many words, whatever its size; the other weights are as exact as ever."""
    words = np.random.default_rng(1).normal(size=(40, 6)) * np.logspace(-1, 3, 40)[:, None]

    def network(table: np.ndarray) -> keras.Model:
        model = keras.Sequential([keras.Input((1,)), keras.layers.Embedding(40, 6, name="words")], name="toy")
        model.layers[0].set_weights([table])
        return model

    trained, loaded = network(words), network(words * 0)
    [name] = [weight.path for weight in trained.weights]
    save(tmp_path, trained, model="toy", architecture={}, card={}, scale_axes={name: 0})
    Checkpoint(tmp_path, "toy").load_into(loaded)
    [table] = loaded.get_weights()
    assert np.all(np.abs(table - words) <= np.abs(words).max(axis=1, keepdims=True) / 127 * 0.6)
    assert json.loads((tmp_path / "config.json").read_text())["parameters"] == 240
    with np.load(tmp_path / "weights.npz") as weights:
        assert weights[name].dtype == np.int8


@pytest.mark.parametrize("scale_axis", [0, 1, None])
def test_a_weight_of_a_checkpoint_is_rounded_no_further(scale_axis):
    """Saved and loaded again it is the same to the last bit, so what is measured before saving is what plays; rows and
    columns of nothing, and of next to nothing, too."""
    array = np.random.default_rng(1).normal(size=(30, 20)) * np.logspace(-9, 3, 20)
    array[3], array[:, 4] = 0, 0
    once = Weight.of(array, scale_axis).array
    assert np.array_equal(Weight.of(once, scale_axis).array, once)


def test_matrices_of_the_performance_model_have_a_scale_a_column(performance):
    """All kernels of its Dense layers are kept in 8 bits, and nothing else is."""
    weights = Checkpoint(performance, "performance").weights()
    packed = {name for name, weight in weights.items() if weight.scales is not None}
    assert packed == {name for name in weights if name.endswith("/kernel")}
    for name in packed:
        assert weights[name].values.dtype == np.int8
        assert weights[name].scales.shape == (1, weights[name].values.shape[1])


def test_weights_are_read_without_keras(performance):
    """To the last bit those that Keras calculates with."""
    checkpoint = Checkpoint(performance, "performance")
    weights = checkpoint.weights()
    for weight in network_of(checkpoint).weights:
        np.testing.assert_array_equal(weights.pop(weight.path).array, weight.numpy())
    assert not weights
    code = (
        "import sys; from pathlib import Path; from core.checkpoint import Checkpoint\n"
        f"Checkpoint(Path({str(performance)!r}), 'performance').weights(); print('keras' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


def test_the_card_does_not_change_the_hash(tiny, folder):
    """The hash names what shapes a piece; the words about it may be corrected."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"name": "better named"}))
    assert ArticleComposer.load(folder).checkpoint == ArticleComposer.load(tiny).checkpoint


@pytest.mark.parametrize("part", ["weights.npz", "vocabulary.txt", "config.json"])
def test_a_missing_part_is_refused(folder, part):
    """One sentence names the folder and the part."""
    (folder / part).unlink()
    with pytest.raises(BadCheckpoint, match=part):
        ArticleComposer.load(folder)


def test_a_vocabulary_of_another_training_is_refused(folder):
    """Weights with a vocabulary that they were not trained with would play wrong notes without a word."""
    words = (folder / "vocabulary.txt").read_text().splitlines()
    (folder / "vocabulary.txt").write_text("\n".join([words[1], words[0], *words[2:]]) + "\n")
    with pytest.raises(BadCheckpoint, match=r"vocabulary\.txt is not the file"):
        ArticleComposer.load(folder)


def test_weights_of_another_size_are_refused(folder, tmp_path):
    """A config whose architecture is not that of the weights names the first weight that differs."""
    config = json.loads((folder / "config.json").read_text())
    config["architecture"]["units"] = 9
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadCheckpoint, match="does not fit the network"):
        ArticleComposer.load(folder)


def test_weights_of_another_size_are_refused_without_keras(performance):
    """For names and shapes that the caller hands in: one that is missing, one of another shape."""
    checkpoint = Checkpoint(performance, "performance")
    shapes = {name: weight.values.shape for name, weight in checkpoint.weights().items()}
    assert checkpoint.weights(shapes).keys() == shapes.keys()
    for other in ({"performance/zither": (2, 2)}, {"performance/norm/scale": (2,)}):
        with pytest.raises(BadCheckpoint, match=f"weights {next(iter(other))} differ in shape"):
            checkpoint.weights(shapes | other)


def npz(**arrays: np.ndarray) -> bytes:
    """A .npz file of these."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def replace_weights(folder: Path, weights: bytes) -> None:
    """Put other weights into a checkpoint, and their hash into its config."""
    (folder / "weights.npz").write_bytes(weights)
    config = json.loads((folder / "config.json").read_text())
    config["files"]["weights.npz"] = hashlib.sha256(weights).hexdigest()
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    "weights",
    [npz(kernel=np.array([{"a": "pickle"}], dtype=object)), b"hello", b""],
    ids=["a pickle", "text", "nothing"],
)
def test_weights_that_are_no_numbers_are_refused(folder, weights):
    """Although the config names their hash: a pickle would run code, so the sentence says that none is loaded."""
    replace_weights(folder, weights)
    with pytest.raises(BadCheckpoint, match=r"weights\.npz cannot be used, accepted is .* without pickled objects"):
        ArticleComposer.load(folder)


INT8, SCALES = np.ones((2, 3), np.int8), np.ones((1, 3), np.float16)


@pytest.mark.parametrize(
    "arrays",
    [
        {"kernel": INT8},
        {"kernel": INT8, "kernel@scale": SCALES.T},
        {"kernel": INT8[0], "kernel@scale": SCALES[0]},
        {"kernel": SCALES, "kernel@scale": SCALES},
        {"kernel": INT8, "kernel@scale": SCALES.astype(int)},
        {"kernel": np.array(["hello"])},
    ],
    ids=["no scales", "scales of another matrix", "a vector", "a float with scales", "whole scales", "text"],
)
def test_weights_of_another_format_are_refused(folder, arrays):
    """Numbers whose meaning would have to be guessed: the sentence names the weight and what is accepted."""
    replace_weights(folder, npz(**arrays))
    with pytest.raises(
        BadCheckpoint, match=r"accepted are weights in floating point, and matrices in 8 bits .* kernel"
    ):
        Checkpoint(folder, "article").weights()


def test_a_config_that_is_no_json_is_refused(folder):
    """A folder that is something else altogether."""
    (folder / "config.json").write_text("hello")
    with pytest.raises(BadCheckpoint, match="is no checkpoint"):
        ArticleComposer.load(folder)


def test_an_unknown_model_is_refused(tmp_path):
    """`load_composer` knows the models by name."""
    with pytest.raises(BadCheckpoint, match="there is no model 'tuba'"):
        load_composer("tuba", tmp_path)


@pytest.mark.parametrize(
    ("model", "preset"), [(spec.name, preset) for spec in MODELS.values() for preset in spec.presets]
)
def test_what_is_shipped_fits_together(model, preset):
    """Every model that a listener can choose loads, with a model card and a licence beside its weights."""
    assert load_composer(model, preset=preset, slots=2).model == model
    folder = MODELS[model].folder(CHECKPOINTS, preset)
    assert (folder / "README.md").is_file()
    assert (folder / "LICENSE").is_file()


def test_presets_have_folders_of_their_own(tmp_path):
    """But the article's network, of which there is one."""
    folders = {spec.folder(tmp_path, preset) for spec in MODELS.values() for preset in ("small", "base")}
    assert {folder.name for folder in folders} == {"performance", "performance-base", "article"}
