"""Recipes: all that a piece is made from, as it is stored, shown and typed again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.option_kinds import Option, Scope
from core.options import TEMPERATURE, TOP_P, options_in, slug
from core.records import check_types, of_type
from core.request import AS_COMPOSED, EXPRESSION_OPTIONS, ComposeRequest, Rendering
from core.tasks import COMPOSE, HARMONIZE, PERFORM, WORDS


def unusual_options(request: ComposeRequest, rendering: Rendering) -> list[tuple[Option[Any], Any]]:
    """Options whose values are not the usual ones, in their order; the take, which has no usual one, is among them."""
    valued = [(option, getattr(request.origin, option.parameter)) for option in options_in(Scope.SOURCE)]
    valued += [(option, getattr(request, option.name)) for option in options_in(Scope.REQUEST)]
    valued += [(option, getattr(rendering, option.name)) for option in options_in(Scope.RENDERING)]
    return [(option, value) for option, value in valued if value != option.usual_for(request.model)]


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a piece is made from: the same recipe gives the same piece."""

    request: ComposeRequest
    checkpoint: str
    """Hexadecimal digits of the checkpoint's hash."""
    rendering: Rendering = AS_COMPOSED

    def __post_init__(self) -> None:
        check_types(self)

    @property
    def name(self) -> str:
        """A file name without suffix, of letters, digits and `-` alone."""
        request = self.request
        seed = request.file_word or slug(str(request.seed))
        marks = [
            option.file_mark(value) for option, value in unusual_options(request, self.rendering) if option.file_mark
        ]
        harmonized = [WORDS[HARMONIZE]] if request.task == HARMONIZE and not request.score else []
        return "-".join(["nocturne", request.model, *harmonized, seed, str(request.length), *marks])

    @property
    def options(self) -> str:
        """All of it in one line, as it can be typed again: `seed:72 length:500 take:7 model:performance ...`."""
        request, edits = self.request, self.rendering
        options = {
            "seed": request.file_word or request.seed.spelled,
            "length": request.length,
            "take": request.take,
            "model": request.model,
            "style": request.style,
            "temperature": TEMPERATURE.write(request.temperature),
            "top_p": TOP_P.write(request.top_p),
            "checkpoint": self.checkpoint,
        }
        for option in EXPRESSION_OPTIONS:
            if (value := getattr(request, option.name)) != option.usual:
                options[option.name] = option.write(value)
        if request.task != COMPOSE:
            options["task"] = request.task
        if request.task == PERFORM:
            options["freedom"] = request.freedom
        if edits.changes_notes:
            options |= {"instrument": edits.instrument, "tempo": edits.tempo, "transpose": edits.transpose}
            options |= {"only_new": True} if edits.only_new else {}
            options |= {"crop": edits.crop} if edits.crop else {}
        return " ".join(f"{name}:{value}" for name, value in options.items())

    def to_json(self) -> dict[str, Any]:
        return self.request.to_json() | {"checkpoint": self.checkpoint, "rendering": self.rendering.to_json()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Recipe:
        """Raises as `ComposeRequest.from_json` does."""
        request = {key: value for key, value in of_type(dict, data).items() if key not in ("checkpoint", "rendering")}
        rendering = Rendering.from_json(data.get("rendering", {}))  # jobs of older versions have none
        return cls(ComposeRequest.from_json(request), data["checkpoint"], rendering)
