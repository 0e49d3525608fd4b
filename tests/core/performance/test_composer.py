"""core/performance/composer.py: a recipe gives the same piece in any company, as long and from the beginning that were
asked for."""

import io
import json
import logging
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from pretty_midi import Note, PrettyMIDI

from core.errors import BadCheckpoint, BadRequest, Cancelled
from core.performance import composer as module
from core.performance import scheduler
from core.performance import sequence as module_sequence
from core.performance.architecture import PerformanceConfig
from core.performance.candidates import CANDIDATES, CandidateGroup
from core.performance.composer import PerformanceComposer, piece_counts
from core.performance.engine import STRETCH
from core.performance.events import read
from core.performance.fingerprint import Fingerprint
from core.performance.guard import Trouble
from core.performance.scheduler import Scheduler
from core.performance.sequence import EventSequence
from core.request import ComposeRequest
from core.seed import Seed
from tests.support.music import as_bytes, piano
from tests.support.tiny_performance import make_performance_checkpoint

MARGIN = 0.1
"""Seconds by which an end may be elsewhere: a time of over a second is spread within a bin of up to 0.16 s."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_performance_checkpoint(tmp_path_factory.mktemp("performance"))


@pytest.fixture(scope="module")
def composer(folder):
    return PerformanceComposer.load(folder)


def asked(seed="random", take=1, length=50, **options):
    return ComposeRequest(seed=Seed.parse(seed), take=take, length=length, model="performance", **options)


def notes_of(midi):
    return sorted(midi.instruments[0].notes, key=lambda note: (note.start, note.pitch))


def test_the_same_recipe_gives_the_same_file(composer, folder):
    """Byte for byte, from the same checkpoint loaded twice."""
    again = PerformanceComposer.load(folder)
    assert again.checkpoint == composer.checkpoint
    assert as_bytes(again.compose(asked()).music) == as_bytes(composer.compose(asked()).music)


def test_each_option_makes_another_piece(composer):
    """Changing any of them changes the piece."""
    changed = [
        asked(take=2),
        asked(style="Bach"),
        asked(temperature=0.7),
        asked(top_p=0.5),
        asked(key="C minor"),
        asked(pace="slow"),
        asked(dynamics="loud"),
        asked(mood="stormy"),
    ]
    assert len({as_bytes(composer.compose(request).music) for request in [asked(), *changed]}) == 9


def test_pieces_of_many_threads_are_decoded_together(composer):
    """More at once than there are places: each comes out as it does alone, and all are told their progress."""
    takes, shares = range(composer.places + 3), defaultdict(list)

    def compose(take):
        return as_bytes(composer.compose(asked(take=take, length=200), shares[take].append).music)

    alone = [as_bytes(composer.compose(asked(take=take, length=200)).music) for take in takes]
    with ThreadPoolExecutor(len(takes)) as pool:
        assert list(pool.map(compose, takes)) == alone
    assert all(told == sorted(told) for told in shares.values())
    assert {told[-1] for told in shares.values()} == {1}


def test_a_cancelled_piece_frees_its_slot(composer):
    """Pieces that are cancelled in the middle give up their places; nothing else is disturbed."""

    def cancel_later(share):
        if share > 0.02:
            raise Cancelled("enough")

    def compose(take):
        with pytest.raises(Cancelled):
            composer.compose(asked(take=take, length=3000), cancel_later)

    with ThreadPoolExecutor(2 * composer.places) as pool:
        list(pool.map(compose, range(2 * composer.places)))
    assert as_bytes(composer.compose(asked()).music) == as_bytes(composer.compose(asked()).music)


def test_an_engine_that_breaks_down_fails_its_pieces_alone(folder):
    """Pieces that it decodes fail at once; the next piece is made as ever."""
    composer = PerformanceComposer.load(folder, slots=2)
    before = as_bytes(composer.compose(asked()).music)
    engine = composer._scheduler._engines[0]
    engine.advance, kept = None, engine.advance
    with pytest.raises(RuntimeError, match="the engine broke down"):
        composer.compose(asked())
    engine.advance = kept
    assert as_bytes(composer.compose(asked()).music) == before


@pytest.mark.parametrize(
    "pieces, memory, candidates, sizes, batches",
    [
        (1, None, 4, [1], 1),
        (2, None, 4, [1], 2),
        (None, None, 4, [1, 2], 2),
        (16, None, 4, [1, 2, 4], 2),
        (16, 1300, 4, [1, 2], 2),
        (16, 1280, 4, [1], 2),
        (16, 1, 4, [1], 1),
        (8, None, 1, [2, 4], 2),
    ],
)
def test_pieces_are_arranged_in_buckets(monkeypatch, caplog, pieces, memory, candidates, sizes, batches):
    """On two cores: for no more pieces than were asked for and fit into the memory, but one batch of the smallest
    engine at least, which never has one slot; it is said when they are fewer."""
    monkeypatch.setattr(module.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(module, "resident", lambda: 1000)
    monkeypatch.setattr(module, "on_gpu", lambda: False)
    assert piece_counts(PerformanceConfig(), pieces, memory, candidates) == (sizes, batches)
    assert ("so there are fewer" in caplog.text) == (memory is not None)


@pytest.mark.parametrize("seed, pitches", [("72", [72]), ("67,60,64", [60, 64, 67])])
def test_a_chord_begins_the_piece(composer, seed, pitches):
    """The seed's keys are struck together at the very beginning."""
    notes = notes_of(composer.compose(asked(seed)).music)
    assert [note.pitch for note in notes[: len(pitches)]] == pitches
    assert all(note.start == 0 for note in notes[: len(pitches)])


def test_a_melody_begins_the_piece(composer):
    """Its notes come one after another, 0.4 s each; the last is held as long as the model likes."""
    notes = notes_of(composer.compose(asked("C4 E4 G4,B4")).music)
    first, second = notes[:2]
    assert [first.pitch, second.pitch] == [60, 64]
    np.testing.assert_allclose([first.start, first.end, second.start, second.end], [0, 0.4, 0.4, 0.8])
    together = {note.pitch for note in notes if note.start == pytest.approx(0.8)}  # the model may join them
    assert {67, 71} <= together


def continued(composer, primer, **options):
    return composer.compose(asked(primer=as_bytes(primer), **options)).music


def test_a_primer_is_gone_on_from(composer):
    """Its notes stay as they are, and what is new comes after them and lasts as long as was asked for."""
    primer = piano(Note(66, 60, 1.0, 1.5), Note(94, 64, 1.25, 1.533), pedal=[(1.1, 127), (1.6, 0)])
    midi = continued(composer, primer)
    notes = notes_of(midi)
    for note, wanted in zip(notes, notes_of(primer), strict=False):
        assert (note.pitch, note.velocity) == (wanted.pitch, wanted.velocity)
        np.testing.assert_allclose([note.start, note.end], [wanted.start, wanted.end], atol=0.002)
    assert len(notes) > 2
    assert min(note.start for note in notes[2:]) >= 1.6 - 0.005
    assert 1.6 + 9.2 - MARGIN <= midi.get_end_time() <= 1.6 + 10.4 + MARGIN


def test_a_long_primer_is_gone_on_from(composer):
    """The network sees the last events of more than its window; its time goes on from the true end."""
    primer = piano(*(Note(66, 40 + number % 7, number * 0.2, number * 0.2 + 0.1) for number in range(900)))
    midi = continued(composer, primer, length=100)
    struck = {(note.pitch, round(note.start, 2)) for note in notes_of(midi)}
    assert struck > {(note.pitch, round(note.start, 2)) for note in notes_of(primer)}
    assert 179.8 + 18.4 - MARGIN <= midi.get_end_time() <= 179.8 + 20.8 + MARGIN


def test_keys_that_the_primer_holds_are_not_struck_again(composer):
    """All keys are held beyond the end, so nothing new can be heard before they are released."""
    held = piano(*(Note(66, pitch, 0, 5) for pitch in range(21, 109)))
    assert all(note.start in (0, pytest.approx(0)) or note.start >= 5 for note in notes_of(continued(composer, held)))


def test_a_primer_is_refused_where_it_cannot_be_gone_on_from(composer):
    """Without notes; beside a seed; by the article's model."""
    with pytest.raises(BadRequest, match="the piece to continue has no notes"):
        continued(composer, piano())
    for other in ({"seed": "72"}, {"model": "article"}):
        with pytest.raises(BadRequest, match="continue"):
            ComposeRequest(**{"seed": Seed.parse(other.pop("seed", "random")), "take": 1, "primer": b"MThd", **other})


@pytest.mark.parametrize("length", [25, 100])
def test_a_piece_lasts_as_long_as_asked(composer, length):
    """The end comes between 92 and 104 % of the length, with the pedal up."""
    midi = composer.compose(asked(length=length)).music
    assert 0.92 * length * 0.2 - MARGIN <= midi.get_end_time() <= 1.04 * length * 0.2 + MARGIN
    pedal = [change.value for change in midi.instruments[0].control_changes]
    assert not pedal or pedal[-1] == 0


def test_progress_rises_to_the_whole(composer):
    """Reported shares never fall, and end at 1."""
    shares = []
    composer.compose(asked(length=200), shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_cancelled_piece_leaves_the_composer_as_it_was(composer):
    """Raising from progress stops it, and the next piece comes out as ever."""

    def cancel(share):
        raise Cancelled("enough")

    before = as_bytes(composer.compose(asked()).music)
    with pytest.raises(Cancelled):
        composer.compose(asked(length=3000), cancel)
    assert as_bytes(composer.compose(asked()).music) == before


def test_an_unknown_style_is_refused_with_those_known(composer):
    """Upper and lower case are the same."""
    with pytest.raises(BadRequest, match="no style 'Satie'; there are any, Bach, pop"):
        composer.compose(asked(style="Satie"))
    assert as_bytes(composer.compose(asked(style="bach")).music) == as_bytes(
        composer.compose(asked(style="Bach")).music
    )


def unlucky(sequence, heeded):
    """A guard that finds trouble in the second stretch of all candidates that are drawn first, whatever they play."""
    if sequence.sub_take < CANDIDATES and len(sequence.events) > STRETCH:
        return Trouble("an unlucky note", 2 * STRETCH - 1)
    return None


@pytest.mark.parametrize("take", [1, 2])
def test_a_piece_that_goes_back_is_repeated_too(composer, monkeypatch, caplog, take):
    """The recipe gives the same piece again, alone or beside others, and the progress never falls."""
    monkeypatch.setattr(EventSequence, "trouble", unlucky)
    caplog.set_level(logging.INFO)
    shares = []
    first = as_bytes(composer.compose(asked(take=take, length=400), shares.append).music)
    assert f"take {take}, try 1, event {2 * STRETCH - 1}: an unlucky note" in caplog.text
    with ThreadPoolExecutor(3) as pool:
        again = list(
            pool.map(lambda take: as_bytes(composer.compose(asked(take=take, length=400)).music), [take, 7, 8])
        )
    assert again[0] == first
    assert shares == sorted(shares)


def test_a_piece_that_stays_stuck_is_short(composer, monkeypatch, caplog):
    """The end is where its music ends, and the log says so."""
    monkeypatch.setattr(module_sequence, "find_trouble", lambda *_: Trouble("no luck at all", 90))
    composition = composer.compose(asked(length=200))
    assert composition.ended_early
    assert len(notes_of(composition.music)) <= 91
    assert "ends early: no luck at all" in caplog.text


def test_what_is_copied_is_told(composer, monkeypatch):
    """The longest passage of the piece's own notes: of a continuation those of the primer do not count."""
    learnt = np.random.default_rng(0).integers(20, 70, 400)
    monkeypatch.setattr(module, "of_training_music", lambda: Fingerprint.of([learnt], bits=8_000))
    primer = piano(*(Note(66, 21 + int(key), at * 0.2, at * 0.2 + 0.1) for at, key in enumerate(learnt)))
    assert composer.compose(asked(primer=as_bytes(primer))).shared_at_most < 40


def test_a_checkpoint_that_does_not_fit_is_refused(folder, tmp_path):
    """An architecture of another version or another shape gives a sentence, not a traceback."""
    for change in ({"width": 24}, {"styles": []}, {"queries": 4}, {"window": 128}, {"recall_length": 250}):
        config = json.loads((folder / "config.json").read_text())
        config["architecture"] |= change
        (tmp_path / "config.json").write_text(json.dumps(config))
        (tmp_path / "weights.npz").write_bytes((folder / "weights.npz").read_bytes())
        with pytest.raises(BadCheckpoint, match=r"does not fit|another version|attends to 128|recalls 250"):
            PerformanceComposer.load(tmp_path)


def test_a_written_piece_is_read_as_it_was_made(composer):
    """Writing the file loses and changes nothing: its moments are those of the piece."""
    midi = composer.compose(asked(length=100)).music
    again = PrettyMIDI(io.BytesIO(as_bytes(midi)))
    assert read(again).tolist() == read(midi).tolist()


def test_a_piece_that_waits_for_slots_says_so(monkeypatch):
    """Again and again, so that it can be taken back, and nobody thinks that the model hangs."""
    monkeypatch.setattr(scheduler, "WAIT_SECONDS", 0.01)
    full = Scheduler([SimpleNamespace(pieces=0, start=lambda: None)], 1)
    told = []

    def progress(share):
        told.append(share)
        if len(told) == 3:
            raise Cancelled("the piece was taken back")

    with pytest.raises(Cancelled):
        full.run(CandidateGroup(EventSequence(cells=100, take=1)), progress)
    assert told == [0.0, 0.0, 0.0]
