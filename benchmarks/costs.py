"""What listeners cost. The processor seconds and the bytes of a piece of 100 s are measured; what 10, 1,000 and 100,000
of them a day take of processors, disk, network and money is arithmetic with these and with prices that are yours to
say."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass

import numpy as np

from benchmarks._decoding import default_composer
from benchmarks._report import parser, spent, table
from core import pipeline
from core.composer import Composer
from core.options import STEP_SECONDS
from core.request import ComposeRequest
from core.seed import Seed
from core.settings import Settings

LENGTH = 500
"""Steps of a piece."""
TAKES = 5
A_DAY = (10, 1_000, 100_000)
"""Pieces."""
BUSY = 4
"""Times the average that is asked for in a busy hour."""
DELIVERY_SECONDS = 0.2
"""Processor seconds of a piece in bot, worker and database but for composing and playing, as `python -m
benchmarks.bots_and_workers` measured them, with recordings of 1.6 MB and what the processes take while they wait."""
DAYS_A_MONTH = 30
GB = 1e9


@dataclass(frozen=True, slots=True)
class Cost:
    """A piece: processor seconds to compose, and to play, encode and draw; bytes that the bot stores and sends, and
    bytes that it has in the database until then."""

    composing: float
    playing: float
    files: float
    queued: float

    @property
    def seconds(self) -> float:
        return self.composing + self.playing + DELIVERY_SECONDS


def measured(composer: Composer, length: int, takes: int) -> Cost:
    """The mean of some takes, after one that is left out: it imports what drawing needs."""
    costs = [cost_of(composer, ComposeRequest(Seed.parse("72"), take=take, length=length)) for take in range(takes + 1)]
    return Cost(*(sum(column) / takes for column in zip(*costs[1:], strict=True)))


def cost_of(composer: Composer, request: ComposeRequest) -> tuple[float, float, float, float]:
    """The fields of a Cost. The processes that play have ended with their piece, so their seconds count."""
    began = sum(spent())
    draft = pipeline.compose(composer, request)
    composed = sum(spent())
    piece = pipeline.finish(draft, Settings.load().soundfont)
    files = len(piece.midi) + len(piece.audio) + len(piece.picture)
    return composed - began, sum(spent()) - composed, files, len(json.dumps(piece.to_json()))


def of_a_piece(cost: Cost, length: int, takes: int) -> str:
    parts = {
        "composing, by the worker or its GPU": cost.composing,
        "playing, loudness, MP3 and picture, by processes beside the worker": cost.playing,
        "queue, database, bot, upload": DELIVERY_SECONDS,
        "together": cost.seconds,
    }
    rows = [[part, f"{used:.2f}", f"{100 * used / cost.seconds:.0f} %"] for part, used in parts.items()]
    title = f"a piece of {length * STEP_SECONDS:g} s: {cost.files / 1e6:.1f} MB of files, {cost.queued / 1e6:.1f} MB in"
    title += f" the database until the bot has them; mean of {takes}"
    return table(title, ["part", "processor s", "% of baseline"], rows, "the whole piece")


def by_the_day(cost: Cost, prices: argparse.Namespace) -> str:
    header = ["pieces a day", *(f"{count:,}" for count in A_DAY)]
    columns = [[written(figure) for figure in day(cost, count, prices)] for count in A_DAY]
    names = ["processor hours a day", "cores, on average", f"cores in an hour of {BUSY} times the average"]
    names += [f"GB on the disk, kept for {prices.keep_days} days", "GB to Discord a month"]
    names += ["$ a month for processors", "for the disk", "to Discord", "together"]
    baseline = f"${prices.core_hour} for a core's hour, ${prices.gb_month} for a GB a month on the disk,"
    baseline += f" ${prices.gb_sent} for a GB sent; `--help` has the options to name others"
    rows = [[name, *cells] for name, *cells in zip(names, *columns, strict=True)]
    return table("pieces by the day, by arithmetic; all is linear", header, rows, baseline)


def day(cost: Cost, count: int, prices: argparse.Namespace) -> list[float]:
    """The figures of a column of `by_the_day`."""
    hours = count * cost.seconds / 3600
    disk, sent = count * prices.keep_days * cost.files / GB, count * DAYS_A_MONTH * cost.files / GB
    money = [DAYS_A_MONTH * hours * prices.core_hour, disk * prices.gb_month, sent * prices.gb_sent]
    return [hours, hours / 24, BUSY * hours / 24, disk, sent, *money, sum(money)]


def written(figure: float) -> str:
    """Two digits that count, and whole numbers from 10 on."""
    return f"{figure:,.0f}" if figure >= 10 else np.format_float_positional(figure, 2, fractional=False, trim="-")


def main() -> None:
    command = parser("costs", __doc__, "half a minute")
    command.add_argument(
        "--keep-days", type=float, default=30, metavar="DAYS", help="for how long a piece stays on the disk"
    )
    command.add_argument("--core-hour", type=float, default=0.04, metavar="$", help="dollars for a core's hour")
    command.add_argument(
        "--gb-month", type=float, default=0.02, metavar="$", help="dollars for a GB on the disk for a month"
    )
    command.add_argument("--gb-sent", type=float, default=0.05, metavar="$", help="dollars for a GB to Discord")
    options = command.parse_args()
    length, takes = (25, 1) if options.quick else (LENGTH, TAKES)
    cost = measured(default_composer(), length, takes)
    print(of_a_piece(cost, length, takes))
    print(by_the_day(cost, options))


if __name__ == "__main__":
    main()
