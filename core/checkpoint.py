"""A folder of trained weights: `config.json`, `weights.npz` (float16, large matrices in 8 bits) and further files that
a model reads, which fit together or are refused. Beside them lie a model card (README.md) and a LICENSE for people."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight as a checkpoint keeps it: `values` in float32; or in int8, -127 to 127, of a matrix whose `scales` in
    float32 are (rows, 1) or (1, columns)."""

    values: np.ndarray
    scales: np.ndarray | None = None

    @classmethod
    def of(cls, array: Any, scale_axis: int | None = None) -> Weight:
        """The nearest weight that a checkpoint can keep: float16, or a matrix in 8 bits with a scale for each place on
        `scale_axis`. A weight that came out of a checkpoint is its own nearest."""
        values = np.asarray(array, dtype=np.float32)
        if scale_axis is None:
            return cls(values.astype(np.float16).astype(np.float32))
        largest = np.abs(values).max(axis=1 - scale_axis, keepdims=True)
        kept = np.maximum(largest / 127, np.finfo(np.float16).smallest_normal).astype(np.float16)
        scales = kept.astype(np.float32)
        return cls(np.clip(np.round(values / scales), -127, 127).astype(np.int8), scales)

    @property
    def array(self) -> np.ndarray:
        """The weight as a network calculates with it, in float32."""
        return self.values if self.scales is None else self.values * self.scales

    def in_file(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of the .npz file, by name."""
        if self.scales is None:
            return {name: self.values.astype(np.float16)}
        return {name: self.values, name + SCALE: self.scales.astype(np.float16)}


def save(
    folder: Path,
    network: keras.Model,
    *,
    model: str,
    architecture: Mapping[str, Any],
    card: Mapping[str, Any],
    texts: Mapping[str, str] | None = None,
    scale_axes: Mapping[str, int] | None = None,
) -> None:
    """Write the weights as float16, further `texts` by file name, and last the config that holds their hashes. Matrices
    in `scale_axes` are kept in 8 bits, with a scale for each place on the axis of that number. `architecture` rebuilds
    the network; `card` is for people: name, data, licence."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {}
    for weight in network.trainable_variables:
        arrays |= Weight.of(weight, (scale_axes or {}).get(weight.path)).in_file(weight.path)
    np.savez_compressed(folder / WEIGHTS, **arrays)
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
        """Set the network's weights. Raises BadCheckpoint as `weights` does, for the network's names and shapes."""
        weights = self.weights({weight.path: tuple(weight.shape) for weight in network.trainable_variables})
        for weight in network.trainable_variables:
            weight.assign(weights[weight.path].array)

    def weights(self, shapes: Mapping[str, tuple[int, ...]] | None = None) -> dict[str, Weight]:
        """The weights by name, read without Keras. Raises BadCheckpoint for weights that are no numbers, for scales
        that do not fit their weight, and when names or shapes differ from `shapes`, where those are given."""
        arrays = self._arrays()
        names = [name for name in arrays if not name.endswith(SCALE)]
        weights = {name: self._weight(name, arrays[name], arrays.get(name + SCALE)) for name in names}
        found = {name: weight.values.shape for name, weight in weights.items()}
        if shapes is not None and shapes != found:
            differing = sorted(name for name in shapes.keys() | found.keys() if shapes.get(name) != found.get(name))
            raise BadCheckpoint(f"{self.folder} does not fit the network: its weights {differing[0]} differ in shape")
        return weights

    def _weight(self, name: str, values: np.ndarray, scales: np.ndarray | None) -> Weight:
        if scales is None and values.dtype.kind == "f":
            return Weight(values.astype(np.float32))
        if scales is not None and scales.dtype.kind == "f" and values.dtype == np.int8 and _fit(values, scales):
            return Weight(values, scales.astype(np.float32))
        raise BadCheckpoint(
            f"{self._files[WEIGHTS]} cannot be used, accepted are weights in floating point, and matrices in 8 bits"
            f" with a scale for each row or each column, which {name} is not"
        )

    def _arrays(self) -> dict[str, np.ndarray]:
        """The arrays of the file by name. Unpickling runs code that the file brings along, so it is never done."""
        path = self._files[WEIGHTS]
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, TypeError, AttributeError, EOFError, BadZipFile) as error:
            raise BadCheckpoint(
                f"{path} cannot be used, accepted is a .npz file of numbers without pickled objects ({_brief(error)})"
            ) from error


def _fit(values: np.ndarray, scales: np.ndarray) -> bool:
    """Whether these are a matrix and a scale for each of its rows, or for each of its columns."""
    return values.ndim == 2 and scales.shape in {(values.shape[0], 1), (1, values.shape[1])}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
