"""The rules of servers as they are kept, on every database."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.commands.options import read_submission
from bot.store import server_rules as module
from bot.store.database import Database
from bot.store.server_rules import DAY, FREE, RuleBook, Rules, count
from core.errors import BadRequest

pytestmark = [pytest.mark.asyncio, pytest.mark.every_engine]
SERVER, OTHER, MEMBER = 2**62, 7, 2**63 - 1


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url)
    yield database
    await database.close()


@pytest.fixture
def book(database: Database) -> RuleBook:
    return RuleBook(database)


async def test_rules_are_a_server_s_own(book: RuleBook):
    """Nothing is forbidden until somebody changes something; a change leaves the rest as it was."""
    assert await book.get(SERVER) == FREE
    assert await book.get(None) == FREE
    await book.change(SERVER, channels=(SERVER + 1, SERVER + 2), private=True)
    assert await book.change(SERVER, length=300) == Rules((SERVER + 1, SERVER + 2), 300, private=True)
    assert await book.get(SERVER) == Rules((SERVER + 1, SERVER + 2), 300, private=True)
    assert await book.get(OTHER) == FREE


async def test_a_day_s_pieces_are_counted(book: RuleBook, database: Database, monkeypatch: pytest.MonkeyPatch):
    """Of one member in one server; what is a day old does not count, and is gone when the next one is noted."""
    rules = await book.change(SERVER, a_day=2)
    began = module.time.time()
    for hour in range(2):
        monkeypatch.setattr(module.time, "time", lambda hour=hour: began + 3600 * hour)
        await book.allow_today(rules, SERVER, MEMBER)
        await database.run(lambda connection, hour=hour: count(connection, str(hour), SERVER, MEMBER))
    with pytest.raises(BadRequest, match=rf"2 pieces a day; the next one is possible <t:{began + DAY:.0f}:R>"):
        await book.allow_today(rules, SERVER, MEMBER)
    for allowed in ((rules, OTHER, MEMBER), (rules, SERVER, 5), (rules, None, MEMBER), (FREE, SERVER, MEMBER)):
        await book.allow_today(*allowed)
    monkeypatch.setattr(module.time, "time", lambda: began + DAY + 1)
    await book.allow_today(rules, SERVER, MEMBER)
    monkeypatch.setattr(module.time, "time", lambda: began + 3600)
    await book.forget(MEMBER)
    await book.allow_today(rules, SERVER, MEMBER)


async def test_what_is_left_out_is_as_the_rules_say():
    """A style only for the model that knows it; what is given, typed or chosen, stays."""
    rules = Rules(length=200, style="Chopin")
    request = read_submission("72", rules.usual).request
    assert (request.length, request.style, request.model) == (200, "Chopin", "performance")
    assert read_submission("72 style:Bach", rules.usual, length=90).request.style == "Bach"
    assert read_submission("72", rules.usual, model="article").request.style == "any"
    with pytest.raises(BadRequest, match="may have up to 200 steps"):
        rules.allow_length(201)
    rules.allow_channel(1, None)
    Rules(channels=(5,)).allow_channel(1, 5)
    with pytest.raises(BadRequest, match="only in <#5>"):
        Rules(channels=(5,)).allow_channel(1, None)
