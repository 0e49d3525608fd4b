"""MIDI files that strangers send, read in a process of its own with limits on its memory and time, and reduced to one
piano. As a program it is that process: it answers what it is sent on standard input."""

from __future__ import annotations

import base64
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from core.errors import BadRequest
from core.midi.container import MAX_BYTES, too_large
from core.midi.excerpt import WHOLE, Excerpt
from core.midi.piano import Upload, reduced
from core.midi.smf import parse
from core.text import NOTHING, Text

MEMORY = 512 * 2**20
"""Bytes of address space that the process may have."""
READ_SECONDS = 4.0
"""Processor time for one file, counted from 0 for each: 20,000 notes take 0.2 s, and nothing that fits into
`MAX_BYTES` more than 1.5 s. Bytes limit the work; this is for a fault of ours."""
NICENESS = 10
"""The process yields to all others by so much: whoever is to be acknowledged in time comes first."""
WALL_SECONDS = 60.0
"""On the clock, for a process that hangs; a machine with much to do may take its time."""
START_SECONDS = 60.0
"""Time-out of the start of the process."""
READS = 1000
"""Files that one process reads before a new one takes its place."""
CPU_SECONDS = round(READS * READ_SECONDS)
"""Processor time for all that one process reads."""
TOO_MUCH = Text("this MIDI file could not be read: it takes too much time or memory")

_log = logging.getLogger(__name__)


class Reading(NamedTuple):
    """The outcome of reading a file: an upload, or a sentence that says what is wrong with it."""

    upload: Upload | None
    refusal: Text
    seconds: float
    """Processor time spent on it."""


class Reader:
    """Reads one file at a time, in a process that stays for the next one. One that takes too much is replaced, and so
    is one that has read `reads` files."""

    def __init__(self, seconds: float = WALL_SECONDS, reads: int = READS) -> None:
        self._limit, self._reads, self._done = seconds, reads, 0
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, data: bytes, excerpt: Excerpt = WHOLE) -> Upload:
        """The file, or an excerpt. Blocks; any thread may call it. Raises BadRequest, whose sentence says what is wrong
        with the file."""
        reading = self.ask(data, excerpt)
        if reading.upload is None:
            raise BadRequest(reading.refusal)
        return reading.upload

    def ask(self, data: bytes, excerpt: Excerpt = WHOLE) -> Reading:
        """The same, with what it cost. Raises BadRequest for what is not even looked at, and while no process can be
        started."""
        if len(data) > MAX_BYTES:
            raise too_large(len(data))
        with self._lock:
            answer = self._answer(json.dumps({"excerpt": asdict(excerpt), "size": len(data)}).encode() + b"\n" + data)
        if "error" in answer:
            return Reading(None, Text.from_json(answer["error"]), answer["cost"])
        upload = answer["upload"]
        read = {"midi": base64.b64decode(upload["midi"]), "remark": Text.from_json(upload["remark"])}
        return Reading(Upload(**upload | read), NOTHING, answer["cost"])

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _answer(self, question: bytes, again: bool = True) -> dict[str, Any]:
        process = self._running()
        self._done += 1
        assert process.stdin is not None and process.stdout is not None
        began = time.monotonic()
        timer = threading.Timer(self._limit, process.kill)
        timer.start()
        try:
            process.stdin.write(question)
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline())
        except (OSError, ValueError):  # it was killed
            in_time, end = time.monotonic() - began < self._limit, self._end()
            _log.warning("the reader of a MIDI file ended with %s", end)
            if again and in_time and end == -signal.SIGKILL:  # neither by the clock nor by its limits
                return self._answer(question, again=False)
            return {"error": TOO_MUCH.to_json(), "cost": READ_SECONDS}
        finally:
            timer.cancel()
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None or self._done >= self._reads:
            self._end()
            self._process, self._done = _started(), 0
        return self._process

    def _end(self) -> int | None:
        """Returns how it ended."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):  # what was not sent yet never will be
                pipe.close()  # type: ignore[union-attr]  # both are there
        return process.wait()


def _started() -> subprocess.Popen[bytes]:
    """A process that is ready to read. It has nothing of this one's environment, which may hold secrets."""
    process = subprocess.Popen(
        [sys.executable, "-m", "core.midi.reader"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
        env={},
    )
    assert process.stdout is not None
    timer = threading.Timer(START_SECONDS, process.kill)
    timer.start()
    try:
        if not process.stdout.readline():
            raise BadRequest("MIDI files cannot be read at the moment; please try again soon")
    finally:
        timer.cancel()
    return process


def _serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer one file after another, until there are no more: a line of JSON and so many bytes come in, a line of JSON
    goes out."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    os.nice(NICENESS)
    answers.write(b"ready\n")
    answers.flush()
    while line := questions.readline():
        question = json.loads(line)
        data = questions.read(question["size"])
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, READ_SECONDS)  # counts from now; nobody catches its signal, which kills
        try:
            upload = reduced(parse(data), Excerpt(**question["excerpt"]))
            read = {"midi": base64.b64encode(upload.midi).decode(), "remark": upload.remark.to_json()}
            answer: dict[str, Any] = {"upload": asdict(upload) | read}
        except BadRequest as error:
            answer = {"error": error.text.to_json()}
        except Exception:  # MemoryError above all; whatever it is, it is the file's
            answer = {"error": TOO_MUCH.to_json()}
        answer["cost"] = time.process_time() - began
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    os.environ.clear()
    _serve(sys.stdin.buffer, sys.stdout.buffer)
