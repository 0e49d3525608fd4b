"""`python -m core compose`: files, reports, and one sentence for what cannot be."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pretty_midi import Note, PrettyMIDI

from core import __main__ as cli
from core import loader, settings
from core.composer import Composition, Progress
from core.errors import UnknownNotes
from core.request import ComposeRequest
from core.settings import Settings
from tests.support.midi_corpus import note, smf, track
from tests.support.music import Pianist, decode, played
from tests.support.tiny_checkpoint import make_article_checkpoint
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
SLOW = """
import signal, sys, time
from core import __main__, loader
from tests.support.music import Pianist

class Slow(Pianist):
    def compose(self, request, progress):
        print("composing", flush=True)
        time.sleep(60)

signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started in the background inherits deafness to it
loader.load_composer = lambda model, checkpoints, preset, slots, programs: Slow()
sys.exit(__main__.main(["compose"]))
"""


class AttentivePianist(Pianist):
    def attention(self, midi: PrettyMIDI) -> tuple[list[str], list[np.ndarray]]:
        return [str(index) for index in range(50)], [np.eye(50), np.ones((50, 50)) / 50]


@pytest.fixture(autouse=True)
def pianist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A composer without a network, and a folder without settings."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loader, "load_composer", lambda model, checkpoints, preset, slots, programs: AttentivePianist())


def compose(*arguments: str) -> int:
    try:
        return cli.main(["compose", "--length", "25", *arguments])
    except SystemExit as end:  # argparse's own way out
        return int(end.code or 0)


def test_a_piece_becomes_three_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Named after the recipe, under `out` by default, whole and alone; they are said to be there."""
    assert compose("--seed", "72", "--take", "7") == 0
    name = "nocturne-performance-72-25-take7"
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [f"{name}.mid", f"{name}.mp3", f"{name}.png"]
    samples, rate = decode((tmp_path / "out" / f"{name}.mp3").read_bytes())
    assert 5 < len(samples) / rate < 8
    assert played(PrettyMIDI(str(tmp_path / "out" / f"{name}.mid")))
    said, *files = capsys.readouterr().out.splitlines()
    assert said.startswith("5.0 s of music, 11 notes")
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
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
        assert end.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_notes_that_the_model_lacks_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """A request that the composer refuses ends like other bad input, without a progress bar before it."""

    class Unknowing(Pianist):
        def compose(self, request: ComposeRequest, progress: Progress = lambda share: None) -> Composition:
            raise UnknownNotes("the model knows no C8; near ones are B7, A7 and G7")

    monkeypatch.setattr(loader, "load_composer", lambda model, checkpoints, preset, slots, programs: Unknowing())
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


class Obedient(Pianist):
    """Plays the notes that it is given."""

    def compose(self, request: ComposeRequest, progress: Progress = lambda share: None) -> Composition:
        if not request.score:
            return super().compose(request, progress)
        return Composition(PrettyMIDI(io.BytesIO(request.score)))


def test_a_file_is_performed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """As long as it is, in the file that was named; what was used of it is said."""
    monkeypatch.setattr(loader, "load_composer", lambda model, checkpoints, preset, slots, programs: Obedient())
    (tmp_path / "score.mid").write_bytes(smf(track(*[note(60 + number) for number in range(20)])))
    assert cli.main(["perform", "score.mid", "--freedom", "50", "--output", "played.mid", "--json"]) == 0
    said = capsys.readouterr()
    recipe = json.loads(said.out)["recipe"]
    assert (recipe["task"], recipe["freedom"], recipe["length"]) == ("perform", 50, 50)
    assert len(played(PrettyMIDI(str(tmp_path / "played.mid")))) == 20
    assert "Read as one piano: track 1." in said.err


@pytest.mark.parametrize(("melody", "length"), [("melody.mid", 50), ("C4 D4 E4", 25)])
def test_a_melody_is_harmonized(
    melody: str, length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """That of a file, or of a seed; as long as it is."""
    monkeypatch.setattr(loader, "load_composer", lambda model, checkpoints, preset, slots, programs: Obedient())
    (tmp_path / "melody.mid").write_bytes(smf(track(*[note(60 + number) for number in range(20)])))
    assert cli.main(["harmonize", melody, "--json"]) == 0
    recipe = json.loads(capsys.readouterr().out)["recipe"]
    assert (recipe["task"], recipe["length"]) == ("harmonize", length)
    assert (tmp_path / "out" / "harmonized.mid").exists()


@pytest.mark.parametrize(
    ("melody", "sentence"),
    [
        ("tune", "I don't understand the melody 'tune'. Try notes one at a time, such as `C4 D4 E4 G4`"),
        ("random", "there is nothing to harmonize"),
        ("C4,E4", "a melody has one note at a time"),
    ],
)
def test_no_melody_is_one_sentence(melody: str, sentence: str, capsys: pytest.CaptureFixture[str]):
    """Exit code 2, and nothing is proposed that would be refused too, such as `random` or a chord."""
    assert cli.main(["harmonize", melody]) == 2
    assert capsys.readouterr().err.startswith(sentence)


class Continuing(Pianist):
    def compose(self, request: ComposeRequest, progress: Progress = lambda share: None) -> Composition:
        midi = PrettyMIDI(io.BytesIO(request.primer))
        midi.instruments[0].notes.append(Note(80, 72, 3.0, 3.0 + request.seconds))
        return Composition(midi)


def continue_(*arguments: str) -> int:
    try:
        return cli.main(["continue", "--length", "25", "--output", "new/piece.mid", *arguments])
    except SystemExit as end:
        return int(end.code or 0)


def test_a_file_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Its notes and then the new ones, in the file that was named, with sound and picture beside it; what was used of
    it is said."""
    monkeypatch.setattr(loader, "load_composer", lambda model, checkpoints, preset, slots, programs: Continuing())
    (tmp_path / "mine.mid").write_bytes(smf(track(note(60), note(62)), track(note(40, channel=9))))
    assert continue_("mine.mid", "--take", "7") == 0
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == ["piece.mid", "piece.mp3", "piece.png"]
    notes = played(PrettyMIDI(str(tmp_path / "new" / "piece.mid")))
    assert [(note.pitch, note.start) for note in notes] == [(60, 0), (62, 0.5), (72, 3)]
    assert "Read as one piano: track 1; left out: the drums." in capsys.readouterr().err
    assert continue_("mine.mid", "--from", "0.5") == 0
    notes = played(PrettyMIDI(str(tmp_path / "new" / "piece.mid")))
    assert [note.pitch for note in notes] == [60, 72]


def test_a_passage_of_a_long_file_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`--from` and `--keep` take 2 s out of the middle of 41 minutes."""
    monkeypatch.setattr(loader, "load_composer", lambda model, checkpoints, preset, slots, programs: Continuing())
    (tmp_path / "long.mid").write_bytes(smf(track(*[note(60 + number % 12) for number in range(5_000)])))
    assert continue_("long.mid", "--from", "1202", "--keep", "2") == 0
    notes = played(PrettyMIDI(str(tmp_path / "new" / "piece.mid")))
    assert [note.pitch for note in notes] == [60, 61, 62, 63, 72]


def test_the_new_part_is_made_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`--only-new` leaves out what is continued; a crop counts from there."""
    monkeypatch.setattr(loader, "load_composer", lambda model, checkpoints, preset, slots, programs: Continuing())
    (tmp_path / "mine.mid").write_bytes(smf(track(note(60), note(62))))
    assert continue_("mine.mid", "--only-new", "--crop", "0-0:02") == 0
    [new] = played(PrettyMIDI(str(tmp_path / "new" / "piece.mid")))
    assert (new.pitch, new.start, new.end) == (72, 0, 2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.mid"], "'missing.mid' cannot be read: No such file or directory"),
        (["."], "'.' cannot be read: Is a directory"),
        (["text.mid"], "this is not a MIDI file"),
        (["huge.mid"], "at most 1 MiB are read"),
        (["good.mid", "--length", "3000"], "together longer than 600 s"),
        (["good.mid", "--from", "0"], "no notes that a piano could play before 0 s"),
        (["good.mid", "--from", "late"], "'late' is not a time such as 90, 30s or 1:30"),
        (["good.mid", "--from", "9"], "ends at 0.5 s, so it cannot be continued from 9 s"),
        (["good.mid", "--keep", "0"], "keep must be at least 1 s; 0 s is not"),
        (["good.mid", "--crop", "later"], "'later' is not two times in seconds, such as 30-60"),
        (["good.mid", "--crop", "9-8"], "crop 9-8 ends before it begins"),
        (["good.mid", "--take", "-1"], "take -1 is outside"),
        (["good.mid", "--output", "new/piece.mp3"], "does not end in .mid"),
        (["good.mid", "--output", "./good.mid"], "'good.mid' would be overwritten"),
        (["good.mid", "--instrument", "tuba"], "there is no instrument 'tuba'"),
        ([], "the following arguments are required: IN.mid"),
    ],
)
def test_a_file_that_cannot_be_continued_is_one_sentence(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    """Exit code 2, no model is loaded, and no file is written."""
    monkeypatch.setattr(loader, "load_composer", None)
    (tmp_path / "good.mid").write_bytes(smf(track(note())))
    (tmp_path / "text.mid").write_text("hello")
    (tmp_path / "huge.mid").write_bytes(bytes(2**20 + 1))
    assert continue_(*arguments) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_what_is_wrong_here_is_one_sentence_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """With a file that can be read, nothing is said of it."""
    (tmp_path / "good.mid").write_bytes(smf(track(note())))
    monkeypatch.setenv("SOUNDFONT", "no.sf2")
    assert continue_("good.mid") == 2
    said = capsys.readouterr().err
    assert said.startswith("SOUNDFONT is 'no.sf2'")
    assert said.count("\n") == 1


def test_ctrl_c_ends_it_quietly(tmp_path: Path):
    """A real SIGINT in the middle of composing: exit code 130, no traceback, no files."""
    program = tmp_path / "slow.py"
    program.write_text(SLOW)
    process = subprocess.Popen(
        [sys.executable, program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "composing\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (130, "stopped\n")
    assert list(tmp_path.rglob("*.mid")) == []


@pytest.mark.parametrize("arguments", [["compose", "--help"], ["compose", "--seed", "X5"]])
def test_help_and_refusals_come_at_once(arguments: list[str]):
    """Both load neither TensorFlow nor matplotlib."""
    program = (
        "import sys\nfrom core.__main__ import main\n"
        f"try: main({arguments})\nexcept SystemExit: pass\n"
        "print({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert said.stdout.endswith("set()\n")


def test_the_article_composes_from_the_command_line(tmp_path: Path):
    """The real program with a real, if untrained, network: files and JSON, and TensorFlow says nothing."""
    make_article_checkpoint(tmp_path / "checkpoints" / "article")
    arguments = ["compose", "--model", "article", "--seed", "72", "--length", "100", "--take", "7", "--attention"]
    said = subprocess.run(
        [sys.executable, "-m", "core", *arguments, "--json", "--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"CHECKPOINTS": str(tmp_path / "checkpoints")},
        check=True,
    )
    piece = json.loads(said.stdout)
    first = played(PrettyMIDI(piece["files"][0]))[0]
    assert (first.pitch, first.start) == (72, 0.0)
    assert len(piece["files"]) == 5
    assert all(Path(file).is_file() for file in piece["files"])
    assert all("%" in line for line in said.stderr.replace("\r", "\n").splitlines() if line.strip())


def test_values_are_read_as_in_discord():
    """A length as a time, a decimal comma, the name of an instrument in any case."""
    arguments = ["compose", "--length", "1:30", "--temperature", "0,9", "--instrument", "Music Box"]
    options = cli.parser().parse_args(arguments)
    assert (options.length, options.temperature, options.instrument) == (450, 0.9, "music box")
