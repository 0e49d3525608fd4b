"""Files of the command line: what is read, and what is written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import BadRequest
from core.piece import Piece

if TYPE_CHECKING:
    from core.midi.excerpt import Excerpt
    from core.midi.piano import Upload


def upload_of(path: Path, excerpt: Excerpt) -> Upload:
    """A MIDI file, read as carefully as the bot reads those that it is sent. Raises BadRequest."""
    from core.midi.container import MAX_BYTES
    from core.midi.reader import Reader

    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadRequest(f"'{path}' cannot be read: {error.strerror}") from error
    reader = Reader()
    try:
        return reader.read(data, excerpt)
    finally:
        reader.close()


def writable(folder: Path) -> Path:
    """The folder, made where it is missing. Raises BadRequest."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadRequest(f"the folder '{folder}' cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadRequest(f"nothing can be written into the folder '{folder}'")
    return folder


def write_files(path: Path, piece: Piece, attention: Sequence[bytes]) -> list[Path]:
    """Write `path` with one suffix a file. Each appears whole or not at all, also when this is interrupted."""
    contents = {".mid": piece.midi, f".{piece.audio_format}": piece.audio, ".png": piece.picture}
    contents |= {f"-attention-{block}.png": picture for block, picture in enumerate(attention, start=1)}
    files = []
    for suffix, content in contents.items():
        file = path.with_name(path.name + suffix)
        part = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            part.write_bytes(content)
            part.replace(file)
        except OSError as error:
            raise BadRequest(f"'{file}' cannot be written: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)
        files.append(file)
    return files
