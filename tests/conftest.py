"""Fixtures and markers of all tests, and Hypothesis's profiles: `short` tries the same few examples each time, `long`
(`make fuzz`) many, and others each time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from core.process.programs import INSTALLED, ProgramCache

if TYPE_CHECKING:
    from tests.support.playing_bot import FakeQueue
    from tests.support.postgres import Postgres

ENGINES = ("sqlite", "postgresql")
LONGEST_FOLDERS = ("tests/system/", "tests/training/")


def pytest_configure(config: pytest.Config) -> None:
    # machine code of the set-up, so that not each process of tests compiles it anew
    os.environ.setdefault("NUMBA_CACHE_DIR", str(ProgramCache(INSTALLED).folder))
    config.addinivalue_line("markers", "every_engine: what asks for a database is tested on SQLite and on PostgreSQL")
    config.addinivalue_line("markers", "long: waits for seconds on end; `make test-long` runs these")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames and metafunc.definition.get_closest_marker("every_engine"):
        metafunc.parametrize("engine", ENGINES, indirect=True, scope="module")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folders whose tests take longest come first, or the last of the processes would end late."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST_FOLDERS))


settings.register_profile("short", max_examples=100, deadline=None, derandomize=True)
settings.register_profile("long", max_examples=3000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))


@pytest.fixture
def queue() -> FakeQueue:
    from tests.support.playing_bot import FakeQueue  # discord.py is slow to import, and most tests do without

    return FakeQueue()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of all tests."""
    from tests.support.postgres import MISSING, installed, running

    programs = installed()
    if programs is None:
        pytest.skip(MISSING)
    with running(programs) as server:
        yield server


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> str:
    """One of ENGINES."""
    return getattr(request, "param", ENGINES[0])


@pytest.fixture(scope="module")
def url_for(engine: str, request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """Gives the address of an empty database; a SQLite file lies in the folder, where a worker looks for it too."""
    if engine == "postgresql":
        server = request.getfixturevalue("postgres")
        return lambda folder: server.fresh()
    return lambda folder: f"sqlite:///{folder}/nocturne.sqlite"


@pytest.fixture
def url(url_for: Callable[[Path], str], tmp_path: Path) -> str:
    """Of an empty database."""
    return url_for(tmp_path)
