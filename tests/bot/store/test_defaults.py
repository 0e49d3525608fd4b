"""Listeners' own defaults as they are kept, on every database, and what counts more than they do."""

from typing import Any

import pytest
import sqlalchemy as sa

from bot.commands.submission import read_submission
from bot.store.database import Database
from bot.store.defaults import DefaultsBook, layered
from bot.store.server_rules import FREE, Rules
from core.errors import BadRequest
from core.options import AUDIO, LENGTH, MODEL, STYLE, TEMPERATURE

pytestmark = [pytest.mark.asyncio, pytest.mark.every_engine]
CLARA, ROBERT = 2**63 - 1, 7


@pytest.fixture
def book(database: Database) -> DefaultsBook:
    return DefaultsBook(database)


async def test_defaults_are_a_listener_s_own(book: DefaultsBook):
    """There are none until some are chosen; each can be changed and taken back, and /forget removes all."""
    assert await book.get(CLARA) == {}
    await book.set(CLARA, STYLE, "Chopin")
    await book.set(CLARA, LENGTH, 150)
    assert await book.set(CLARA, TEMPERATURE, 0.9) == {"style": "Chopin", "length": 150, "temperature": 0.9}
    await book.set(CLARA, STYLE, None)
    assert await book.get(CLARA) == {"length": 150, "temperature": 0.9}
    assert await book.get(ROBERT) == {}
    await book.forget(CLARA)
    assert await book.get(CLARA) == {}


async def test_what_no_piece_can_be_is_no_default(book: DefaultsBook):
    """A value out of range is refused, and the one that was chosen before stays."""
    await book.set(CLARA, AUDIO, "flac")
    with pytest.raises(BadRequest, match="no audio format 'opus'"):
        await book.set(CLARA, AUDIO, "opus")
    assert await book.get(CLARA) == {"audio": "flac"}


@pytest.mark.parametrize(
    ("row", "read"),
    [
        ("[]", {}),
        ('"style"', {}),
        ('{"length": "150", "audio": "flac"}', {"audio": "flac"}),
        ('{"length": 5, "private": 1, "temperature": null}', {}),
        ('{"voices": 2, "style": "Bach"}', {"style": "Bach"}),
        ('{"model": "opus", "style": ["Bach"]}', {}),
    ],
)
async def test_a_damaged_row_counts_as_far_as_it_can_be_read(
    book: DefaultsBook, database: Database, row: str, read: dict[str, Any]
):
    """A default that is chosen next is in force. An option that only a newer version knows stays there."""
    value = ":row" if database.folder else "CAST(:row AS JSON)"
    insert = sa.text(f"INSERT INTO nocturne_defaults VALUES (:user, {value})")
    await database.write(lambda connection: connection.execute(insert, {"user": CLARA, "row": row}))
    assert await book.get(CLARA) == read
    assert await book.set(CLARA, MODEL, "article") == read | {"model": "article"}
    kept = sa.text("SELECT CAST(options AS TEXT) FROM nocturne_defaults")
    found = await database.run(lambda connection: connection.execute(kept).scalar())
    assert ("voices" in row) == ("voices" in str(found))


@pytest.mark.parametrize(
    ("typed", "own", "here", "made"),
    [
        ({"style": "Bach"}, {"style": "Chopin"}, {"style": "Ravel"}, ("performance", "Bach")),
        ({}, {"style": "Chopin"}, {"style": "Ravel"}, ("performance", "Chopin")),
        ({}, {}, {"style": "Ravel"}, ("performance", "Ravel")),
        ({}, {"style": "any"}, {"style": "Ravel"}, ("performance", "any")),
        ({}, {"style": "Chopin"}, {"model": "article"}, ("performance", "Chopin")),
        ({"style": "Bach"}, {"model": "article"}, {"model": "article"}, ("performance", "Bach")),
        ({"key": "C minor"}, {}, {"model": "article"}, ("performance", "any")),
        ({"model": "article"}, {"style": "Chopin"}, {"style": "Ravel"}, ("article", "any")),
        ({}, {"model": "article", "style": "Chopin"}, {"style": "Ravel"}, ("article", "any")),
        ({"style": "any"}, {}, {"model": "article"}, ("article", "any")),
    ],
)
async def test_what_counts_more(
    typed: dict[str, Any], own: dict[str, Any], here: dict[str, Any], made: tuple[str, str]
):
    """A typed option, then the listener's own default, then the server's; a default that contradicts is passed over."""
    options = Rules(**here).usual(typed, own)
    request = read_submission("72", lambda _: options).request
    assert (request.model, request.style) == made


async def test_no_default_is_longer_than_a_piece_may_be():
    """In a server with a limit; what is typed is refused there, and not shortened."""
    assert Rules(length=300).usual({}, {"length": 500})["length"] == 300
    assert Rules(length=300).usual({"length": 500}, {"length": 400})["length"] == 500
    assert FREE.usual({}, {"length": 3000})["length"] == 3000
    assert layered({}, {}, {"length": 25}) == {"length": 25}
