"""`python -m core perform` and `harmonize`: files and melodies whose notes stay as they are."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pretty_midi import PrettyMIDI

from core.composer import Composer, Composition, Progress, Settled
from core.request import ComposeRequest
from tests.support.command_line import run
from tests.support.midi_corpus import note, smf, track
from tests.support.music import Pianist, played


class Obedient(Pianist):
    """Plays the notes that it is given."""

    def compose(
        self,
        request: ComposeRequest,
        progress: Progress = lambda share: None,
        settled: Settled = lambda so_far: None,
    ) -> Composition:
        if not request.score:
            return super().compose(request, progress)
        return Composition(PrettyMIDI(io.BytesIO(request.score)))


def test_a_file_is_performed(
    tmp_path: Path, composed_by: Callable[[Composer], None], capsys: pytest.CaptureFixture[str]
):
    """As long as it is, in the file that was named; what was used of it is said."""
    composed_by(Obedient())
    (tmp_path / "score.mid").write_bytes(
        smf(track(*[note(60 + number) for number in range(20)]), track(note(channel=9)))
    )
    assert run("perform", "score.mid", "--freedom", "50", "--output", "played.mid", "--json") == 0
    said = capsys.readouterr()
    recipe = json.loads(said.out)["recipe"]
    assert (recipe["task"], recipe["freedom"], recipe["length"]) == ("perform", 50, 50)
    assert len(played(PrettyMIDI(str(tmp_path / "played.mid")))) == 20
    assert "Read as one piano: track 1; left out: the drums." in said.err


@pytest.mark.parametrize(("melody", "length"), [("melody.mid", 50), ("C4 D4 E4", 25)])
def test_a_melody_is_harmonized(
    melody: str,
    length: int,
    tmp_path: Path,
    composed_by: Callable[[Composer], None],
    capsys: pytest.CaptureFixture[str],
):
    """That of a file, or of a seed; as long as it is."""
    composed_by(Obedient())
    (tmp_path / "melody.mid").write_bytes(smf(track(*[note(60 + number) for number in range(20)])))
    assert run("harmonize", melody, "--json") == 0
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
    assert run("harmonize", melody) == 2
    assert capsys.readouterr().err.startswith(sentence)


def test_a_file_is_read_whatever_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """One that exists is no typed melody: its refusal is one of a file."""
    (tmp_path / "melody.txt").write_text("C4 D4 E4")
    assert run("harmonize", "melody.txt") == 2
    assert capsys.readouterr().err == "this is not a MIDI file (.mid)\n"
