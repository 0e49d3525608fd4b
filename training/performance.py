"""Train the performance model: `python -m training.performance --data DIR [DIR ...]`, each MAESTRO or laid out like it.

A run keeps its state in its folder every few minutes and goes on from there when it is started again, exactly where it
was. Its plan may be changed between two starts: more events, another peak of the learning rate. At the end the weights
are calibrated and measured on the validation split and written as a checkpoint. Runs on TensorFlow, and with
KERAS_BACKEND=jax."""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from tqdm import tqdm

from core import checkpoint
from core.checkpoint import Checkpoint
from core.errors import BadData
from core.performance.composer import MODEL, config_of, network_of
from core.performance.engine import gpus
from core.performance.events import KEY
from core.performance.model import ANY, Lookup, PerformanceConfig, PerformanceModel, built, negative_log_likelihood
from training.calibration import calibrate
from training.commands import add_run_options, run_command
from training.data import data_folder, of_split, read_folder, style_of
from training.evaluate import Scorer, nats_per_note, score
from training.held_out import learnable
from training.midi import moments_of
from training.windows import TrainingPiece, Variation, Windows

PRESETS = {
    "tiny": PerformanceConfig(width=64, num_blocks=2, num_query_heads=2, num_kv_heads=1, window=128),
    "small": PerformanceConfig(width=256, num_blocks=6, num_query_heads=4, num_kv_heads=2, window=512),
    "base": PerformanceConfig(width=384, num_blocks=6, num_query_heads=6, num_kv_heads=2, window=512),
    "large": PerformanceConfig(width=512, num_blocks=8, num_query_heads=8, num_kv_heads=2, window=512, dropout=0.3),
}

TAUGHT = 0.85
"""How much of what a network with teachers learns is what they say; the rest is what the pianist played."""
WINDOWS = 8
"""In a step, as long as what the network attends to; or one as long as all of them, where it recalls what is further
back."""
CALIBRATED = 100_000
"""About how many validation events the finished network is calibrated by."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does. `batch` counts windows, `length` the events of one, `events` those to be trained on in all; the
    learning rate rises over the first `warm_up` events and falls as a cosine to nothing at the last."""

    events: int = 20_000_000
    batch: int = WINDOWS
    length: int = 512
    rate: float = 6e-3
    adam_ratio: float = 0.5
    weight_decay: float = 0.05
    warm_up: int = 400_000
    style_dropout: float = 0.5
    seed: int = 1
    variation: Variation = field(default_factory=Variation)

    @property
    def step(self) -> int:
        """Events in a step, with those that fill up windows."""
        return self.batch * self.length

    def rate_at(self, events: int) -> float:
        """The learning rate once this many events have been trained on."""
        rise = min(1.0, events / self.warm_up) if self.warm_up else 1.0
        return self.rate * rise * 0.5 * (1 + math.cos(math.pi * min(1.0, events / self.events)))


class PerformanceTrainer(PerformanceModel):
    """The network with its loss: -ln p of an event, all attributes together."""

    taught: Callable[[dict[str, Any]], list[Any]] | None = None
    """What is to be learnt besides what does follow; see `taught_by`."""

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """`y` are the following events, (batch, events, 4), and `y_pred` the logits of each attribute."""
        nats = negative_log_likelihood(y_pred, y, self.taught(x) if self.taught else None, TAUGHT)
        return ops.sum(nats) / ops.sum(ops.cast(y[:, :, KEY] >= 0, "float32"))


def taught_by(teachers: Sequence[PerformanceModel], styles: Sequence[str]) -> Callable[[dict[str, Any]], list[Any]]:
    """The mean of the probabilities that the teachers give each attribute, (batch, events, size) each, as a function of
    a network's inputs; so the teachers are no part of that network. A style is one of `styles`, and a teacher that does
    not know it reads without."""
    places = [
        [known.index(style) if style in known else 0 for style in styles]
        for known in (teacher.config.styles for teacher in teachers)
    ]

    def taught(inputs: dict[str, Any]) -> list[Any]:
        said = []
        for teacher, place in zip(teachers, places, strict=True):
            style = ops.take(ops.convert_to_tensor(place, "int32"), inputs["style"])
            said.append([ops.softmax(logits) for logits in teacher(inputs | {"style": style}, training=False)])
        return [ops.stop_gradient(sum(parts) / len(parts)) for parts in zip(*said, strict=True)]

    return taught


class Run:
    """A training run and its folder: `state.npz` (all variables and how far it is), `history.jsonl`, TensorBoard."""

    def __init__(self, folder: Path, model: PerformanceTrainer, plan: Plan, pieces: Sequence[TrainingPiece]) -> None:
        """Goes on from the folder's state, where there is one. Raises BadData for one of another network."""
        self.folder, self.model, self.plan = folder, model, plan
        shortest = min(plan.length, model.config.window)
        self.windows = Windows(pieces, plan.length, plan.batch, plan.variation, plan.style_dropout, plan.seed, shortest)
        self.position = 0
        self.history: list[dict[str, Any]] = []
        model.optimizer.build(model.trainable_variables)
        folder.mkdir(parents=True, exist_ok=True)
        if self._state.exists():
            self._load()

    @property
    def _state(self) -> Path:
        return self.folder / "state.npz"

    @property
    def events(self) -> int:
        """How many events were trained on, with those that filled up windows."""
        return self.position * self.plan.step

    @property
    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def save(self) -> None:
        """Replace the state whole, so that a kill at any moment leaves one to go on from."""
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

    def train(self, checker: Checker, save_seconds: float, check_events: int) -> None:
        """Train what is left of the plan; keep the state every `save_seconds`, and measure and log every
        `check_events`."""
        board = board_of(self.folder / "tensorboard")
        total = -(-self.plan.events // self.plan.step)
        functions: dict[int, Any] = {}  # one a length: the network must know it when it is compiled
        saved, losses = time.monotonic(), []
        bar = tqdm(total=total * self.plan.step, initial=self.events, unit=" events", unit_scale=True, mininterval=10)
        for inputs, following in self._batches(total):
            self.model.optimizer.learning_rate = self.plan.rate_at(self.events)
            length = following.shape[1]
            self.model.train_function = functions.get(length)
            losses.append(float(self.model.train_on_batch(inputs, following)))
            functions[length] = self.model.train_function
            before = self.events
            self.position += 1
            bar.update(self.plan.step)
            finished = self.position >= total
            if before // check_events != self.events // check_events or finished:
                entry = {"events": self.events, "rate": self.plan.rate_at(before), "loss": float(np.mean(losses))}
                entry |= checker.check()
                self.history.append(entry)
                for name, value in entry.items():
                    board.add_scalar(name, value, self.events)
                bar.set_postfix(loss=entry["loss"], validation=entry["validation"])
                losses = []
            if time.monotonic() - saved > save_seconds or finished:
                self.save()
                board.flush()
                saved = time.monotonic()
        bar.close()

    def _batches(self, total: int) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        """The batches from the position on, up to `total`; the next is made while one is trained on."""
        with ThreadPoolExecutor(1) as pool:
            ahead: Future[Any] = pool.submit(self.windows.batch, self.position)
            for position in range(self.position, total):
                batch = ahead.result()
                ahead = pool.submit(self.windows.batch, position + 1)
                yield batch


class Checker:
    """Measures a network on some pieces, as `training.evaluate` does but on the weights as they are."""

    def __init__(self, model: PerformanceModel, pieces: Sequence[np.ndarray], length: int) -> None:
        self.scorer, self.pieces, self.length = Scorer(model), pieces, length

    def check(self) -> dict[str, float]:
        """Nats per note without style, and its parts."""
        scores = score(self.scorer, self.pieces, [0] * len(self.pieces), self.length)
        figures = nats_per_note(self.pieces, scores)
        return {"validation": figures["nats_per_note"], **figures["by_attribute"]}


def board_of(folder: Path) -> Any:
    """TensorBoard's own writer, which needs no TensorFlow."""
    from tensorboard.summary import Writer

    return Writer(str(folder))


def excerpts(pieces: Sequence[np.ndarray], events: int) -> list[np.ndarray]:
    """Some of the pieces, evenly chosen, about `events` in all: enough to see how a run does."""
    every = max(sum(map(len, pieces)) // max(events, 1), 1)
    return list(pieces[::every])


def optimizer_of(plan: Plan) -> keras.optimizers.Optimizer:
    """Muon for the matrices inside, AdamW for embeddings, outputs and vectors."""
    return keras.optimizers.Muon(
        plan.rate,
        adam_lr_ratio=plan.adam_ratio,
        weight_decay=plan.weight_decay,
        adam_weight_decay=plan.weight_decay,
        exclude_layers=["output"],
        global_clipnorm=1.0,
    )


def read_training(
    folders: Sequence[Path], shares: Sequence[float], cache: Path, known: Sequence[str] = (ANY,)
) -> tuple[list[TrainingPiece], tuple[str, ...]]:
    """The training pieces of all folders, with one share a folder, and the styles: those `known`, then any others that
    are in the folders. Training pieces that are the music of a validation or test piece of any of the folders are left
    out. Raises BadData when nothing is left."""
    kept = learnable([read_folder(folder) for folder in folders], cache)
    entries = [
        (moments, style_of(recording.composer), share)
        for of_folder, share in zip(kept, shares, strict=True)
        for recording, moments in of_folder
    ]
    styles = (*known, *sorted({style for _, style, _ in entries} - set(known), key=str.casefold))
    return [TrainingPiece(moments, styles.index(style), share) for moments, style, share in entries], styles


def spread(batch: int) -> int:
    """Share each batch of this many windows among all devices, where JAX has several, and say how many they are. Call
    it before a network is made. Raises BadData for a batch that they cannot share equally."""
    devices = len(keras.distribution.list_devices()) if keras.backend.backend() == "jax" else 1
    if batch % devices:
        raise BadData(
            f"{devices} devices cannot share a batch of {batch} windows equally; choose a multiple of {devices}"
        )
    if devices > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel())
    return devices


def begin_from(model: PerformanceModel, checkpoint: Checkpoint) -> None:
    """Give the network the checkpoint's weights. It may know more styles; those begin as the checkpoint's `any`. What
    recalls it may have and the checkpoint not; that begins as nothing."""
    trained = {weight.path: ops.convert_to_numpy(weight) for weight in network_of(checkpoint).trainable_variables}
    for weight in model.trainable_variables:
        values = trained.get(weight.path)
        if values is None:
            continue
        more = weight.shape[0] - values.shape[0]
        weight.assign(np.concatenate([values, np.repeat(values[:1], more, axis=0)]) if more else values)


def leave_but_recalls(model: PerformanceModel) -> None:
    """Train nothing but what reads the memory: a network that plays well learns no piece by heart meanwhile. Raises
    BadData for one that has no such layers."""
    if not any(model.recall_layers):
        raise BadData("the network has no layers that recall; give it some by --recalls")
    for layer in model.layers:
        layer.trainable = layer in model.recall_layers


def shipped(model: PerformanceModel) -> PerformanceModel:
    """The network as its checkpoint will be loaded: weights rounded to float16, all arithmetic in float32."""
    keras.mixed_precision.set_global_policy("float32")
    copy = built(model.config)
    for weight, trained in zip(copy.weights, model.weights, strict=True):
        weight.assign(checkpoint.rounded(ops.convert_to_numpy(trained)))
    return copy


def main(arguments: list[str] | None = None) -> None:
    """Read, train, measure, write the checkpoint."""
    options = _options(arguments)
    folders = [data_folder(name) for name in options.data]
    shares = options.shares or [1.0] * len(folders)
    if len(shares) != len(folders):
        raise BadData(f"{len(folders)} folders of data need as many shares, not {len(shares)}")
    keras.mixed_precision.set_global_policy(options.precision)
    source = Checkpoint(options.start_from, MODEL) if options.start_from else None
    base = config_of(source) if source else PRESETS[options.preset]
    pieces, styles = read_training(folders, shares, options.cache, base.styles)
    validating = moments_of(of_split(read_folder(folders[0]), "validation"), options.cache)
    validation = [moments for _, moments in validating]
    given = {"dropout": options.dropout, "num_recall_layers": options.recalls}
    config = replace(base, styles=styles, **{name: value for name, value in given.items() if value is not None})
    plan = Plan(
        events=options.events,
        batch=options.batch or (1 if config.num_recall_layers else WINDOWS),
        length=options.length or config.window * (WINDOWS if config.num_recall_layers else 1),
        rate=options.rate,
        warm_up=options.warm_up,
        seed=options.seed,
        variation=Variation(mirrored=options.mirrored),
    )
    devices = spread(plan.batch)
    events = sum(len(piece.moments) for piece in pieces)
    print(f"{len(pieces)} pieces, {events:,} events; devices: {devices}", flush=True)
    keras.utils.set_random_seed(plan.seed)
    Lookup.one_hot = gpus() > 0
    model = built(config, PerformanceTrainer)
    if source:
        begin_from(model, source)
    if options.only_recalls:
        leave_but_recalls(model)
    if options.teachers:
        model.taught = taught_by([network_of(Checkpoint(folder, MODEL)) for folder in options.teachers], styles)
    jit = options.jit if options.jit is not None else keras.backend.backend() == "jax" or gpus() > 0
    model.compile(optimizer=optimizer_of(plan), jit_compile=jit)
    run = Run(options.run, model, plan, pieces)
    run.train(
        Checker(model, excerpts(validation, options.check_size), config.context_length),
        options.save_seconds,
        options.check_events,
    )
    network = shipped(model)
    temperatures = calibrate(network, excerpts(validation, CALIBRATED)) if options.calibrate else None
    scores = score(Scorer(network), validation, [0] * len(validation), config.context_length)
    figures = {
        "events": run.events,
        "temperatures": temperatures,
        "validation": nats_per_note(validation, scores),
    }
    checkpoint.save(
        options.output or options.run / "checkpoint",
        network,
        model=MODEL,
        architecture=asdict(config),
        card={"name": options.name, "data": options.about, "licence": options.licence, "figures": figures},
    )
    print(json.dumps(figures, indent=2))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    defaults = Plan()
    parser = argparse.ArgumentParser(prog="python -m training.performance", description=__doc__)
    parser.add_argument(
        "--data",
        nargs="+",
        required=True,
        help="folders in MAESTRO's layout, or `maestro`: download it; the first one's validation split validates",
    )
    parser.add_argument(
        "--shares", type=float, nargs="+", help="the part of each folder in one pass (default: all of it)"
    )
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--preset", choices=PRESETS, default="small", help="the sizes of a network that begins anew")
    begin.add_argument("--start-from", type=Path, metavar="CHECKPOINT", help="begin with the weights of this folder")
    parser.add_argument("--events", type=int, default=defaults.events, help="to train on in all; may grow when resumed")
    parser.add_argument(
        "--batch", type=int, help=f"windows in a step (default: {WINDOWS}, or 1 of a network that recalls)"
    )
    parser.add_argument(
        "--length",
        type=int,
        help=f"events in a window (default: what the network attends to, or {WINDOWS} times that if it recalls)",
    )
    parser.add_argument("--rate", type=float, default=defaults.rate, help="peak of the learning rate")
    parser.add_argument("--warm-up", type=int, default=defaults.warm_up, help="events until that peak")
    parser.add_argument("--dropout", type=float, help="share of each block that is left out (default: the network's)")
    parser.add_argument("--recalls", type=int, help="how many of its last blocks recall (default: the network's)")
    parser.add_argument("--only-recalls", action="store_true", help="train what recalls, and leave all else as it is")
    parser.add_argument(
        "--mirrored", type=float, default=0.0, help="share of windows with the keyboard turned round, low for high"
    )
    parser.add_argument(
        "--teachers", type=Path, nargs="+", metavar="CHECKPOINT", help="learn from these folders' networks as well"
    )
    parser.add_argument("--seed", type=int, default=defaults.seed, help="of the order and the variations")
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"), default="float32")
    parser.add_argument(
        "--jit",
        action=argparse.BooleanOptionalAction,
        help="compile the step by XLA (default: with JAX or a GPU; on processors TensorFlow is faster without)",
    )
    parser.add_argument(
        "--calibrate",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="at the end, divide the logits by the temperatures at which validation is likeliest",
    )
    parser.add_argument("--save-seconds", type=float, default=180, help="between two states")
    parser.add_argument("--check-events", type=int, default=1_000_000, help="between two measurements")
    parser.add_argument("--check-size", type=int, default=60_000, help="validation events in such a measurement")
    add_run_options(parser, "performance")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command("training.performance", main)
