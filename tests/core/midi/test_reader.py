"""core/midi: what strangers send is read right, or refused with a sentence, and harms nobody."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pretty_midi import PrettyMIDI

from core.errors import BadRequest
from core.midi import reader as module
from core.midi.controllers import SUSTAIN
from core.midi.excerpt import Excerpt
from core.midi.piano import Upload, reduced
from core.midi.reader import TOO_MUCH, Reader
from core.midi.smf import Part, Score, TimedNote, parse
from core.request import ComposeRequest
from core.seed import Seed
from tests.support.midi_corpus import (
    BEAT,
    COSTLY,
    DAMAGED,
    LEGAL,
    control,
    costly,
    event,
    meta,
    note,
    pedal,
    smf,
    tempo,
    track,
)

GOOD = LEGAL["one note"][0]


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """One with time enough for a machine that is busy."""
    reader = Reader(seconds=30)
    yield reader
    reader.close()


def notes_of(upload: Upload) -> list[tuple[float, float, int, int]]:
    [piano] = PrettyMIDI(io.BytesIO(upload.midi)).instruments
    assert upload.notes == len(piano.notes)
    assert not piano.is_drum
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
        (smf(track(event(0, meta(3, b"Right  hand\n<@1>")), note())), "Read as one piano: Right hand 1."),
        (
            smf(track(note()), track(note(channel=9), note(3), note(4))),
            "Read as one piano: track 1; left out: the drums",
        ),
        (smf(track(note(), note(120))), "track 1; left out: notes beyond a piano's keys (1)."),
        (smf(*[track(note())] * 8), "track 1, track 2, track 3, track 4, track 5, 3 more."),
    ],
)
def test_it_says_what_was_used(reader: Reader, data: bytes, remark: str):
    """Which tracks, by their names where they have some, and what was left out; no name can be a mention or a link."""
    assert remark in str(reader.read(data).remark)


def pedal_of(upload: Upload) -> list[tuple[float, int]]:
    [piano] = PrettyMIDI(io.BytesIO(upload.midi)).instruments
    return [(round(move.time, 3), move.value) for move in piano.control_changes if move.number == SUSTAIN]


def test_a_note_of_half_a_millisecond_lasts_one(reader: Reader):
    """A tick may be shorter than the milliseconds in which an upload's length is told."""
    assert reader.read(smf(track(note(lasts=1)), division=1024)).seconds == 0.001


def test_the_pedals_become_one(reader: Reader):
    """The one pedal is down where that of any channel is."""
    data = smf(
        track(pedal(127), note(lasts=2 * BEAT), pedal(0)),
        track(pedal(127, at=BEAT, channel=1), note(channel=1, lasts=2 * BEAT), pedal(0, channel=1)),
    )
    assert pedal_of(reader.read(data)) == [(0.0, 127), (1.5, 0)]


@pytest.mark.parametrize("channel", [0, 5])
def test_a_pedal_may_have_a_track_of_its_own(reader: Reader, channel: int):
    """A track without notes pedals those of its channel in other tracks, or all where its channel has none."""
    moves = track(pedal(127, at=100, channel=channel), pedal(0, at=380, channel=channel))
    upload = reader.read(smf(track(note(lasts=2 * BEAT)), track(note(64, channel=1)), moves))
    assert pedal_of(upload) == [(0.104, 127), (0.5, 0)]
    assert str(upload.remark) == "Read as one piano: track 1, track 2."


def test_the_pedal_of_what_is_left_out_is_left_out(reader: Reader):
    """That of the drums lets no piano ring, and the listener is told."""
    upload = reader.read(smf(track(note()), track(pedal(127, channel=9), note(channel=9))))
    assert pedal_of(upload) == []
    assert str(upload.remark).endswith("left out: the drums, the pedal of what is left out.")


def test_a_reset_of_the_controllers_lifts_the_pedal(reader: Reader):
    """As in every player."""
    data = smf(track(pedal(127), control(121, 0, at=BEAT), note(at=BEAT)))
    assert pedal_of(reader.read(data)) == [(0.0, 127), (0.5, 0)]


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "Клавир"),
        ("cp932", "ピアノ右手"),
        ("gbk", "钢琴右手"),
        ("cp1251", "Правая рука"),
        ("latin-1", "Flügel für Jürgen"),
        ("mac_roman", "Flügel für Jürgen"),
    ],
)
def test_tracks_are_named_in_any_common_encoding(reader: Reader, encoding: str, name: str):
    """And by their numbers where their names make no sense in any."""
    named = smf(track(event(0, meta(3, name.encode(encoding))), note()))
    assert str(reader.read(named).remark) == f"Read as one piano: {name}."
    strange = smf(track(event(0, meta(3, b"\x81\x05\xff\x9f")), note()))
    assert str(reader.read(strange).remark) == "Read as one piano: track 1."


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([track(control(7, 0, channel=1), note(channel=1))], "left out: the silent track 2."),
        ([track(note(64, velocity=1), note(65, velocity=1))], "left out: the silent track 2."),
        ([track(note(64, velocity=1), note(65))], "track 2; left out: guide notes of velocity 1 (1)."),
    ],
)
def test_what_is_not_to_be_heard_is_left_out(reader: Reader, more: list[bytes], said: str):
    """And named; but where nothing else sounds, it is read."""
    assert said in str(reader.read(smf(track(note()), *more)).remark)
    assert reader.read(smf(*more)).notes >= 1


def test_a_long_silence_before_is_left_out(reader: Reader):
    """By whole bars, so that the beats stay where they are, and the listener is told; a short one stays."""
    waltz = event(0, meta(0x58, bytes([3, 2, 24, 8])))
    upload = reader.read(smf(track(waltz, note(at=16 * BEAT))))
    assert notes_of(upload) == [(0.5, 1.0, 60, 80)]
    assert str(upload.remark).endswith("left out: 8 s of silence before it begins.")
    assert notes_of(reader.read(smf(track(note(at=10 * BEAT))))) == [(5.0, 5.5, 60, 80)]


def test_a_moment_beyond_the_end_gets_a_sentence(reader: Reader):
    """A player may round the length of a file up to the next second, and no further."""
    assert reader.read(GOOD, Excerpt(1.4)).notes == 1
    with pytest.raises(BadRequest, match=r"ends at 0\.5 s, so it cannot be gone on from 60 s"):
        reader.read(GOOD, Excerpt(60.0))


SONATA = smf(track(*[note(48 + number % 12, lasts=96) for number in range(25_000)]))
"""2,500 s, a tenth for each note."""


def test_some_of_a_file_that_is_too_long_can_be_read(reader: Reader):
    """What begins later is not counted; a refusal names the option that helps."""
    assert reader.read(SONATA, Excerpt(30.0)).notes == 300
    with pytest.raises(BadRequest, match=r"has 25,000 notes, at most 20,000 are read; `from` goes on"):
        reader.read(SONATA)


def test_a_passage_in_the_middle_of_a_long_file_can_be_read(reader: Reader):
    """30 s of 25,000 notes and 41 minutes, from 20 minutes on; the listener is told what was left out."""
    upload = reader.read(SONATA, Excerpt(until=1230.0, keep=30.0))
    assert upload.notes == 300
    assert 30 <= upload.seconds < 33
    assert str(upload.remark).endswith("left out: all before 1,200 s, all from 1,230 s on.")
    [first, *_] = notes_of(upload)
    assert first[0] < 2.0  # the bar of the first note is whole
    assert first[2] == 48  # it is number 12,000


def test_as_much_is_kept_as_there_is_room_for(reader: Reader):
    """Before the second from which one goes on; or, where all that is asked for is how much, before the end."""
    request = ComposeRequest(Seed(), take=7, length=150)
    upload = reader.read(SONATA, Excerpt(until=1230.0, most=570.0))
    assert upload.continued(request).primer == upload.midi
    assert str(upload.remark).endswith("left out: all before 665 s, all from 1,230 s on.")
    assert upload.seconds > 560
    assert reader.read(SONATA, Excerpt(keep=30.0)).notes == 300


def test_what_is_held_down_is_no_part_of_a_later_passage(reader: Reader):
    """Only what begins in it; but the pedal is as it is there."""
    data = smf(track(pedal(100), note(lasts=16 * BEAT), note(62), note(64)))
    upload = reader.read(data, Excerpt(keep=1.0))
    assert notes_of(upload) == [(0.0, 0.5, 62, 80), (0.5, 1.0, 64, 80)]
    assert pedal_of(upload) == [(0.0, 100)]
    with pytest.raises(BadRequest, match=r"no notes that a piano could play between 6 and 7 s"):
        reader.read(data, Excerpt(until=7.0, keep=1.0))


@pytest.mark.parametrize("excerpt", [{"until": -1.0}, {"until": float("nan")}, {"keep": 0.0}, {"keep": float("nan")}])
def test_an_excerpt_that_cannot_be_gets_a_sentence(excerpt: dict[str, float]):
    """It names the option."""
    [name] = excerpt
    with pytest.raises(BadRequest, match="^from " if name == "until" else "^keep "):
        Excerpt(**excerpt)


def test_an_upload_keeps_its_beats(reader: Reader):
    """Tempo, metre and key, and each note on its beat."""
    signs = [event(0, meta(0x58, bytes([3, 2, 24, 8]))), event(0, meta(0x59, bytes([253, 1])))]
    data = smf(track(tempo(666_667), *signs), track(note(), note(), note(lasts=96)))
    music = PrettyMIDI(io.BytesIO(reader.read(data).midi))
    assert music.get_tempo_changes()[1].tolist() == pytest.approx([90], abs=1e-3)
    [metre], [key] = music.time_signature_changes, music.key_signature_changes
    assert (metre.numerator, metre.denominator, key.key_number) == (3, 4, 12)  # pretty_midi's C minor
    beats = [music.time_to_tick(note.start) / music.resolution for note in music.instruments[0].notes]
    assert beats == [0, 1, 2]


@pytest.mark.parametrize("released", [True, False])
def test_a_note_without_end_does_not_forbid_to_go_on(reader: Reader, released: bool):
    """One that would last longer than any piece ends where one goes on from; the whole file is refused."""
    endless = note(62, lasts=1400 * BEAT) if released else event(0, b"\x90\x3e\x50") + note(64, at=1400 * BEAT)
    data = smf(track(note()), track(endless))
    assert notes_of(reader.read(data, Excerpt(1.0))) == [(0.0, 0.5, 60, 80), (0.0, 1.0, 62, 80)]
    for until, said in ((None, "lasts"), (1e9, "ends at"), (float("inf"), "ends at")):
        with pytest.raises(BadRequest, match=rf"{said} 70[01]"):
            reader.read(data, Excerpt(until))


def test_only_what_was_used_is_named(reader: Reader):
    """Neither tracks nor drums that begin after the moment from which one goes on."""
    late = [track(note(62, at=8 * BEAT)), track(note(36, at=8 * BEAT, channel=9))]
    data = smf(track(note()), *late)
    assert str(reader.read(data, Excerpt(1.0)).remark) == "Read as one piano: track 1; left out: all from 1 s on."
    assert str(reader.read(data).remark) == "Read as one piano: track 1, track 2; left out: the drums."
    with pytest.raises(BadRequest, match=r"no notes but drums that a piano could play before 1 s"):
        reader.read(smf(track(note(channel=9)), late[0]), Excerpt(1.0))


def test_what_begins_later_is_left_out(reader: Reader):
    """What sounds on at that moment stays as it is; a file that is too long is read up to there."""
    data = smf(track(note(lasts=4 * BEAT), note(62, at=3000 * BEAT)), track(note(64, at=2 * BEAT)))
    assert notes_of(reader.read(data, Excerpt(1.0))) == [(0.0, 2.0, 60, 80)]
    assert [pitch for _, _, pitch, _ in notes_of(reader.read(data, Excerpt(1.001)))] == [60, 64]
    with pytest.raises(BadRequest, match=r"no notes that a piano could play before 0\.2 s"):
        reader.read(smf(track(note(at=BEAT))), Excerpt(0.2))


def test_it_becomes_a_request(reader: Reader):
    """To go on from it; together they may not be longer than the longest piece."""
    upload = reader.read(GOOD)
    request = upload.continued(ComposeRequest(Seed(), length=200, take=7))
    assert (request.primer, request.length, request.seed.is_random) == (upload.midi, 200, True)
    with pytest.raises(BadRequest, match="together longer than 600 s"):
        upload.continued(ComposeRequest(Seed(), length=3000, take=7))


@pytest.mark.parametrize("kind", COSTLY)
def test_the_work_grows_as_the_file_does(kind: str):
    """Four times the file takes four times as many lines of Python, not sixteen, whatever is in it: so no file that
    fits into the limit holds up those of others."""
    small, large = costly(kind, 12), costly(kind, 48)
    assert 3 < len(large) / len(small) < 5
    assert lines_to_read(large) / lines_to_read(small) < 6


def lines_to_read(data: bytes) -> int:
    """The lines of Python that are run to read a file."""
    count = 0

    def line(frame: FrameType, event: str, value: object) -> Any:
        nonlocal count
        count += 1
        return line

    sys.settrace(line)
    try:
        reduced(parse(data))
    finally:
        sys.settrace(None)
    return count


def test_a_file_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch):
    """The clock ends it, and the next file is read by a new process."""
    reader = Reader(seconds=0.2)
    os.kill(reader._running().pid, signal.SIGSTOP)  # its start does not count
    with pytest.raises(BadRequest, match=str(TOO_MUCH)):
        reader.read(GOOD)
    monkeypatch.setattr(reader, "_limit", 30)
    assert reader.read(GOOD).notes == 1
    reader.close()


def test_a_reader_that_was_killed_is_replaced(reader: Reader):
    """The next file finds a new one, also when nobody has noticed yet."""
    for noticed in (True, False):
        process = reader._running()
        os.kill(process.pid, signal.SIGKILL)
        if noticed:
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
    assert int(limits["Max cpu time"]) == module.CPU_SECONDS
    assert (folder / "environ").read_bytes() == b""


def test_memory_beyond_the_limit_is_refused():
    """By the kernel, in the real reader: a gigabyte is no more than a sentence, and the next file is read."""
    code = """
import sys
from core.midi import reader
parse = reader.parse
reader.parse = lambda data: parse(data) if data != b"much" else [bytearray(2**30)]
reader._serve(sys.stdin.buffer, sys.stdout.buffer)
"""
    questions = b"".join(
        json.dumps({"excerpt": {}, "size": len(data)}).encode() + b"\n" + data for data in (b"much", GOOD)
    )
    said = subprocess.run([sys.executable, "-c", code], input=questions, stdout=subprocess.PIPE, check=True).stdout
    ready, much, good = said.splitlines()
    assert ready == b"ready"
    assert json.loads(much)["error"] == TOO_MUCH.to_json()
    assert json.loads(good)["upload"]["notes"] == 1


def test_the_limit_on_time_is_set_anew_for_each_file():
    """Of the processor: ten files of 0.2 s each are read where 1 s is allowed, and one without end ends the process.
    What the clock on the wall says does not matter."""
    code = """
import sys, time
from core.midi import reader
parse, reader.READ_SECONDS = reader.parse, 1.0
def slow(data):
    if data == b"endless":
        while True: pass
    until = time.process_time() + 0.2
    while time.process_time() < until: pass
    time.sleep(0.2)
    return parse(data)
reader.parse = slow
reader._serve(sys.stdin.buffer, sys.stdout.buffer)
"""
    asked = [GOOD] * 10 + [b"endless"]
    questions = b"".join(json.dumps({"excerpt": {}, "size": len(data)}).encode() + b"\n" + data for data in asked)
    done = subprocess.run([sys.executable, "-c", code], input=questions, stdout=subprocess.PIPE)
    ready, *answers = done.stdout.splitlines()
    assert ready == b"ready"
    assert [json.loads(answer)["upload"]["notes"] for answer in answers] == [1] * 10
    assert all(json.loads(answer)["cost"] >= 0.2 for answer in answers)
    assert done.returncode == -signal.SIGPROF


def test_a_reader_is_renewed_now_and_then():
    """After as many files as it is to read; a process that lives for ever collects what nobody foresaw."""
    reader = Reader(seconds=30, reads=2)
    processes = []
    for _ in range(3):
        assert reader.read(GOOD).notes == 1
        processes.append(reader._process)
    assert processes[0] is processes[1]
    assert processes[2] is not processes[0]
    reader.close()


def test_200_files_are_read_by_one_process():
    """Good or bad; and when the reader is closed, it is gone."""
    reader = Reader(seconds=30)
    process = reader._running()
    for number in range(100):
        assert reader.read(GOOD).notes == 1
        with pytest.raises(BadRequest):
            reader.read(DAMAGED["a number without end"][0][: 100 + number])
    assert reader._running() is process
    reader.close()
    assert not Path(f"/proc/{process.pid}").exists()


def test_a_reader_does_not_outlive_its_parent():
    """Not even one that is killed and can say nothing."""
    code = (
        "import time; from core.midi.reader import Reader; print(Reader()._running().pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        status = Path(f"/proc/{int(parent.stdout.readline())}/status")
        parent.kill()
    deadline = time.monotonic() + 60
    while status.exists() and "State:\tZ" not in status.read_text():  # a zombie waits for init alone
        assert time.monotonic() < deadline
        time.sleep(0.05)


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
    code = "import sys, json, core.midi.reader, pretty_midi; print(json.dumps(list(sys.modules)))"
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", code], text=True))
    assert not {"tensorflow", "keras", "discord", "dbos"} & set(loaded)


LAST = 5000
NOTES = st.builds(
    lambda start, lasts, pitch, velocity: TimedNote((start + 0.1) / 1e4, (start + lasts + 0.1) / 1e4, pitch, velocity),
    st.integers(0, LAST),
    st.integers(0, LAST),
    st.integers(60, 62),
    st.integers(2, 127),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(NOTES, min_size=1, max_size=30))
def test_notes_are_as_midi_can_hold_them(notes: list[TimedNote]):
    """However close: every millisecond in which a key is struck is one note, as loud as the loudest, that lasts to the
    next or as long as it was held."""
    wanted: dict[tuple[int, int], tuple[int, int]] = {}
    for heard in notes:
        start = round(heard.start * 1000)
        end, velocity = wanted.get((heard.pitch, start), (0, 0))
        held = max(round(heard.end * 1000), start + 1)
        wanted[heard.pitch, start] = max(end, held), max(velocity, heard.velocity)
    expected = []
    for (pitch, start), (end, velocity) in wanted.items():
        later = [other for key, other in wanted if key == pitch and other > start]
        expected.append((start, min([end, *later]), pitch, velocity))
    read = notes_of(reduced(Score([Part(1, 0, "", notes)])))
    assert [(round(s * 1000), round(e * 1000), p, v) for s, e, p, v in read] == sorted(expected)
