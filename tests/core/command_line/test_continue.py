"""`python -m core continue`: a file and the music that follows it, and one sentence for what cannot be."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from pretty_midi import Note, PrettyMIDI

from core import loader
from core.composer import Composer, Composition, Progress, Settled
from core.request import ComposeRequest
from tests.support.command_line import run
from tests.support.midi_corpus import note, smf, track
from tests.support.music import Pianist, played


class Continuing(Pianist):
    def compose(
        self,
        request: ComposeRequest,
        progress: Progress = lambda share: None,
        settled: Settled = lambda so_far: None,
    ) -> Composition:
        midi = PrettyMIDI(io.BytesIO(request.primer))
        midi.instruments[0].notes.append(Note(80, 72, 3.0, 3.0 + request.seconds))
        return Composition(midi)


def continue_(*arguments: str) -> int:
    return run("continue", "--length", "25", "--output", "new/piece.mid", *arguments)


def test_a_file_is_continued(
    tmp_path: Path, composed_by: Callable[[Composer], None], capsys: pytest.CaptureFixture[str]
):
    """Its notes and then the new ones, in the file that was named, with sound and picture beside it; what was used of
    it is said."""
    composed_by(Continuing())
    (tmp_path / "mine.mid").write_bytes(smf(track(note(60), note(62)), track(note(40, channel=9))))
    assert continue_("mine.mid", "--take", "7") == 0
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == ["piece.mid", "piece.mp3", "piece.png"]
    notes = played(PrettyMIDI(str(tmp_path / "new" / "piece.mid")))
    assert [(note.pitch, note.start) for note in notes] == [(60, 0), (62, 0.5), (72, 3)]
    assert "Read as one piano: track 1; left out: the drums." in capsys.readouterr().err
    assert continue_("mine.mid", "--from", "0.5") == 0
    notes = played(PrettyMIDI(str(tmp_path / "new" / "piece.mid")))
    assert [note.pitch for note in notes] == [60, 72]


def test_a_passage_of_a_long_file_is_continued(tmp_path: Path, composed_by: Callable[[Composer], None]):
    """`--from` and `--keep` take 2 s out of the middle of 41 minutes."""
    composed_by(Continuing())
    (tmp_path / "long.mid").write_bytes(smf(track(*[note(60 + number % 12) for number in range(5_000)])))
    assert continue_("long.mid", "--from", "1202", "--keep", "2") == 0
    notes = played(PrettyMIDI(str(tmp_path / "new" / "piece.mid")))
    assert [note.pitch for note in notes] == [60, 61, 62, 63, 72]


def test_the_new_part_is_made_alone(tmp_path: Path, composed_by: Callable[[Composer], None]):
    """`--only-new` leaves out what is continued; a crop counts from there."""
    composed_by(Continuing())
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
