"""core/rendering/ahead.py: a piece is played while it is composed, and where it is not wanted nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from pretty_midi import Note, PrettyMIDI

from core.errors import Cancelled
from core.key_events import KeyEvent
from core.midi import manuscript
from core.midi.writer import key_events
from core.rendering import audio
from core.rendering.ahead import MOST_STARTS, Ahead
from tests.support.fake_worker import surroundings
from tests.support.music import composed, scale
from tests.support.processes import children, wait_for_end

PIECE = Path(__file__).parents[3] / "docs" / "pieces" / "bach.mid"


def always() -> bool:
    return True


@pytest.fixture
def ahead(tmp_path: Path) -> Iterator[Ahead]:
    with Ahead(None, tmp_path, always) as ahead:
        yield ahead


def events_of(music: PrettyMIDI) -> list[KeyEvent]:
    return key_events(*manuscript.played(music))


def notes(count: int) -> PrettyMIDI:
    return composed(*(Note(80, 40 + number % 40, number / 8, number / 8 + 0.2) for number in range(count)))


def players() -> list[int]:
    """The processes that play ahead; other tests may have left others."""
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_text().split("\0") for pid in children(os.getpid())}
    return [pid for pid, command in commands.items() if audio.FOLLOW in command]


def test_it_sounds_as_if_it_were_played_in_one_go(ahead: Ahead):
    """A real piece in stretches: the difference from the whole is 80 dB below the music or less."""
    music = PrettyMIDI(str(PIECE))
    events = events_of(music)
    for count in range(0, int(0.9 * len(events)), 150):
        ahead.settled(lambda count=count: events[:count])
    ahead.end(music)
    whole = audio.render(manuscript.in_one_track(music)).astype(float)
    sound = ahead.sound()
    assert sound
    samples = audio.levelled(sound).astype(float)
    assert samples.shape == whole.shape
    assert np.mean((samples - whole) ** 2) <= 10 ** (-80 / 10) * np.mean(whole**2)


def test_a_piece_that_goes_back_is_played_anew(ahead: Ahead):
    """From its beginning, by another process, and it sounds as it is in the end."""
    ahead.settled(lambda: events_of(notes(30)))
    music = notes(20)
    music.instruments[0].notes += [Note(80, 30, 3.0, 3.5)]
    ahead.settled(lambda: events_of(music))
    assert players() == []
    ahead.settled(lambda: events_of(music)[:30])
    ahead.end(music)
    sound = ahead.sound()
    assert sound
    assert np.array_equal(audio.levelled(sound), audio.render(manuscript.in_one_track(music)))


def test_what_does_not_begin_the_piece_does_not_count(ahead: Ahead):
    """Where the piece in the end begins in another way than what was played, there is no sound of it."""
    ahead.settled(lambda: events_of(notes(30)))
    ahead.end(notes(20))
    assert ahead.sound() is None
    assert players() == []


def test_other_ticks_do_not_count(ahead: Ahead):
    """Music whose ticks are no milliseconds would be heard at another tempo."""
    ahead.settled(lambda: [])
    ahead.end(scale(seconds=2))
    assert ahead.sound() is None


def test_a_piece_that_goes_back_often_is_played_in_the_end(ahead: Ahead):
    """Not more than a few processes are started for it."""
    for count in range(2 * MOST_STARTS):
        ahead.settled(lambda count=count: events_of(notes(count + 5)))
        ahead.settled(lambda: [])
    assert players() == []
    ahead.settled(lambda: pytest.fail("not asked any more"))


def test_a_piece_that_is_not_wanted_leaves_nothing(tmp_path: Path):
    """Its process is gone in the middle of the piece, and so are its files."""
    with pytest.raises(Cancelled), Ahead(None, tmp_path, always) as ahead:
        ahead.settled(lambda: events_of(notes(500)))
        assert len(players()) == 1
        raise Cancelled("enough")
    assert players() == []
    assert list(tmp_path.iterdir()) == []


def test_it_ends_with_whoever_started_it(tmp_path: Path):
    """Killed in the middle of a piece, a worker takes the process along."""
    code = f"""
        import pathlib, time
        from core.rendering.ahead import Ahead
        from tests.core.rendering.test_ahead import events_of, notes, players
        Ahead(None, pathlib.Path({str(tmp_path)!r}), lambda: True).settled(lambda: events_of(notes(100)))
        print(*players(), flush=True)
        time.sleep(600)
    """
    worker = subprocess.Popen([sys.executable, "-c", dedent(code)], stdout=subprocess.PIPE, env=surroundings())
    assert worker.stdout
    [player] = map(int, worker.stdout.readline().split())
    worker.kill()
    worker.communicate()
    wait_for_end(player)


def test_it_begins_when_there_is_room(tmp_path: Path):
    """Until then the composer is not asked for its notes; once it plays, it goes on."""
    rooms = iter([False, True])
    with Ahead(None, tmp_path, lambda: next(rooms)) as ahead:
        ahead.settled(lambda: pytest.fail("asked"))
        ahead.settled(lambda: events_of(notes(10))[:5])
        ahead.settled(lambda: events_of(notes(10))[:9])
        ahead.end(notes(10))
        assert ahead.sound()


def test_whoever_composes_never_waits(ahead: Ahead):
    """A process that stands still is given up when its pipe is full."""
    ahead.settled(lambda: events_of(notes(10)))
    os.kill(players()[0], signal.SIGSTOP)
    ahead.settled(lambda: events_of(notes(10_000)))
    assert players() == []
    assert ahead.sound() is None


def test_a_process_that_dies_is_no_harm(ahead: Ahead, caplog: pytest.LogCaptureFixture):
    """There is no sound, the log says so, and it is not started again."""
    ahead.settled(lambda: events_of(notes(20))[:9])
    [player] = players()
    os.kill(player, signal.SIGKILL)
    wait_for_end(player)
    ahead.settled(lambda: events_of(notes(20))[:19])
    ahead.settled(lambda: pytest.fail("asked"))
    ahead.end(notes(20))
    assert ahead.sound() is None
    assert "FluidSynth, which played ahead, " in caplog.text


def test_a_damaged_soundfont_is_no_harm(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """FluidSynth gives up; whoever plays the piece in one go then says why."""
    soundfont = tmp_path / "damaged.sf2"
    soundfont.write_bytes(b"RIFF\0\0\0\0sfbk" + bytes(100))
    with Ahead(soundfont, tmp_path, always) as ahead:
        ahead.settled(lambda: events_of(notes(2)))
        ahead.end(notes(2))
        assert ahead.sound() is None
    assert "damaged.sf2 cannot be loaded" in caplog.text


def test_without_a_soundfont_nothing_is_started(tmp_path: Path):
    """And the composer is not asked for its notes."""
    with Ahead(tmp_path / "missing.sf2", tmp_path, always) as ahead:
        ahead.settled(lambda: pytest.fail("asked"))
