"""core/native/__init__.py: machine code is kept for as long as it is that of the sources."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import core

FORBIDS = """
import numpy as np
from core.performance.native.sampling import forbid_durations
logits = np.zeros(211, dtype=np.float32)
forbid_durations(logits)
print(logits[0], sum(forbid_durations.stats.cache_hits.values()))
"""


def copied(folder: Path) -> Path:
    """A copy of the package, without its checkpoints."""
    ignored = shutil.ignore_patterns("checkpoints", "__pycache__", "*.npz")
    return Path(shutil.copytree(Path(core.__file__).parent, folder / "core", ignore=ignored))


def forbidden(folder: Path) -> str:
    """In another process, with the package in this folder: the logit of a duration that is forbidden, and how many
    functions had been compiled before."""
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", FORBIDS], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_machine_code_is_of_the_sources_as_they_are(tmp_path: Path):
    """A second process reads it; a third, when a constant has changed in another module, compiles anew."""
    package = copied(tmp_path)
    assert forbidden(tmp_path) == "-1e+09 0"
    assert forbidden(tmp_path) == "-1e+09 1"
    module = package / "performance" / "sampling.py"
    module.write_text(module.read_text().replace("FORBIDDEN = -1e9", "FORBIDDEN = -2e9"))
    assert forbidden(tmp_path) == "-2e+09 0"


def test_where_nothing_can_be_kept_all_is_compiled(tmp_path: Path):
    """In an image that is read-only, say: here a file has the place of the folder."""
    (copied(tmp_path) / "performance" / "native" / "__pycache__").write_bytes(b"")
    assert forbidden(tmp_path) == "-1e+09 0"
    assert forbidden(tmp_path) == "-1e+09 0"
