"""Settings come from the environment or `.env`, and a wrong one is named in a sentence."""

from pathlib import Path

import pytest

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
