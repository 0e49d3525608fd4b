"""Train the performance model: `python -m training.performance --data DIR [DIR ...]`, each MAESTRO or laid out like it;
or `--plan FILE`, which trains networks one after another, such as a teacher, its students and their recall.

A run keeps its state in its folder every few minutes and goes on from there when it is started again, exactly where it
was. Its plan may be changed between two starts: more events, another peak of the learning rate. At the end the weights
are calibrated and measured on the validation split and written as a checkpoint. Runs on TensorFlow, and with
KERAS_BACKEND=jax, which is the way for GPUs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from core import checkpoint
from core.checkpoint import Checkpoint
from core.errors import BadData
from core.performance.architecture import ANY, PerformanceConfig, config_of
from core.performance.composer import MODEL
from core.performance.model import Lookup, PerformanceModel, built, network_of
from core.performance.xla.engine import gpus
from training.calibration import calibrate
from training.commands import add_run_options, count, run_command
from training.evaluate import Scorer, nats_per_note, score
from training.networks import checkpoint_copy, freeze_all_but_recalls, open_checkpoint, warm_start
from training.optimizer import optimizer_of
from training.pieces import excerpts, read_training, read_validation
from training.plan import NETWORK_SIZES, SEQUENCES, DataFolder, NetworkPlan, Plan, Stage, read_plan, refusing
from training.run import Checker, Run
from training.steps import Student, Teacher, steps_for
from training.windows import TrainingPiece, Windows

CALIBRATION_EVENTS = 100_000
"""About how many validation events a finished network is calibrated by."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a plan is run: the folder of its state, and that of one network's checkpoint where it is named."""

    run: Path
    cache: Path
    output: Path | None = None
    one_stage: bool = False

    def stage(self, stage: Stage) -> Path:
        return self.run if self.one_stage else self.run / stage.name

    def checkpoint(self, name: str) -> Path:
        """The folder of the checkpoint of a network of the plan."""
        return (self.output or self.run / "checkpoint") if self.one_stage else self.run / "checkpoints" / name

    def source(self, name: str) -> Checkpoint:
        """The checkpoint that a plan names: that of one of its networks, or a folder."""
        own = self.checkpoint(name)
        return open_checkpoint(own if not self.one_stage and own.is_dir() else Path(name))


@dataclass(frozen=True, slots=True)
class Music:
    """The music that networks are trained and measured by."""

    pieces: Sequence[TrainingPiece]
    validation: Sequence[np.ndarray]
    styles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Habits:
    """How often a run keeps its state and is measured, on how many events, and whether TensorFlow compiles by XLA."""

    save_seconds: float
    check_events: int
    check_size: int
    jit: bool | None


def run_plan(plan: Plan, place: Place, habits: Habits) -> None:
    """Train all stages of a plan, and write a checkpoint of each network. Stages that are done are left as they are."""
    music = _read(plan, place)
    events = sum(len(piece.moments) for piece in music.pieces)
    print(f"{len(music.pieces)} pieces, {events:,} events; devices: {devices()}", flush=True)
    Lookup.one_hot = gpus() > 0
    for stage in plan.stages:
        if not _is_done(stage, place):
            _train(plan, stage, music, place, habits)


def _read(plan: Plan, place: Place) -> Music:
    known = next(
        (
            config_of(place.source(network.start_from)).styles
            for network in plan.stages[0].networks
            if network.start_from is not None
        ),
        (ANY,),
    )
    pieces, styles = read_training(plan.data, place.cache, known, plan.styles)
    return Music(pieces, read_validation(plan.validation or plan.data[0].folder, place.cache), styles)


def _is_done(stage: Stage, place: Place) -> bool:
    """Whether this very stage was trained to its end in an earlier start."""
    done = place.stage(stage) / "done.json"
    return not place.one_stage and done.exists() and done.read_text() == stage.model_dump_json()


def _train(plan: Plan, stage: Stage, music: Music, place: Place, habits: Habits) -> None:
    keras.mixed_precision.set_global_policy(plan.precision)
    keras.utils.set_random_seed(stage.seed)
    students = [_student(stage, network, music, place) for network in stage.networks]
    run = _run_of(stage, students, music, place, habits)
    checkers = [Checker(student.network, excerpts(music.validation, habits.check_size)) for student in students]
    run.train(lambda: [checker.check() for checker in checkers], habits.save_seconds, habits.check_events)
    for network, student in zip(stage.networks, students, strict=True):
        _finish(plan, stage, network, student.network, music, place, run.events)
    (place.stage(stage) / "done.json").write_text(stage.model_dump_json())


def _student(stage: Stage, network: NetworkPlan, music: Music, place: Place) -> Student:
    """A network as it begins, and its optimiser."""
    source = place.source(network.start_from) if network.start_from else None
    config = PerformanceConfig(**network.config(config_of(source) if source else None) | {"styles": music.styles})
    model = built(config)
    if source:
        warm_start(model, source)
    if stage.only_recalls:
        freeze_all_but_recalls(model)
    return Student(model, optimizer_of(network.rate, network.adam_ratio, network.weight_decay, gpus() > 0))


def _run_of(stage: Stage, students: Sequence[Student], music: Music, place: Place, habits: Habits) -> Run:
    on_jax = keras.backend.backend() == "jax"
    batch, length = sizes_of(stage, students[0].network.config)
    share_equally(batch)
    # a call on JAX takes steps of one size
    shortest = length if on_jax else min(length, students[0].network.config.window)
    windows = Windows(music.pieces, length, batch, stage.variation, stage.style_dropout, stage.seed, shortest)
    teachers = [Teacher.of(network_of(place.source(name)), music.styles) for name in stage.teachers]
    jit = habits.jit if habits.jit is not None else gpus() > 0
    steps = steps_for(students, teachers, windows, stage.teacher_weight, jit)
    return Run(place.stage(stage), stage, students, steps, batch * length, stage.steps_per_call if on_jax else 1)


def sizes_of(stage: Stage, config: PerformanceConfig) -> tuple[int, int]:
    """The windows of a step, and the events of one."""
    batch = stage.batch or (1 if config.num_recall_layers else SEQUENCES)
    return batch, stage.length or config.window * (SEQUENCES if config.num_recall_layers else 1)


def devices() -> int:
    """Among how many devices a batch is shared."""
    return len(keras.distribution.list_devices()) if keras.backend.backend() == "jax" else 1


def share_equally(batch: int) -> None:
    """Raises BadData for a batch that the devices cannot share equally."""
    if batch % (count := devices()):
        raise BadData(f"{count} devices cannot share a batch of {batch} windows equally; choose a multiple of {count}")


def _finish(
    plan: Plan, stage: Stage, entry: NetworkPlan, model: PerformanceModel, music: Music, place: Place, events: int
) -> None:
    """Calibrate and measure a network as its checkpoint will be loaded, and write that."""
    network = checkpoint_copy(model)
    temperatures = calibrate(network, excerpts(music.validation, CALIBRATION_EVENTS)) if stage.calibrate else None
    scores = score(Scorer(network), music.validation, [0] * len(music.validation), network.config.context_length)
    figures = {
        "events": events,
        "temperatures": temperatures,
        "validation": nats_per_note(music.validation, scores),
    }
    checkpoint.save(
        place.checkpoint(entry.name),
        network,
        model=MODEL,
        architecture=asdict(network.config),
        scale_axes=network.scale_axes,
        card={"name": entry.title or entry.name, "data": plan.about, "licence": plan.licence, "figures": figures},
    )
    print(json.dumps({"network": entry.name, **figures}, indent=2), flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Read, train, measure, write the checkpoints."""
    options = _options(arguments)
    place = Place(options.run, options.cache, options.output, one_stage=options.plan is None)
    habits = Habits(options.save_seconds, options.check_events, options.check_size, options.jit)
    run_plan(read_plan(options.plan) if options.plan else plan_of(options), place, habits)


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan of one stage with one network that the options describe. Raises BadData for values out of range."""
    with refusing("these options are no plan"):
        return _plan_of(options)


def _plan_of(options: argparse.Namespace) -> Plan:
    shares = options.shares or [1.0] * len(options.data)
    if len(shares) != len(options.data):
        raise BadData(f"{len(options.data)} folders of data need as many shares, not {len(shares)}")
    network = NetworkPlan(
        name="performance",
        title=options.name,
        preset=options.preset,
        start_from=str(options.start_from) if options.start_from else None,
        num_recall_layers=options.recalls,
        dropout=options.dropout,
        rate=options.rate,
    )
    names = ("events", "batch", "length", "warm_up", "only_recalls", "mirrored", "seed", "calibrate", "steps_per_call")
    stage = Stage(
        name="train",
        networks=(network,),
        teachers=tuple(map(str, options.teachers or ())),
        **{name: getattr(options, name) for name in names},
    )
    return Plan(
        data=tuple(DataFolder(folder=name, share=share) for name, share in zip(options.data, shares, strict=True)),
        stages=(stage,),
        precision=options.precision,
        about=options.about,
        licence=options.licence,
    )


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.performance", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--plan", type=Path, metavar="FILE", help="a TOML file of several stages (docs/training.md)")
    what.add_argument(
        "--data",
        nargs="+",
        help="folders in MAESTRO's layout, or `maestro`: download it; the first one's validation split validates",
    )
    _add_network_options(parser)
    _add_stage_options(parser)
    parser.add_argument("--save-seconds", type=float, default=180, help="between two states")
    parser.add_argument("--check-events", type=count, default=1_000_000, help="between two measurements")
    parser.add_argument("--check-size", type=count, default=60_000, help="validation events in such a measurement")
    add_run_options(parser, "performance")
    return parser.parse_args(arguments)


def _add_network_options(parser: argparse.ArgumentParser) -> None:
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument(
        "--preset", choices=NETWORK_SIZES, default="small", help="the sizes of a network that begins anew"
    )
    begin.add_argument("--start-from", type=Path, metavar="CHECKPOINT", help="begin with the weights of this folder")
    default = NetworkPlan(name="default")
    parser.add_argument("--rate", type=float, default=default.rate, help="peak of the learning rate")
    parser.add_argument("--dropout", type=float, help="share of each block that is left out (default: the network's)")
    parser.add_argument("--recalls", type=int, help="how many of its last blocks recall (default: the network's)")


def _add_stage_options(parser: argparse.ArgumentParser) -> None:
    default = Stage(name="default", networks=(NetworkPlan(name="default"),))
    parser.add_argument(
        "--shares", type=float, nargs="+", help="the part of each folder in one pass (default: all of it)"
    )
    parser.add_argument("--events", type=int, default=default.events, help="to train on in all; may grow when resumed")
    parser.add_argument(
        "--batch", type=int, help=f"windows in a step (default: {SEQUENCES}, or 1 of a network that recalls)"
    )
    parser.add_argument(
        "--length",
        type=int,
        help=f"events in a window (default: what the network attends to, or {SEQUENCES} times that if it recalls)",
    )
    parser.add_argument("--warm-up", type=int, default=default.warm_up, help="events until the peak of the rate")
    parser.add_argument("--only-recalls", action="store_true", help="train what recalls, and leave all else as it is")
    parser.add_argument(
        "--mirrored", type=float, default=default.mirrored, help="share of windows with the keyboard turned round"
    )
    parser.add_argument(
        "--teachers", type=Path, nargs="+", metavar="CHECKPOINT", help="learn from these folders' networks as well"
    )
    parser.add_argument("--seed", type=int, default=default.seed, help="of the order and the variations")
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"), default="float32")
    parser.add_argument(
        "--jit",
        action=argparse.BooleanOptionalAction,
        help="compile TensorFlow's step by XLA (default: on a GPU; processors are faster without)",
    )
    parser.add_argument(
        "--steps-per-call", type=int, default=default.steps_per_call, help="that JAX takes in a row on the device"
    )
    parser.add_argument(
        "--calibrate",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="at the end, divide the logits by the temperatures at which validation is likeliest",
    )


if __name__ == "__main__":
    run_command("training.performance", main)
