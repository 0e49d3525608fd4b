"""core/midi/reader.py: a process reads what strangers send, within limits on time and memory, and harms nobody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from core.errors import BadRequest
from core.midi import reader as module
from core.midi.piano import reduced
from core.midi.reader import TOO_MUCH, Reader
from core.midi.smf import parse
from tests.support.midi_corpus import (
    COSTLY,
    DAMAGED,
    costly,
)
from tests.support.processes import wait_for_end
from tests.support.uploads import GOOD
from tests.support.waiting import PATIENCE


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
    monkeypatch.setattr(reader, "_limit", PATIENCE)
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
    reader = Reader(seconds=PATIENCE, reads=2)
    processes = []
    for _ in range(3):
        assert reader.read(GOOD).notes == 1
        processes.append(reader._process)
    assert processes[0] is processes[1]
    assert processes[2] is not processes[0]
    reader.close()


def test_200_files_are_read_by_one_process():
    """Good or bad; and when the reader is closed, it is gone."""
    reader = Reader(seconds=PATIENCE)
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
        orphan = int(parent.stdout.readline())
        parent.kill()
    wait_for_end(orphan)


def test_a_reader_leaves_nothing_behind():
    """After it is closed its process is gone; and it goes by itself when whoever has it does."""
    reader = Reader()
    process = reader._running()
    reader.close()
    assert process.poll() is not None
    orphan = module._started()
    assert orphan.stdin is not None
    orphan.stdin.close()
    assert orphan.wait(PATIENCE) == 0


def test_reading_loads_no_tensorflow():
    """Nor anything of the bot: a small process."""
    code = "import sys, json, core.midi.reader, pretty_midi; print(json.dumps(list(sys.modules)))"
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", code], text=True))
    assert not {"tensorflow", "keras", "discord", "dbos"} & set(loaded)
