"""The plan of a training: which data, and one stage after another, each of which trains networks side by side.

A plan is a TOML file (docs/training.md has its keys) or made from the options of `training.performance`."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import BadData
from core.performance.architecture import PerformanceConfig
from core.performance.engine import CHUNK, SHORTEST_WINDOW
from training.loss import TEACHER_WEIGHT
from training.windows import Variation

NETWORK_SIZES: dict[str, dict[str, Any]] = {
    "tiny": {"width": 64, "num_blocks": 2, "num_query_heads": 2, "num_kv_heads": 1, "window": 192},
    "small": {"width": 256, "num_blocks": 6, "num_query_heads": 4, "num_kv_heads": 2, "window": 512},
    "base": {"width": 384, "num_blocks": 6, "num_query_heads": 6, "num_kv_heads": 2, "window": 512},
    "large": {"width": 512, "num_blocks": 8, "num_query_heads": 8, "num_kv_heads": 2, "window": 512, "dropout": 0.3},
}
"""The sizes of networks that begin anew, by the name of the preset."""
HOLD_SHARE = 0.4
"""The share of a stage during which a learning rate with a linear decay stays at its peak."""
SEQUENCES = 8
"""Windows in a step where nobody says otherwise, as long as the network's attention reaches; or one that is as long as
all of them, where it recalls what is further back."""

Name: TypeAlias = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Count: TypeAlias = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A part of a plan: it is never changed, and a key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataFolder(Section):
    """A folder in MAESTRO's layout, or `maestro` to download it. `share` is the part of it in one pass; `clips` says
    that the last event of its files is no end of a piece."""

    folder: str
    share: float = Field(default=1.0, gt=0, le=1)
    clips: bool = False


class NetworkPlan(Section):
    """A network of a stage. It begins anew with the sizes of a `preset`, or from a checkpoint: that of an earlier stage
    by its name, or a folder. Sizes that are given change those. The model card says the `title`, or else the name."""

    name: Name
    title: str | None = None
    preset: Literal["tiny", "small", "base", "large"] = "small"
    start_from: str | None = None
    width: Count | None = None
    num_blocks: Count | None = None
    num_query_heads: Count | None = None
    num_kv_heads: Count | None = None
    window: Annotated[int, Field(ge=SHORTEST_WINDOW)] | None = None
    recall_length: Annotated[int, Field(ge=CHUNK, multiple_of=CHUNK)] | None = None
    num_recall_layers: int | None = Field(default=None, ge=0)
    dropout: Share | None = None
    rate: float = Field(default=6e-3, gt=0)
    adam_ratio: float = Field(default=0.5, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)

    def config(self, base: PerformanceConfig | None = None) -> dict[str, Any]:
        """The sizes of the network, which are those of the checkpoint `base` but for what is given."""
        sizes = (
            {name: getattr(base, name) for name in PerformanceConfig.__slots__} if base else NETWORK_SIZES[self.preset]
        )
        given = {name: getattr(self, name, None) for name in PerformanceConfig.__slots__}
        return {**sizes, **{name: value for name, value in given.items() if value is not None}}


class Stage(Section):
    """Networks that are trained side by side, on the same windows. `batch` counts windows, `length` the events of one,
    `events` those to be trained on in all; the learning rate rises over the first `warm_up` events, and falls to
    nothing at the last: as a cosine, or after a while as a line."""

    name: Name
    networks: tuple[NetworkPlan, ...] = Field(min_length=1)
    teachers: tuple[str, ...] = ()
    teacher_weight: Share = TEACHER_WEIGHT
    events: int = Field(default=20_000_000, ge=0)
    batch: Count | None = None
    length: Count | None = None
    warm_up: int = Field(default=400_000, ge=0)
    decay: Literal["cosine", "linear"] = "cosine"
    only_recalls: bool = False
    mirrored: Share = 0.0
    style_dropout: Share = 0.5
    seed: int = 1
    steps_per_call: Count = 20
    calibrate: bool = True

    @property
    def variation(self) -> Variation:
        return Variation(mirrored=self.mirrored)

    def rate_share(self, events: int) -> float:
        """The learning rate once this many events have been trained on, as a share of its peak."""
        rise = min(1.0, events / self.warm_up) if self.warm_up else 1.0
        done = min(1.0, events / max(self.events, 1))
        if self.decay == "cosine":
            return rise * 0.5 * (1 + math.cos(math.pi * done))
        return rise * min(1.0, (1 - done) / (1 - HOLD_SHARE))


class Plan(Section):
    """`validation` is the folder whose validation split measures the networks, the first one's if none is named. With
    `styles`, the music of all other composers is read as `any`."""

    data: tuple[DataFolder, ...] = Field(min_length=1)
    stages: tuple[Stage, ...] = Field(min_length=1)
    validation: str | None = None
    styles: tuple[str, ...] | None = None
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    about: str = ""
    licence: str = "that of its training data"

    @model_validator(mode="after")
    def _names_are_known_and_unique(self) -> Plan:
        for kind, names in (
            ("stage", [stage.name for stage in self.stages]),
            ("network", [network.name for stage in self.stages for network in stage.networks]),
        ):
            if twice := {name for name in names if names.count(name) > 1}:
                raise ValueError(f"two {kind}s are named '{min(twice)}'")
        return self


def read_plan(file: Path) -> Plan:
    """Raises BadData, a sentence, for a file that is missing or no plan."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadData(f"{file} cannot be read: {error}") from error
    with refusing(f"{file} is no plan"):
        return Plan.model_validate(content)


@contextmanager
def refusing(complaint: str) -> Iterator[None]:
    """Meanwhile a value that a plan cannot have raises BadData: the complaint, the place of the value, the reason."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadData(f"{complaint}: {place + ': ' if place else ''}{first['msg']}") from error
