"""How a modal is filled in: what a client sends for each of its components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .codes import FILE_UPLOAD, LABEL, RADIO_GROUP, SELECTS, TEXT_INPUT
from .model import Attachment
from .places import Json


class Filled:
    """A modal with these values, by custom id, where others than those that it was shown with are given."""

    def __init__(self, given: Mapping[str, Sequence[str | Attachment]]) -> None:
        self._given = given
        self.attachments: dict[str, Json] = {}
        """Files that were put into it, by id."""

    def component(self, component: Json) -> Json:
        """A component as it is submitted. Raises ValueError for what a client would not send."""
        kind, id = component["type"], component.get("id", 0)
        if kind == LABEL:
            return {"type": kind, "id": id, "component": self.component(component["component"])}
        if "components" in component:
            return {"type": kind, "id": id, "components": [*map(self.component, component["components"])]}
        if "custom_id" not in component:
            return {"type": kind, "id": id}
        return {"type": kind, "id": id, "custom_id": component["custom_id"]} | self._value(kind, component)

    def _value(self, kind: int, component: Json) -> Json:
        given = self._given.get(component["custom_id"])
        if kind == TEXT_INPUT:
            return {"value": _text(component, component.get("value") or "" if given is None else str(given[0]))}
        if kind == FILE_UPLOAD:
            return {"values": self._files(component, given or [])}
        chosen = _chosen(component, given)
        if kind == RADIO_GROUP:
            return {"value": chosen[0] if chosen else None}
        return {"values": chosen}

    def _files(self, component: Json, files: Sequence[str | Attachment]) -> list[str]:
        least = component.get("min_values") or 1
        if (files or component.get("required", True)) and not least <= len(files) <= (component.get("max_values") or 1):
            raise ValueError(f"{len(files)} files cannot be sent in {component['custom_id']}")
        sent = {str(file.id): file.to_json() for file in files if isinstance(file, Attachment)}
        self.attachments |= sent
        return [*sent]


def _text(component: Json, text: str) -> str:
    longest, shortest = component.get("max_length") or 4000, component.get("min_length") or 0
    if len(text) > longest or len(text) < (shortest if text else component.get("required", True)):
        raise ValueError(f"{text!r} cannot be sent in {component['custom_id']}")
    return text


def _chosen(component: Json, given: Sequence[str | Attachment] | None) -> list[str]:
    offered = component.get("options", [])
    chosen = [option["value"] for option in offered if option.get("default")] if given is None else [*map(str, given)]
    most = component.get("max_values", 1) if component["type"] in SELECTS else 1
    if {*chosen} - {option["value"] for option in offered}:
        raise ValueError(f"{chosen} cannot be chosen in {component['custom_id']}")
    if not (1 if component.get("required", True) else 0) <= len(chosen) <= most:
        raise ValueError(f"{len(chosen)} choices cannot be sent in {component['custom_id']}")
    return chosen
