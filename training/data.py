"""Folders of MIDI laid out as MAESTRO lays out its own: what is in them, and each file read once and kept."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from tqdm import tqdm

from core.errors import BadData
from training.maestro import maestro

_log = logging.getLogger(__name__)

COLUMNS = frozenset({"canonical_composer", "canonical_title", "split", "midi_filename"})
SPLITS = ("train", "validation", "test")
SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Recording:
    """One MIDI file of a data set, a row of its CSV."""

    path: Path
    composer: str
    title: str
    split: str


def data_folder(name: str) -> Path:
    """The folder that a command line names: `maestro` stands for the data set, which is downloaded to `data/` if it is
    not there. Raises BadData."""
    return maestro(Path("data")) if name == "maestro" else Path(name)


def read_folder(folder: Path) -> list[Recording]:
    """The recordings that the one CSV with MAESTRO's columns in `folder` lists, in its order. Raises BadData, before
    any file is read, for a row in which something is missing."""
    if not folder.is_dir():
        raise BadData(f"there is no folder {folder}")
    read = {path: read_table(path) for path in sorted(folder.glob("*.csv")) if path.is_file()}
    tables = {path: rows for path, rows in read.items() if rows is not None}
    if len(tables) != 1:
        raise BadData(
            f"{folder} has {len(tables) or 'no'} CSV files with the columns {', '.join(sorted(COLUMNS))};"
            " one is needed, as in MAESTRO"
        )
    ((table, rows),) = tables.items()
    return [_recording(row, folder, f"{table}, line {line},") for line, row in rows]


def read_table(path: Path) -> list[tuple[int, dict[str | None, Any]]] | None:
    """The rows of a CSV file with MAESTRO's columns, each with the number of its last line; None for a file about
    something else. Columns may be separated as spreadsheets of other countries do it. Raises BadData for a file that is
    no text."""
    text = _text(path)
    try:
        for separator in SEPARATORS:
            rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
            if COLUMNS.issubset(rows.fieldnames or ()):
                return [(rows.line_num, row) for row in rows]
    except csv.Error as error:
        raise BadData(f"{path} is no CSV file: {error}") from error
    return None


def _text(path: Path) -> str:
    """The text of a file in UTF-8 or, with a byte order mark, UTF-16; any other is read as Latin-1, with a message."""
    data = path.read_bytes()
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        _log.warning("%s is not in UTF-8 and is read as Latin-1; see whether names with accents are right", path)
        return data.decode("latin-1")


def _recording(row: dict[str | None, Any], folder: Path, place: str) -> Recording:
    if None in row:
        raise BadData(f"{place} has more cells than there are columns; a title with a comma needs quotation marks")
    missing = [column for column in sorted(COLUMNS) if not (row[column] or "").strip()]
    if missing and missing != ["canonical_title"]:
        raise BadData(f"{place} has no {' and no '.join(missing)}")
    if row["split"] not in SPLITS:
        raise BadData(f"{place} has the split '{row['split']}'; known are {', '.join(SPLITS)}")
    if not _names(row["canonical_composer"]):
        raise BadData(f"{place} has the composer '{row['canonical_composer']}', in which there is no name")
    return Recording(folder / row["midi_filename"], row["canonical_composer"], row["canonical_title"], row["split"])


def of_split(recordings: Sequence[Recording], split: str) -> list[Recording]:
    """The recordings of one split. Raises BadData when there are none."""
    chosen = [recording for recording in recordings if recording.split == split]
    if not chosen:
        raise BadData(f"no recording is in the split '{split}'")
    return chosen


def style_of(composer: str) -> str:
    """The style's name for a composer as a CSV writes it: `Frédéric Chopin` and `Chopin, Frédéric` -> `Chopin`,
    `POP909` -> `pop`. Of an arrangement, `Johann Sebastian Bach / Ferruccio Busoni`, the first name counts."""
    return "pop" if composer == "POP909" else _names(composer)[-1]


def _names(composer: str) -> list[str]:
    """The names of the first composer, up to the family name."""
    return composer.split("/")[0].split(",")[0].split()


def read_once(
    recordings: Sequence[Recording], read: Callable[[Path], np.ndarray], cache: Path, kind: str
) -> Iterator[tuple[Recording, np.ndarray]]:
    """Each recording with the array that `read` makes of its file, in order.

    Files are read in parallel, with a progress bar, and the arrays kept under `cache / kind`, named after the file's
    bytes, so that the next call only loads them; change `kind` when `read` changes. A file that cannot be read is
    skipped with a message. Raises BadData when that is so for all of them."""
    kept = cache / kind
    kept.mkdir(parents=True, exist_ok=True)
    arrays = [_load(kept, recording.path) for recording in recordings]
    unread = [recording.path for recording, array in zip(recordings, arrays, strict=True) if array is None]
    # a process that is forked beside a backend's threads can wait for ever for what they hold; so all are forked from
    # another one, which has done no more than import what `read` needs
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([read.__module__])
    cores = os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()
    with ProcessPoolExecutor(cores, context) as pool:
        fresh = pool.map(partial(_read, read, kept), unread, chunksize=4)
        skipped = 0
        for recording, loaded in zip(recordings, tqdm(arrays, "reading", unit=" files"), strict=True):
            array = next(fresh) if loaded is None else loaded
            if isinstance(array, str):
                _log.warning("skipped %s: %s", recording.path, array)
                skipped += 1
            else:
                yield recording, array
    if recordings and skipped == len(recordings):
        raise BadData(f"none of the {skipped} files of the split '{recordings[0].split}' can be read")


def _load(kept: Path, path: Path) -> np.ndarray | None:
    """The file's array, if it was read before."""
    try:
        with np.load(_place(kept, path), allow_pickle=False) as arrays:
            return arrays["array"]
    except (OSError, BadZipFile, EOFError, KeyError):  # not read before, or cut off while it was written
        return None


def _read(read: Callable[[Path], np.ndarray], kept: Path, path: Path) -> np.ndarray | str:
    """The file's array, kept from now on, or what is wrong with the file."""
    try:
        array = read(path)
        np.savez_compressed(_place(kept, path), array=array)
        return array
    except Exception as error:  # whatever a MIDI library raises: one broken file must not end the preparation
        return f"{type(error).__name__}: {error}"


def _place(kept: Path, path: Path) -> Path:
    return kept / f"{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}.npz"
