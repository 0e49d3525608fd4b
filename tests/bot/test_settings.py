"""The bot's settings, and what a wrong one looks like from outside."""

import subprocess
import sys
from pathlib import Path

import pytest

from bot.settings import BotSettings
from core.errors import BadSetting
from core.process.lock import lines, lock, write


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing but a token is set, and the working directory has no `.env`."""
    for name in BotSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DISCORD_TOKEN", "MTE.secret.token")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_token_is_enough():
    """Everything else has a default: Discord itself, an embedded queue with a worker, four pieces a listener."""
    settings = BotSettings.load()
    assert settings.discord_token.get_secret_value() == "MTE.secret.token"
    assert str(settings.discord_api) == "https://discord.com/api/v10"
    assert (settings.test_guild, settings.spawn_worker, settings.max_jobs_per_user) == (None, True, 4)


def test_a_queue_elsewhere_has_workers_elsewhere(monkeypatch: pytest.MonkeyPatch):
    """The bot brings a worker along only for the embedded queue, or when it is told to."""
    monkeypatch.setenv("QUEUE_URL", "postgresql://me:secret@host/nocturne")
    assert not BotSettings.load().spawn_worker
    monkeypatch.setenv("SPAWN_WORKER", "true")
    assert BotSettings.load().spawn_worker


@pytest.mark.parametrize("token", ["", "MTE.sec ret", "'MTE.secret.token'", "MTE.sécret"])
def test_a_wrong_token_is_named_and_not_shown(token: str, monkeypatch: pytest.MonkeyPatch):
    """A token that cannot be one is refused in a sentence that says where to find it, and not what was set."""
    monkeypatch.setenv("DISCORD_TOKEN", token)
    with pytest.raises(BadSetting, match=r"^DISCORD_TOKEN .*https://discord.com/developers/applications") as refused:
        BotSettings.load()
    assert "MTE" not in str(refused.value)


@pytest.mark.parametrize("name", ["TEST_GUILD", "MAX_JOBS_PER_USER", "QUEUE_LIMIT", "SPAWN_WORKER", "DISCORD_API"])
def test_a_wrong_value_is_named(name: str, monkeypatch: pytest.MonkeyPatch):
    """Each setting says what it accepts."""
    monkeypatch.setenv(name, "-1")
    with pytest.raises(BadSetting, match=f"^{name} is '-1', accepted is "):
        BotSettings.load()


@pytest.mark.parametrize("address", ["pieces", "file:///var/lib/pieces", "memory://pieces"])
def test_files_may_be_anywhere(address: str, empty_folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Beside everything else, or where an address says."""
    assert BotSettings.load().files_url == str(empty_folder / "data" / "pieces")
    monkeypatch.setenv("FILES_URL", address)
    assert BotSettings.load().files_url == address


@pytest.mark.parametrize("address", ["attic://key@pieces", "attic://"])
def test_files_where_nothing_leads_to(address: str, monkeypatch: pytest.MonkeyPatch):
    """An address that fsspec does not know, or has no package for, is refused at the start, and not shown: it may hold
    a key."""
    monkeypatch.setenv("FILES_URL", address)
    with pytest.raises(BadSetting, match=r"^FILES_URL cannot be used, accepted is a folder, or an address") as refused:
        BotSettings.load()
    assert address not in str(refused.value)


@pytest.mark.parametrize(("typed", "ids", "count"), [("0-3/8", [0, 1, 2, 3], 8), ("7/8", [7], 8), ("0/1", [0], 1)])
def test_a_bot_may_have_a_part_of_the_servers(typed: str, ids: list[int], count: int, monkeypatch: pytest.MonkeyPatch):
    """By the numbers of its connections to Discord; without them it has all."""
    assert BotSettings.load().shards is None
    monkeypatch.setenv("SHARDS", typed)
    shards = BotSettings.load().shards
    assert shards is not None
    assert (shards.ids, shards.count) == (ids, count)


@pytest.mark.parametrize("typed", ["8/8", "3-1/8", "0", "-1/8", "0-3", "1/0", "a/b", "0/8/9"])
def test_shards_that_there_are_not(typed: str, monkeypatch: pytest.MonkeyPatch):
    """Are refused in a sentence."""
    monkeypatch.setenv("SHARDS", typed)
    with pytest.raises(BadSetting, match=f"^SHARDS is '{typed}', accepted is 0-3/8, or 3/8 for one: "):
        BotSettings.load()


def test_the_token_is_not_shown():
    """Settings in a log or a traceback do not give the token away."""
    assert "secret" not in repr(BotSettings.load())


def test_the_program_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch):
    """`python -m bot` without a token ends with exit code 2 and one sentence, not with a traceback."""
    monkeypatch.delenv("DISCORD_TOKEN")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    bot = subprocess.run([sys.executable, "-m", "bot"], capture_output=True, text=True)
    assert bot.returncode == 2
    assert bot.stderr.startswith("DISCORD_TOKEN is not set, accepted is ")
    assert bot.stderr.count("\n") == 1


def test_the_program_takes_no_options(monkeypatch: pytest.MonkeyPatch):
    """Rather than to pass over what somebody expects of them, it says so and does not start."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    bot = subprocess.run([sys.executable, "-m", "bot", "--loud"], capture_output=True, text=True)
    assert bot.returncode == 2
    assert bot.stderr == "unrecognized arguments: --loud; `python -m bot --help` says what is accepted\n"


def test_a_database_that_cannot_be_reached_is_named(empty_folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The bot ends with exit code 1 and names the setting; here the file of QUEUE_URL is no database."""
    (empty_folder / "notes.txt").write_text("no database, but text that is long enough to be taken for one" * 100)
    monkeypatch.setenv("QUEUE_URL", f"sqlite:///{empty_folder}/notes.txt")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    ended = subprocess.run([sys.executable, "-m", "bot"], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == "The database of QUEUE_URL cannot be reached; the log says why."
    assert "Traceback" not in ended.stderr


def test_two_bots_by_accident(empty_folder: Path, monkeypatch: pytest.MonkeyPatch):
    """A second one in the same folder says so in one sentence and goes: it would answer as if it were the first."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with lock(empty_folder / "data" / "bot.lock") as held:
        write(held, "first")
        bot = subprocess.run([sys.executable, "-m", "bot"], capture_output=True, text=True)
        assert bot.returncode == 2
        assert lines(held) == ["first"]
    assert bot.stderr == f"DATA_DIR is '{empty_folder}/data', where another bot is at work already\n"


def test_what_the_bot_keeps_is_its_users_alone(empty_folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Although the system's umask lets everybody read: the database that it makes, and what an older version has left,
    pieces too. Discord is nowhere, so it ends soon."""
    piece = empty_folder / "data" / "pieces" / "abcdefgh" / "piece.mid"
    piece.parent.mkdir(parents=True)
    piece.touch(0o644)
    (empty_folder / "data" / "nocturne.sqlite-journal").touch(0o644)
    settings = {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "SPAWN_WORKER": "false",
        "DISCORD_API": "http://127.0.0.1:1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    subprocess.run([sys.executable, "-m", "bot"], capture_output=True, umask=0o022)
    kept = [path for path in (empty_folder / "data").rglob("*") if path.name != "pieces"]
    assert "nocturne.sqlite" in [path.name for path in kept]
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in kept} == {path.name: "0o0" for path in kept}


def test_a_file_that_is_no_database_stays_as_it_is(empty_folder: Path, monkeypatch: pytest.MonkeyPatch):
    """QUEUE_URL names it by mistake: neither its rights nor its contents are the bot's to change."""
    notes = empty_folder / "notes.txt"
    notes.write_text("to buy: manuscript paper")
    notes.chmod(0o644)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("QUEUE_URL", f"sqlite:///{notes}")
    bot = subprocess.run([sys.executable, "-m", "bot"], capture_output=True, text=True)
    assert bot.returncode == 1, bot.stderr
    assert oct(notes.stat().st_mode) == "0o100644"
    assert notes.read_text() == "to buy: manuscript paper"


def test_the_bot_never_loads_the_model():
    """Starting the bot does not import TensorFlow, Keras or matplotlib, nor what else would take much of its memory."""
    heavy = {"tensorflow", "keras", "matplotlib", "numpy", "pretty_midi", "PIL", "psycopg", "sqlalchemy.orm"}
    code = f"import sys, bot.__main__; print({heavy} & set(sys.modules))"
    root = Path(__file__).parents[2]
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=root) == "set()\n"
