"""Files of bot and worker are for their user alone: pieces, tokens and listeners' ids are in them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from core.process.database import files_of
from core.process.lock import LOCKS

OTHERS = 0o077
"""The bits of a file's mode that are the rights of its group and of everybody else."""

_log = logging.getLogger(__name__)


def keep_private() -> None:
    """Whatever this process and its children make from here on is for their user alone."""
    os.umask(OTHERS)


def make_private(paths: Iterable[Path]) -> None:
    """Take away the rights that others have to these files and folders. Those that are gone are left out, and those
    of another user, who alone may, are named in the log."""
    for path in paths:
        try:
            mode = path.lstat().st_mode
            if mode & OTHERS and not path.is_symlink():
                path.chmod(mode & 0o7700)
        except FileNotFoundError:
            continue
        except OSError as error:
            _log.warning("%s can be read by others, and cannot be mended: %s", path, error.strerror)


def mend(data_dir: Path, queue_url: str) -> None:
    """Make the files private that are there already: older versions made them as the system's umask was. To be
    called once the database is open: until then it may be any file, which a setting names by mistake."""
    make_private([*(data_dir / name for name in LOCKS), *files_of(queue_url)])
