"""The composers of a worker: the default model's is loaded first and serves at once; the rest is compiled behind it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future

from core.checkpoint import Checkpoint
from core.composer import Composer
from core.loader import load_composer
from core.models import DEFAULT_MODEL, MODELS
from core.process.memory import give_back
from core.process.programs import ProgramCache
from core.settings import Settings

_log = logging.getLogger(__name__)

OTHERS_MEBIBYTES = 100
"""Memory that the composers of the other models take, measured for the article's; the default one leaves it free."""


class Composers(Mapping[str, Composer]):
    """Composers by the names of their models, the default one first. To look one up waits until it is loaded."""

    def __init__(self, settings: Settings) -> None:
        """Returns when the default model can make its first piece. Raises BadCheckpoint for any checkpoint that is
        missing or does not fit together."""
        self._settings, self._programs = settings, ProgramCache(settings.data_dir / "programs")
        for model in MODELS.values():
            Checkpoint(model.folder(settings.checkpoints, settings.preset), model.name)
        _log.info("compiling the models, this once" if self._programs.empty else "loading the models")
        self._loaded: dict[str, Future[Composer]] = {name: Future() for name in MODELS}
        self._load(DEFAULT_MODEL)
        self._loaded[DEFAULT_MODEL].result()  # or its error
        threading.Thread(target=self._load_rest, name="loading", daemon=True).start()

    def __getitem__(self, model: str) -> Composer:
        return self._loaded[model].result()

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded)

    def __len__(self) -> int:
        return len(self._loaded)

    def _load(self, model: str) -> None:
        began, settings = time.monotonic(), self._settings
        memory = settings.memory_limit
        if memory and model == DEFAULT_MODEL:
            memory -= OTHERS_MEBIBYTES
        try:
            composer = load_composer(
                model, settings.checkpoints, settings.preset, settings.slots, memory, self._programs
            )
        except BaseException as error:
            self._loaded[model].set_exception(error)
            return
        self._loaded[model].set_result(composer)
        _log.info("model '%s' can compose after %.1f s", model, time.monotonic() - began)

    def _load_rest(self) -> None:
        """First what many pieces at once wait for, while nothing else is loaded: to compile it takes most memory of
        all. Then the other models."""
        for model, loaded in self._loaded.items():
            if not loaded.done():
                self._load(model)
            if (error := loaded.exception()) is not None:
                _log.error("model '%s' cannot be loaded", model, exc_info=error)
                continue
            loaded.result().warm_up_fully()
            give_back()  # what the compiler took, 300 MB and more
        self._programs.seal()
        _log.info("all models are loaded, and all their programs compiled")
