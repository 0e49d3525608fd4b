"""`nocturne`, and the version that it says."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from core.cli import PROGRAMS
from core.version import UNKNOWN, version

ROOT = Path(__file__).parents[2]
WITHOUT_PACKAGES = """
import sys
import numpy
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in ("tensorflow", "keras", "lameenc", "discord", "aiohttp", "prometheus_client", "dbos"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Missing())
from core.cli import main
sys.exit(main(sys.argv[1:]))
"""


def nocturne(*arguments: str, program: str = "from core.cli import main; raise SystemExit(main())", cwd: Path = ROOT):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DISCORD_TOKEN": ""}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)


def test_help_names_every_command():
    """`nocturne --help` has a line for each, and so does `nocturne` alone."""
    done = nocturne("--help")
    assert done.returncode == 0
    for name, program in PROGRAMS.items():
        assert f" {name} " in done.stdout
        assert program.help in done.stdout
    assert nocturne().stdout == done.stdout


@pytest.mark.parametrize("command", ["compose", "worker"])
def test_the_help_of_a_command_says_how_it_was_called(command: str, tmp_path: Path):
    """The usage of `nocturne compose --help` begins with `nocturne compose`, not with the module behind it."""
    script = tmp_path / "nocturne"
    script.write_text("from core.cli import main; raise SystemExit(main())")
    words = [sys.executable, str(script), command, "--help"]
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.stdout.startswith(f"usage: nocturne {command} ")


@pytest.mark.parametrize("arguments", [["sing"], ["bot", "--loud"]])
def test_an_unknown_word_is_refused(arguments: list[str]):
    """Exit code 2, and one sentence that names the word; the bot takes no options, and passes none over in silence."""
    done = nocturne(*arguments)
    assert done.returncode == 2
    [sentence] = done.stderr.splitlines()
    assert arguments[-1] in sentence
    assert sentence.endswith("; `nocturne --help` says what is accepted")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compose", "--length", "5"], "length 5 is outside 25 to 3000 steps"),
        (["continue", "missing.mid"], "'missing.mid' cannot be read"),
        (["perform", "missing.mid"], "'missing.mid' cannot be read"),
        (["harmonize", "C4,E4"], "a melody has one note at a time"),
        (["bot"], "DISCORD_TOKEN is not set"),
        (["worker", "--loud"], "unrecognized arguments: --loud; `python -m core.worker --help` says what is accepted"),
    ],
)
def test_each_command_is_its_program(arguments: list[str], said: str, tmp_path: Path):
    """Each runs as `python -m` does: its own refusal comes, with its exit code 2."""
    done = nocturne(*arguments, cwd=tmp_path)
    assert said in done.stderr
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "package", "extras"),
    [
        (["compose", "--length", "25"], "lameenc", "[compose]"),
        (["bot"], "aiohttp", "[bot,worker]"),
        (["worker"], "lameenc", "[worker]"),
    ],
)
def test_a_missing_package_is_one_sentence(arguments: list[str], package: str, extras: str, tmp_path: Path):
    """A plain installation says which package a command lacks, and with which extras to install Nocturne."""
    done = nocturne(*arguments, program=WITHOUT_PACKAGES, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"`nocturne {arguments[0]}` needs the Python package '{package}'")
    assert done.stderr.endswith(f"`pipx install --force '.{extras}'`\n")
    assert done.stderr.count("\n") == 1


def test_the_version_is_that_of_pyproject(tmp_path: Path):
    """pyproject.toml says it where there is one, the installed package elsewhere, and the command what they say."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert version() == project["version"]
    assert version(tmp_path / "pyproject.toml") == metadata.version("nocturne")
    assert nocturne("--version").stdout == f"Nocturne {project['version']}\n"


def test_folders_without_a_version_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Neither a pyproject.toml nor an installed package: no error."""

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert version(tmp_path / "pyproject.toml") == UNKNOWN
