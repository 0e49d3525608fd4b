"""The pinned requirements, which `make lock` writes: complete, hashed, and what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
SETS = ("tools", "bot", "worker", "training", "dev")
WITH_GPU = (*SETS, "gpu")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(name: str) -> list[Requirement]:
    """The packages of a file in requirements/, without their hashes."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    return [Requirement(line.removesuffix("\\")) for line in lines if line and line[0] not in " #"]


def wanted(name: str) -> list[Requirement]:
    """What pyproject.toml asks for a set, with the extras of Nocturne itself followed."""
    if name in PROJECT["dependency-groups"]:
        return [Requirement(text) for text in PROJECT["dependency-groups"][name]]
    found = []
    for text in PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"][name]:
        requirement = Requirement(text)
        if requirement.name == "nocturne":
            found += [inner for extra in requirement.extras for inner in wanted(extra)]
        else:
            found.append(requirement)
    return found


def spelled(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", WITH_GPU)
def test_every_package_is_pinned_and_hashed(name):
    """Each package has one version and at least one SHA-256, and nothing says where it was fetched from."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    packages = re.findall(
        r"^(\S+?)==\S+(?: ; .+)? \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.MULTILINE
    )
    assert len(packages) == len(pins(name)) > 0
    assert not re.search(r"://|--index|--extra-index|--find-links| @ |(?<!\w)/\w", text)
    assert "#    make lock\n" in text


@pytest.mark.parametrize("name", SETS)
def test_the_sets_can_share_one_environment(name):
    """Where two sets have a package, they have the same version of it."""
    whole = {(pin.name, pin.specifier) for pin in pins("dev")}
    assert {(pin.name, pin.specifier) for pin in pins(name)} <= whole


def test_a_gpus_packages_fit_a_worker():
    """They leave each package that the worker's set has in its version."""
    worker = {(pin.name, pin.specifier) for pin in pins("worker")}
    shared = {(pin.name, pin.specifier) for pin in pins("gpu") if pin.name in dict(worker)}
    assert shared
    assert shared <= worker


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("name", WITH_GPU)
def test_the_pins_are_what_the_project_asks_for(name, python):
    """`make lock` ran after the last change to pyproject.toml, for every Python that is accepted."""
    here = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    pinned = {spelled(pin.name): pin for pin in pins(name) if pin.marker is None or pin.marker.evaluate(here)}
    for requirement in (each for each in wanted(name) if each.marker is None or each.marker.evaluate(here)):
        (version,) = pinned[spelled(requirement.name)].specifier
        assert requirement.specifier.contains(version.version), requirement


def test_the_bot_needs_no_tensorflow():
    """The set that the bot installs holds nothing of what makes, plays or draws music, nor what takes much memory."""
    heavy = {"tensorflow", "tensorflow-cpu", "numba", "llvmlite", "keras", "matplotlib", "tensorboard"}
    heavy |= {"numpy", "pretty-midi", "pillow", "lameenc", "soundfile", "av"}
    assert not {pin.name for pin in pins("bot")} & heavy
