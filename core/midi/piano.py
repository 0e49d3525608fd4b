"""A score for any instruments, reduced to one piano."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from core.errors import BadRequest
from core.midi.beats import Clock
from core.midi.controllers import PEDAL_THRESHOLD
from core.midi.smf import DRUMS, Part, Position, Score, TimedNote
from core.midi.writer import PedalMove, Strike, Track, playable, written
from core.options import LENGTH, STEP_SECONDS
from core.request import ComposeRequest
from core.seed import HIGHEST_PITCH, LOWEST_PITCH, Seed
from core.text import NOTHING, Text, Value

MAX_SECONDS = LENGTH.most * STEP_SECONDS
MOST_NOTES = 20_000
"""Ten minutes of the busiest playing are 18,000."""
SILENCE_SECONDS = 5.0
"""The longest silence with which an upload may begin."""
_ROUNDED_SECONDS = 1.0
"""How far beyond the end somebody may go on from: players round the length of a file up."""
_GUIDE_VELOCITY = 1
"""So soft are notes that are to be seen, not heard."""
_SHOWN_TRACKS = 5


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
                "the file's {file:.0f} s and {more:g} s more are together longer than {most:g} s;"
                " `from` goes on from an earlier second",
                file=self.seconds,
                more=request.seconds,
                most=MAX_SECONDS,
            )
        return request


def reduced(score: Score, until: float | None) -> Upload:
    """All parts as one piano, but for the drums and what is not to be heard; only what begins before `until` (seconds),
    where that is given. Raises BadRequest when there is nothing left, or too much."""
    parts = score.parts if until is None else _before(score.parts, until)
    choice = _Choice(parts)
    if not choice.notes:
        raise _nothing_left(parts, until)
    if until is not None:
        _check_moment(score.parts, until)
    if len(choice.notes) > MOST_NOTES:
        raise BadRequest(
            "the MIDI file has {notes:,} notes, at most {most:,} are read; `from` goes on from an earlier second",
            notes=len(choice.notes),
            most=MOST_NOTES,
        )
    pedal = _pedal(_pedals(score, choice))
    return _upload(score, choice, [move for move in pedal if until is None or move.time < until])


class _Choice:
    """What one piano plays of the parts of a score, and what it leaves out."""

    def __init__(self, parts: Sequence[Part]) -> None:
        sounding = [part for part in parts if not part.drums and not part.silent]
        self.drums = [part for part in parts if part.drums]
        self.silent = [part for part in parts if part.silent and not part.drums]
        if not sounding:
            sounding, self.silent = self.silent, []
        loud = any(note.velocity > _GUIDE_VELOCITY for part in sounding for note in part.notes)
        heard = [_without_guides(part) if loud else part for part in sounding]
        self.silent += [part for part, kept in zip(sounding, heard, strict=True) if not kept.notes]
        self.used = [part for part in heard if part.notes]
        self.guides = sum(map(_size, sounding)) - sum(map(_size, heard))
        self.guides -= sum(_size(part) for part in self.silent if part in sounding)
        notes = [note for part in self.used for note in part.notes]
        self.notes = sorted(note for note in notes if _on_keyboard(note))
        self.beyond = len(notes) - len(self.notes)
        self.pedal_left_out = False

    def left_out(self) -> list[Text]:
        said = []
        if self.drums:
            said.append(Text("the drums"))
        if self.silent:
            said.append(Text("the silent {tracks}", {"tracks": _listed(_names(self.silent))}))
        if self.guides:
            said.append(Text("guide notes of velocity 1 ({notes})", {"notes": self.guides}))
        if self.beyond:
            said.append(Text("notes beyond a piano's keys ({notes})", {"notes": self.beyond}))
        if self.pedal_left_out:
            said.append(Text("the pedal of what is left out"))
        return said


def _size(part: Part) -> int:
    return len(part.notes)


def _without_guides(part: Part) -> Part:
    return replace(part, notes=[note for note in part.notes if note.velocity > _GUIDE_VELOCITY])


def _before(parts: Sequence[Part], until: float) -> list[Part]:
    """What of the parts begins before `until`. A note that sounds on then stays as it is; but one that would last
    longer than any piece, as one that was never released may, ends there."""
    begun = [(part, [note for note in part.notes if note.start < until]) for part in parts]
    latest = min((notes[0].start for _, notes in begun if notes), default=0.0) + MAX_SECONDS
    return [
        replace(part, notes=[note._replace(end=min(note.end, until)) if note.end > latest else note for note in notes])
        for part, notes in begun
        if notes
    ]


def _on_keyboard(note: TimedNote) -> bool:
    return LOWEST_PITCH <= note.pitch <= HIGHEST_PITCH


def _nothing_left(parts: Sequence[Part], until: float | None) -> BadRequest:
    before = NOTHING if until is None else Text(" before {until:g} s", {"until": until})
    if not parts or not all(part.drums for part in parts):
        return BadRequest("the MIDI file has no notes that a piano could play{before}", before=before)
    if any(part.channel & 15 != DRUMS for part in parts):
        return BadRequest("the MIDI file has no notes but drums that a piano could play{before}", before=before)
    return BadRequest(
        "the MIDI file has no notes but drums that a piano could play{before}: all are on channel 10, which is the"
        " drums'; on any other they would be read",
        before=before,
    )


def _check_moment(parts: Sequence[Part], until: float) -> None:
    """Raises BadRequest for one beyond the end."""
    end = max(note.end for part in _Choice(parts).used for note in part.notes)
    if until > end + _ROUNDED_SECONDS:
        raise BadRequest(
            "the MIDI file ends at {end:.1f} s, so it cannot be gone on from {until:,.10g} s", end=end, until=until
        )


def _pedals(score: Score, choice: _Choice) -> list[list[Position]]:
    """The pedals of the channels that are heard, and those of channels without any notes, which are meant for them."""
    used = {part.channel for part in choice.used}
    owned = {part.channel for part in score.parts}
    mute = {part.channel for part in choice.drums + choice.silent} - used
    choice.pedal_left_out = any(
        move.value >= PEDAL_THRESHOLD for channel in mute for move in score.pedals.get(channel, [])
    )
    return [moves for channel, moves in score.pedals.items() if channel in used or channel not in owned]


def _pedal(pedals: Sequence[Sequence[Position]]) -> list[Position]:
    """One pedal for all, down where any of them is, and as far as the deepest."""
    values = [0] * len(pedals)
    count = [0] * 128
    present = 0  # a bit for each value at which some pedal is: the highest is the deepest
    joined: list[Position] = []
    moves = sorted(
        ((move, number) for number, pedal in enumerate(pedals) for move in pedal), key=lambda one: one[0].time
    )
    for move, number in moves:
        before, values[number] = values[number], move.value
        count[before] -= 1
        count[move.value] += 1
        if count[before] <= 0:
            present &= ~(1 << before)
        present |= 1 << move.value
        deepest = present.bit_length() - 1
        if not joined or joined[-1].value != deepest:
            joined.append(Position(move.time, deepest))
    return joined


def _upload(score: Score, choice: _Choice, pedal: Sequence[Position]) -> Upload:
    """Written on the beats of the score; a long silence before the first note is left out, by whole bars if it can."""
    silence = choice.notes[0].start
    beats, begin = score.beats, 0
    if silence > SILENCE_SECONDS:
        begin = beats.bar_of(beats.clock.tick(silence))
        if silence - beats.clock.seconds(begin) > SILENCE_SECONDS:
            begin = beats.clock.tick(silence)
    since = beats.clock.seconds(begin)
    end = max(note.end for note in choice.notes) - since
    beats = beats.since(begin).fine_until(end)
    clock = beats.clock
    strikes = playable(sorted(_in_ticks(note, clock, since) for note in choice.notes))
    seconds = clock.seconds(max(strike.end for strike in strikes))
    if seconds > MAX_SECONDS:
        raise BadRequest(
            "the MIDI file lasts {seconds:,.0f} s, and at most {most:g} s can be gone on from; `from` goes on from an"
            " earlier second",
            seconds=seconds,
            most=MAX_SECONDS,
        )
    moves = _in_order([(max(0, clock.tick(move.time - since)), move.value) for move in pedal], clock.tick(seconds))
    midi = written([Track("Piano", strikes, moves)], beats)
    return Upload(midi, max(round(seconds, 3), 0.001), len(strikes), _remark(choice, since))  # a tick may be shorter


def _in_ticks(note: TimedNote, clock: Clock, since: float) -> Strike:
    """The note as the file can hold it, from tick to tick, and at least one long."""
    start = max(0, clock.tick(note.start - since))
    return Strike(start, max(clock.tick(note.end - since), start + 1), note.pitch, note.velocity)


def _in_order(moves: Iterable[PedalMove], end: int) -> list[PedalMove]:
    """Up to the end. Of those before the music begins, only the last one counts."""
    kept: list[PedalMove] = []
    for tick, value in moves:
        if tick > end:
            break
        if tick == 0:
            kept.clear()
        kept.append((tick, value))
    return kept


def _remark(choice: _Choice, silence: float) -> Text:
    used = [part for part in choice.used if any(map(_on_keyboard, part.notes))]
    values: dict[str, Value] = {"tracks": _listed(_names(used))}
    left_out = choice.left_out()
    if silence:
        left_out.append(Text("{seconds:,.0f} s of silence before it begins", {"seconds": silence}))
    if not left_out:
        return Text("Read as one piano: {tracks}.", values)
    return Text("Read as one piano: {tracks}; left out: {things}.", values | {"things": _listed(left_out)})


def _names(parts: Sequence[Part]) -> list[Text | str]:
    """The tracks by their names, each once."""
    named = {part.name or part.track: part.name or Text("track {track}", {"track": part.track}) for part in parts}
    return [*named.values()]


def _listed(things: Sequence[Text | str]) -> Text:
    """The first few, with commas, and how many there are if there are more."""
    shown = {f"thing{number}": thing for number, thing in enumerate(things[:_SHOWN_TRACKS])}
    places = ", ".join(f"{{{place}}}" for place in shown)
    return Text(places + (f", … ({len(things)})" if len(things) > _SHOWN_TRACKS else ""), shown)
