"""A training run and its folder: it keeps its state every few minutes and goes on from there when it is started again,
exactly where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from core.errors import BadData
from core.performance.model import PerformanceModel
from training.evaluate import Scorer, nats_per_note, score
from training.plan import Stage
from training.steps import Steps, Student

Figures = Mapping[str, float]


class Run:
    """A stage of a plan in its folder: `state.npz` (all variables and how far it is), `history.jsonl`, TensorBoard."""

    def __init__(
        self, folder: Path, stage: Stage, students: Sequence[Student], steps: Steps, step_events: int, per_call: int
    ) -> None:
        """Goes on from the folder's state, where there is one. Raises BadData for one of other networks. `step_events`
        are the events of a step, with padding; `per_call` steps are taken in a row."""
        self.folder, self.stage, self.students, self.steps = folder, stage, students, steps
        self.step_events, self.per_call = step_events, per_call
        self.position = 0
        self.history: list[dict[str, Any]] = []
        folder.mkdir(parents=True, exist_ok=True)
        if self._state.exists():
            self._load()

    @property
    def _state(self) -> Path:
        return self.folder / "state.npz"

    @property
    def events(self) -> int:
        """How many events were trained on, with padding."""
        return self.position * self.step_events

    @property
    def total(self) -> int:
        """The steps of the stage, in whole calls: one of another size would be compiled anew."""
        return -(-self.stage.events // (self.step_events * self.per_call)) * self.per_call

    @property
    def _variables(self) -> list[Any]:
        return [variable for student in self.students for variable in student.variables]

    def save(self) -> None:
        """Replace the state whole, so that a kill at any moment leaves one to go on from."""
        self.steps.publish()
        arrays = {f"{number:04}": np.asarray(variable) for number, variable in enumerate(self._variables)}
        arrays |= {"position": np.array(self.position), "history": np.array(json.dumps(self.history))}
        new = self.folder / "new.npz"
        with new.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        new.replace(self._state)
        (self.folder / "history.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in self.history))

    def _load(self) -> None:
        with np.load(self._state, allow_pickle=False) as state:
            arrays = [state[name] for name in sorted(state.files) if name.isdecimal()]
            shapes = [tuple(variable.shape) for variable in self._variables]
            if shapes != [array.shape for array in arrays]:
                raise BadData(f"{self._state} is the state of another network; choose another folder for this run")
            for variable, array in zip(self._variables, arrays, strict=True):
                variable.assign(array)
            self.position, self.history = int(state["position"]), json.loads(str(state["history"]))
        self.steps.restore()

    def train(self, check: Callable[[], Sequence[Figures]], save_seconds: float, check_events: int) -> None:
        """Train what is left of the stage; keep the state every `save_seconds`, and log each network's loss and the
        figures of `check` every `check_events`."""
        saved, unchecked = time.monotonic(), []
        for losses in self._calls():
            unchecked.append(losses)
            before, finished = self.events, self.position + len(losses) >= self.total
            self.position += len(losses)
            if before // check_events != self.events // check_events or finished:
                self.steps.publish()
                self._log(np.concatenate(unchecked).mean(axis=0), check())
                unchecked = []
            if time.monotonic() - saved > save_seconds or finished:
                self.save()
                saved = time.monotonic()
        self.steps.publish()

    def _calls(self) -> Iterator[np.ndarray]:
        """The losses of the steps that are left, (steps, students) a call."""
        size = self.step_events
        with tqdm(total=self.total * size, initial=self.events, unit=" events", unit_scale=True, mininterval=10) as bar:
            for position in range(self.position, self.total, self.per_call):
                losses = self.steps.run(position, self._rates(position))
                yield losses
                bar.update(len(losses) * size)
                bar.set_postfix(loss=losses[-1].round(3).tolist(), refresh=False)

    def _rates(self, position: int) -> np.ndarray:
        """The learning rates of a call's steps, (steps, students)."""
        shares = [self.stage.rate_share((position + step) * self.step_events) for step in range(self.per_call)]
        return np.outer(shares, [network.rate for network in self.stage.networks])

    def _log(self, losses: np.ndarray, figures: Sequence[Figures]) -> None:
        for network, loss, measured in zip(self.stage.networks, losses, figures, strict=True):
            entry = {"loss": float(loss), "rate": network.rate * self.stage.rate_share(self.events), **measured}
            self.history.append({"network": network.name, "events": self.events, **entry})
            board = _board(self.folder / "tensorboard" / network.name)
            for name, value in entry.items():
                board.add_scalar(name, value, self.events)
            board.close()


class Checker:
    """Measures a network on some pieces, as `training.evaluate` does but on the weights as they are."""

    def __init__(self, model: PerformanceModel, pieces: Sequence[np.ndarray]) -> None:
        self.scorer, self.pieces, self.length = Scorer(model), pieces, model.config.context_length

    def check(self) -> dict[str, float]:
        """Nats per note without style, and its parts."""
        scores = score(self.scorer, self.pieces, [0] * len(self.pieces), self.length)
        figures = nats_per_note(self.pieces, scores)
        return {"validation": figures["nats_per_note"], **figures["by_attribute"]}


def _board(folder: Path) -> Any:
    """TensorBoard's own writer, which needs no TensorFlow."""
    from tensorboard.summary import Writer

    return Writer(str(folder))
