"""Settings come from the environment or `.env`, and a wrong one is named in a sentence."""

from pathlib import Path

import pytest

from bot.settings import BotSettings
from core.errors import BadSetting
from core.settings import Settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is set, and the working directory has no `.env`."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_needs_to_be_set(empty_folder: Path):
    """Without any setting, everything that is kept lies in ./data, and reading the settings does not make it."""
    settings = Settings.load()
    assert settings.data_dir == empty_folder / "data"
    assert settings.queue_url == f"sqlite:///{empty_folder}/data/nocturne.sqlite"
    assert settings.log_level == "INFO"
    assert list(empty_folder.iterdir()) == []


def test_the_queue_follows_the_data(empty_folder: Path, monkeypatch: pytest.MonkeyPatch):
    """DATA_DIR alone moves the embedded queue along."""
    monkeypatch.setenv("DATA_DIR", "elsewhere")
    assert Settings.load().queue_url == f"sqlite:///{empty_folder}/elsewhere/nocturne.sqlite"


def test_the_environment_wins_over_the_file(empty_folder: Path, monkeypatch: pytest.MonkeyPatch):
    """`.env` is read, what it does not know is left alone, an empty line sets nothing, and the environment wins."""
    (empty_folder / ".env").write_text("LOG_LEVEL=debug\nDATA_DIR=from_file\nSOUNDFONT=\nDISCORD_TOKEN=secret\n")
    monkeypatch.setenv("DATA_DIR", "from_environment")
    settings = Settings.load()
    assert settings.log_level == "DEBUG"
    assert settings.data_dir.name == "from_environment"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("LOG_LEVEL", "loud", "LOG_LEVEL is 'loud', accepted is DEBUG, INFO, WARNING or ERROR"),
        ("SOUNDFONT", "no.sf2", "SOUNDFONT is 'no.sf2', accepted is a SoundFont file (.sf2)"),
        ("DATA_DIR", "file/data", "DATA_DIR is 'file/data', accepted is a folder that can be written to"),
        ("PRESET", "huge", "PRESET is 'huge', accepted is small or base"),
        ("CHECKPOINTS", "gone", "CHECKPOINTS is 'gone', accepted is a folder with one folder of weights a model"),
    ],
)
def test_a_wrong_value_is_named(
    name: str, value: str, sentence: str, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """A wrong value is refused by a sentence that says which variable, what came and what is accepted."""
    (empty_folder / "file").touch()
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSetting) as refused:
        Settings.load()
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    "url", ["mysql://me:hunter2@host/db", "hunter2", "sqlite://", "sqlite:///:memory:", "postgresql://me:hunter2@host"]
)
def test_a_wrong_queue_is_named_without_its_password(url: str, monkeypatch: pytest.MonkeyPatch):
    """A QUEUE_URL that cannot be used is refused without being shown: it may hold a password."""
    monkeypatch.setenv("QUEUE_URL", url)
    with pytest.raises(BadSetting) as refused:
        Settings.load()
    accepted = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
    assert str(refused.value) == f"QUEUE_URL cannot be used, accepted is {accepted}"


def test_all_wrong_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch):
    """Two wrong settings need one start to be found, not two."""
    monkeypatch.setenv("LOG_LEVEL", "loud")
    monkeypatch.setenv("SOUNDFONT", "no.sf2")
    with pytest.raises(BadSetting, match=r"SOUNDFONT is 'no.sf2'.*; LOG_LEVEL is 'loud'"):
        Settings.load()


def test_a_misspelled_name_is_refused(empty_folder: Path):
    """A name in `.env` that is nearly a setting's is named together with the wrong values: it would set nothing."""
    (empty_folder / ".env").write_text("SLOT=4\nlog_levels=INFO\nPRESET=huge\n")
    with pytest.raises(BadSetting) as refused:
        Settings.load()
    assert str(refused.value).split("; ") == [
        ".env sets SLOT, which is no setting, and SLOTS is one",
        ".env sets log_levels, which is no setting, and LOG_LEVEL is one",
        "PRESET is 'huge', accepted is small or base",
    ]


def test_names_of_other_programs_are_left_alone(empty_folder: Path):
    """Those of the bot, of PostgreSQL's container and of a store of files are no misspelled settings of a worker."""
    names = [*(name.upper() for name in BotSettings.model_fields if name not in Settings.model_fields)]
    names += ["POSTGRES_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"]
    (empty_folder / ".env").write_text("".join(f"{name}=1\n" for name in names))
    assert Settings.load().log_level == "INFO"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"LOG_LEVEL=INFO\nwhat is this\n", ".env cannot be read at line 2, accepted are lines NAME=value"),
        (b"DATA_DIR=caf\xe9\n", ".env cannot be read: it is no text in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_sentence(content: bytes, sentence: str, empty_folder: Path):
    """A damaged line of `.env` is refused by its number, and would otherwise be passed over."""
    (empty_folder / ".env").write_bytes(content)
    with pytest.raises(BadSetting) as refused:
        Settings.load()
    assert str(refused.value) == sentence
