"""Model cards: what people should know about each checkpoint, read from its `config.json`."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import aiofiles

from core.models import MODELS
from core.text import Text

SHIPPED_DATA = (
    Text(
        "the training splits of ASAP (Foscarin et al., ISMIR 2020), MAESTRO (Hawthorne et al., ICLR 2019) and POP909"
        " (Wang et al., ISMIR 2020), reproducing-piano rolls (SUPRA, Pianolatron), EMOPIA (Hung et al., ISMIR 2021) and"
        " GiantMIDI-Piano (Kong et al., 2020)"
    ),
    Text("100 files of the training split of MAESTRO v3 (Hawthorne et al., ICLR 2019)"),
)
"""The data of the checkpoints that are shipped, in the words of their configs: so these are translated."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A checkpoint's description; what its config does not say is empty."""

    name: str
    parameters: int | None = None
    """How many numbers it learnt."""
    data: str = ""
    """The name of what it was trained on."""
    licence: str = ""
    """Of its weights."""
    styles: tuple[str, ...] = ()
    """Names that a request may give as its style."""
    longest_passage: int | None = None
    """Notes of the longest passage that its pieces share with what it learnt from, where that is measured."""

    @classmethod
    async def read(cls, folder: Path, longest_passage: int | None = None) -> Self:
        """The card in `folder / config.json`; where that says nothing, the name is the folder's."""
        try:
            async with aiofiles.open(folder / "config.json", encoding="utf-8") as file:
                config = json.loads(await file.read())
            return cls(
                name=str(config.get("name") or folder.name),
                parameters=config.get("parameters"),
                data=str(config.get("data", "")),
                licence=str(config.get("licence", "")),
                styles=tuple(map(str, config.get("architecture", {}).get("styles", ()))),
                longest_passage=longest_passage,
            )
        except (OSError, ValueError, AttributeError, TypeError) as error:
            _log.warning("the model card of '%s' cannot be read: %s", folder.name, error)
            return cls(folder.name)


async def read_cards(checkpoints: Path, preset: str) -> tuple[ModelCard, ...]:
    """The card of every model, in the order of the table of models."""
    return tuple(
        [await ModelCard.read(model.folder(checkpoints, preset), model.longest_passage) for model in MODELS.values()]
    )
