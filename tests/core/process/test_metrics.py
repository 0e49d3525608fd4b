"""Metrics, health and readiness of bot and worker over HTTP, and a log whose lines name their job."""

from __future__ import annotations

import asyncio
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import Counter
from prometheus_client.parser import text_string_to_metric_families

from bot.process import metrics
from core.errors import BadSetting
from core.process.metrics import Page, registry
from core.queue.client import JobQueue
from core.queue.jobs import JobState
from tests.discord_standin import Discord
from tests.support.bot_process import BotProcess
from tests.support.fake_worker import BROKEN_TAKE, FAILING_TAKE, PATIENCE, Worker
from tests.support.playing_bot import FakeQueue, clara, emptied, playing
from tests.support.ports import free_port
from tests.support.queued_jobs import asks, watch
from tests.support.waiting import until


def got(address: str) -> tuple[int, str]:
    """Status and content."""
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def numbers(page: str) -> dict[str, float]:
    """Nocturne's own on a page of metrics, by name and labels: `nocturne_retries_total{of="job"}`."""
    found = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return {name: value for name, value in found.items() if name.startswith("nocturne_")}


def test_a_page():
    """Metrics, health and readiness have each a path; what is wrong is a 503 and a few words."""
    mine = registry()
    Counter("nocturne_test", "A test.", registry=mine).inc(3)
    with Page(mine, "127.0.0.1", 0, "PORT") as page:
        assert got(f"{page.address}/readyz") == (503, "starting\n")
        assert got(f"{page.address}/healthz") == (200, "ok\n")
        page.missing, page.stuck = lambda: "", lambda: "asleep"
        assert got(f"{page.address}/readyz") == (200, "ok\n")
        assert got(f"{page.address}/healthz") == (503, "asleep\n")
        status, text = got(f"{page.address}/metrics?name=all")
        assert (status, numbers(text)) == (200, {"nocturne_test_total": 3, "nocturne_ready": 1})
        assert "process_resident_memory_bytes" in text
        assert got(f"{page.address}/")[0] == 404


def test_a_page_without_a_port_is_none():
    """Nothing listens, and nothing fails."""
    with Page(registry(), "127.0.0.1", None, "PORT") as page, pytest.raises(AssertionError):
        page.address  # noqa: B018 - it has none


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid"])
def test_a_page_that_cannot_be_served_is_a_sentence(host: str):
    """A port that is taken, or an address that is not this machine's, is named by its settings."""
    with Page(registry(), "127.0.0.1", 0, "PORT") as page:
        port = int(page.address.rpartition(":")[2])
        with pytest.raises(
            BadSetting, match=rf"^METRICS_HOST is '{host}' and PORT is {port}, where nothing can be served \("
        ):
            Page(registry(), host, port, "PORT")


@pytest.mark.asyncio
async def test_a_worker_s_page(url: str, tmp_path: Path):
    """A worker counts how its jobs ended, their times, those begun again after `kill -9`, and its places."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    jobs = await JobQueue.open(url, snapshot_seconds=0)
    await jobs.put("long", asks(length=1000), user_id=1)
    with Worker(tmp_path, "--silent") as worker:
        await watch(jobs, "long", JobState.RUNNING)
        worker.kill()
    with Worker(tmp_path, "--silent", "--places", "2", WORKER_METRICS_PORT=str(port)) as worker:
        await until(lambda: len(worker.history("began")) == 2)  # it is said to run all the while
        snapshot = await jobs.snapshot()
        assert (snapshot.waiting, [*snapshot.shares]) == ([], ["long"])
        page = numbers((await asyncio.to_thread(got, f"{address}/metrics"))[1])
        assert (page["nocturne_slots"], page["nocturne_slots_used"], page["nocturne_ready"]) == (2, 1, 1)
        assert (page['nocturne_retries_total{of="job"}'], page['nocturne_jobs_total{state="done"}']) == (1, 0)
        for job_id, take in ("failing", FAILING_TAKE), ("broken", BROKEN_TAKE):
            await jobs.put(job_id, asks(take=take), user_id=2)
            await watch(jobs, job_id, JobState.FAILED)
        await watch(jobs, "long", JobState.DONE)
        await jobs.put("unwanted", asks(length=3000), user_id=1)
        await watch(jobs, "unwanted", JobState.RUNNING)
        await jobs.cancel("unwanted")
        await asyncio.to_thread(worker.wait_for, "job unwanted cancelled")
        assert await asyncio.to_thread(got, f"{address}/readyz") == (200, "ok\n")
        page = numbers((await asyncio.to_thread(got, f"{address}/metrics"))[1])
        ended = {state: page[f'nocturne_jobs_total{{state="{state}"}}'] for state in ("done", "failed", "cancelled")}
        assert ended == {"done": 1, "failed": 2, "cancelled": 1}
        assert (page["nocturne_wait_seconds_count"], page["nocturne_compose_seconds_count"]) == (4, 1)
        assert page["nocturne_compose_seconds_sum"] >= 10
        assert page["nocturne_render_seconds_count"] == 1
        assert (page["nocturne_slots_used"], page['nocturne_retries_total{of="job"}']) == (0, 1)
    await jobs.close()


def test_the_page_of_a_bot_that_has_ended():
    """A page that is asked after the event loop was closed says so, and has no number of jobs: it does not fail."""

    async def ended() -> None:
        metrics.attend(page, client=None, queue=None)  # type: ignore[arg-type]

    with Page(metrics.REGISTRY, "127.0.0.1", 0, "PORT") as page:
        asyncio.run(ended())
        assert got(f"{page.address}/healthz") == (503, "the event loop does not answer\n")
        assert 'nocturne_queue_jobs{state="running"} NaN' in got(f"{page.address}/metrics")[1]


@pytest.mark.asyncio
async def test_a_bot_s_page(queue: FakeQueue, url: str, monkeypatch: pytest.MonkeyPatch):
    """Answers, refusals and repeated calls are counted, and the queue is looked at; without it the bot is not ready."""
    with Page(metrics.REGISTRY, "127.0.0.1", 0, "PORT") as page:

        async def look(path: str) -> tuple[int, str]:
            return await asyncio.to_thread(got, page.address + path)

        before = numbers((await look("/metrics"))[1])
        async with Discord() as standin:
            listener = clara(standin)
            async with playing(standin, queue, url, monkeypatch, most=2) as bot:
                metrics.attend(page, bot, queue)  # type: ignore[arg-type]
                asked = [await listener.types("/compose", seed="72", take=take) for take in (1, 2, 3)]
                await asked[2].answered()
                other = standin.person("robert", listener.channel.guild)
                await (await other.types("/compose", unchecked=True, seed="hello")).answered()
                for job in asked[:2]:
                    await job.shows(lambda message: message.content)
                queue.run(asked[0].id, 0.5)
                looked = numbers((await look("/metrics"))[1])
                assert looked['nocturne_queue_jobs{state="queued"}'] == 1
                assert looked['nocturne_queue_jobs{state="running"}'] == 1
                await bot.wait_until_ready()
                assert [await look("/readyz"), await look("/healthz")] == [(200, "ok\n")] * 2
                queue.finish(asked[0].id)
                await asked[0].finished()
                await queue.cancel(str(asked[1].id))
                await asked[1].finished()
                assert await emptied(url)
                queue.broken = 1
                assert await look("/readyz") == (503, "The queue cannot be reached at the moment.\n")
                queue.broken = 2
                assert 'nocturne_queue_jobs{state="queued"} NaN' in (await look("/metrics"))[1]
        after = numbers((await look("/metrics"))[1])
    gained = {name: value - before.get(name, 0) for name, value in after.items()}
    assert gained['nocturne_answers_total{how="answered",state="done"}'] == 1
    assert gained['nocturne_answers_total{how="answered",state="cancelled"}'] == 1
    assert gained['nocturne_refusals_total{reason="limit"}'] == gained['nocturne_refusals_total{reason="input"}'] == 1
    assert gained['nocturne_refusals_total{reason="error"}'] == 0
    assert (gained["nocturne_deliver_seconds_count"], gained["nocturne_answer_seconds_count"]) == (2, 1)


@pytest.mark.asyncio
@pytest.mark.every_engine
async def test_a_job_s_way_through_two_processes(url: str, tmp_path: Path):
    """Bot and worker serve their pages side by side; every line that they log of a job has its id."""
    ports = free_port(), free_port()
    async with Discord() as discord:
        listener = clara(discord)
        settings = discord.environment | {"SPAWN_WORKER": "false", "QUEUE_URL": url, "METRICS_PORT": str(ports[0])}
        bot = BotProcess(tmp_path, settings)
        bot.start()
        try:
            await discord.registered("compose", within=PATIENCE)
            await bot.logs("invite it", within=PATIENCE)
            with Worker(tmp_path / "data", "--silent", QUEUE_URL=url, WORKER_METRICS_PORT=str(ports[1])) as worker:
                for port in ports:
                    for path in "healthz", "readyz":
                        assert await asyncio.to_thread(got, f"http://127.0.0.1:{port}/{path}") == (200, "ok\n")
                for take in 1, FAILING_TAKE, BROKEN_TAKE:
                    begun = len(bot.log), len(worker.log)
                    asked = await listener.types("/compose", seed="72", length=25, take=take)
                    await asked.finished(PATIENCE)
                    await bot.logs(f"job {asked.id} of user", within=PATIENCE)
                    for log, start in zip((bot.log, worker.log), begun, strict=True):
                        lines = [line for line in log[start:].splitlines() if re.match(r"\d{4}-\d\d-\d\d ", line)]
                        assert lines
                        assert all(str(asked.id) in line for line in lines)
            page = numbers((await asyncio.to_thread(got, f"http://127.0.0.1:{ports[0]}/metrics"))[1])
            assert page['nocturne_answers_total{how="answered",state="failed"}'] == 2
            assert await bot.stop() == 0
        finally:
            bot.kill_all()


@pytest.mark.asyncio
async def test_a_port_that_is_taken_ends_the_bot(tmp_path: Path):
    """One sentence that names the setting, and exit code 2."""
    with Page(registry(), "127.0.0.1", 0, "PORT") as page:
        bot = BotProcess(tmp_path, {"DISCORD_TOKEN": "token", "METRICS_PORT": page.address.rpartition(":")[2]})
        bot.start()
        assert await bot.ended() == 2
        assert bot.log.startswith("METRICS_HOST is '127.0.0.1' and METRICS_PORT is ")
        assert bot.log.count("\n") == 1
