"""What `pip install .`, `pipx` and `uvx` install: a wheel with every file that a program reads."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("bot", "core", "training")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy, as building leaves a folder behind."""
    copy, out = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("wheel")
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, copy)
    subprocess.run([sys.executable, "-c", BUILD, str(out)], cwd=copy, check=True, capture_output=True)
    [file] = out.glob("*.whl")
    return zipfile.ZipFile(file)


def test_the_wheel_has_every_file(wheel: zipfile.ZipFile):
    """Modules, migrations, catalogues, weights with their cards and licences: all that the rooms hold."""
    files = {str(file.relative_to(ROOT)) for room in ROOMS for file in (ROOT / room).rglob("*") if file.is_file()}
    wanted = {file for file in files if "__pycache__" not in file}
    assert wanted - set(wheel.namelist()) == set()


def test_the_wheel_names_both_licences(wheel: zipfile.ZipFile):
    """The code's licence, and that of each model's weights."""
    [metadata] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    text = wheel.read(metadata).decode()
    assert "License-Expression: MIT AND CC-BY-NC-SA-4.0\n" in text
    assert "License-File: LICENSE\n" in text
    for folder in (ROOT / "core" / "checkpoints").iterdir():
        assert f"License-File: core/checkpoints/{folder.name}/LICENSE\n" in text


def test_the_command_is_there():
    """`nocturne` leads to a function that exists."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["nocturne"].partition(":")
    assert list(scripts) == ["nocturne"]
    assert callable(getattr(import_module(module), function))
