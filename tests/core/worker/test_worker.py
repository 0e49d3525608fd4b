"""The worker as a process: one a folder, ends when told to or when its parent does, and words its failures."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.queue.client import JobQueue
from core.queue.jobs import JobState
from core.worker import ALREADY_RUNNING
from tests.support.fake_worker import PATIENCE, Worker, surroundings
from tests.support.processes import alive, wait_for_end
from tests.support.queued_jobs import asks, known, watch


def start(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the real program until it gives up, where everybody may read what is made."""
    program = [sys.executable, "-m", "core.worker"]
    environment = surroundings(DATA_DIR=str(folder), **environment)
    return subprocess.run(
        program, env=environment, cwd=folder, capture_output=True, text=True, umask=0o022, timeout=PATIENCE
    )


def test_two_workers_by_accident(tmp_path: Path):
    """A second worker in the same folder says so in one sentence and goes; the first goes on."""
    with Worker(tmp_path, "--silent") as first:
        second = start(tmp_path)
        assert (second.returncode, first.process.poll()) == (ALREADY_RUNNING, None)
        assert second.stderr == f"Another worker is already at work in {tmp_path}.\n"


def test_a_killed_worker_leaves_no_lock(tmp_path: Path):
    """After `kill -9` the next worker starts as if nothing had been."""
    with Worker(tmp_path, "--silent") as first:
        first.kill()
    with Worker(tmp_path, "--silent") as second:
        assert second.process.poll() is None


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("LOG_LEVEL", "loud", "LOG_LEVEL is 'loud', accepted is DEBUG, INFO, WARNING or ERROR\n"),
        ("CHECKPOINTS", ".", "performance is no checkpoint"),
    ],
)
def test_what_is_wrong_at_the_start_is_a_sentence(name: str, value: str, sentence: str, tmp_path: Path):
    """A wrong setting, or weights that are not there, ends the worker with exit code 2 and without a traceback."""
    ended = start(tmp_path, **{name: value})
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.asyncio
@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_that_is_told_to_stop_finishes_its_job(told: signal.Signals, url: str, tmp_path: Path):
    """The running job is finished, the others are left for later, and the exit code is 0."""
    jobs = await JobQueue.open(url)
    with Worker(tmp_path, "--silent", "--speed", "20") as worker:
        await jobs.put("running", asks(take=1, length=150), user_id=1)
        await watch(jobs, "running", JobState.RUNNING)
        for user in (2, 3):
            await jobs.put(f"waiting-{user}", asks(take=user), user_id=user)
        worker.process.send_signal(told)
        assert await asyncio.to_thread(worker.process.wait, PATIENCE) == 0
        assert worker.history("began") == [1]
    assert (await known(jobs, "running")).state == JobState.DONE
    assert (await known(jobs, "waiting-2")).state == (await known(jobs, "waiting-3")).state == JobState.QUEUED
    await jobs.close()


def test_a_worker_hears_a_signal_that_another_thread_gets(tmp_path: Path):
    """The system chooses the thread, and not always the main one."""
    with Worker(tmp_path, "--silent") as worker:
        process = worker.process.pid
        other = sorted(int(task.name) for task in Path(f"/proc/{process}/task").iterdir())[1]
        assert ctypes.CDLL(None).tgkill(process, other, signal.SIGTERM) == 0
        assert worker.process.wait(PATIENCE) == 0


@pytest.mark.asyncio
async def test_a_worker_that_is_told_twice_leaves_its_job_for_later(url: str, tmp_path: Path):
    """The second SIGTERM stops the composer where it is; the job is done after the restart."""
    jobs = await JobQueue.open(url)
    with Worker(tmp_path, "--silent", "--speed", "20") as worker:
        await jobs.put("long", asks(take=1, length=300), user_id=1)
        await watch(jobs, "long", JobState.RUNNING)
        worker.process.terminate()
        worker.wait_for("stopping")
        worker.process.terminate()
        assert await asyncio.to_thread(worker.process.wait, PATIENCE) == 0
        assert worker.history("composed") == []
    with Worker(tmp_path, "--silent") as worker:
        assert (await watch(jobs, "long", JobState.DONE, JobState.FAILED)).state == JobState.DONE
        assert worker.history("began") == [1, 1]
    await jobs.close()


def test_a_worker_that_loads_ends_with_its_parent(tmp_path: Path):
    """Also under nohup, where SIGHUP is ignored by whatever is started."""
    code = """
import signal, time
from core.worker import main
from tests.support.fake_worker import SilentFinisher
signal.signal(signal.SIGHUP, signal.SIG_IGN)
main(["--end-with-parent"], lambda settings: time.sleep(600), SilentFinisher)
"""
    environment = surroundings(DATA_DIR=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, cwd=tmp_path, env=environment) as worker:
        while not (tmp_path / "worker.lock").exists():
            assert worker.poll() is None
            time.sleep(0.02)
        worker.stdin.close()
        assert worker.wait(PATIENCE) == -signal.SIGHUP


def test_what_a_worker_starts_gets_no_address_of_the_database(tmp_path: Path):
    """A renderer needs none, and the address may hold a password, however its name is spelled."""
    code = """
import subprocess
from core.errors import BadSetting
from core.worker import main
def start(settings):
    print(subprocess.check_output(["env"], text=True), flush=True)
    raise BadSetting("enough")
main([], lambda settings: {}, start)
"""
    address = f"sqlite:///{tmp_path}/hunter2.sqlite"
    environment = surroundings(DATA_DIR=str(tmp_path), QUEUE_URL=address, queue_url=address)
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "DATA_DIR=" in said.stdout
    assert "hunter2" not in said.stdout


def test_a_worker_ends_with_its_parent(tmp_path: Path):
    """`kill -9` of the process that started it ends the worker, and its lock is free again."""
    parent_code = """
import sys, pathlib
from tests.support.fake_worker import Worker
worker = Worker(pathlib.Path(sys.argv[1]), "--silent")
worker.wait_for("ready for jobs")
print(worker.process.pid, flush=True)
sys.stdin.read()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", parent_code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=surroundings(),
    )
    assert parent.stdout is not None
    worker_id = int(parent.stdout.readline())
    assert alive(worker_id)
    parent.kill()
    parent.wait()
    wait_for_end(worker_id)
    with Worker(tmp_path, "--silent") as successor:
        assert successor.process.poll() is None


def test_an_end_comes_in_time():
    """Whatever holds a process up after it was told to stop."""
    code = "import threading; from core.process.shutdown import end_within; end_within(0.2); threading.Event().wait()"
    program = [sys.executable, "-c", code]
    ended = subprocess.run(program, env=surroundings(), capture_output=True, text=True, umask=0o022, timeout=PATIENCE)
    assert ended.returncode == 0
    assert "took longer than 0.2 s" in ended.stderr


def test_what_a_worker_keeps_is_its_users_alone(tmp_path: Path):
    """Although the system's umask lets everybody read: what it makes, and what an older version has left."""
    database = tmp_path / "nocturne.sqlite"
    database.touch(0o644)
    with Worker(tmp_path, "--silent"):
        kept = [*tmp_path.glob("nocturne.sqlite*"), tmp_path / "worker.lock"]
        assert database in kept
        assert {path.name: oct(path.stat().st_mode) for path in kept} == {path.name: "0o100600" for path in kept}


def test_a_file_that_is_no_database_stays_as_it_is(tmp_path: Path):
    """QUEUE_URL names it by mistake: neither its rights nor its contents are the worker's to change."""
    notes = tmp_path / "notes.txt"
    notes.write_text("to buy: manuscript paper")
    notes.chmod(0o644)
    worker = Worker(tmp_path / "data", "--silent", QUEUE_URL=f"sqlite:///{notes}")
    assert worker.process.wait(PATIENCE) == 1
    assert oct(notes.stat().st_mode) == "0o100644"
    assert notes.read_text() == "to buy: manuscript paper"
