"""Given notes: a score that is performed has every note of it and no other, and a melody that is harmonized stays."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from pretty_midi import Note, PrettyMIDI

from core.midi.smf import TimedNote
from core.performance.composer import PerformanceComposer, given_by
from core.performance.score import BEGINNING, LONGEST_REST, Given, Playing, score_of
from core.request import ComposeRequest
from core.seed import Seed
from core.tasks import HARMONIZE, PERFORM
from tests.support.music import as_bytes, piano
from tests.support.tiny_performance import make_performance_checkpoint


@pytest.fixture(scope="module")
def composer(tmp_path_factory):
    return PerformanceComposer.load(make_performance_checkpoint(tmp_path_factory.mktemp("performance")), slots=2)


def chords(count: int, seed: int = 0, seconds: float = 0.0) -> list[Note]:
    """Chords of up to six keys, some of which are struck again at once or while they are held; in about every tenth
    place a trill or a long rest. They are a while apart, or `seconds`."""
    random = np.random.default_rng(seed)
    notes, now = [], 0.0
    for _ in range(count):
        keys = random.choice(np.arange(21, 109), random.integers(1, 7), replace=False)
        notes += [Note(64, int(key), now, now + random.choice([0.05, 0.4, 2.0])) for key in keys]
        now += seconds or random.choice(
            [0.01, 0.03, 0.1, 0.25, 0.5, 1.5, 9.0], p=[0.05, 0.1, 0.3, 0.3, 0.2, 0.03, 0.02]
        )
    return notes


def to_perform(notes: list[Note], **options) -> ComposeRequest:
    score = as_bytes(piano(*notes))
    return ComposeRequest(Seed(), take=1, task=PERFORM, score=score, length=3000, **options)


def played(music: PrettyMIDI) -> list[Note]:
    """The notes that are in the file, in their order."""
    return sorted(
        PrettyMIDI(io.BytesIO(as_bytes(music))).instruments[0].notes, key=lambda note: (note.start, note.pitch)
    )


def chords_struck(notes: list[Note], given: Given) -> list[int]:
    """For each note the number of its chord in the score, of which a key's first note is its first there too."""
    written, chord = defaultdict(list), {onset: number for number, onset in enumerate(np.unique(given.onsets))}
    for note, onset in zip(given.notes, given.onsets, strict=True):
        written[note.pitch].append(chord[onset])
    return [written[note.pitch].pop(0) for note in notes]


def played_parts(composer: PerformanceComposer, request: ComposeRequest, count: int) -> list[np.ndarray]:
    """The velocities and the durations, (2, notes), of the first and of the last `count` notes of a score."""
    by_pitch = defaultdict(list)
    for note in played(composer.compose(request).music):
        by_pitch[note.pitch].append(note)
    notes = [by_pitch[written.pitch].pop(0) for written in given_by(request).notes]
    parts = notes[:count], notes[-count:]
    return [np.transpose([(note.velocity, note.duration) for note in part]) for part in parts]


@pytest.mark.parametrize(("seed", "freedom"), [(0, 100), (1, 100), (2, 30), (3, 0)])
def test_no_note_is_lost_and_none_added(composer: PerformanceComposer, seed: int, freedom: int):
    """As many notes at each pitch as are written, in the file too; and chord after chord."""
    request = to_perform(chords(60, seed), freedom=freedom)
    notes, given = played(composer.compose(request).music), given_by(request)
    assert Counter(note.pitch for note in notes) == Counter(note.pitch for note in given.notes)
    struck = chords_struck(notes, given)
    assert struck == sorted(struck)


def test_without_freedom_notes_begin_where_they_are_written(composer: PerformanceComposer):
    """To the millisecond; how hard and how long they are is the network's."""
    written = [Note(64, 60 + number % 3, 0.2 * number + 0.003, 0.2 * number + 0.1) for number in range(40)]
    notes = played(composer.compose(to_perform(written, freedom=0)).music)
    np.testing.assert_allclose([note.start for note in notes], [note.start for note in written], atol=0.002)
    assert len({note.velocity for note in notes}) > 5


def test_a_performance_keeps_to_its_score(composer: PerformanceComposer):
    """100 s are at most 3 % longer or shorter, and a network that hurries is held back all the time."""
    written = [Note(64, 60 + number % 12, 0.5 * number, 0.5 * number + 0.5) for number in range(200)]
    onsets = np.array([note.start for note in played(composer.compose(to_perform(written)).music)])
    off = onsets - [note.start for note in written]
    assert abs(off).max() < 3
    assert abs(off).max() > 0.02


def test_a_performance_is_the_same_beside_others(composer: PerformanceComposer):
    """A recipe's notes come out alike alone, and beside a piece and a harmony in the same batch; another take plays
    otherwise."""
    requests = [
        to_perform(chords(30, 4)),
        ComposeRequest(Seed(), take=1, length=100),
        ComposeRequest.harmonized(Seed.parse("C5 D5 E5 F5"), take=1),
    ]
    alone = [as_bytes(composer.compose(request).music) for request in requests]
    with ThreadPoolExecutor(3) as pool:
        beside = list(pool.map(composer.compose, requests))
    assert [as_bytes(composition.music) for composition in beside] == alone
    assert as_bytes(composer.compose(replace(requests[0], take=2)).music) != alone[0]


def test_repeats_are_played_alike(composer: PerformanceComposer):
    """How hard the notes are struck, and how long they are held: in one take more alike than in two."""
    passage, beside = chords(100, 5, seconds=0.4), chords(10, 6, seconds=0.4)
    between = [Note(64, note.pitch, note.start + 42, note.end + 42) for note in beside]
    again = [Note(64, note.pitch, note.start + 48, note.end + 48) for note in passage]
    request = to_perform(passage + between + again)
    one, other = (played_parts(composer, each, len(passage)) for each in (request, replace(request, take=2)))
    for first, second, another in zip(*one, other[1], strict=True):
        assert abs(first - second).mean() < abs(first - another).mean()


def test_a_long_score_is_offered_whole():
    """Of 20,000 notes in 600 s, each chunk knows all that it can strike; a rest that no pianist makes is shortened to
    one that the network knows."""
    notes = [TimedNote(0.03 * number, 0.03 * number + 0.1, 21 + number % 88, 64) for number in range(20_000)]
    playing = Playing(score_of(notes, 1.0))
    while not playing.is_over:
        window = playing.window()
        struck = np.flatnonzero(window.open)[:64]
        playing = playing.after(struck, BEGINNING)
    assert playing.struck.tolist() == list(range(20_000))
    resting = score_of([TimedNote(0, 1, 60, 64), TimedNote(30, 31, 62, 64)], 1.0)
    assert resting.onsets.tolist() == [0, LONGEST_REST]


@pytest.mark.parametrize("take", [1, 2])
def test_a_melody_stays_as_it_is(composer: PerformanceComposer, take: int):
    """Its notes are there to the millisecond, none softer than what is struck beside it, and nothing is struck a
    semitone from it while it sounds."""
    melody = [
        Note(64, 72 + step, 0.5 * number, 0.5 * number + 0.4) for number, step in enumerate([0, 4, 7, 5, 2, 0] * 4)
    ]
    request = ComposeRequest(Seed(), take=take, task=HARMONIZE, score=as_bytes(piano(*melody)), length=60)
    notes = played(composer.compose(request).music)
    given = {(note.pitch, round(note.start, 3)) for note in melody}
    kept = [note for note in notes if (note.pitch, round(note.start, 3)) in given]
    others = [note for note in notes if (note.pitch, round(note.start, 3)) not in given]
    assert [(note.pitch, round(note.end, 2)) for note in kept] == [(note.pitch, round(note.end, 2)) for note in melody]
    assert len(others) > 20
    for note in kept:
        beside = [other.velocity for other in others if abs(other.start - note.start) < 0.05]
        assert note.velocity >= max(beside, default=0)
        rubbing = [
            other for other in others if abs(other.pitch - note.pitch) == 1 and note.start < other.start < note.end
        ]
        assert not rubbing
