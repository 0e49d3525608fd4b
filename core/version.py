"""Nocturne's version, which pyproject.toml alone says."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
UNKNOWN = "of an unknown version"


def version(project: Path = PROJECT) -> str:
    """The version in `project`, which lies beside `core/` in a checkout and in a container; elsewhere the one that the
    installed package carries."""
    if project.is_file():
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
    try:
        return metadata.version("nocturne")
    except metadata.PackageNotFoundError:  # the folders alone were copied somewhere
        return UNKNOWN
