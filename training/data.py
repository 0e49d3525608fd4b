"""Folders of MIDI laid out as MAESTRO lays out its own: what is in them, and each file read once and kept."""

from __future__ import annotations

import csv
import hashlib
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from tqdm import tqdm

from core.errors import BadData
from training.maestro import maestro

log = logging.getLogger(__name__)

COLUMNS = frozenset({"canonical_composer", "canonical_title", "split", "midi_filename"})
SPLITS = ("train", "validation", "test")


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
    """The recordings that the one CSV with MAESTRO's columns in `folder` lists, in its order. Raises BadData."""
    tables = [table for table in sorted(folder.glob("*.csv")) if COLUMNS.issubset(_header(table))]
    if len(tables) != 1:
        raise BadData(
            f"{folder} has {len(tables) or 'no'} CSV files with the columns {', '.join(sorted(COLUMNS))};"
            " one is needed, as in MAESTRO"
        )
    with tables[0].open(newline="", encoding="utf-8") as rows:
        recordings = [
            Recording(folder / row["midi_filename"], row["canonical_composer"], row["canonical_title"], row["split"])
            for row in csv.DictReader(rows)
        ]
    if unknown := {recording.split for recording in recordings} - set(SPLITS):
        raise BadData(f"{tables[0]} has the split '{min(unknown)}'; known are {', '.join(SPLITS)}")
    return recordings


def of_split(recordings: Sequence[Recording], split: str) -> list[Recording]:
    """The recordings of one split. Raises BadData when there are none."""
    chosen = [recording for recording in recordings if recording.split == split]
    if not chosen:
        raise BadData(f"no recording is in the split '{split}'")
    return chosen


def style_of(composer: str) -> str:
    """The style's name for a composer as a CSV writes it: `Frédéric Chopin` -> `Chopin`, `POP909` -> `pop`. Of an
    arrangement, `Johann Sebastian Bach / Ferruccio Busoni`, the first name counts."""
    return "pop" if composer == "POP909" else composer.split("/")[0].split()[-1]


def read_once(
    recordings: Sequence[Recording], read: Callable[[Path], np.ndarray], cache: Path, kind: str
) -> Iterator[tuple[Recording, np.ndarray]]:
    """Each recording with the array that `read` makes of its file, in order.

    Files are read in parallel, with a progress bar, and the arrays kept under `cache / kind`, named after the file's
    bytes, so that the next call only loads them; change `kind` when `read` changes. A file that cannot be read is
    skipped with a message."""
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
        for recording, loaded in zip(recordings, tqdm(arrays, "reading", unit=" files"), strict=True):
            array = next(fresh) if loaded is None else loaded
            if isinstance(array, str):
                log.warning("skipped %s: %s", recording.path, array)
            else:
                yield recording, array


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


def _header(table: Path) -> list[str]:
    with table.open(newline="", encoding="utf-8") as rows:
        return next(csv.reader(rows), [])
