"""A data set in MAESTRO's layout, made up: music so simple that a network learns it in seconds."""

from pathlib import Path

from pretty_midi import Note

from tests.support.music import piano


def write_studies(
    folder: Path, splits: list[str], composer: str = "Czerny", lowest: int = 48, notes: int = 150
) -> Path:
    """Arpeggios up and down a chord, 0.2 s a note, in MAESTRO's layout: one file a split that is named, each a semitone
    above the one before, of so many notes."""
    lines = ["canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration"]
    for number, split in enumerate(splits):
        chord = [lowest + number + step for step in (0, 4, 7, 12, 7, 4)]
        strikes = [Note(66, chord[step % 6], step / 5, step / 5 + 0.18) for step in range(notes)]
        piano(*strikes).write(str(folder / f"{number}.mid"))
        lines.append(f"{composer},Study {number},{split},1830,{number}.mid,,{notes // 5}")
    (folder / "made-up.csv").write_text("\n".join(lines) + "\n")
    return folder
