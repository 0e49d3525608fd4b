"""MAESTRO v3.0.0, MIDI only: downloaded once, checked, unpacked. CC BY-NC-SA 4.0, Hawthorne et al., ICLR 2019."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import requests
from tqdm import tqdm

from core.errors import BadData

URL = "https://storage.googleapis.com/magentadata/datasets/maestro/v3.0.0/maestro-v3.0.0-midi.zip"
SHA256 = "70470ee253295c8d2c71e6d9d4a815189e35c89624b76d22fce5a019d5dde12c"
FOLDER = "maestro-v3.0.0"
"""The folder in the archive."""
WAITS = (1.0, 4.0, 16.0)
"""Seconds between attempts when the connection breaks."""
PATIENCE = 30.0
"""Seconds without a byte after which a connection counts as broken."""


def maestro(folder: Path, url: str = URL, sha256: str = SHA256, waits: Sequence[float] = WAITS) -> Path:
    """The data set's folder under `folder`, which is made when it is not there yet.

    A download that broke off goes on where it was, in this call or the next. Raises BadData when the server cannot be
    reached, or when what came is not the archive that `sha256` names; then nothing of it is kept."""
    unpacked = folder / FOLDER
    if unpacked.is_dir():
        return unpacked
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{FOLDER}.zip.part"
    _download(url, part, waits)
    if _sha256(part) != sha256:
        part.unlink()
        raise BadData(f"what came from {url} is not the archive of MAESTRO v3.0.0, its checksum is wrong; try again")
    # a folder of its own until all is there: one that is cut off must not look like the whole
    with tempfile.TemporaryDirectory(dir=folder) as unpacking:
        with zipfile.ZipFile(part) as archive:
            archive.extractall(unpacking)
        shutil.move(Path(unpacking, FOLDER), unpacked)
    part.unlink()
    return unpacked


def _download(url: str, part: Path, waits: Sequence[float]) -> None:
    for seconds in (*waits, None):
        try:
            return _go_on(url, part)
        except requests.RequestException as error:
            if seconds is None:
                raise BadData(
                    f"{url} cannot be downloaded at the moment ({type(error).__name__});"
                    " started again, it goes on where it was"
                ) from error
            time.sleep(seconds)


def _go_on(url: str, part: Path) -> None:
    """Fetch what is missing of `part`. Raises RequestException."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-", "Accept-Encoding": "identity"}
    with requests.get(url, headers=headers, stream=True, timeout=PATIENCE) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            return  # all of it was there
        answer.raise_for_status()
        if answer.status_code != requests.codes.partial_content:
            have = 0  # this server begins at the beginning
        size = have + int(answer.headers.get("Content-Length", 0))
        with (
            part.open("ab" if have else "wb") as file,
            tqdm(desc="MAESTRO", total=size or None, initial=have, unit="B", unit_scale=True) as bar,
        ):
            for block in answer.iter_content(2**16):
                file.write(block)
                bar.update(len(block))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
