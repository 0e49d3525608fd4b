"""How Discord refuses what an app sends, and checks of single fields: a wrong one is named, with code 50035."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .places import Json


class Refused(Exception):
    """A request that Discord turns down, with its HTTP status and its own error code."""

    def __init__(self, status: int, code: int, message: str, errors: Json | None = None) -> None:
        super().__init__(f"{status} {code}: {message}" + (f" {errors}" if errors else ""))
        self.status, self.code, self.message, self.errors = status, code, message, errors

    def to_json(self) -> Json:
        return {"message": self.message, "code": self.code} | ({"errors": self.errors} if self.errors else {})


def invalid(path: str, code: str, message: str) -> Refused:
    """A refusal that names the field: `invalid("data.content", ...)`."""
    errors: Json = {"_errors": [{"code": code, "message": message}]}
    for key in reversed(path.split(".")):
        errors = {key: errors}
    return Refused(400, 50035, "Invalid Form Body", errors)


def check_text(value: Any, path: str, longest: int, shortest: int = 1) -> None:
    if not isinstance(value, str):
        raise invalid(path, "BASE_TYPE_REQUIRED", "This field is required")
    if not shortest <= len(value) <= longest:
        raise invalid(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {shortest} and {longest} in length.")


def check_list(value: Any, path: str, longest: int, shortest: int = 0) -> list[Any]:
    if not isinstance(value, list):
        raise invalid(path, "BASE_TYPE_BAD_TYPE", "Must be a list")
    if not shortest <= len(value) <= longest:
        raise invalid(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {shortest} and {longest} in length.")
    return value


def check_unique(values: Iterable[Any], path: str, code: str) -> None:
    values = list(values)
    if len({*values}) != len(values):
        raise invalid(path, code, "Must be unique")
