"""Settings of the worker and the command line: environment variables, or lines of `.env` in the working directory; the
environment wins."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self

from dotenv.parser import parse_stream
from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from core.errors import BadSetting
from core.models import CHECKPOINTS, SMALL

SOUNDFONTS = tuple(
    Path(folder, "FluidR3_GM.sf2")
    for folder in (
        "/usr/share/sounds/sf2",  # Debian, Ubuntu: fluid-soundfont-gm
        "/usr/share/soundfonts",  # Fedora: fluid-soundfont-gm; Arch: soundfont-fluid
        "/usr/local/share/soundfonts",
        "/opt/homebrew/share/soundfonts",
    )
)
"""The places to look for a SoundFont when SOUNDFONT does not say."""
ENV_FILE = Path(".env")
QUEUE_AWAY = "The database of QUEUE_URL cannot be reached; the log says why."
"""What bot and worker end with at the start: the sentence for listeners names no setting."""
MISSPELLED_RATIO = 0.85
"""Similarity, as difflib has it, from which an unknown name in `.env` is taken for a misspelled setting. The names of
two settings are no more alike than 0.83, as METRICS_PORT and METRICS_HOST."""


def installed_soundfont() -> Path | None:
    """The first of `SOUNDFONTS` that is there."""
    return next((path for path in SOUNDFONTS if path.is_file()), None)


def _writable_folder(path: Path) -> Path:
    """The folder need not exist yet: then the nearest one above it must let it be made."""
    path = path.expanduser().absolute()
    nearest = next(folder for folder in (path, *path.parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise ValueError
    return path


def _folder(path: Path) -> Path:
    if not path.expanduser().is_dir():
        raise ValueError
    return path.expanduser().absolute()


def _file(path: Path) -> Path:
    if not path.expanduser().is_file():
        raise ValueError
    return path.expanduser().absolute()


def _queue_url(text: str) -> str:
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError from None
    if url.drivername not in ("sqlite", "postgresql") or not url.database or url.database == ":memory:":
        raise ValueError
    return text


def _log_level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError
    return text.upper()


def _names_in_file() -> list[str]:
    """The names that `.env` sets. Raises BadSetting for a file, or a line of it, that cannot be read."""
    if not ENV_FILE.is_file():
        return []
    try:
        with ENV_FILE.open(encoding="utf-8") as file:
            lines = list(parse_stream(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise BadSetting(f".env cannot be read: {reason}") from None
    if broken := next((line for line in lines if line.error), None):
        raise BadSetting(f".env cannot be read at line {broken.original.line}, accepted are lines NAME=value")
    return [line.key for line in lines if line.key]


class Settings(BaseSettings):
    """Settings that worker and command line read; the bot adds its own. The description of a field completes the
    sentence 'accepted is ...'; a field with `repr=False` may hold a secret, so its value is never shown."""

    model_config = SettingsConfigDict(env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True)

    data_dir: Annotated[Path, AfterValidator(_writable_folder)] = Field(
        default=Path("data"), validate_default=True, description="a folder that can be written to"
    )
    queue_url: Annotated[str, AfterValidator(_queue_url)] = Field(
        default_factory=lambda data: f"sqlite:///{data.get('data_dir', 'data')}/nocturne.sqlite",
        repr=False,
        description="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE",
    )
    soundfont: Annotated[Path, AfterValidator(_file)] | None = Field(
        default_factory=installed_soundfont, description="a SoundFont file (.sf2)"
    )
    checkpoints: Annotated[Path, AfterValidator(_folder)] = Field(
        default=CHECKPOINTS, description="a folder with one folder of weights a model"
    )
    preset: Literal["small", "base"] = Field(default=SMALL, description="small or base")
    slots: int | None = Field(
        default=None, ge=2, le=256, description="a whole number from 2 to 256: how many pieces to compose at once"
    )
    memory_limit: int = Field(
        default=2048, ge=256, description="a whole number of MiB from 256: the memory of a worker"
    )
    metrics_host: str = Field(
        default="127.0.0.1", min_length=1, description="an address of this machine to serve metrics at"
    )
    worker_metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="a port from 1 to 65535, for a worker's metrics"
    )
    log_level: Annotated[str, AfterValidator(_log_level)] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR"
    )

    @classmethod
    def load(cls) -> Self:
        """Read them all. Raises BadSetting, which names every variable that cannot be used."""
        complaints = cls._misspelled(_names_in_file())
        try:
            settings = cls()
        except ValidationError as error:
            # a default that another, wrong setting would have gone into is not the caller's mistake
            mistakes = [wrong for wrong in error.errors() if wrong["type"] != "default_factory_not_called"]
            raise BadSetting("; ".join([*complaints, *map(cls._complaint, mistakes)])) from None
        if complaints:
            raise BadSetting("; ".join(complaints))
        return settings

    @classmethod
    def _misspelled(cls, names: list[str]) -> list[str]:
        """A complaint about each name that is nearly a setting's. Other names are for other programs."""
        known = [name.upper() for name in cls.model_fields]
        meant = {name: get_close_matches(name.upper(), known, 1, MISSPELLED_RATIO) for name in names}
        return [
            f".env sets {name}, which is no setting, and {likely[0]} is one"
            for name, likely in meant.items()
            if likely and name.upper() not in known
        ]

    @classmethod
    def _complaint(cls, mistake: ErrorDetails) -> str:
        name = str(mistake["loc"][0])
        field = cls.model_fields[name]
        shown = f"is '{mistake['input']}'" if field.repr else "cannot be used"
        return (
            f"{name.upper()} {'is not set' if mistake['type'] == 'missing' else shown}, accepted is {field.description}"
        )
