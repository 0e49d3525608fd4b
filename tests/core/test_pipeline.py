"""From a request to a piece with everything that is sent."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from pretty_midi import Note, PrettyMIDI

from core import pipeline, worker
from core.composer import Composition
from core.errors import BadRequest, RenderError
from core.midi import manuscript
from core.options import AUDIO_FORMATS, INSTRUMENTS
from core.piece import Composed
from core.pipeline import Draft
from core.recipe import Recipe
from core.rendering import audio, formats, loudness
from core.rendering.ahead import Ahead
from core.request import ComposeRequest, Rendering
from core.seed import Seed
from tests.support.music import Pianist, as_bytes, composed, decode, piano, played, scale


@pytest.fixture(scope="module")
def draft() -> Draft:
    return pipeline.compose(Pianist(), ComposeRequest(Seed.parse("60,64,67"), take=7, length=25))


def test_a_draft_crosses_the_queue(draft: Draft):
    """A draft is the same after it was JSON."""
    assert Draft.from_json(json.loads(json.dumps(draft.to_json()))) == draft


def test_a_draft_says_what_was_composed(draft: Draft):
    """Five seconds: the seed's three notes and two notes a second; the recipe names the checkpoint."""
    assert (draft.duration, draft.notes) == (5.0, 13)
    assert draft.recipe.checkpoint == Pianist.checkpoint
    assert {note.pitch for note in played(draft.music) if note.start == 0} >= {60, 64, 67}
    assert list(draft.seconds) == ["compose"]


def test_progress_goes_through():
    """The composer tells how far it is."""
    shares: list[float] = []
    pipeline.compose(Pianist(), ComposeRequest(Seed(), take=1), shares.append)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_a_piece_without_notes_is_refused():
    """The sentence says what may help."""

    class Silent(Pianist):
        def compose(self, request: ComposeRequest, progress: object, settled: object) -> Composition:
            return Composition(piano())

    with pytest.raises(RenderError, match="has no notes; another take or seed may"):
        pipeline.compose(Silent(), ComposeRequest(Seed(), take=1))


def test_a_piece_is_finished(draft: Draft):
    """The .mid parses, the .mp3 sounds as long as the music, the .png is a picture, and each stage was timed."""
    piece = pipeline.finish(draft)
    assert (piece.recipe, piece.duration, piece.notes, piece.midi) == (draft.recipe, 5.0, 13, draft.midi)
    assert PrettyMIDI(io.BytesIO(piece.midi)).get_end_time() == pytest.approx(5.0, abs=0.01)
    samples, rate = decode(piece.audio)
    assert 5.0 < len(samples) / rate < 7.5
    assert Image.open(io.BytesIO(piece.picture)).format == "PNG"
    assert sorted(piece.seconds) == ["compose", "draw", "encode", "render"]


def test_a_piece_keeps_to_the_size_limit(draft: Draft):
    """The MP3 gets a lower bitrate where less may be sent."""
    assert len(pipeline.finish(draft, size_limit=50_000).audio) <= 50_000


def test_what_was_played_ahead_is_not_played_again(draft: Draft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its sound becomes the piece's; not where other notes are to be heard, nor where it is gone."""
    music = composed(*played(draft.music))
    draft = Draft.of(draft.recipe, as_bytes(music))
    usual, edited = pipeline.finish(draft).audio, pipeline.finish(draft, rendering=Rendering("celesta")).audio
    with Ahead(None, tmp_path, lambda: True) as ahead:
        ahead.settled(lambda: [])
        ahead.end(music)
        sound = ahead.sound()
        assert pipeline.finish(draft, ahead=tmp_path / "gone.wav").audio == usual
        assert pipeline.finish(draft, ahead=sound, rendering=Rendering("celesta")).audio == edited
        monkeypatch.setattr(audio, "render", lambda *_: pytest.fail("played again"))
        assert pipeline.finish(draft, ahead=sound).audio == usual


def test_it_does_not_matter_which_hand_plays():
    """A pedal that goes down a millisecond after the left hand has released a key does not hold its note."""
    music = composed(Note(100, 36, 0.0, 1.0), Note(1, 96, 3.5, 3.6), pedal=[(1.001, 127)])
    file = manuscript.midi_file(music, "")
    assert {hand.name for hand in PrettyMIDI(io.BytesIO(file)).instruments} == {manuscript.LEFT, manuscript.RIGHT}
    samples, rate = decode(pipeline.finish(Draft.of(Recipe(ComposeRequest(Seed(), take=1), ""), file)).audio)
    assert np.abs(samples[2 * rate : 3 * rate]).max() < 0.01 * np.abs(samples).max()


def test_finishing_twice_gives_the_same(draft: Draft):
    """A job that is repeated after a crash makes the same files."""
    once, again = pipeline.finish(draft), pipeline.finish(draft)
    assert (once.audio, once.picture) == (again.audio, again.picture)


def test_edits_are_in_every_file(draft: Draft):
    """An octave higher and at half speed: the .mid says so, the sound lasts twice as long, the recipe names it."""
    rendering = Rendering("harpsichord", tempo=50, transpose=12)
    piece = pipeline.finish(draft, rendering=rendering)
    music = PrettyMIDI(io.BytesIO(piece.midi))
    before = played(draft.music)
    assert {hand.program for hand in music.instruments} == {INSTRUMENTS["harpsichord"]}
    assert [note.pitch for note in played(music)] == [note.pitch + 12 for note in before]
    assert (piece.duration, piece.notes, piece.recipe.rendering) == (10.0, 13, rendering)
    samples, rate = decode(piece.audio)
    assert 10.0 < len(samples) / rate < 12.5
    assert piece.picture != pipeline.finish(draft).picture


def test_a_piece_is_rendered_again_without_composing(draft: Draft):
    """From what an edited piece keeps: another rendering of it is the one that the draft would have had."""
    edited = pipeline.finish(draft, rendering=Rendering("celesta", tempo=80, transpose=-24))
    again = pipeline.finish(Draft.of(edited.recipe, edited.composed), rendering=Rendering("harp"))
    first = pipeline.finish(draft, rendering=Rendering("harp"))
    assert replace(again, seconds={}) == replace(first, seconds={})


def test_another_rendering_keeps_how_much_the_piece_shares(draft: Draft):
    """With the music that the model learnt from: a worker gets it beside the notes, which stay the same."""
    composed = Composed.from_json(json.loads(json.dumps(Composed("0123456789ab", draft.midi, 18).to_json())))
    again = Draft.from_json(worker.compose({}, draft.recipe.request, composed, lambda share: None, None))
    heard = pipeline.finish(again, rendering=Rendering("harp", transpose=3)).heard
    assert heard is not None
    assert heard.shared_at_most == 18


def test_a_part_is_in_every_file(draft: Draft):
    """One second of five, at half the tempo: the .mid, the sound, the picture and the figures are of it alone; what
    was composed stays whole."""
    rendering = Rendering(tempo=50, crop="1-2")
    piece = pipeline.finish(draft, rendering=rendering)
    notes = played(PrettyMIDI(io.BytesIO(piece.midi)))
    assert [(note.pitch, note.start) for note in notes] == [(80, 0.0), (78, 1.0)]
    assert (piece.duration, piece.notes) == (2.0, 2)
    samples, rate = decode(piece.audio)
    assert 2.0 < len(samples) / rate < 4.5
    assert piece.picture != pipeline.finish(draft, rendering=Rendering(tempo=50)).picture
    assert piece.composed == draft.midi
    with pytest.raises(BadRequest, match="no note starts after 9 s"):
        pipeline.finish(draft, rendering=Rendering(crop="9-"))


def test_the_new_part_stands_alone():
    """A continuation without its primer; seconds of a crop are counted in it."""
    primer, whole = scale(seconds=2), scale(seconds=5)
    request = ComposeRequest(Seed(), take=7, primer=as_bytes(primer))
    draft = Draft.of(Recipe(request, "0123456789ab"), as_bytes(whole))
    piece = pipeline.finish(draft, rendering=Rendering(only_new=True))
    new = [note.pitch for note in played(whole)][4:]
    assert [note.pitch for note in played(PrettyMIDI(io.BytesIO(piece.midi)))] == new
    assert (piece.duration, piece.notes) == (3.0, 6)
    piece = pipeline.finish(draft, rendering=Rendering(only_new=True, crop="1-2"))
    assert [note.pitch for note in played(PrettyMIDI(io.BytesIO(piece.midi)))] == new[2:4]
    assert piece.recipe.name.endswith("-take7-new-from-1-until-2")
    assert "only_new:True crop:1-2" in piece.recipe.options


@pytest.mark.parametrize("wished", AUDIO_FORMATS)
def test_the_sound_has_the_format_that_was_wished_for(draft: Draft, wished: str):
    """Each is what it says, and all are as loud."""
    piece = pipeline.finish(draft, rendering=Rendering(audio=wished))
    assert (piece.audio_format, str(piece.remark)) == (wished, "")
    assert soundfile.info(io.BytesIO(piece.audio)).format == wished.upper()
    played, _ = decode(formats.wav(audio.render(draft.midi)))
    samples, _ = decode(piece.audio)
    loud, all_loud = (loudness.integrated_loudness(loudness.step_powers(sound, 1)) for sound in (samples, played))
    assert loud == pytest.approx(all_loud, abs=0.4)


@pytest.mark.parametrize("wished", ["wav", "flac"])
def test_what_is_too_large_becomes_an_mp3(draft: Draft, wished: str):
    """And the piece says so."""
    piece = pipeline.finish(draft, size_limit=40_000, rendering=Rendering(audio=wished))
    assert piece.audio_format == "mp3"
    assert len(piece.audio) <= 40_000
    assert piece.remark


def test_what_fits_into_no_message_has_no_sound(draft: Draft):
    """The notes and the picture come without it."""
    piece = pipeline.finish(draft, size_limit=1000)
    assert piece.audio == b""
    assert piece.midi == draft.midi
    assert piece.picture


def test_a_piece_knows_what_is_heard():
    """Its key by the notes, in the transposition in which they are played; no key of notes that are in none. Of a
    continuation, where the new part begins, as fast as it is played."""
    tonic, dominant = ((0, 4, 7), (7, 11, 14, 17))
    chords = [tonic, dominant, tonic, (5, 9, 12), dominant, tonic]
    cadence = piano(*(Note(80, 60 + pitch, n, n + 1.0) for n, chord in enumerate(chords) for pitch in chord))
    primer = as_bytes(piano(*(Note(80, 60 + pitch, n, n + 1.0) for n in (0, 1) for pitch in chords[n])))
    recipe = Recipe(ComposeRequest(Seed(), take=7, primer=primer), "0123456789ab")
    draft = Draft.of(recipe, as_bytes(cadence))
    piece = pipeline.finish(draft, rendering=Rendering(tempo=50, transpose=3))
    assert piece.heard is not None
    assert (piece.heard.key, piece.heard.new_from) == ("E♭ major", 2.0)
    assert piece.name == "nocturne-e-flat-major-continued-take7-50pct-up3"
    alone = pipeline.finish(draft, rendering=Rendering(only_new=True)).heard
    assert alone is not None
    assert alone.new_from is None
    chromatic = piano(*(Note(80, 60 + n, n / 4, n / 4 + 0.25) for n in range(12)))
    keyless = pipeline.finish(Draft.of(recipe, as_bytes(chromatic)))
    assert keyless.heard is not None
    assert keyless.heard.key == ""
    assert keyless.name == "nocturne-continued-take7"


def test_a_tempo_that_takes_too_long_is_refused(draft: Draft):
    """Before anything is played."""
    long = Draft.of(draft.recipe, as_bytes(scale(seconds=200)))
    with pytest.raises(BadRequest, match="at 25% tempo it would last 800 s"):
        pipeline.finish(long, rendering=Rendering(tempo=25))


def test_what_a_piece_begins_with():
    """A seed lasts 0.4 s a chord from the first note on, a primer until its last onset; random is nothing."""
    music = scale(seconds=5)
    assert pipeline.beginning(ComposeRequest(Seed(), take=7), music) == 0.0
    assert pipeline.beginning(ComposeRequest(Seed.parse("60 62"), take=7), music) == 0.8
    primer = as_bytes(piano(Note(80, 60, 0.0, 9.0), Note(80, 62, 2.0, 3.0)))
    assert pipeline.beginning(ComposeRequest(Seed(), take=7, primer=primer), music) == 2.0
