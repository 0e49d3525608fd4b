"""A score for any instruments, reduced to one piano."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.errors import BadRequest
from core.midi.beats import Beats, Clock
from core.midi.controllers import PEDAL_THRESHOLD
from core.midi.excerpt import ALL, MAX_SECONDS, SILENCE_SECONDS, WHOLE, Excerpt, Span
from core.midi.given import check_score, is_performance, melody_of
from core.midi.smf import DRUMS, Part, Position, Score, TimedNote
from core.midi.writer import Strike, Track, pedal_until, playable, written
from core.options import LENGTH, STEP_SECONDS
from core.request import ComposeRequest
from core.seed import HIGHEST_PITCH, LOWEST_PITCH
from core.tasks import HARMONIZE, PERFORM
from core.text import NOTHING, Text, Value

MOST_NOTES = 20_000
"""Ten minutes of the busiest playing are 18,000."""
_ROUNDED_SECONDS = 1.0
"""How far beyond the end somebody may go on from: players round the length of a file up."""
_GUIDE_VELOCITY = 1
"""The velocity of notes that are to be seen, not heard."""
_SHOWN_TRACKS = 5


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that somebody sent, as one piano. `midi` is a file that we wrote, `seconds` when its last note ends, and
    `remark` a sentence about what was used of theirs; none where that is all of one nameless track."""

    midi: bytes
    seconds: float
    notes: int
    remark: Text

    def continued(self, request: ComposeRequest) -> ComposeRequest:
        """The request to go on from it, with the options of one that has no seed. Raises BadRequest."""
        if self.seconds + request.seconds > MAX_SECONDS:
            raise BadRequest(
                "the file's {file:.0f} s and {more:g} s more are together longer than {most:g} s; `from` goes on from"
                " an earlier second, and a smaller `length` leaves more room",
                file=self.seconds,
                more=request.seconds,
                most=MAX_SECONDS,
            )
        return replace(request, primer=self.midi)

    def performed(self, request: ComposeRequest) -> ComposeRequest:
        """The request to perform it, as `performed` makes it."""
        return performed(request, self.midi, self.seconds)

    def harmonized(self, request: ComposeRequest) -> ComposeRequest:
        """The request to harmonize it, with the options of one that has no seed. Raises BadRequest for several
        voices."""
        melody_of(self.midi)
        return replace(request, task=HARMONIZE, score=self.midi, length=_steps(self.seconds))

    @property
    def score_remark(self) -> Text:
        """The remark about what is performed, which says too where it is no score, but played already."""
        if not is_performance(self.midi):
            return self.remark
        if not self.remark:
            return Text(
                "The file is a performance already, so I play its notes anew, shifted as far as `freedom` says."
            )
        return Text(
            "{remark} The file is a performance already, so I play its notes anew, shifted as far as `freedom` says.",
            {"remark": self.remark},
        )


def performed(request: ComposeRequest, score: bytes, seconds: float) -> ComposeRequest:
    """The request to perform a file that we wrote, which lasts so many seconds, with the options of one that has no
    seed. Raises BadRequest for more notes at once than can be played."""
    check_score(score)
    return replace(request, task=PERFORM, score=score, length=_steps(seconds))


def _steps(seconds: float) -> int:
    """The length in steps, or the shortest that there is."""
    return max(LENGTH.least, math.ceil(round(seconds / STEP_SECONDS, 6)))


def reduced(score: Score, excerpt: Excerpt = WHOLE) -> Upload:
    """All parts of the excerpt as one piano, but for the drums and what is not to be heard. Raises BadRequest when
    there is nothing left, or too much."""
    whole = _Choice(score.parts)
    if not whole.notes:
        raise _nothing_left(score.parts)
    span = excerpt.span(_end(whole, excerpt))
    parts = excerpt.of(score.parts, span)
    choice = _Choice(parts)
    if not choice.notes:
        raise _nothing_left(parts, span)
    if len(choice.notes) > MOST_NOTES:
        raise _too_many(len(choice.notes), excerpt)
    choice.cut = Span(
        span.since if whole.notes[0].start < span.since else 0.0,
        span.until if whole.notes[-1].start >= span.until else math.inf,
    )
    upload = _upload(score, choice, [move for move in _pedal(_pedals(score, choice)) if move.time < span.until])
    if upload.seconds > MAX_SECONDS:
        raise _too_long(upload.seconds, excerpt)
    return upload


def _too_many(notes: int, excerpt: Excerpt) -> BadRequest:
    if not excerpt.continues:
        return BadRequest("the MIDI file has {notes:,} notes, at most {most:,} are read", notes=notes, most=MOST_NOTES)
    return BadRequest(
        "the MIDI file has {notes:,} notes, at most {most:,} are read; `from` goes on from an earlier second, and"
        " `keep` keeps less before it",
        notes=notes,
        most=MOST_NOTES,
    )


def _too_long(seconds: float, excerpt: Excerpt) -> BadRequest:
    if not excerpt.continues:
        return BadRequest(
            "the MIDI file lasts {seconds:,.0f} s, at most {most:g} s are read", seconds=seconds, most=MAX_SECONDS
        )
    return BadRequest(
        "the MIDI file lasts {seconds:,.0f} s, and at most {most:g} s can be continued; `from` says from which"
        " second, and keeps what fits before it",
        seconds=seconds,
        most=MAX_SECONDS,
    )


class _Choice:
    """The parts of a score that one piano plays, and those that it leaves out."""

    def __init__(self, parts: Sequence[Part]) -> None:
        sounding = [part for part in parts if not part.drums and not part.silent]
        self.drums = [part for part in parts if part.drums]
        self.silent = [part for part in parts if part.silent and not part.drums]
        if not sounding:
            sounding, self.silent = self.silent, []
        loud = any(note.velocity > _GUIDE_VELOCITY for part in sounding for note in part.notes)
        heard = [_without_guides(part) if loud else part for part in sounding]
        mute = [part for part, kept in zip(sounding, heard, strict=True) if not kept.notes]
        self.silent += mute
        self.used = [part for part in heard if part.notes]
        self.guides = sum(map(_size, sounding)) - sum(map(_size, heard)) - sum(map(_size, mute))
        notes = [note for part in self.used for note in part.notes]
        self.notes = sorted(note for note in notes if _on_keyboard(note))
        self.beyond = len(notes) - len(self.notes)
        self.pedal_left_out = False
        self.cut = ALL
        """The part of the file that these are, where there is more."""

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
        if self.cut.since:
            said.append(Text("all before {seconds:,.10g} s", {"seconds": self.cut.since}))
        if self.cut.until < math.inf:
            said.append(Text("all from {seconds:,.10g} s on", {"seconds": self.cut.until}))
        return said


def _size(part: Part) -> int:
    return len(part.notes)


def _without_guides(part: Part) -> Part:
    return replace(part, notes=[note for note in part.notes if note.velocity > _GUIDE_VELOCITY])


def _on_keyboard(note: TimedNote) -> bool:
    return LOWEST_PITCH <= note.pitch <= HIGHEST_PITCH


def _nothing_left(parts: Sequence[Part], span: Span = ALL) -> BadRequest:
    where = NOTHING
    if span.since:
        where = Text(" between {since:,.10g} and {until:,.10g} s", span._asdict())
    elif span.until < math.inf:
        where = Text(" before {until:,.10g} s", {"until": span.until})
    if not parts or not all(part.drums for part in parts):
        return BadRequest("the MIDI file has no notes that a piano could play{before}", before=where)
    if any(part.channel & 15 != DRUMS for part in parts):
        return BadRequest("the MIDI file has no notes but drums that a piano could play{before}", before=where)
    return BadRequest(
        "the MIDI file has no notes but drums that a piano could play{before}: all are on channel 10, which is the"
        " drums'; on any other they would be read",
        before=where,
    )


def _end(choice: _Choice, excerpt: Excerpt) -> float:
    """The end of the last note. Raises BadRequest where one cannot go on from there, as it is before."""
    end = max(note.end for note in choice.notes)
    if excerpt.until is not None and excerpt.until > end + _ROUNDED_SECONDS:
        raise BadRequest(
            "the MIDI file ends at {end:.1f} s, so it cannot be continued from {until:,.10g} s",
            end=end,
            until=excerpt.until,
        )
    return end


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
    """Written on the beats of the score, from where it begins."""
    begin = _first_tick(score.beats, choice)
    since = score.beats.clock.seconds(begin)
    end = max(note.end for note in choice.notes) - since
    beats = score.beats.since(begin).fine_until(end)
    clock = beats.clock
    strikes = playable(sorted(_in_ticks(note, clock, since) for note in choice.notes))
    seconds = clock.seconds(max(strike.end for strike in strikes))
    moves = pedal_until(((max(0, clock.tick(move.time - since)), move.value) for move in pedal), clock.tick(seconds))
    midi = written([Track("Piano", strikes, moves)], beats)
    return Upload(midi, max(round(seconds, 3), 0.001), len(strikes), _remark(choice, since))  # a tick may be shorter


def _first_tick(beats: Beats, choice: _Choice) -> int:
    """Where the upload begins: a long silence before the first note is left out, as is what was cut off, by whole bars
    if it can."""
    first = choice.notes[0].start
    if first <= SILENCE_SECONDS and not choice.cut.since:
        return 0
    clock = beats.clock
    bar = beats.bar_of(clock.tick(first))
    return clock.tick(first) if first - clock.seconds(bar) > SILENCE_SECONDS else bar


def _in_ticks(note: TimedNote, clock: Clock, since: float) -> Strike:
    """The note as the file can hold it, from tick to tick, and at least one long."""
    start = max(0, clock.tick(note.start - since))
    return Strike(start, max(clock.tick(note.end - since), start + 1), note.pitch, note.velocity)


def _remark(choice: _Choice, silence: float) -> Text:
    used = [part for part in choice.used if any(map(_on_keyboard, part.notes))]
    values: dict[str, Value] = {"tracks": _listed(_names(used))}
    left_out = choice.left_out()
    if silence and not choice.cut.since:
        left_out.append(Text("{seconds:,.0f} s of silence before it begins", {"seconds": silence}))
    if not left_out:
        needless = len(used) == 1 and not used[0].name
        return NOTHING if needless else Text("Read as one piano: {tracks}.", values)
    return Text("Read as one piano: {tracks}; left out: {things}.", values | {"things": _listed(left_out)})


def _names(parts: Sequence[Part]) -> list[Text | str]:
    """The tracks by their names, each once."""
    named = {part.name or part.track: part.name or Text("track {track}", {"track": part.track}) for part in parts}
    return [*named.values()]


def _listed(things: Sequence[Text | str]) -> tuple[Text | str, ...]:
    """The first few, and how many more there are."""
    more = len(things) - _SHOWN_TRACKS
    return (*things[:_SHOWN_TRACKS], *([Text("{count} more", {"count": more})] if more > 0 else []))
