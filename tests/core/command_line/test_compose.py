"""`python -m core compose`: files, reports, and one sentence for what cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pretty_midi import PrettyMIDI

from core import __main__ as cli
from core import loader, settings
from core.composer import Composer, Composition, Progress, Settled
from core.errors import UnknownNotes
from core.request import ComposeRequest
from tests.support.command_line import run
from tests.support.music import Pianist, decode, played


def compose(*arguments: str) -> int:
    return run("compose", "--length", "25", *arguments)


def test_a_piece_becomes_three_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Named after the recipe, under `out` by default, whole and alone; they are said to be there."""
    assert compose("--seed", "72", "--take", "7") == 0
    name = "nocturne-performance-72-25-take7"
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [f"{name}.mid", f"{name}.mp3", f"{name}.png"]
    samples, rate = decode((tmp_path / "out" / f"{name}.mp3").read_bytes())
    assert 5 < len(samples) / rate < 8
    assert played(PrettyMIDI(str(tmp_path / "out" / f"{name}.mid")))
    said, *files = capsys.readouterr().out.splitlines()
    assert said.startswith("take 7: 5.0 s of music, 11 notes")
    assert [file.strip() for file in files] == [f"out/{name}.mid", f"out/{name}.mp3", f"out/{name}.png"]


def test_json_is_one_object_a_piece(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Three consecutive takes, a line each, with the recipe, files that are there, and times."""
    assert compose("--seed", "C5", "--take", "7", "--takes", "3", "--output", "pieces", "--json") == 0
    pieces = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [piece["recipe"]["take"] for piece in pieces] == [7, 8, 9]
    assert pieces[0]["recipe"] == {
        "model": "performance",
        "style": "any",
        "key": "any",
        "pace": "any",
        "dynamics": "any",
        "mood": "any",
        "top_p": 0.98,
        "checkpoint": Pianist.checkpoint,
        "seed": "72",
        "length": 25,
        "take": 7,
        "temperature": 1.0,
        "primer": "",
        "origin": {"piece": "", "from_": None, "keep": None},
        "task": "compose",
        "score": "",
        "freedom": 100,
        "rendering": {
            "instrument": "grand",
            "tempo": 100,
            "transpose": 0,
            "audio": "mp3",
            "form": "piece",
            "only_new": False,
            "crop": "",
        },
    }
    for piece in pieces:
        assert set(piece) == {"recipe", "files", "duration", "notes", "seconds", "ended_early", "shared_at_most"}
        assert [Path(file).suffix for file in piece["files"]] == [".mid", ".mp3", ".png"]
        assert all((tmp_path / file).stat().st_size > 100 for file in piece["files"])
        assert (piece["duration"], piece["notes"]) == (5.0, 11)
        assert {"compose", "render", "encode"} <= set(piece["seconds"])


def test_the_same_recipe_gives_the_same_mid(tmp_path: Path):
    """A take that is given is used; another gives another piece."""
    for folder, take in (("a", "7"), ("b", "7"), ("c", "8")):
        assert compose("--seed", "72", "--take", take, "--output", folder) == 0
    first, second, third = (next((tmp_path / folder).glob("*.mid")).read_bytes() for folder in "abc")
    assert first == second != third


def test_a_piece_is_played_as_wished(tmp_path: Path):
    """The name says how, and no message's limit makes a WAV an MP3."""
    wishes = ["--instrument", "music box", "--tempo", "25", "--transpose", "-3", "--audio", "wav"]
    assert compose("--seed", "72", "--take", "7", "--length", "100", *wishes) == 0
    name = "nocturne-performance-72-100-take7-music-box-25pct-down3"
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [f"{name}.mid", f"{name}.png", f"{name}.wav"]
    samples, rate = decode((tmp_path / "out" / f"{name}.wav").read_bytes())
    assert 80 < len(samples) / rate < 85
    assert len(played(PrettyMIDI(str(tmp_path / "out" / f"{name}.mid")))) == 41


def test_a_take_that_is_left_out_is_drawn(capsys: pytest.CaptureFixture[str]):
    """Two calls without a take differ, and say which takes they drew."""
    assert compose("--json") == compose("--json") == 0
    first, second = (json.loads(line)["recipe"] for line in capsys.readouterr().out.splitlines())
    assert first["seed"] == second["seed"] == "random"
    assert first["take"] != second["take"]


def test_values_are_read_as_in_discord():
    """A length as a time, a decimal comma, the name of an instrument in any case."""
    arguments = ["compose", "--length", "1:30", "--temperature", "0,9", "--instrument", "Music Box"]
    options = cli.parser().parse_args(arguments)
    assert (options.length, options.temperature, options.instrument) == (450, 0.9, "music box")


def test_attention_is_drawn_when_asked(tmp_path: Path):
    """A picture for each of the two blocks."""
    assert compose("--model", "article", "--seed", "72", "--take", "7", "--attention") == 0
    name = "nocturne-article-72-25-take7-attention"
    assert sorted(file.name for file in tmp_path.glob("out/*attention*")) == [f"{name}-1.png", f"{name}-2.png"]


def test_attention_needs_a_model_that_has_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Refused before the model is loaded."""
    monkeypatch.setattr(loader, "load_composer", None)
    assert compose("--seed", "72", "--attention") == 2
    assert capsys.readouterr().err == "the model 'performance' cannot say what it attends to\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--seed", "X5"], "I don't understand the seed 'X5'"),
        (["--seed", "200"], "there is no pitch 200 on a piano"),
        (["--seed", "-5"], "I don't understand the seed '-5'"),
        (["--length", "5"], "length 5 is outside 25 to 3000 steps of 0.2 s"),
        (["--length", "long"], "argument --length: 'long' is not a time such as 30s, "),
        (["--length", "1e3"], "argument --length: '1e3' is not a time such as 30s, "),
        (["--temperature", "nan"], "temperature nan is outside 0.1 to 2"),
        (["--temperature", "hot"], "argument --temperature: 'hot' is not a number"),
        (["--take", "-1"], "take -1 is outside 0 to 4294967295"),
        (["--take", "4294967295", "--takes", "2"], "take 4294967296 is outside"),
        (["--takes", "0"], "takes 0 is not 1 or more"),
        (["--model", "waltz"], "there is no model 'waltz'; there are performance, article"),
        (["--instrument", "tuba"], "there is no instrument 'tuba'; there are grand, "),
        (["--tempo", "slow"], "argument --tempo: 'slow' is not a whole number"),
        (["--tempo", "25", "--length", "3000"], "at 25% tempo it would last 2,400 s; I play at most 600 s"),
        (["--transpose", "25"], "transpose 25 is outside -24 to 24 semitones"),
        (["--audio", "ogg"], "there is no audio format 'ogg'; there are mp3, wav, flac"),
        (["--output", "/dev/null/pieces"], "the folder '/dev/null/pieces' cannot be made"),
        (["--output"], "argument --output: expected one argument"),
        (["--loud"], "unrecognized arguments: --loud; `python -m core compose --help` says"),
        (["--se", "72"], "unrecognized arguments: --se 72"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Exit code 2, a sentence on standard error, nothing on standard output and no file."""
    assert compose(*arguments) == 2
    said = capsys.readouterr()
    assert said.err.startswith(sentence)
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert list(tmp_path.rglob("*.*")) == []


def test_a_command_is_needed(capsys: pytest.CaptureFixture[str]):
    """`python -m core` alone and with a command that is none."""
    for arguments in ([], ["sing"]):
        assert run(*arguments) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_notes_that_the_model_lacks_are_one_sentence(
    composed_by: Callable[[Composer], None], capsys: pytest.CaptureFixture[str]
):
    """A request that the composer refuses ends like other bad input, without a progress bar before it."""

    class Unknowing(Pianist):
        def compose(
            self,
            request: ComposeRequest,
            progress: Progress = lambda share: None,
            settled: Settled = lambda so_far: None,
        ) -> Composition:
            raise UnknownNotes("the model knows no C8; near ones are B7, A7 and G7")

    composed_by(Unknowing())
    assert compose("--seed", "C8") == 2
    assert capsys.readouterr().err == "the model knows no C8; near ones are B7, A7 and G7\n"


def test_a_wrong_setting_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Settings count as input."""
    monkeypatch.setenv("SOUNDFONT", "no.sf2")
    assert compose() == 2
    assert capsys.readouterr().err.startswith("SOUNDFONT is 'no.sf2'")


def test_a_missing_soundfont_is_known_before_composing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Exit code 1 and how to install it; no model was loaded for nothing."""
    monkeypatch.setattr(loader, "load_composer", None)
    monkeypatch.setattr(settings, "SOUNDFONTS", ())
    assert compose() == 1
    assert capsys.readouterr().err.startswith("no SoundFont is installed")


def test_an_interruption_leaves_whole_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C while the second file is written: the first is whole, the second is not there in part."""
    write = Path.write_bytes

    def write_half(path: Path, data: bytes) -> int:
        if ".mp3" in path.name:
            write(path, data[: len(data) // 2])
            raise KeyboardInterrupt
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", write_half)
    assert compose("--seed", "72", "--take", "7") == 130
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["nocturne-performance-72-25-take7.mid"]
