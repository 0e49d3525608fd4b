"""core/options.py: the declarations fit the records that carry their values, and typed text fits the values."""

from dataclasses import fields
from typing import Any

import pytest

from core.errors import BadRequest
from core.models import MODELS
from core.option_kinds import Option, Scope
from core.options import (
    AUDIO,
    CROP,
    DYNAMICS,
    FREEDOM,
    FROM,
    INSTRUMENT,
    KEY,
    LENGTH,
    MOOD,
    ONLY_NEW,
    OPTIONS,
    PACE,
    PRIVATE,
    STYLE,
    TAKE,
    TEMPERATURE,
    TEMPO,
    TOP_P,
    TRANSPOSE,
    options_in,
)
from core.recipe import unusual_options
from core.request import ComposeRequest, Rendering
from core.seed import Seed

VALUES: list[tuple[Option[Any], Any, str]] = [
    (LENGTH, 300, "300"),
    (STYLE, "Chopin", "Chopin"),
    (KEY, "E♭ major", "Eb_major"),
    (PACE, "very slow", "very_slow"),
    (DYNAMICS, "soft", "soft"),
    (MOOD, "sad", "sad"),
    (FREEDOM, 50, "50"),
    (TEMPERATURE, 0.9, "0.9"),
    (TOP_P, 0.95, "0.95"),
    (TAKE, 7, "7"),
    (INSTRUMENT, "music box", "music_box"),
    (TEMPO, 80, "80"),
    (TRANSPOSE, -3, "-3"),
    (AUDIO, "flac", "flac"),
    (ONLY_NEW, True, "True"),
    (CROP, "30-60", "30-60"),
]


_GIVEN = {"seed", "primer", "origin", "task", "score"}


@pytest.mark.parametrize(
    ("scope", "record", "others"),
    [(Scope.REQUEST, ComposeRequest, _GIVEN), (Scope.RENDERING, Rendering, {"form"})],
)
def test_every_option_is_a_field_of_its_scope(scope: Scope, record: type, others: set[str]):
    """And every field but those for given notes, the task and the form is an option, of the option's kind."""
    kinds = {field.name: field.type for field in fields(record) if field.name not in others}
    assert kinds == {option.name: option.kind.__name__ for option in options_in(scope)}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_descriptions_fit_into_discord(option: Option[Any]):
    """With their values in place, a description has at most 100 characters."""
    assert 0 < len(str(option.description)) <= 100


@pytest.mark.parametrize(("option", "value", "written"), VALUES, ids=lambda value: getattr(value, "name", ""))
def test_what_is_written_can_be_typed_again(option: Option[Any], value: Any, written: str):
    """Without a space, so that it can stand beside others."""
    assert option.write(value) == written
    assert option.read(written) == value


def test_typed_text_is_read_as_people_write():
    """A decimal comma, capitals, and several words for yes."""
    assert TEMPERATURE.read("0,9") == 0.9
    assert INSTRUMENT.read("Music_Box") == "music box"
    assert [PRIVATE.read(word) for word in ("yes", "ON", "0")] == [True, True, False]
    with pytest.raises(BadRequest, match="private must be yes or no; I can't read 'perhaps'"):
        PRIVATE.read("perhaps")
    with pytest.raises(BadRequest, match="from must be a time such as 90, 30s or 1:30; I can't read 'late'"):
        FROM.read("late")


@pytest.mark.parametrize(
    ("typed", "value", "bounds"),
    [
        ("30-60", "30-60", (30, 60)),
        ("0:30 – 1:00", "30-60", (30, 60)),
        ("12,5s-1min", "12.5-60", (12.5, 60)),
        ("30-", "30-", (30, float("inf"))),
        ("-60", "0-60", (0, 60)),
        ("-", "", (0, float("inf"))),
    ],
)
def test_a_passage_is_read_as_people_write(typed: str, value: str, bounds: tuple[float, float]):
    """Two times; the piece begins or ends where one is left out."""
    assert CROP.read(typed) == value
    assert CROP.bounds(value) == bounds


@pytest.mark.parametrize("typed", ["30", "a-b", "1-2-3", "nan-60", "30-inf", "1e9-", "--"])
def test_what_is_no_passage_is_a_sentence(typed: str):
    """With what is accepted."""
    with pytest.raises(BadRequest, match="crop must be two times in seconds, such as 30-60, or 30- to the end"):
        CROP.read(typed)


@pytest.mark.parametrize("option", [FREEDOM, TEMPERATURE, TOP_P, TEMPO, LENGTH, TAKE], ids=lambda option: option.name)
def test_a_number_is_within_its_range(option: Any):
    """Both ends are in it; beyond them a sentence names the option."""
    option.check(option.least)
    option.check(option.most)
    for value in (option.least - 1, option.most + 1, float("nan")):
        with pytest.raises(BadRequest, match=f"^{option.name} "):
            option.check(value)


@pytest.mark.parametrize("model", MODELS)
def test_the_take_alone_has_no_usual_value(model: str):
    """Of a request whose options were left out, it is all that is unusual, whichever model composes."""
    request = ComposeRequest(Seed(), take=7, model=model)
    unusual = [option.name for option, _ in unusual_options(request, Rendering()) if option.name != "model"]
    assert unusual == ["take"]


def test_unusual_options_keep_their_order():
    """As they are declared, the request's before the rendering's."""
    values = {option.name: value for option, value, _ in VALUES}
    rendering = Rendering(**{option.name: values.pop(option.name) for option in options_in(Scope.RENDERING)})
    unusual = unusual_options(ComposeRequest(Seed(), **values), rendering)
    assert unusual == [(option, value) for option, value, _ in VALUES]
