"""core/request.py: what crosses the queue."""

import json
import re
from dataclasses import replace

import pytest

from core.errors import BadRequest
from core.expression import Expression
from core.models import DEFAULT_MODEL, MODELS
from core.piece import Piece
from core.recipe import Recipe
from core.request import ComposeRequest, Rendering, fresh_take
from core.seed import Seed
from core.tasks import HARMONIZE, PERFORM
from core.text import NOTHING

CHORD = Seed.parse("60,64,67 C5")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"length": 24}, r"length 24 is outside 25 to 3000 steps of 0\.2 s \(5 to 600 s\)"),
        ({"length": 3001}, "length 3001 is outside"),
        ({"temperature": 0.05}, r"temperature 0\.05 is outside 0\.1 to 2"),
        ({"temperature": float("nan")}, "temperature nan is outside"),
        ({"top_p": 0.0}, r"top_p 0 is outside 0\.1 to 1"),
        ({"top_p": 1.01}, r"top_p 1\.01 is outside"),
        ({"take": -1}, "take -1 is outside 0 to 4294967295"),
        ({"model": "tuba"}, "there is no model 'tuba'"),
        ({"model": "tu\nba" * 20}, "there is no model 'tu batu batu batu"),
        ({"style": ""}, "'' is not the name of a style; a name has 1 to 60 letters, digits or spaces"),
        ({"style": "x" * 61}, "is not the name of a style"),
        ({"style": "Chopin\n2026-01-01 ERROR bot: "}, "'Chopin 2026-01-01 ERROR bot:' is not the name of a style"),
        ({"style": "[a prize](https://example.org)"}, "is not the name of a style"),
        ({"model": "article", "style": "Chopin"}, "style works only with the model 'performance'"),
        ({"model": "article", "top_p": 0.9}, "top_p works only"),
        ({"model": "article", "mood": "sad"}, "mood works only"),
        ({"key": "H7"}, "key must be a key, such as C minor, Eb or F# major; I can't read 'H7'"),
        ({"pace": "presto"}, "there is no pace 'presto'; there are any, very slow, slow, "),
        (
            {"seed": Seed.parse(" ".join(["60"] * 25)), "length": 25},
            r"the seed alone lasts 10 s, longer than the whole piece \(5 s\)",
        ),
    ],
)
def test_nonsense_is_refused_where_it_is_made(options, complaint):
    """One sentence says what came and what is accepted."""
    with pytest.raises(BadRequest, match=complaint):
        ComposeRequest(**{"seed": CHORD, "take": 7} | options)


@pytest.mark.parametrize("style", ["any", "Chopin", "Dvořák", "Saint-Saëns", "O'Carolan", "C.P.E. Bach"])
def test_a_style_may_be_any_name(style):
    """Which of them there are, the model knows."""
    assert ComposeRequest(CHORD, take=7, style=style).style == style


def test_what_is_left_out_is_what_is_usual():
    """The usual top_p belongs to the model, and stands in the request as a number: a recipe says it all."""
    assert ComposeRequest(CHORD, take=7).model == DEFAULT_MODEL == next(iter(MODELS))
    for model in MODELS:
        assert ComposeRequest(CHORD, take=7, model=model).top_p == MODELS[model].usual_top_p


@pytest.mark.parametrize("typed", ["E♭ minor", "Ebm", "es-Moll", "eb_minor", "D# minor", "降e小调", "E flat minor"])
def test_a_key_has_one_name(typed):
    """However it is typed, so that recipes of the same piece are the same."""
    assert ComposeRequest(CHORD, take=7, key=typed).key == "E♭ minor"


def test_a_mood_stands_for_what_is_not_said():
    """A mode, a pace and dynamics; each that is named counts more, and a key more than a mode."""
    sad = ComposeRequest(CHORD, take=7, mood="sad")
    assert sad.expression == Expression(None, True, "slow", "soft")
    assert replace(sad, key="C major", pace="fast").expression == Expression("C major", None, "fast", "soft")
    assert ComposeRequest(CHORD, take=7).expression == Expression(None, None, None, None)


def test_a_score_survives_the_queue():
    """Its bytes cross JSON; a recipe that was stored before there were scores is still read."""
    request = ComposeRequest(Seed(), take=7, task=PERFORM, score=b"MThd\x00\xff", freedom=50)
    assert ComposeRequest.from_json(json.loads(json.dumps(request.to_json()))) == request
    added = ("task", "score", "freedom")
    older = {key: value for key, value in ComposeRequest(CHORD, take=7).to_json().items() if key not in added}
    assert ComposeRequest.from_json(older) == ComposeRequest(CHORD, take=7)


def test_a_harmony_is_as_long_as_its_seed():
    """0.4 s a note, and no shorter than any piece."""
    assert ComposeRequest.harmonized(Seed.parse("C5 " * 20), take=7).seconds == 8
    assert ComposeRequest.harmonized(Seed.parse("C5 E5"), take=7).seconds == 5


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"task": PERFORM}, "there is nothing to perform: a MIDI file is needed"),
        ({"task": PERFORM, "seed": CHORD}, "there is nothing to perform: a MIDI file is needed"),
        ({"task": PERFORM, "score": b"MThd", "key": "C minor"}, "key has no effect where the notes are given"),
        (
            {"task": PERFORM, "score": b"MThd", "model": "article"},
            "only the model 'performance' can play notes that are given",
        ),
        ({"task": HARMONIZE}, "there is nothing to harmonize: a melody is needed, as notes such as `C4 D4 E4`"),
        ({"task": HARMONIZE, "seed": CHORD}, "a melody has one note at a time"),
    ],
)
def test_a_task_without_its_notes_is_refused(options, sentence):
    """And one with options that have no effect on them."""
    with pytest.raises(BadRequest, match=re.escape(sentence)):
        ComposeRequest(**{"seed": Seed(), "take": 7} | options)


def test_a_primer_survives_the_queue():
    """Its bytes cross JSON; a job that was put before there were primers is still read."""
    request = ComposeRequest(Seed(), take=7, primer=b"MThd\x00\xff")
    assert ComposeRequest.from_json(json.loads(json.dumps(request.to_json()))) == request
    older = {key: value for key, value in ComposeRequest(CHORD, take=7).to_json().items() if key != "primer"}
    assert ComposeRequest.from_json(older) == ComposeRequest(CHORD, take=7)
    assert Recipe(request, "0123456789ab").name == "nocturne-performance-continued-500-take7"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"instrument": "tuba"}, "there is no instrument 'tuba'; there are grand, bright, "),
        ({"tempo": 24}, "tempo must be 25 to 400 percent; 24 is not"),
        ({"tempo": 401}, "401 is not"),
        ({"transpose": -25}, "transpose -25 is outside -24 to 24 semitones"),
        ({"transpose": 25}, "transpose 25 is outside"),
        ({"audio": "ogg"}, "there is no audio format 'ogg'; there are mp3, wav, flac"),
    ],
)
def test_a_rendering_is_checked_where_it_is_made(options, complaint):
    """One sentence, here too."""
    with pytest.raises(BadRequest, match=complaint):
        Rendering(**options)


def test_a_rendering_survives_the_queue():
    """Alone and in a recipe; a recipe of an older version is one without edits."""
    rendering = Rendering("music box", tempo=80, transpose=-3, audio="flac")
    assert Rendering.from_json(json.loads(json.dumps(rendering.to_json()))) == rendering
    recipe = Recipe(ComposeRequest(CHORD, take=7), "0123456789ab", rendering)
    data = json.loads(json.dumps(recipe.to_json()))
    assert Recipe.from_json(data) == recipe
    del data["rendering"]
    assert Recipe.from_json(data).rendering == Rendering()


def test_nobody_waits_for_an_hour_of_music():
    """Slower is longer, but not beyond ten minutes; what was longer before may be played as it is."""
    assert Rendering(tempo=50).rendered_seconds(100) == 200
    assert Rendering(tempo=200).rendered_seconds(620) == 310
    assert Rendering().rendered_seconds(620) == 620
    with pytest.raises(BadRequest, match=r"^at 50% tempo it would last 620 s; I play at most 600 s$"):
        Rendering(tempo=50).rendered_seconds(310)


def test_a_part_is_shorter():
    """By what is left out before the tempo makes it longer; one that begins after the end is refused."""
    assert Rendering(crop="0:30-1:00").crop == "30-60"
    assert Rendering(tempo=50, crop="30-60").rendered_seconds(500) == 60
    assert Rendering(crop="30-").rendered_seconds(100) == 70
    assert Rendering(only_new=True).rendered_seconds(530, primer=500) == 30
    with pytest.raises(BadRequest, match="crop starts at 30 s, but the piece lasts only 30 s"):
        Rendering(only_new=True, crop="30-").rendered_seconds(530, primer=500)
    with pytest.raises(BadRequest, match="crop 60-30 ends before it begins"):
        Rendering(crop="60-30")


def test_a_piece_survives_the_queue():
    """Its files are bytes, and JSON has none."""
    recipe = Recipe(ComposeRequest(Seed(), take=0), "0123456789ab")
    piece = Piece(recipe, 99.8, 700, b"MThd\x00\xff", b"\xff\xfb", b"\x89PNG", {"compose": 1.5})
    assert Piece.from_json(json.loads(json.dumps(piece.to_json()))) == piece
    edited = replace(piece, audio_format="wav", composed=b"MThd\x01")
    assert Piece.from_json(json.loads(json.dumps(edited.to_json()))) == edited


def test_a_piece_of_an_older_version_is_still_read():
    """Such a piece was an MP3, and never edited."""
    recipe = Recipe(ComposeRequest(Seed(), take=0), "0123456789ab")
    piece = Piece(recipe, 99.8, 700, b"MThd", b"\xff\xfb", b"\x89PNG", {})
    older = {key: value for key, value in piece.to_json().items() if key not in ("audio_format", "composed")}
    assert Piece.from_json(older) == piece
    assert (piece.audio_format, piece.composed) == ("mp3", b"MThd")


def test_a_piece_says_when_its_sound_is_in_another_format():
    """Only then."""
    recipe = Recipe(ComposeRequest(Seed(), take=0), "0123456789ab", Rendering(audio="wav"))
    piece = Piece(recipe, 99.8, 700, b"MThd", b"\xff\xfb", b"\x89PNG", {}, "mp3")
    assert str(piece.remark) == "This piece is too large to send as WAV, so here it is as MP3."
    assert replace(piece, audio_format="wav").remark == NOTHING


def test_a_fresh_take_can_be_typed():
    """At most six digits, and not always the same ones."""
    takes = {fresh_take() for _ in range(20)}
    assert len(takes) > 1
    assert all(0 <= take < 1_000_000 for take in takes)
