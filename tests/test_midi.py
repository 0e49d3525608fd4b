"""core/midi.py and core/smf.py: what strangers send is read right, or refused with a sentence, and harms nobody."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pretty_midi import PrettyMIDI

from core import midi as module
from core.errors import BadRequest
from core.midi import TOO_MUCH, Reader, Upload, reduced
from core.smf import parse
from tests.midi_corpus import BEAT, DAMAGED, LEGAL, event, meta, note, smf, track

GOOD = LEGAL["one note"][0]


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """One with time enough for a machine that is busy."""
    reader = Reader(seconds=30)
    yield reader
    reader.close()


def notes_of(upload: Upload) -> list[tuple[float, float, int, int]]:
    [piano] = PrettyMIDI(io.BytesIO(upload.midi)).instruments
    assert upload.notes == len(piano.notes) and not piano.is_drum
    return sorted((note.start, note.end, note.pitch, note.velocity) for note in piano.notes)


@pytest.mark.parametrize("name", LEGAL)
def test_what_is_odd_but_legal_is_read_right(reader: Reader, name: str):
    """Every note of it, to a millisecond."""
    data, wanted = LEGAL[name]
    upload = reader.read(data)
    np.testing.assert_allclose(notes_of(upload), sorted(wanted), atol=0.0011)
    assert upload.seconds == pytest.approx(max(end for _, end, _, _ in wanted), abs=0.0011)


@pytest.mark.parametrize("name", DAMAGED)
def test_what_cannot_be_read_gets_a_sentence(reader: Reader, name: str):
    """One that names what is wrong; and the next file is read as ever."""
    data, sentence = DAMAGED[name]
    with pytest.raises(BadRequest, match=sentence):
        reader.read(data)
    assert reader.read(GOOD).notes == 1


@pytest.mark.parametrize(
    ("data", "remark"),
    [
        (GOOD, "Read as one piano: track 1."),
        (smf(track(event(0, meta(3, b"Right  hand\n<@1>")), note())), "Read as one piano: Right hand1."),
        (
            smf(track(note()), track(note(channel=9), note(3), note(4))),
            "Read as one piano: track 1; left out: the drums",
        ),
        (smf(track(note(), note(120))), "track 1; left out: 1 note beyond a piano's keys."),
        (smf(*[track(note())] * 8), "track 1, track 2, track 3, track 4, track 5 and 3 more."),
    ],
)
def test_it_says_what_was_used(reader: Reader, data: bytes, remark: str):
    """Which tracks, by their names where they have some, and what was left out; no name can be a mention or a link."""
    assert remark in reader.read(data).remark


def test_the_pedals_become_one(reader: Reader):
    """It is down where that of any channel is, and what a channel without notes does is not heard."""
    data = smf(
        track(event(0, b"\xb0\x40\x7f"), note(lasts=2 * BEAT), event(0, b"\xb0\x40\x00")),
        track(event(BEAT, b"\xb1\x40\x7f"), note(channel=1, lasts=2 * BEAT), event(0, b"\xb1\x40\x00")),
        track(event(0, b"\xb2\x40\x7f")),
    )
    [piano] = PrettyMIDI(io.BytesIO(reader.read(data).midi)).instruments
    assert [(move.time, move.value) for move in piano.control_changes] == [(0.0, 127), (1.5, 0)]


def test_what_begins_later_is_left_out(reader: Reader):
    """What sounds on at that moment stays as it is; a file that is too long is read up to there."""
    data = smf(track(note(lasts=4 * BEAT), note(62, at=3000 * BEAT)), track(note(64, at=2 * BEAT)))
    assert notes_of(reader.read(data, until=1.0)) == [(0.0, 2.0, 60, 80)]
    assert [pitch for _, _, pitch, _ in notes_of(reader.read(data, until=1.001))] == [60, 64]
    with pytest.raises(BadRequest, match=r"no notes that a piano could play before 0\.2 s"):
        reader.read(smf(track(note(at=BEAT))), until=0.2)


def test_it_becomes_a_request(reader: Reader):
    """To go on from it; together they may not be longer than the longest piece."""
    upload = reader.read(GOOD)
    request = upload.continued(length=200, take=7)
    assert (request.primer, request.length, request.seed.is_random) == (upload.midi, 200, True)
    with pytest.raises(BadRequest, match="together longer than 600 s"):
        upload.continued(length=3000, take=7)


def test_a_file_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch):
    """The clock ends it, and the next file is read by a new process."""
    reader = Reader(seconds=0.0)
    assert reader._running()  # its start does not count
    with pytest.raises(BadRequest, match=TOO_MUCH):
        reader.read(GOOD)
    monkeypatch.setattr(reader, "_limit", 30)
    assert reader.read(GOOD).notes == 1
    reader.close()


def test_a_reader_that_was_killed_is_replaced(reader: Reader):
    """The next file finds a new one."""
    process = reader._running()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert reader.read(GOOD).notes == 1


def test_memory_and_files_are_limited(reader: Reader):
    """As the kernel has it: half a gigabyte of addresses, and no file can be written; of the environment it has
    nothing."""
    reader.read(GOOD)
    folder = Path(f"/proc/{reader._running().pid}")
    limits = {line[:26].strip(): line[26:].split()[0] for line in (folder / "limits").read_text().splitlines()}
    assert limits["Max address space"] == str(module.MEMORY)
    assert limits["Max file size"] == "0"
    assert int(limits["Max cpu time"]) <= 60
    assert (folder / "environ").read_bytes() == b"OPENBLAS_NUM_THREADS=1\0"


def test_a_reader_leaves_nothing_behind():
    """After it is closed its process is gone; and it goes by itself when whoever has it does."""
    reader = Reader()
    process = reader._running()
    reader.close()
    assert process.poll() is not None
    orphan = module._started()
    assert orphan.stdin is not None
    orphan.stdin.close()
    assert orphan.wait(30) == 0


def test_reading_loads_no_tensorflow():
    """Nor anything of the bot: a small process."""
    code = "import sys, json, core.midi, pretty_midi; print(json.dumps(list(sys.modules)))"
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", code], text=True))
    assert not {"tensorflow", "keras", "discord", "dbos"} & set(loaded)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutations_are_read_or_refused(data: st.DataObject):
    """Legal files with bytes changed, left out or put in: a piano or a sentence, never anything else."""
    mutated = bytearray(LEGAL[data.draw(st.sampled_from(sorted(LEGAL)))][0])
    for _ in range(data.draw(st.integers(1, 8))):
        place, value = data.draw(st.integers(0, len(mutated) - 1)), data.draw(st.integers(0, 255))
        change = data.draw(st.sampled_from(["set", "insert", "delete"]))
        mutated[place : place + (change != "insert")] = (
            b"" if change == "delete" and len(mutated) > 1 else bytes([value])
        )
    try:
        upload = reduced(parse(bytes(mutated)), None)
    except BadRequest as error:
        assert "\n" not in str(error)
    else:
        assert notes_of(upload) and upload.seconds <= 600
