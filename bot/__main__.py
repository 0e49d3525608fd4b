"""`python -m bot`: read the settings, connect the queue, run until told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from contextlib import AsyncExitStack

import aiohttp
import discord
from discord.http import Route

from bot.client import Nocturne
from bot.commands.register import VIEWS, register
from bot.delivery.deliveries import Deliveries
from bot.delivery.uploads import UploadReader
from bot.model_cards import ModelCard, read_cards
from bot.process import metrics, refusals
from bot.process.discord_clock import DISCORD_CLOCK
from bot.process.logs import write_logs
from bot.process.supervisor import Supervisor
from bot.services import Services
from bot.settings import BotSettings
from bot.store.database import Database
from bot.store.defaults import DefaultsBook
from bot.store.pending_replies import PendingReplies
from bot.store.pieces import Library
from bot.store.quota import Quota
from bot.store.server_rules import RuleBook
from bot.store.sweeper import Sweeper
from core.errors import BadSetting, NocturneError, QueueError, StoreError
from core.process.command import Parser, called_as
from core.process.lock import BOT_LOCK, fresh_name, lines, lock, write
from core.process.memory import keep_small
from core.process.metrics import Page
from core.process.private import keep_private, mend
from core.process.shutdown import end_within
from core.queue.client import JobQueue
from core.settings import QUEUE_AWAY

SHUTDOWN_SECONDS = 25.0
"""Limit of an orderly end, also when the database holds it up; the worker of a Supervisor has had its time then."""

_log = logging.getLogger("bot")


async def run(settings: BotSettings) -> None:
    """Serve until SIGTERM or SIGINT; both raise CancelledError, once everything is closed."""
    loop = asyncio.get_running_loop()
    serving = loop.create_task(serve(settings))

    def stop() -> None:
        end_within(SHUTDOWN_SECONDS)
        serving.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await serving


async def serve(settings: BotSettings) -> None:
    """Raises BadSetting for what Discord refuses for good, for a port that is taken and for a folder where another bot
    is at work, QueueError and StoreError for a database that cannot be opened."""
    Route.BASE = str(settings.discord_api).rstrip("/")
    async with AsyncExitStack() as stack:
        page = Page(metrics.REGISTRY, settings.metrics_host, settings.metrics_port, "METRICS_PORT")
        stack.enter_context(page)
        held = await asyncio.to_thread(lock, settings.data_dir / BOT_LOCK)
        if held is None:
            raise BadSetting(f"DATA_DIR is '{settings.data_dir}', where another bot is at work already")
        stack.enter_context(held)
        [name, *_] = lines(held) or [fresh_name()]  # under it a bot that is started again finds its answers
        write(held, name)
        queue = await JobQueue.open(settings.queue_url)
        stack.push_async_callback(queue.close)
        database = await Database.open(settings.queue_url)
        stack.push_async_callback(database.close)
        mend(settings.data_dir, settings.queue_url)
        if settings.spawn_worker:
            await stack.enter_async_context(Supervisor())
        cards = await read_cards(settings.checkpoints, settings.preset)
        client = Nocturne(test_guild=settings.test_guild, shards=settings.shards, http_trace=DISCORD_CLOCK.trace)
        client.services = assemble(client, settings, queue, database, name, cards)
        await client.services.library.claim()
        register(client)
        await stack.enter_async_context(client)
        metrics.attend(page, client, queue)
        metrics.FREE_BYTES.set_function(lambda: client.services.library.disk.free)
        with refusals.worded():
            await client.start(settings.discord_token.get_secret_value())


def assemble(
    client: Nocturne,
    settings: BotSettings,
    queue: JobQueue,
    database: Database,
    name: str,
    cards: tuple[ModelCard, ...],
) -> Services:
    """The services of the bot called `name`."""
    reader = UploadReader()
    library = Library(
        database,
        settings.files_url,
        quota=Quota(database, pieces=settings.pieces_a_day, mib=settings.mib_a_day),
        least_free=settings.min_free_mib * 2**20,
    )
    sweeper = Sweeper(
        library, settings.keep_days, real_time=DISCORD_CLOCK.now, sweep_when_full=settings.sweep_when_full
    )
    deliveries = Deliveries(
        client,
        queue,
        PendingReplies(database, name),
        library,
        reader,
        VIEWS,
        max_jobs_per_user=settings.max_jobs_per_user,
        queue_limit=settings.queue_limit,
    )
    source_url = str(settings.source_url) if settings.source_url else None
    rules, defaults = RuleBook(database), DefaultsBook(database)
    return Services(queue, library, sweeper, rules, defaults, deliveries, reader, cards, source_url)


def main() -> int:
    """Returns the exit code: 0 after a stop, 2 for a wrong setting and a permanent refusal of Discord's, after which no
    other start helps, 1 when the queue or Discord cannot be reached."""
    keep_small()
    keep_private()
    try:
        settings = BotSettings.load()
        write_logs(settings.log_level, settings.discord_token.get_secret_value())
        asyncio.run(run(settings))
    except asyncio.CancelledError:
        _log.info("stopped")
    except QueueError:
        print(QUEUE_AWAY, file=sys.stderr)
        return 1
    except StoreError as error:
        print(error, file=sys.stderr)
        return 1
    except NocturneError as error:
        print(error, file=sys.stderr)
        return 2
    except (aiohttp.ClientError, discord.HTTPException, discord.GatewayNotFound) as error:
        print(f"Discord cannot be reached: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    Parser(prog=called_as("bot", "bot"), description="Runs the Discord bot, as .env says.").parse_args()
    sys.exit(main())
