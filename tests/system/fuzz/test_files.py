"""MIDI files that strangers send, to be continued, performed or harmonized."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pretty_midi import PrettyMIDI

from core.errors import BadRequest
from core.midi.excerpt import GIVEN, MAX_SECONDS, Excerpt
from core.midi.given import melody_of, notes_of
from core.midi.piano import MOST_NOTES, Upload, reduced
from core.midi.reader import MEMORY, TOO_MUCH, Reader
from core.midi.smf import TimedNote, parse
from core.options import LENGTH, STEP_SECONDS
from core.performance.events import TIME_BINS
from core.performance.given import GIVEN_NOTES
from core.performance.score import BEGINNING, Given, melody_given, score_of
from core.request import AS_COMPOSED, ComposeRequest
from core.seed import HIGHEST_PITCH, LOWEST_PITCH, Seed
from core.tasks import HARMONIZE, PERFORM
from core.text import Text
from tests.support.waiting import PATIENCE
from tests.system.fuzz.claims import EXAMPLES, LONGEST_SENTENCE, can_be_shown, sentence
from tests.system.fuzz.midi_files import EXCERPTS, FILES, GIVEN_FILES

UNREAD = ComposeRequest(Seed(), take=7)


def read_or_refused(read: Callable[[], Upload]) -> None:
    """One piano that is as it is described, or a sentence."""
    try:
        upload = read()
    except BadRequest as refusal:
        assert sentence(refusal) != TOO_MUCH  # which is also said of what nobody foresaw
        return
    [piano] = PrettyMIDI(io.BytesIO(upload.midi)).instruments
    assert 1 <= upload.notes == len(piano.notes) <= MOST_NOTES
    assert 0 < upload.seconds <= MAX_SECONDS
    assert abs(max(note.end for note in piano.notes) - upload.seconds) < 0.0011
    assert all(LOWEST_PITCH <= note.pitch <= HIGHEST_PITCH and 0 <= note.start < note.end for note in piano.notes)
    is_a_remark(upload.remark)
    again = reduced(parse(upload.midi))
    assert (again.notes, again.seconds) == (upload.notes, upload.seconds)


def is_a_remark(remark: Text, named: str = "") -> None:
    """A sentence in which no track's name is a link or a mention, but for an option that is `named`."""
    said = str(remark).replace(named, "")
    assert said.isprintable()
    assert len(said) < LONGEST_SENTENCE
    assert not set(said) & set("<>@[]`*/")


@settings(max_examples=10 * EXAMPLES)
@given(FILES, EXCERPTS)
def test_any_file_is_read_or_refused(data: bytes, excerpt: Excerpt):
    """By the reader's own code, which is quick here."""
    read_or_refused(lambda: reduced(parse(data), excerpt))


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """A reader with time enough for a busy machine. Its process is never renewed: it has to bear everything."""
    reader = Reader(seconds=PATIENCE, reads=sys.maxsize)
    process = reader._running()
    written = bytes_written(process.pid)
    yield reader
    assert reader._running() is process
    assert bytes_written(process.pid) == written
    reader.close()


def bytes_written(process: int) -> str:
    """Bytes that a process has written to any disk; pipes do not count."""
    [line] = [line for line in Path(f"/proc/{process}/io").read_text().splitlines() if line.startswith("write_bytes")]
    return line


@settings(max_examples=3 * EXAMPLES)
@given(FILES, EXCERPTS)
def test_any_file_leaves_the_reader_well(reader: Reader, data: bytes, excerpt: Excerpt):
    """The same process goes on, within its memory, and has written, opened and started nothing."""
    process = reader._running()
    read_or_refused(lambda: reader.read(data, excerpt))
    assert reader._process is process
    state = Path(f"/proc/{process.pid}")
    peak = re.search(r"VmPeak:\s+(\d+) kB", (state / "status").read_text())
    assert peak
    assert int(peak[1]) * 1024 <= MEMORY
    assert len(list((state / "fd").iterdir())) <= 5  # three that it was given, and what Python may hold
    assert not (state / "task" / str(process.pid) / "children").read_text()


# --- Performed, and harmonized


@settings(max_examples=3 * EXAMPLES)
@given(GIVEN_FILES, st.integers(0, 100))
def test_any_file_that_is_read_is_performed_or_refused(data: bytes, freedom: int):
    """The engine is given each note of the score once, whatever it is."""
    upload = read(data)
    if upload is None:
        return
    try:
        request = upload.performed(ComposeRequest(Seed(), take=7, freedom=freedom))
    except BadRequest as refusal:
        sentence(refusal)
        return
    as_long_as_its_file(request, PERFORM, upload)
    is_a_remark(upload.score_remark, named="`freedom`")
    notes = notes_of(parse(request.score))
    can_be_struck(score_of(notes, freedom / 100), notes)


@settings(max_examples=3 * EXAMPLES)
@given(GIVEN_FILES)
def test_any_file_that_is_read_is_harmonized_or_refused(data: bytes):
    """The engine is given each note of the melody once, one after the other."""
    upload = read(data)
    if upload is None:
        return
    try:
        request = upload.harmonized(UNREAD)
    except BadRequest as refusal:
        sentence(refusal)
        return
    as_long_as_its_file(request, HARMONIZE, upload)
    notes = melody_of(request.score)
    assert all(note.end <= after.start for note, after in pairwise(notes))
    can_be_struck(melody_given(notes), notes)


def read(data: bytes) -> Upload | None:
    """The file as one piano; None where it is refused."""
    try:
        return reduced(parse(data), GIVEN)
    except BadRequest as refusal:
        sentence(refusal)
        return None


def as_long_as_its_file(request: ComposeRequest, task: str, upload: Upload) -> None:
    assert request.task == task
    assert request.score == upload.midi
    assert request.length == LENGTH.least or 0 <= request.seconds - upload.seconds < STEP_SECONDS + 1e-6
    can_be_shown(request, AS_COMPOSED)


def can_be_struck(given: Given, notes: Sequence[TimedNote]) -> None:
    """The engine's arrays are within their bounds, and window by window every note comes up."""
    assert sorted(given.keys + LOWEST_PITCH) == sorted(note.pitch for note in notes)
    assert (np.diff(given.onsets) >= 0).all()
    assert (np.diff(given.rests) >= 0).all()
    assert (given.shortest >= 1).all()
    assert (given.shortest <= given.longest).all()
    assert (given.longest < TIME_BINS - 1).all()
    assert np.isfinite(given.loudness).all()
    assert np.isfinite(given.held).all()
    waiting = np.ones(len(notes), dtype=bool)
    while waiting.any():
        first = given.first(waiting)
        window = given.window(waiting, first, BEGINNING)
        assert window.open.any()
        waiting[first : first + GIVEN_NOTES] = False
