"""A folder of trained weights: `config.json`, `weights.npz` (float16, large tables in 8 bits) and further files that a
model reads, which fit together or are refused. Beside them lie a model card (README.md) and a LICENSE for people."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from core.errors import BadCheckpoint

if TYPE_CHECKING:
    import keras

CONFIG, WEIGHTS = "config.json", "weights.npz"
SCALE = "@scale"
"""Ends the name of the scales of a weight that is kept in 8 bits."""


def save(
    folder: Path,
    network: keras.Model,
    *,
    model: str,
    architecture: Mapping[str, Any],
    card: Mapping[str, Any],
    texts: Mapping[str, str] | None = None,
    tables: Collection[str] = (),
) -> None:
    """Write the weights as float16, those named in `tables` in 8 bits, further `texts` by file name, and last the
    config that holds their hashes. `architecture` rebuilds the network; `card` is for people: name, data, licence."""
    folder.mkdir(parents=True, exist_ok=True)
    weights: dict[str, Any] = {}
    for weight in network.trainable_variables:
        array = np.asarray(weight)
        weights |= _in_8_bits(weight.path, array) if weight.path in tables else {weight.path: array.astype(np.float16)}
    np.savez_compressed(folder / WEIGHTS, **weights)
    for name, text in (texts or {}).items():
        (folder / name).write_text(text, encoding="utf-8")
    config = {
        "model": model,
        "architecture": dict(architecture),
        "files": {name: _digest((folder / name).read_bytes()) for name in (WEIGHTS, *(texts or ()))},
        "parameters": sum(int(np.prod(weight.shape)) for weight in network.trainable_variables),
        **card,
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def rounded(array: Any) -> np.ndarray:
    """A weight as it comes out of a checkpoint that it was saved in: through float16, back in float32."""
    return np.asarray(array, dtype=np.float16).astype(np.float32)


def _in_8_bits(name: str, table: np.ndarray) -> dict[str, np.ndarray]:
    """A table of two axes, -127 to 127, and a float16 scale for each place on its longer axis, of which each is a word
    or the like."""
    largest = np.abs(table).max(axis=int(np.argmin(table.shape)), keepdims=True)
    scales = np.maximum(largest / 127, np.finfo(np.float16).smallest_normal).astype(np.float16)
    rounded = np.clip(np.round(table / scales.astype(np.float32)), -127, 127)
    return {name: rounded.astype(np.int8), name + SCALE: scales}


def _unpacked(weights: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """The weight in float32."""
    array = weights[name].astype(np.float32)
    return array * weights[name + SCALE].astype(np.float32) if name + SCALE in weights else array


class Checkpoint:
    """A folder that was opened: its parts are those that were saved together."""

    def __init__(self, folder: Path, model: str) -> None:
        """Raises BadCheckpoint for a folder that is missing, is of another model, or was put together from parts."""
        self.folder = folder
        try:
            self.config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            kind, files = self.config["model"], dict(self.config["files"])
            self.architecture = dict(self.config["architecture"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadCheckpoint(f"{folder} is no checkpoint: its {CONFIG} cannot be read ({_brief(error)})") from error
        if kind != model:
            raise BadCheckpoint(f"{folder} is a checkpoint of the model '{kind}', not of '{model}'")
        if WEIGHTS not in files:
            raise BadCheckpoint(f"{folder} is no checkpoint: its {CONFIG} names no {WEIGHTS}")
        self._files = {name: self._read(name, digest) for name, digest in files.items()}
        shaping = json.dumps([kind, self.architecture, files], sort_keys=True)
        self.hash = _digest(shaping.encode())[:12]
        """Names all that shapes a piece: the architecture and the files, not the words of the card."""

    def _read(self, name: str, digest: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise BadCheckpoint(f"{self.folder} is not complete: {name} is missing")
        if _digest(path.read_bytes()) != digest:
            raise BadCheckpoint(
                f"{self.folder} does not fit together: {name} is not the file that {CONFIG} was made with"
            )
        return path

    def text(self, name: str) -> str:
        """A text file of the checkpoint. Raises BadCheckpoint when the config does not name it."""
        if name not in self._files:
            raise BadCheckpoint(f"{self.folder} is not complete: its {CONFIG} names no {name}")
        return self._files[name].read_text(encoding="utf-8")

    def load_into(self, network: keras.Model) -> None:
        """Set the network's weights. Raises BadCheckpoint when names or shapes differ, and for weights that are no
        numbers."""
        weights = self._weights()
        wanted = {weight.path: tuple(weight.shape) for weight in network.trainable_variables}
        found = {name: array.shape for name, array in weights.items() if not name.endswith(SCALE)}
        if wanted != found:
            differing = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
            raise BadCheckpoint(f"{self.folder} does not fit the network: its weights {differing[0]} differ in shape")
        for weight in network.trainable_variables:
            weight.assign(_unpacked(weights, weight.path))

    def _weights(self) -> dict[str, np.ndarray]:
        """The arrays by name. Unpickling runs code that the file brings along, so it is never done."""
        path = self._files[WEIGHTS]
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, TypeError, AttributeError, EOFError, BadZipFile) as error:
            raise BadCheckpoint(
                f"{path} cannot be used, accepted is a .npz file of numbers without pickled objects ({_brief(error)})"
            ) from error


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
