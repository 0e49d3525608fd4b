"""core/rendering/pool.py: pieces are finished in other processes, which may die."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pretty_midi import Note

from core import pipeline
from core.errors import Cancelled, RenderError
from core.pipeline import Draft
from core.process.logs import about_job
from core.recipe import Recipe
from core.rendering import pool
from core.rendering.pool import SCRATCH, Renderers
from core.request import VIDEO, VOICE, ComposeRequest, Rendering
from core.seed import Seed
from core.settings import Settings
from tests.support.fake_worker import surroundings
from tests.support.music import as_bytes, composed, piano
from tests.support.processes import wait_for_end
from tests.support.waiting import PATIENCE


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return Settings.load()


@pytest.fixture
def renderers(settings: Settings) -> Iterator[Renderers]:
    renderers = Renderers(settings, processes=1)
    yield renderers
    renderers.close()
    assert not multiprocessing.active_children()


def draft(seconds: float = 2.0) -> Draft:
    recipe = Recipe(ComposeRequest(Seed.parse("60"), take=1), "0123456789ab")
    notes = [Note(80, 40 + number % 40, number / 4, number / 4 + 0.25) for number in range(int(4 * seconds))]
    return Draft.of(recipe, as_bytes(piano(*notes)))


def left_in(scratch: Path) -> list[Path]:
    """All but the folders in which the processes write."""
    return [left for left in scratch.glob("*/*")]


def kill_renderers() -> None:
    for process in multiprocessing.active_children():
        os.kill(process.pid or 0, signal.SIGKILL)


def test_another_process_makes_the_same_piece(renderers: Renderers, settings: Settings):
    """Its files are the same, and nothing is left behind on the way."""
    rendering = Rendering(transpose=3)
    here, there = pipeline.finish(draft(), settings.soundfont, None, rendering), renderers.finish(draft(), rendering)
    assert (there.midi, there.audio, there.picture) == (here.midi, here.audio, here.picture)
    assert left_in(settings.data_dir / SCRATCH) == []


def test_a_piece_may_have_been_played_ahead(settings: Settings):
    """It is the same then, and nothing is left behind; on a single core nothing is played ahead, nor where other jobs
    want the second one."""
    music = composed(*draft().music.instruments[0].notes)
    piece = Draft.of(draft().recipe, as_bytes(music))
    for processes, played in ((1, False), (2, True)):
        renderers = Renderers(settings, processes)
        with renderers.ahead() as ahead:
            ahead.settled(lambda: [])
            ahead.end(music)
            assert bool(ahead.sound()) == played
            with renderers.ahead() as another:
                another.settled(lambda: pytest.fail("asked"))
            assert renderers.finish(piece, ahead=ahead).audio == renderers.finish(piece).audio
        assert left_in(settings.data_dir / SCRATCH) == []
        renderers.close()


def test_what_a_process_logs_names_its_job(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """An error in another process stands in the worker's log, with the job that it was about."""
    (tmp_path / "fluidsynth").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "fluidsynth").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    renderers = Renderers(settings, processes=1)
    with about_job("4711"), pytest.raises(RenderError):
        renderers.finish(draft())
    renderers.close()
    [line] = [line for line in capfd.readouterr().err.splitlines() if "FluidSynth ended" in line]
    assert " ERROR   core.rendering.audio: job 4711: FluidSynth ended with exit code " in line


def test_a_piece_that_is_taken_back_is_not_waited_for(renderers: Renderers):
    """An error that `progress` raises comes out at once, and the next piece is made."""

    def cancel(share: float) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        renderers.finish(draft(600), progress=cancel)
    assert renderers.finish(draft()).audio


def test_a_process_that_dies_is_replaced(renderers: Renderers):
    """Killed once in the middle of a piece, the piece is made by the next process; killed again, there is a sentence;
    and the piece after that is made as ever."""
    renderers.finish(draft())
    killings = 0

    def kill(times: int) -> None:
        nonlocal killings
        if killings < times:
            killings += 1
            kill_renderers()

    assert renderers.finish(draft(20), progress=lambda share: kill(1)).audio
    assert killings == 1
    killings = 0
    with pytest.raises(RenderError, match="playing it failed twice"):
        renderers.finish(draft(600), progress=lambda share: kill(9))
    assert renderers.finish(draft()).audio


def test_a_process_takes_its_fluidsynth_with_it(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Killed while FluidSynth plays for it, neither that nor a file of its stays; the piece is made by the next."""
    lock, real = tmp_path / "lock", shutil.which("fluidsynth")
    (tmp_path / "fluidsynth").write_text(
        f"""#!{sys.executable}
import fcntl, os, sys, time
if os.path.exists({str(lock)!r}):
    os.execv({real!r}, sys.argv)
file = open({str(lock)!r}, "w")
fcntl.flock(file, fcntl.LOCK_EX)
time.sleep(1000)
"""
    )
    (tmp_path / "fluidsynth").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    renderers = Renderers(settings, processes=1)
    killed: list[bool] = []

    def kill(share: float) -> None:
        if lock.exists() and not killed:
            kill_renderers()
            killed.append(True)

    assert renderers.finish(draft(), progress=kill).audio
    assert killed
    assert left_in(settings.data_dir / SCRATCH) == []
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises while that FluidSynth lives
    renderers.close()
    assert not (settings.data_dir / SCRATCH).exists()


def test_pieces_of_many_threads_are_made(renderers: Renderers):
    """More at once than there are processes."""
    made: list[bytes] = []
    threads = [threading.Thread(target=lambda: made.append(renderers.finish(draft()).audio)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3
    assert len(set(made)) == 1


def test_processes_end_with_their_worker(tmp_path: Path):
    """`kill -9` of the worker ends them; what was left behind is cleared by the next one, and nothing else."""
    code = """
import multiprocessing, time
from core.process.logs import about_job
from core.rendering.pool import SCRATCH, Renderers
from core.settings import Settings
if __name__ == "__main__":
    renderers = Renderers(Settings.load(), processes=1)
    while not multiprocessing.active_children(): time.sleep(0.05)
    (Settings.load().data_dir / SCRATCH / "left").touch()
    print(multiprocessing.active_children()[0].pid, flush=True)
    time.sleep(600)
"""
    script, foreign = tmp_path / "worker.py", tmp_path / "scratch"
    script.write_text(code)
    foreign.mkdir()
    environment = surroundings(DATA_DIR=str(tmp_path))
    worker = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment)
    assert worker.stdout is not None
    child = int(worker.stdout.readline())
    worker.kill()
    worker.wait()
    wait_for_end(child)
    assert (tmp_path / SCRATCH / "left").exists()
    following = Renderers(Settings(data_dir=tmp_path), processes=1)
    assert not (tmp_path / SCRATCH / "left").exists()
    following.close()
    assert foreign.exists()


def test_a_process_that_hangs_is_ended():
    """Also where it hangs outside Python, so that it does not take up a place for ever."""
    code = (
        "import time; from core import pipeline; from core.rendering import pool; pool.FINISH_SECONDS = 1;"
        " pipeline.finish = lambda *work: time.sleep(60);"
        " from core.request import AS_COMPOSED; pool._finish('1', 0, None, None, None, AS_COMPOSED, None)"
    )
    hanging = subprocess.run([sys.executable, "-c", code], timeout=PATIENCE, env=surroundings())
    assert hanging.returncode == -signal.SIGALRM


def test_a_process_that_gets_on_is_not_ended(monkeypatch: pytest.MonkeyPatch):
    """However long its piece takes: each share of its progress gives it the whole time again."""
    alarms: list[int] = []

    def finish(*work: Any) -> None:
        tell = work[4]
        tell(0.25)
        tell(0.5)

    monkeypatch.setattr(signal, "alarm", alarms.append)
    monkeypatch.setattr(pipeline, "finish", finish)
    pool._finish("1", 0, draft(), None, None, Rendering(), None)
    assert alarms == [pool.FINISH_SECONDS] * 3 + [0]


def test_a_renderer_stays_small():
    """There is one a core, so it loads none of the queue, the settings or the models."""
    code = "import sys, core.rendering.pool; print({'dbos', 'sqlalchemy', 'pydantic', 'tensorflow'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, env=surroundings()) == "set()\n"


@pytest.mark.parametrize(("form", "suffix"), [(VOICE, "ogg"), (VIDEO, "mp4")])
def test_another_process_makes_a_file_to_play_anywhere(renderers: Renderers, form: str, suffix: str):
    """Alone, from the same notes, and it says what is to be heard in it; then the process makes pieces again."""
    made = renderers.finish(draft(), Rendering(form=form))
    assert (made.audio_format, made.picture) == (suffix, b"")
    assert made.heard == renderers.finish(draft()).heard
    assert bool(made.waveform) == (form == VOICE)


def test_what_is_made_in_the_background_steps_back():
    """The model's threads come first on every core, and the process itself keeps its priority."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    meanwhile = pool._in_the_background(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    assert meanwhile == (min(before + pool.NICENESS, 19) if sys.platform == "linux" else before)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
