"""MIDI files that strangers send, read in a process of its own with limits on its memory and time, and reduced to one
piano. As a program it is that process: it answers what it is sent on standard input."""

from __future__ import annotations

import base64
import io
import json
import logging
import math
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import BadRequest
from core.midi.controllers import SUSTAIN
from core.midi.smf import DRUMS, Heard, Part, Pedal, parse
from core.request import MAX_LENGTH, STEP_SECONDS, ComposeRequest
from core.seed import HIGHEST_PITCH, LOWEST_PITCH, Seed
from core.text import NOTHING, Text, Value

MAX_BYTES = 2**20
"""To be looked at before a download. 20,000 notes are 160 kB in a file that is written without any thrift."""
MAX_SECONDS = MAX_LENGTH * STEP_SECONDS
MEMORY = 512 * 2**20
"""Bytes of address space that the process may have."""
READ_SECONDS = 2.0
"""What reading one file may take, on the clock and of the processor."""
START_SECONDS = 60.0
"""What the process may take to be there."""
TOO_MUCH = Text("this MIDI file could not be read: it takes too much time or memory")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Upload:
    """What somebody sent, as one piano. `midi` is a file that we wrote, `seconds` when its last note ends, and `remark`
    a sentence about what was used of theirs."""

    midi: bytes
    seconds: float
    notes: int
    remark: Text

    def continued(self, **options: object) -> ComposeRequest:
        """A request to go on from it, with the options of a ComposeRequest. Raises BadRequest."""
        request = ComposeRequest(seed=Seed(), primer=self.midi, **options)  # type: ignore[arg-type]  # checked there
        if self.seconds + request.seconds > MAX_SECONDS:
            raise BadRequest(
                "the file's {file:.0f} s and {more:g} s more are together longer than {most:g} s",
                file=self.seconds,
                more=request.seconds,
                most=MAX_SECONDS,
            )
        return request


def too_large(size: int) -> BadRequest:
    """What is said of a file of so many bytes."""
    return BadRequest(
        "the MIDI file has {size:.1f} MiB, at most {most:g} MiB are read", size=size / 2**20, most=MAX_BYTES / 2**20
    )


class Reader:
    """Reads one file at a time, in a process that stays for the next one. One that takes too much is replaced."""

    def __init__(self, seconds: float = READ_SECONDS) -> None:
        self._limit = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, data: bytes, until: float | None = None) -> Upload:
        """The file, or what begins before `until` (seconds). Blocks; any thread may call it. Raises BadRequest, whose
        sentence says what is wrong with the file."""
        if len(data) > MAX_BYTES:
            raise too_large(len(data))
        with self._lock:
            answer = self._answer(json.dumps({"until": until, "size": len(data)}).encode() + b"\n" + data)
        if "error" in answer:
            raise BadRequest(Text.from_json(answer["error"]))
        return Upload(**answer | {"midi": base64.b64decode(answer["midi"]), "remark": Text.from_json(answer["remark"])})

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _answer(self, question: bytes, again: bool = True) -> dict[str, Any]:
        process = self._running()
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
            raise BadRequest(TOO_MUCH) from None
        finally:
            timer.cancel()
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = _started()
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
        env={"OPENBLAS_NUM_THREADS": "1"},  # each thread would reserve much of the memory it is allowed
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


def reduced(parts: list[Part], until: float | None) -> Upload:
    """All parts as one piano, but for the drums. Raises BadRequest when there is nothing left, or too much."""
    if until is not None:
        parts = [part for part in (_before(part, until) for part in parts) if part.notes]
    used = [part for part in parts if part.channel != DRUMS]
    heard = [note for part in used for note in part.notes]
    notes = sorted(_in_ticks(note) for note in heard if _on_keyboard(note))
    beyond = len(heard) - len(notes)
    if not notes:
        before = NOTHING if until is None else Text(" before {until:g} s", {"until": until})
        if parts and not used:
            raise BadRequest("the MIDI file has no notes but drums that a piano could play{before}", before=before)
        raise BadRequest("the MIDI file has no notes that a piano could play{before}", before=before)
    notes = _playable(notes)
    seconds = max(note.end for note in notes)
    if seconds > MAX_SECONDS:
        raise BadRequest(
            "the MIDI file lasts {seconds:,.0f} s, and at most {most:g} s can be gone on from",
            seconds=seconds,
            most=MAX_SECONDS,
        )
    pedal = [move for move in _pedal([part.pedal for part in used]) if move.time <= seconds]
    remark = _remark([part for part in used if any(map(_on_keyboard, part.notes))], len(used) < len(parts), beyond)
    return Upload(_written(notes, pedal), round(seconds, 3), len(notes), remark)


def _before(part: Part, until: float) -> Part:
    """What of a part begins before `until`. A note that sounds on then stays as it is; but one that would last longer
    than any piece, as one that was never released may, ends there."""
    return replace(
        part,
        notes=[
            note._replace(end=min(note.end, until)) if note.end > MAX_SECONDS else note
            for note in part.notes
            if note.start < until
        ],
        pedal=[move for move in part.pedal if move.time < until],
    )


def _on_keyboard(note: Heard) -> bool:
    return LOWEST_PITCH <= note.pitch <= HIGHEST_PITCH


def _in_ticks(note: Heard) -> Heard:
    """The note as the file can hold it, from tick to tick, and at least one long."""
    start = round(note.start * _TICKS_A_SECOND)
    end = max(round(note.end * _TICKS_A_SECOND), start + 1)
    return note._replace(start=start / _TICKS_A_SECOND, end=end / _TICKS_A_SECOND)


def _playable(notes: list[Heard]) -> list[Heard]:
    """The notes, in order and in ticks, as one piano can play them: a key that is struck while it is held is released
    first, and one that is struck twice in a tick sounds once, as hard and as long as either."""
    latest: dict[int, int] = {}
    played: list[Heard] = []
    for note in notes:
        place = latest.get(note.pitch)
        before = played[place] if place is not None else None
        if before is not None and place is not None:
            if before.start == note.start:
                played[place] = before._replace(
                    end=max(before.end, note.end), velocity=max(before.velocity, note.velocity)
                )
                continue
            played[place] = before._replace(end=min(before.end, note.start))
        latest[note.pitch] = len(played)
        played.append(note)
    return played


def _pedal(parts: list[list[Pedal]]) -> list[Pedal]:
    """One pedal for all parts, down where any of theirs is."""
    moves = sorted((move, number) for number, part in enumerate(parts) for move in part)
    values: dict[int, int] = {}
    joined: list[Pedal] = []
    for move, number in moves:
        values[number] = move.value
        deepest = max(values.values())
        if not joined or joined[-1].value != deepest:
            joined.append(Pedal(move.time, deepest))
    return joined


def _remark(used: list[Part], drums: bool, beyond: int) -> Text:
    names = {part.name or part.track: part.name or Text("track {track}", {"track": part.track}) for part in used}
    shown = {f"track{number}": name for number, name in enumerate([*names.values()][:5])}
    places = ", ".join(f"{{{place}}}" for place in shown) + (f", … ({len(names)})" if len(names) > 5 else "")
    values: dict[str, Value] = {"tracks": Text(places, shown), "notes": beyond}
    if drums and beyond:
        return Text("Read as one piano: {tracks}; left out: the drums, notes beyond a piano's keys ({notes}).", values)
    if drums:
        return Text("Read as one piano: {tracks}; left out: the drums.", values)
    if beyond:
        return Text("Read as one piano: {tracks}; left out: notes beyond a piano's keys ({notes}).", values)
    return Text("Read as one piano: {tracks}.", values)


def _written(notes: list[Heard], pedal: list[Pedal]) -> bytes:
    from pretty_midi import ControlChange, Instrument, Note, PrettyMIDI

    piano = Instrument(program=0, name="Piano")
    for note in notes:
        piano.notes.append(Note(note.velocity, note.pitch, note.start, note.end))
    piano.control_changes = [ControlChange(SUSTAIN, move.value, move.time) for move in pedal]
    midi = PrettyMIDI(resolution=_TICKS_A_SECOND // 2, initial_tempo=120)
    midi.instruments.append(piano)
    file = io.BytesIO()
    midi.write(file)
    return file.getvalue()


_TICKS_A_SECOND = 1000


def _serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer one file after another, until there are no more: a line of JSON and so many bytes come in, a line of JSON
    goes out."""
    import pretty_midi  # noqa: F401 - loaded before the limits and before anybody waits

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    answers.write(b"ready\n")
    answers.flush()
    while line := questions.readline():
        question = json.loads(line)
        data = questions.read(question["size"])
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time() + READ_SECONDS), resource.RLIM_INFINITY))
        try:
            upload = reduced(parse(data), question["until"])
            answer = asdict(upload) | {
                "midi": base64.b64encode(upload.midi).decode(),
                "remark": upload.remark.to_json(),
            }
        except BadRequest as error:
            answer = {"error": error.text.to_json()}
        except Exception:  # MemoryError above all; whatever it is, it is the file's
            answer = {"error": TOO_MUCH.to_json()}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    os.environ.clear()
    _serve(sys.stdin.buffer, sys.stdout.buffer)
