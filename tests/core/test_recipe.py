"""core/recipe.py: all that a piece is made from, as it is stored, named and typed again."""

import json

import pytest

from core.errors import BadRequest
from core.models import MODELS
from core.recipe import Recipe
from core.request import ComposeRequest, Rendering
from core.seed import Seed
from core.tasks import PERFORM

CHORD = Seed.parse("60,64,67 C5")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"take": "7"}, TypeError),
        ({"take": True}, TypeError),
        ({"take": 2**70}, TypeError),
        ({"length": 100.5}, TypeError),
        ({"temperature": 10**400}, TypeError),
        ({"style": 7}, TypeError),
        ({"seed": ["60"]}, TypeError),
        ({"seed": "X"}, BadRequest),
        ({"primer": "no base64"}, BadRequest),
        ({"primer": 7}, TypeError),
        ({"score": "TVRoZA=="}, TypeError),
        ({"task": "sing"}, TypeError),
        ({"task": "perform"}, BadRequest),
        ({"rendering": []}, TypeError),
        ({"rendering": {"tempo": "100"}}, TypeError),
        ({"checkpoint": None}, TypeError),
    ],
)
def test_a_damaged_recipe_is_refused(changes, error):
    """By an error that its readers expect, when it is read and not when it is used."""
    recipe = Recipe(ComposeRequest(CHORD, take=7), "0123456789ab")
    with pytest.raises(error):
        Recipe.from_json(json.loads(json.dumps(recipe.to_json() | changes)))
    for other in (None, [], "", 7):
        with pytest.raises(TypeError):
            Recipe.from_json(other)


def test_what_a_newer_version_adds_is_left_out():
    """A newer version may run beside this one for a while."""
    recipe = Recipe(ComposeRequest(CHORD, take=7), "0123456789ab")
    written = recipe.to_json() | {"added_later": 1, "rendering": recipe.rendering.to_json() | {"added_later": 1}}
    assert Recipe.from_json(written) == recipe


def test_a_recipe_names_what_is_asked_for():
    """In words without spaces, in the line that is kept and in the file's name."""
    recipe = Recipe(ComposeRequest(CHORD, take=7, key="F#m", pace="very slow", mood="sad"), "0123456789ab")
    assert recipe.options.endswith(" checkpoint:0123456789ab key:F#_minor pace:very_slow mood:sad")
    assert recipe.name == "nocturne-performance-60-64-67-72-500-f-sharp-minor-very-slow-sad-take7"


@pytest.mark.parametrize("model", MODELS)
def test_a_recipe_survives_the_queue(model):
    """Recipe -> JSON text -> Recipe changes nothing."""
    recipe = Recipe(ComposeRequest(CHORD, take=7, length=50, temperature=0.9, model=model), "0123456789ab")
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_a_recipe_names_what_is_done_with_given_notes():
    """In the file's name, and in the line that is kept."""
    performed = Recipe(ComposeRequest(Seed(), take=7, task=PERFORM, score=b"MThd", freedom=50), "0123456789ab")
    assert performed.name == "nocturne-performance-performed-500-freedom50-take7"
    assert performed.options.startswith("seed:performed length:500 take:7 ")
    assert performed.options.endswith(" task:perform freedom:50")
    harmonized = Recipe(ComposeRequest.harmonized(Seed.parse("C5 E5"), take=7), "0123456789ab")
    assert harmonized.name == "nocturne-performance-harmonized-72-76-25-take7"
    assert harmonized.options.startswith("seed:72 76 length:25 take:7 ")


def test_a_file_is_named_after_its_recipe():
    """Letters, digits and hyphens alone; what is unusual about the recipe stands in the name."""
    plain = ComposeRequest(CHORD, take=7, model="article")
    assert Recipe(plain, "0123456789ab").name == "nocturne-article-60-64-67-72-500-take7"
    cool = ComposeRequest(Seed(), take=7, length=50, temperature=0.9, model="article")
    assert Recipe(cool, "0123456789ab").name == "nocturne-article-random-50-t90-take7"
    edits = Rendering("church organ", tempo=80, transpose=3)
    assert Recipe(cool, "0123456789ab", edits).name == "nocturne-article-random-50-t90-take7-church-organ-80pct-up3"
    assert Recipe(cool, "0123456789ab", Rendering(transpose=-12)).name.endswith("-take7-down12")


def test_a_longest_seed_makes_no_longest_name():
    """25 chords are no reason for a name that a file system refuses."""
    seed = Seed(tuple((21 + number, 60, 108) for number in range(25)))
    assert len(Recipe(ComposeRequest(seed, take=7), "0123456789ab").name) < 100
