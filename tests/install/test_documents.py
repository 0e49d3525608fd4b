"""The documents agree with the code: links lead somewhere, limits are those that hold, and nothing is left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bot.commands.pieces import PieceButton
from bot.delivery.follower import LONGEST_WAIT_SECONDS
from bot.delivery.workers import REFUSED_SECONDS
from bot.process import metrics
from bot.process.byte_budget import BYTES_IN_MEMORY
from bot.settings import BotSettings
from bot.store.pending_reply import DEADLINE_SECONDS
from core.midi import reader
from core.midi.container import MAX_BYTES, MOST_TRACKS
from core.midi.excerpt import MAX_SECONDS
from core.midi.piano import MOST_NOTES
from core.option_kinds import Number, Option, WholeNumber
from core.options import FROM, KEEP, OPTIONS, TAKE
from core.process import metrics as worker_metrics
from core.queue.jobs import JOB_SECONDS
from core.queue.timing import USUAL_TIMING
from core.rendering import audio
from core.seed import MAX_CHORD_NOTES, MAX_CHORDS, MAX_TYPED

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
MIB, GIB = 2**20, 2**30


def text(file: str) -> str:
    """A document in one line."""
    return " ".join((ROOT / file).read_text().split())


def usual(setting: str) -> Any:
    return BotSettings.model_fields[setting].default


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path):
    """Each relative link names a file that is there, and a heading that is in it."""
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        file, _, heading = link.partition("#")
        target = document if not file else document.parent / file
        if "://" not in link:
            assert target.exists(), link
            assert not heading or heading in headings(target), link


def headings(document: Path) -> list[str]:
    """As GitHub names them in addresses."""
    titles = re.findall(r"^#+ (.*)", document.read_text(), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]


@pytest.mark.parametrize(
    "phrase",
    [
        f"a seed has at most {MAX_TYPED:,} characters, {MAX_CHORDS} chords of {MAX_CHORD_NOTES} notes",
        f"{usual('max_jobs_per_user')} unfinished pieces (`MAX_JOBS_PER_USER`)",
        f"{usual('pieces_a_day')} pieces and {usual('mib_a_day')} MiB a day are stored (`PIECES_A_DAY`, `MIB_A_DAY`)",
        f"less than {usual('min_free_mib') // 1024} GiB of the disk is free (`MIN_FREE_MIB`)",
        f"{usual('queue_limit'):,} waiting ones of all (`QUEUE_LIMIT`)",
        f"**Uploads** have at most {MAX_BYTES // MIB} MiB",
        f"{reader.MEMORY // MIB} MiB of memory",
        f"for each file {reader.READ_SECONDS:g} s of the processor and {reader.WALL_SECONDS:g} s of elapsed time",
        f"at most {MOST_TRACKS} tracks, {MOST_NOTES:,} notes and {MAX_SECONDS:g} s",
        f"share {BYTES_IN_MEMORY // MIB} MiB",
        f"{audio.WALL_SECONDS:g} s of elapsed time",
        f"{audio.ADDRESS_SPACE // GIB} GiB of memory beside its SoundFont",
        f"no larger than {audio.MOST_AUDIO_SECONDS} s of sound",
        f"take {JOB_SECONDS} s from the moment that a worker takes it",
        f"`KEEP_DAYS`, {usual('keep_days')} if not set",
    ],
)
def test_security_has_the_limits_of_the_code(phrase: str):
    """SECURITY.md promises no other limit than the one that holds."""
    assert phrase in text("SECURITY.md")


@pytest.mark.parametrize(
    "phrase",
    [
        f"another takes its jobs over after {USUAL_TIMING.dead:g} to",
        f"after {USUAL_TIMING.hang:g} s the worker logs the job's id",
        f"After {REFUSED_SECONDS:g} s no further pieces are taken",
        f"for {LONGEST_WAIT_SECONDS / 3600:g} hours at most",
        f"a piece is given up after {DEADLINE_SECONDS / 60:g}",
    ],
)
def test_failures_take_as_long_as_they_do(phrase: str):
    """The table of failures in running.md has the delays of the code."""
    assert phrase in text("docs/running.md")


def test_every_metric_is_explained():
    """running.md names each metric of bot and worker, and each reason for which a request is refused."""
    running = text("docs/running.md")
    families = [*metrics.REGISTRY.collect(), *worker_metrics.WORKER.collect()]
    assert not [each.name for each in families if each.name.startswith("nocturne_") and each.name not in running]
    [refusals] = metrics.REFUSALS.collect()
    reasons = {sample.labels["reason"] for sample in refusals.samples}
    assert not {each for each in reasons if f"`{each}`" not in running and f'reason="{each}"' not in running}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda each: each.name)
def test_every_option_is_listed(option: Option[Any]):
    """commands.md has a row for each option, with the range of a number."""
    [row] = re.findall(rf"^\| `{option.name}` \| (.*)$", (ROOT / "docs/commands.md").read_text(), re.MULTILINE)[:1]
    if isinstance(option, WholeNumber | Number) and option not in (TAKE, FROM, KEEP):
        assert row.startswith(f"{option.least:g} to {option.most:g} "), row


def test_every_button_is_listed():
    """commands.md has a row for each button under a piece, but for the two that answer **Delete**."""
    actions = re.search(r"<action>(.*?)\)", PieceButton.__discord_ui_compiled_template__.pattern)[1].split("|")
    labels = {PieceButton(action, "abcdefgh").item.label for action in actions}
    listed = re.findall(r"^\| \*\*(.*?)\*\* \|", (ROOT / "docs/commands.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(labels - {"Delete for good", "Keep it"})
