"""A folder of trained weights: `config.json`, `weights.npz` (float16) and further files that the model reads, which fit
together or are refused. Beside them lie a model card (README.md) and a LICENSE for people."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import BadCheckpoint

if TYPE_CHECKING:
    import keras

CONFIG, WEIGHTS = "config.json", "weights.npz"


def save(
    folder: Path,
    network: keras.Model,
    *,
    model: str,
    architecture: Mapping[str, Any],
    card: Mapping[str, Any],
    texts: Mapping[str, str] | None = None,
) -> None:
    """Write the weights as float16, further `texts` by file name, and last the config that holds their hashes.
    `architecture` rebuilds the network; `card` is for people: name, data, licence."""
    folder.mkdir(parents=True, exist_ok=True)
    weights: dict[str, Any] = {
        weight.path: np.asarray(weight, dtype=np.float16) for weight in network.trainable_variables
    }
    np.savez_compressed(folder / WEIGHTS, **weights)
    for name, text in (texts or {}).items():
        (folder / name).write_text(text, encoding="utf-8")
    config = {
        "model": model,
        "architecture": dict(architecture),
        "files": {name: _digest((folder / name).read_bytes()) for name in (WEIGHTS, *(texts or ()))},
        "parameters": int(sum(weight.size for weight in weights.values())),
        **card,
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def rounded(array: Any) -> np.ndarray:
    """A weight as it comes out of a checkpoint that it was saved in: through float16, back in float32."""
    return np.asarray(array, dtype=np.float16).astype(np.float32)


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
        """Set the network's weights. Raises BadCheckpoint when names or shapes differ."""
        with np.load(self._files[WEIGHTS], allow_pickle=False) as weights:
            wanted = {weight.path: tuple(weight.shape) for weight in network.trainable_variables}
            found = {name: weights[name].shape for name in weights.files}
            if wanted != found:
                differing = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
                raise BadCheckpoint(
                    f"{self.folder} does not fit the network: its weights {differing[0]} differ in shape"
                )
            for weight in network.trainable_variables:
                weight.assign(weights[weight.path].astype(np.float32))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
