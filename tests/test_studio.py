"""From a request to a piece with everything that is sent."""

import io
import json

import pytest
from PIL import Image
from pretty_midi import PrettyMIDI

from core import studio
from core.errors import RenderError
from core.request import ComposeRequest
from core.seed import Seed
from core.studio import Draft
from tests.music import Pianist, decode, piano


@pytest.fixture(scope="module")
def draft() -> Draft:
    return studio.compose(Pianist(), ComposeRequest(Seed.parse("60,64,67"), take=7, length=25))


def test_a_draft_crosses_the_queue(draft: Draft):
    """What was composed is the same after it was JSON."""
    assert Draft.from_json(json.loads(json.dumps(draft.to_json()))) == draft


def test_a_draft_says_what_was_composed(draft: Draft):
    """Five seconds: the seed's three notes and two notes a second; the recipe names the checkpoint."""
    assert (draft.duration, draft.notes) == (5.0, 13)
    assert draft.recipe.checkpoint == Pianist.checkpoint
    assert {note.pitch for note in draft.music.instruments[0].notes if note.start == 0} >= {60, 64, 67}
    assert list(draft.seconds) == ["compose"]


def test_progress_goes_through():
    """The composer tells how far it is."""
    shares: list[float] = []
    studio.compose(Pianist(), ComposeRequest(Seed(), take=1), shares.append)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_a_piece_without_notes_is_refused():
    """Nobody wants to listen to it, and the sentence says what may help."""

    class Silent(Pianist):
        def compose(self, request: ComposeRequest, progress: object = None) -> PrettyMIDI:
            return piano()

    with pytest.raises(RenderError, match="has no notes; another take or seed may"):
        studio.compose(Silent(), ComposeRequest(Seed(), take=1))


def test_a_piece_is_finished(draft: Draft):
    """The .mid parses, the .mp3 sounds as long as the music, the .png is a picture, and each stage was timed."""
    piece = studio.finish(draft)
    assert (piece.recipe, piece.duration, piece.notes, piece.midi) == (draft.recipe, 5.0, 13, draft.midi)
    assert PrettyMIDI(io.BytesIO(piece.midi)).get_end_time() == pytest.approx(5.0, abs=0.01)
    samples, rate = decode(piece.audio)
    assert 5.0 < len(samples) / rate < 7.5
    assert Image.open(io.BytesIO(piece.picture)).format == "PNG"
    assert sorted(piece.seconds) == ["compose", "draw", "encode", "render"]


def test_a_piece_keeps_to_the_size_limit(draft: Draft):
    """The MP3 gets a lower bitrate where less may be sent."""
    assert len(studio.finish(draft, size_limit=50_000).audio) <= 50_000


def test_finishing_twice_gives_the_same(draft: Draft):
    """A job that is repeated after a crash makes the same files."""
    once, again = studio.finish(draft), studio.finish(draft)
    assert (once.audio, once.picture) == (again.audio, again.picture)


@pytest.mark.parametrize(
    ("seed", "title"),
    [("72", "C5 · take 7"), ("random", "random · take 7"), ("60,64,67 72", "C4+E4+G4 C5 · take 7")],
)
def test_the_title_is_the_recipe(seed: str, title: str):
    """What stands above the picture names the notes and the take."""
    assert studio.title(ComposeRequest(Seed.parse(seed), take=7)) == title
