"""core/process/programs.py: compiled programs are read again, and never a damaged one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.process.programs import SUMS, UNUSED_SECONDS, ProgramCache

COMPILES = """
import sys
from pathlib import Path
from core.process.programs import ProgramCache
programs = ProgramCache(Path(sys.argv[1]), installed=Path(sys.argv[1], "none"))
programs.open()
import numpy as np
from core.performance.native.sampling import forbid_durations
forbid_durations(np.zeros(211, dtype=np.float32))
import tensorflow
print(float(tensorflow.function(lambda x: x * x + 1, jit_compile=True)(tensorflow.constant(3.0))))
programs.seal()
"""


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are set for Numba and XLA are put back afterwards."""
    for name in ("TF_XLA_FLAGS", "NUMBA_CACHE_DIR"):
        monkeypatch.setenv(name, "")
    for name in ("JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)  # empty ones would be errors; what is set later is removed all the same


@pytest.fixture
def installation(tmp_path: Path) -> ProgramCache:
    """The programs that come with the set-up; none so far."""
    return ProgramCache(tmp_path / "installed")


@pytest.fixture
def programs(tmp_path: Path) -> ProgramCache:
    """Those of a folder of data beside that installation."""
    return ProgramCache(tmp_path / "data", installed=tmp_path / "installed")


def compiled(folder: Path) -> set[Path]:
    """The programs in the folder after another process has compiled one."""
    done = subprocess.run([sys.executable, "-c", COMPILES, str(folder)], capture_output=True, text=True)
    assert done.stdout == "10.0\n", done.stderr
    return {file for file in folder.rglob("*") if file.suffix in (".pb", ".nbi", ".nbc")}


def test_a_program_is_compiled_once(tmp_path: Path):
    """The second process finds those of XLA and of Numba and writes no others; a third, after they were damaged,
    compiles them anew."""
    kept = ProgramCache(tmp_path, installed=tmp_path / "none")
    assert kept.empty
    programs = compiled(tmp_path)
    assert not kept.empty
    assert {file.suffix for file in programs} == {".pb", ".nbi", ".nbc"}
    written = {file: file.stat().st_mtime_ns for file in programs}
    assert compiled(tmp_path) == programs
    assert {file: file.stat().st_mtime_ns for file in programs} == written
    for file in programs:
        file.write_bytes(file.read_bytes()[:50])
    assert compiled(tmp_path) == programs
    assert min(file.stat().st_size for file in programs) > 50


def test_what_nobody_noted_is_removed(tmp_path: Path):
    """Such a file may be half of one, of a process that was killed; folders of other versions go once they are long
    unused, and whatever else is there stays."""
    programs = ProgramCache(tmp_path, installed=tmp_path / "none")
    old, young, foreign = tmp_path / ("a" * 16), tmp_path / ("b" * 16), tmp_path / "photos"
    for folder in (programs.folder, old, young, foreign):
        folder.mkdir()
        (folder / "half.pb").write_bytes(b"half")
    for folder in (old, foreign):
        os.utime(folder, (0, folder.stat().st_mtime - UNUSED_SECONDS - 1))
    programs.open()
    assert not (programs.folder / "half.pb").exists()
    assert [folder.exists() for folder in (old, young, foreign)] == [False, True, True]
    assert str(programs.folder) in os.environ["TF_XLA_FLAGS"]
    assert os.environ["NUMBA_CACHE_DIR"] == str(programs.folder)


def test_jax_has_a_folder_of_its_own(programs: ProgramCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where the environment names JAX as Keras's backend, programs are kept by JAX, apart from those of TensorFlow, and
    one that nobody noted is removed."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    on_jax = ProgramCache(tmp_path / "data", installed=tmp_path / "installed")
    assert on_jax.folder != programs.folder
    half = on_jax.folder / "jit_function-0123-cache"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    on_jax.open()
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == str(on_jax.folder)
    assert not half.exists()


@pytest.mark.parametrize("name", ["with space", "a file"])
def test_without_a_folder_all_is_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    """A path that the flags cannot say, and one that is no folder, are passed over."""
    monkeypatch.setenv("TF_XLA_FLAGS", "--other")
    (tmp_path / "a file").write_bytes(b"")
    programs = ProgramCache(tmp_path / name, installed=tmp_path / "none")
    programs.open()
    programs.seal()
    assert os.environ["TF_XLA_FLAGS"] == "--other"


def put(programs: ProgramCache, content: bytes, name: str = "function") -> Path:
    """A program in the folder, noted as whole."""
    file = programs.folder / "native" / f"{name}.1.nbc"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    programs.seal()
    return file


def test_the_programs_of_the_installation_come_first(installation: ProgramCache, programs: ProgramCache):
    """A folder begins with copies of them, keeps others that are compiled beside them, and begins anew after the next
    installation."""
    installed = put(installation, b"one")
    programs.open()
    copy = programs.folder / installed.relative_to(installation.folder)
    assert copy.read_bytes() == b"one"
    own = put(programs, b"own", "other")
    programs.open()
    assert own.exists()
    put(installation, b"two")
    programs.open()
    assert copy.read_bytes() == b"two"
    assert not own.exists()


def test_half_an_installation_is_passed_over(installation: ProgramCache, programs: ProgramCache):
    """Where its list of programs is damaged, or a program is missing, a folder is used as it is."""
    installed = put(installation, b"one")
    installed.unlink()
    programs.open()
    assert os.environ["NUMBA_CACHE_DIR"] == str(programs.folder)
    (installation.folder / SUMS).write_text("{")
    own = put(programs, b"own")
    programs.open()
    assert own.exists()
