"""Compiled programs that are kept between starts: XLA and Numba compile each once on a machine, and read it from then
on.

TensorFlow reads and writes the files of XLA (`tf_xla_persistent_cache_directory`), and Numba its own. Both take a
damaged one for an error. So only those that an earlier start left whole are kept."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import re
import shutil
import sys
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_log = logging.getLogger(__name__)

KINDS = ("*.pb", "*-cache", "*/*.nbi", "*/*.nbc")
"""The files with programs: those of TensorFlow's XLA and of JAX's, and Numba's indices and machine code."""
SUMS = "sums.json"
"""The file with the hashes of the programs."""
TAKEN = "installed.json"
"""The file with the hashes of the installation's programs that were copied."""
UNUSED_SECONDS = 30 * 86_400
"""After which the programs of another version or processor are removed."""
INSTALLED = Path(sys.prefix) / "share" / "nocturne" / "programs"
"""The folder of what was compiled when Nocturne was installed (`core.precompile`), for every user to read."""
_FINGERPRINT = re.compile("[0-9a-f]{16}")


class ProgramCache:
    """A folder of compiled programs, one for each version of Keras's backend and of Numba and each kind of
    processor."""

    def __init__(self, folder: Path, installed: Path = INSTALLED) -> None:
        self.folder = folder.absolute() / fingerprint()
        self._installed = installed.absolute() / self.folder.name

    @property
    def empty(self) -> bool:
        """Whether no program is kept, here or by the installation, so that the first piece waits for a compiler."""
        return not any((folder / SUMS).is_file() for folder in (self.folder, self._installed))

    def open(self) -> None:
        """Let Keras's backend and Numba use the folder. Call it before they are imported. Where the folder cannot be
        used, all is compiled anew, as ever."""
        try:
            self._take_installed()
            self.folder.mkdir(parents=True, exist_ok=True)
            self._keep_whole_programs()
            self._remove_unused()
        except OSError as error:
            _log.info("compiled programs are not kept: %s", error)
            return
        os.environ["NUMBA_CACHE_DIR"] = str(self.folder)
        if on_jax():
            os.environ["JAX_COMPILATION_CACHE_DIR"] = str(self.folder)
            # the many small ones that draw a network's first weights take longer together than a large one
            os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
            return
        if any(letter.isspace() or letter in "'\"" for letter in str(self.folder)):
            return  # which the flags have no way to say
        flags = f"--tf_xla_persistent_cache_directory={self.folder} --tf_xla_persistent_cache_prefix=nocturne"
        os.environ["TF_XLA_FLAGS"] = " ".join(filter(None, (os.environ.get("TF_XLA_FLAGS"), flags)))

    def seal(self) -> None:
        """Note the programs that are whole, once all are compiled."""
        with suppress(OSError):
            written = self.folder / f"{SUMS}.{os.getpid()}"
            written.write_text(json.dumps({self._name(file): _digest(file) for file in self._programs()}))
            written.replace(self.folder / SUMS)

    def _take_installed(self) -> None:
        """Begin with copies of the installation's programs, where they are not those of before."""
        sums = _noted(self._installed / SUMS)
        whole = sums and all((self._installed / name).is_file() for name in sums)
        if not whole or sums == _noted(self.folder / TAKEN):
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in sums:
            copy = self.folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._installed / name, copy)
        for name in (SUMS, TAKEN):
            shutil.copyfile(self._installed / SUMS, self.folder / name)

    def _keep_whole_programs(self) -> None:
        sums = _noted(self.folder / SUMS)
        for file in self._programs():
            if sums.get(self._name(file)) != _digest(file):
                file.unlink(missing_ok=True)

    def _programs(self) -> list[Path]:
        return [file for kind in KINDS for file in self.folder.glob(kind)]

    def _name(self, file: Path) -> str:
        return file.relative_to(self.folder).as_posix()

    def _remove_unused(self) -> None:
        os.utime(self.folder)
        for other in self.folder.parent.iterdir():
            is_ours = other.is_dir() and _FINGERPRINT.fullmatch(other.name)
            if is_ours and other.stat().st_mtime < time.time() - UNUSED_SECONDS:
                shutil.rmtree(other, ignore_errors=True)


def fingerprint() -> str:
    """Names all that a compiled program depends on beside what it computes: versions, and the processor's features."""
    facts = [sys.version, platform.machine(), platform.processor(), _features(), os.environ.get("XLA_FLAGS", "")]
    facts += [backend().lower(), f"keras {_version('keras')}", f"numba {_version('numba')}"]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def on_jax() -> bool:
    """Whether the environment names JAX as Keras's backend, which is TensorFlow otherwise."""
    return os.environ.get("KERAS_BACKEND") == "jax"


def backend() -> str:
    """Keras's backend and its version, `TensorFlow 2.21.0`, of whichever build is installed; importing nothing of
    it."""
    if on_jax():
        return f"JAX {_version('jax')}"
    return f"TensorFlow {_version('tensorflow-cpu') or _version('tensorflow')}"


def _version(package: str) -> str:
    """Empty for a package that is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _features() -> str:
    """The processor's features, as Linux lists them; elsewhere its name has to do."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return ""


def _noted(file: Path) -> dict[str, str]:
    """The hashes by the programs' names; none where the file is missing or damaged."""
    try:
        return dict(json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def user_cache() -> Path:
    """The folder for what a user's programs may lose at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nocturne" / "programs"
