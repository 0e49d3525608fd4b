"""core/process/programs.py: compiled programs are read again, and never a damaged one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.process.programs import UNUSED_SECONDS, ProgramCache

COMPILES = """
import sys
from pathlib import Path
from core.process.programs import ProgramCache
programs = ProgramCache(Path(sys.argv[1]))
programs.open()
import tensorflow
print(float(tensorflow.function(lambda x: x * x + 1, jit_compile=True)(tensorflow.constant(3.0))))
programs.seal()
"""


def compiled(folder: Path) -> set[Path]:
    """The programs in the folder after another process has compiled one."""
    done = subprocess.run([sys.executable, "-c", COMPILES, str(folder)], capture_output=True, text=True)
    assert done.stdout == "10.0\n", done.stderr
    return {*folder.rglob("*.pb")}


def test_a_program_is_compiled_once(tmp_path: Path):
    """The second process finds it and writes no other; a third, after it was damaged, compiles it anew."""
    [program] = compiled(tmp_path)
    written = program.stat().st_mtime_ns
    assert compiled(tmp_path) == {program}
    assert program.stat().st_mtime_ns == written
    program.write_bytes(program.read_bytes()[:50])
    assert compiled(tmp_path) == {program}
    assert program.stat().st_size > 50


def test_what_nobody_noted_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Such a file may be half of one, of a process that was killed; folders of other versions go once they are long
    unused."""
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    programs = ProgramCache(tmp_path)
    old, young = tmp_path / "old", tmp_path / "young"
    for folder in (programs.folder, old, young):
        folder.mkdir()
        (folder / "half.pb").write_bytes(b"half")
    os.utime(old, (0, old.stat().st_mtime - UNUSED_SECONDS - 1))
    programs.open()
    assert not (programs.folder / "half.pb").exists()
    assert [folder.exists() for folder in (old, young)] == [False, True]
    assert str(programs.folder) in os.environ["TF_XLA_FLAGS"]


@pytest.mark.parametrize("name", ["with space", "a file"])
def test_without_a_folder_all_is_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    """A path that the flags cannot say, and one that is no folder, are passed over."""
    monkeypatch.setenv("TF_XLA_FLAGS", "--other")
    (tmp_path / "a file").write_bytes(b"")
    programs = ProgramCache(tmp_path / name)
    programs.open()
    programs.seal()
    assert os.environ["TF_XLA_FLAGS"] == "--other"
