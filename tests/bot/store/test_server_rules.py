"""The rules of servers as they are kept, on every database."""

import json

import pytest
import sqlalchemy as sa

from bot.commands.submission import read_submission
from bot.store.database import Database
from bot.store.server_rules import FREE, RuleBook, Rules
from core.errors import BadRequest

pytestmark = [pytest.mark.asyncio, pytest.mark.every_engine]
SERVER, OTHER, MEMBER = 2**62, 7, 2**63 - 1


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


async def write(database: Database, row: str) -> None:
    """Put a text into the row of SERVER's rules, whatever stood there."""
    engine = database._engine
    value = ":row" if engine.dialect.name == "sqlite" else "CAST(:row AS JSON)"
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM nocturne_rules"))
        insert = sa.text(f"INSERT INTO nocturne_rules VALUES (:guild, {value})")
        connection.execute(insert, {"guild": SERVER, "row": row})


@pytest.mark.parametrize("row", ["[]", "null", "7", '"rules"', "{}", '{"voice": true}', "[" * 5000 + "]" * 5000])
async def test_a_row_that_cannot_be_read_forbids_nothing(book: RuleBook, database: Database, row: str):
    """And what is chosen next is in force."""
    await write(database, row)
    assert await book.get(SERVER) == FREE
    assert await book.change(SERVER, length=300) == Rules(length=300)
    assert await book.get(SERVER) == Rules(length=300)


@pytest.mark.parametrize(
    "damaged",
    [
        {"channels": 7},
        {"channels": ["general"]},
        {"channels": [-1]},
        {"length": "300"},
        {"length": 10**9},
        {"at_once": None},
        {"a_day": -1},
        {"style": "@everyone"},
        {"model": "opus"},
        {"model": []},
        {"private": 1},
    ],
)
async def test_a_rule_that_cannot_be_read_takes_no_other_along(
    book: RuleBook, database: Database, damaged: dict[str, object], caplog: pytest.LogCaptureFixture
):
    """A damaged rule forbids nothing itself, the others stay in force, and the log says so, once."""
    await write(database, json.dumps({"a_day": 5, "private": True, "length": 300} | damaged))
    expected = {"a_day": 5, "private": True, "length": 300}
    for _ in range(2):
        assert await book.get(SERVER) == Rules(
            **{rule: value for rule, value in expected.items() if rule not in damaged}
        )
    [line] = caplog.messages
    assert line == f"rules of server {SERVER} that cannot be read forbid nothing: {next(iter(damaged))}"


async def test_a_newer_version_s_rules_stay(book: RuleBook, database: Database):
    """Those that this one knows are in force beside them, and a change leaves them in the row."""
    await write(database, '{"private": true, "voice": "never"}')
    assert await book.get(SERVER) == Rules(private=True)
    assert await book.change(SERVER, a_day=3) == Rules(private=True, a_day=3)
    row = await database.run(
        lambda connection: connection.execute(sa.text("SELECT rules FROM nocturne_rules")).scalar()
    )
    assert (json.loads(row) if isinstance(row, str) else row)["voice"] == "never"


async def test_what_is_left_out_is_as_the_rules_say():
    """A style only for the model that knows it; what is given, typed or chosen, stays."""
    rules = Rules(length=200, style="Chopin")
    request = read_submission("72", rules.usual).request
    assert (request.length, request.style, request.model) == (200, "Chopin", "performance")
    assert read_submission("72 style:Bach", rules.usual, length=90).request.style == "Bach"
    assert read_submission("72", rules.usual, model="article").request.style == "any"
    rules.allow_seconds(40.0)
    with pytest.raises(BadRequest, match=r"may last up to 40 s, and this one would last 40.2 s"):
        rules.allow_seconds(40.2)
    FREE.allow_seconds(5000.0)
    rules.allow_channel(1, None)
    Rules(channels=(5,)).allow_channel(1, 5)
    with pytest.raises(BadRequest, match="only in <#5>"):
        Rules(channels=(5,)).allow_channel(1, None)
