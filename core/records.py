"""Checks for dataclasses that travel as JSON, or lie in a database for a while, where anything may be found."""

from __future__ import annotations

import binascii
from dataclasses import fields
from typing import Any, TypeVar

from core.errors import BadRequest

MAX_NUMBER = 2**64
"""Discord's ids are below it."""

_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "bytes": (bytes,),
    "float": (float, int),
    "float | None": (float, int, type(None)),
    "int": (int,),
    "int | None": (int, type(None)),
    "str": (str,),
    "str | None": (str, type(None)),
}
_Record = TypeVar("_Record")


def check_types(record: Any) -> None:
    """Raises TypeError where a field of a dataclass is not what it is annotated as; fields of other kinds than numbers,
    texts and bytes are left to their own classes."""
    for field in fields(record):
        value = getattr(record, field.name)
        if type(value) not in _TYPES.get(str(field.type), (type(value),)):
            raise TypeError(f"{field.name} is of the type {type(value).__name__}, accepted is {field.type}")
        if type(value) is int and abs(value) > MAX_NUMBER:
            raise TypeError(f"{field.name} is beyond any number in use")


def of_type(kind: type[_Record], value: Any) -> _Record:
    """The value. Raises TypeError when it is of another type."""
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} in place of {kind.__name__}")
    return value


def known_fields(record: type[Any], data: Any) -> dict[str, Any]:
    """The entries of `data` that are fields of a dataclass: a newer version, which runs beside this one while all are
    replaced, may have written more. Raises TypeError for what is no dict."""
    names = {field.name for field in fields(record)}
    return {name: value for name, value in of_type(dict, data).items() if name in names}


def decoded(text: Any) -> bytes:
    """The bytes that a base64 text stands for. Raises BadRequest, and TypeError for what is no text."""
    try:
        # not by base64, which copies the text first: that of a recording has some MB
        return binascii.a2b_base64(of_type(str, text), strict_mode=True)
    except ValueError as error:
        raise BadRequest("what is stored of a file is damaged: it is not base64") from error
